"""Print the reference of test_coverage: a map of kshana, pip install kshana==0.39.0.

python tests/methods/data/make_kshana_map.py > tests/methods/data/kshana_map.json
"""

import json

import kshana

STUDY = """
kind = "constellation-design"
body = "earth"
duration_s = 600.0
step_s = 600.0
mask_deg = 25.0
pdop_threshold = 6.0
grid_step_deg = 15.0
clock = "common"
j2 = true
track_points = 2
max_tracks = 1
[[constellation]]
name = "W"
[[constellation.shell]]
pattern = "delta"
total = 1584
planes = 72
phasing = 17
inclination_deg = 53.0
altitude_km = 550.0
"""
NAMES = ("mean_visible", "mean_gdop", "mean_pdop", "mean_hdop", "mean_vdop", "availability_pct")

if __name__ == "__main__":
    grid = json.loads(kshana.run(STUDY))["grid"]
    lines = (f' "{name}": {json.dumps(grid[name])}' for name in NAMES)
    print("{\n" + ",\n".join(lines) + "\n}")

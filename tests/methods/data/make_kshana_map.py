"""Print the references of test_coverage: maps of kshana, pip install kshana==0.39.0.

python tests/methods/data/make_kshana_map.py > tests/methods/data/kshana_map.json
"""

import json

import kshana

STUDY = """
kind = "constellation-design"
body = "earth"
duration_s = {duration_s}
step_s = {step_s}
mask_deg = 25.0
pdop_threshold = 6.0
grid_step_deg = {grid_deg}
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
CASES = {
    "first epoch": {"duration_s": 600.0, "step_s": 600.0, "grid_deg": 15.0},
    "one day": {"duration_s": 86_400.0, "step_s": 3_600.0, "grid_deg": 30.0},
}


def case_lines(case):
    """The maps of a case, one per line."""
    grid = json.loads(kshana.run(STUDY.format(**case)))["grid"]
    return ",\n".join(f'  "{name}": {json.dumps(grid[name])}' for name in NAMES)


if __name__ == "__main__":
    cases = (f' "{name}": {{\n{case_lines(case)}\n }}' for name, case in CASES.items())
    print("{\n" + ",\n".join(cases) + "\n}")

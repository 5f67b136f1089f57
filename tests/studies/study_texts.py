"""Study files that the tests of studies share, and one way to load changed ones."""

from pathlib import Path

from leopnt.studies import Study, load_study

PVT = """
[study]
method = "pvt"
trials = 20
seed = 3
[constellation]
preset = "gps"
[users]
cities = ["Paris", "Quito"]
[antenna]
mask_deg = 10.0
"""

DOPPLER = """
[study]
method = "doppler_fix"
trials = 20
seed = 3
[constellation]
preset = "iridium"
[time]
duration_s = 7200.0
step_s = 10.0
[users]
cities = ["Paris", "Quito"]
[signal]
carrier_hz = 1.626e9
"""

NINE_D = """
[study]
method = "nine_d"
trials = 20
seed = 3
[constellation]
preset = "starlink-shell-1"
[users]
cities = ["Paris", "Quito"]
[receiver]
attitude = "random"
tilt_deg = 20.0
"""

NINE_D_RANDOM = """
[study]
method = "nine_d_random"
trials = 20
seed = 3
"""

PACE = """
[study]
method = "pace"
trials = 20
seed = 3
[offsets]
kind = "drawn"
"""

POWER = """
[study]
method = "power"
trials = 20
seed = 3
[grid]
elevation_deg = [20.0, 60.0, 40.0]
azimuth_deg = [30.0, 30.0, 1.0]
"""

ASTARS = """
[study]
method = "astars"
trials = 20
seed = 3
"""

URBAN = """
[study]
method = "urban"
trials = 20
seed = 3
[constellation]
preset = "gps"
[users]
cities = ["Paris", "Quito"]
[street]
height_m = 12.0
width_m = 40.0
[panels]
count = 1
height_m = 8.0
[walk]
from_m = -10.0
"""

CALIBRATION = """
[study]
method = "calibration"
trials = 20
seed = 3
[constellation]
keep = 2
[campaign]
stations = 2
days = 1
sampling_s = 300.0
"""


def load_text(folder: Path, text: str, name: str = "study.toml") -> Study:
    """Write a study file and load it."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return load_study(path)

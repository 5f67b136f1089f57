"""Make the pictures of `docs/img` anew: run what the gallery names, and photograph its pages.

    python docs/make_gallery.py               everything; the studies take most of the time
    python docs/make_gallery.py map design    what has one of these words in its command

Run it from anywhere in an environment with the packages `leopnt[dev,viz]`; photographs need
Chromium and its driver (`bash tests/browser/get_chromium.sh`). Results stay under `out/`, and what
is complete there is not computed again.
"""

import base64
import io
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parent.parent
IMAGES = ROOT / "docs" / "img"
FEW_BYTES, MOST_BYTES = 120_000, 200_000
EXACT, SPREAD = Image.Quantize.MEDIANCUT, Image.Quantize.MAXCOVERAGE
"""Common colors stay as they are, or rare ones (of a color bar) stay apart."""


@dataclass(frozen=True)
class Shot:
    """A photograph of a page: window [px], pixels for each, and a script that sets the scene."""

    page: str
    width: int = 900
    height: int = 800
    scale: float = 1.0
    scene: str = ""


@dataclass(frozen=True)
class Source:
    """A command, and by the names in `docs/img` the pictures and photographs of what it makes."""

    command: str
    pictures: dict[str, str] = field(default_factory=dict)
    shots: dict[str, Shot] = field(default_factory=dict)


GLOBE_ONLY = """
var globe = document.getElementById('globe');
window.scrollTo(0, globe.getBoundingClientRect().top + window.scrollY - 60);
"""
NO_TIME = """
for (var one of document.querySelectorAll('p')) {
  if (one.textContent.startsWith('It took')) one.remove();  // a resumed run takes no time
}
"""
SKY = (
    "leopnt sky examples/data/tle_2025/oneweb.tle --place London "
    "--start 2025-12-28T12:00:00Z --duration 20min --out out/sky"
)

SOURCES = (
    Source(
        "leopnt fix examples/iridium_hong_kong.toml --out out/demo",
        {
            "position": "demo/figures/position.png",
            "residuals": "demo/figures/residuals.png",
            "sky": "demo/figures/sky.png",
        },
    ),
    Source(
        SKY,
        {
            "sky_view": "sky/figures/sky.png",
            "satellites_and_dop": "sky/figures/satellites_and_dop.png",
        },
    ),
    Source(
        "leopnt fix examples/power_log.toml --out out/power",
        {
            "power_position": "power/figures/position.png",
            "power_earth": "power/figures/earth.png",
        },
    ),
    Source(
        "python examples/power_footprints.py out/power_footprints.png",
        {"power_footprints_earth": "power_footprints_earth.png"},
    ),
    Source(
        "leopnt map examples/map_starlink_2025.toml --out out/starlink",
        {
            "map_satellites": "starlink/figures/satellites.png",
            "map_horizontal": "starlink/figures/horizontal_m_50.png",
            "map_available": "starlink/figures/available.png",
        },
        {
            "globe": Shot("starlink/globe.html", 760, 860, 1.0, GLOBE_ONLY),
            "globe_phone": Shot("starlink/globe.html", 390, 760, 1.5, GLOBE_ONLY),
        },
    ),
    Source(
        "leopnt map examples/map_oneweb_dop.toml --out out/oneweb",
        {"map_pdop": "oneweb/figures/pdop_95.png"},
    ),
    Source(
        "python examples/design_constellation.py out/design_constellation.png",
        {"design_constellation": "design_constellation.png"},
    ),
    Source(
        "leopnt run examples/nine_d_map_starlink.toml",
        {"nine_d_map_starlink": "nine_d_map_starlink/figures/map.png"},
    ),
    Source(
        "leopnt run examples/nine_d_map_oneweb.toml",
        {
            "nine_d_map_oneweb": "nine_d_map_oneweb/figures/map.png",
            "nine_d_map_oneweb_orientation": "nine_d_map_oneweb/figures/map_orientation.png",
        },
    ),
    Source(
        "python examples/pace_gain_map.py out/pace_gain_map.png",
        {"pace_gain_map": "pace_gain_map.png"},
    ),
    Source(
        "python examples/astars_urban.py out/city",
        {
            "astars_urban_street": "city/urban_street.png",
            "astars_urban_walk": "city/urban_walk.png",
            "astars_urban_room": "city/urban_room.png",
            "astars_urban_map": "city/urban_map.png",
        },
    ),
    Source(
        "leopnt calibrate examples/calibration_published.toml --out out/published",
        {"calibration_errors": "published/figures/errors.png"},
    ),
    Source(
        "leopnt calibrate examples/calibration.toml --out out/calibration",
        {
            "calibration_trends": "calibration/figures/trends.png",
            "calibration_arc_correlations": "calibration/figures/arc_correlations.png",
            "calibration_delays": "calibration/figures/delays.png",
        },
    ),
    Source(
        "leopnt reproduce astars/figure-11 --out out/figure-11",
        {"study_surface": "figure-11/figures/surface.png"},
        {"study_report": Shot("figure-11/report.html", 1180, 760)},
    ),
    Source(
        "leopnt reproduce --all --full --out out/reproduce",
        shots={"reproduce_all": Shot("reproduce/index.html", 1180, 840, scene=NO_TIME)},
    ),
)


def run(command: str) -> None:
    """Run a command line in the root, with the programs of this environment."""
    program, *words = command.split()
    called = {"python": [sys.executable], "leopnt": [sys.executable, "-c", _LEOPNT]}[program]
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    ended = subprocess.run([*called, *words], cwd=ROOT, env=os.environ | {"PYTHONPATH": path})
    # Studies end with 1 where a published number differs for no known reason, and are shown.
    if ended.returncode not in ((0, 1) if "reproduce" in words else (0,)):
        sys.exit(f"{command} ended with {ended.returncode}")


_LEOPNT = "from leopnt.cli import main; main()"


def keep(image: Image.Image, name: str, method: Image.Quantize) -> None:
    """Write a picture small enough for the repository, in 256 colors if it takes that."""
    path = IMAGES / f"{name}.png"
    plain = image.convert("RGB")
    plain.save(path, optimize=True)
    if path.stat().st_size > FEW_BYTES:
        plain.quantize(256, method, dither=Image.Dither.NONE).save(path, optimize=True)
    size = path.stat().st_size
    if size > MOST_BYTES:
        sys.exit(f"{path} has {size} bytes; at most {MOST_BYTES} are wanted")
    print(f"{path.relative_to(ROOT)}: {image.width} by {image.height}, {size // 1000} kB")


def photograph(shot: Shot) -> Image.Image:
    """What a window of headless Chromium shows of a page."""
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    options = Options()
    options.binary_location = shutil.which("chromium") or "chromium"
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                     "--disable-dev-shm-usage", "--disable-background-networking"):  # fmt: skip
        options.add_argument(argument)
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        window = {"width": shot.width, "height": shot.height, "deviceScaleFactor": shot.scale}
        driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride", window | {"mobile": shot.width < 500}
        )
        driver.get((ROOT / "out" / shot.page).as_uri())
        wait = "var done = arguments[0]; requestAnimationFrame(() => setTimeout(done, 500));"
        driver.execute_async_script(wait)
        driver.execute_script(shot.scene)
        driver.execute_async_script(wait)
        taken = driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
    finally:
        driver.quit()
    return Image.open(io.BytesIO(base64.b64decode(taken["data"])))


def main(*words: str) -> None:
    """Make the pictures of all commands, or of those that have one of these words in them."""
    for source in SOURCES:
        if words and not any(word in source.command for word in words):
            continue
        print(f"$ {source.command}", flush=True)
        run(source.command)
        for name, file in source.pictures.items():
            keep(Image.open(ROOT / "out" / file), name, EXACT)
        for name, shot in source.shots.items():
            keep(photograph(shot), name, SPREAD)


if __name__ == "__main__":
    main(*sys.argv[1:])

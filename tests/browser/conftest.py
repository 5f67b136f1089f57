"""A headless Chromium, once at the size of a desk and once at that of a phone."""

import base64
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
SCREENSHOTS = ROOT / "build" / "browser"


@dataclass(frozen=True)
class Screen:
    """Size [px] of the window; a phone has a finger for a mouse."""

    name: str
    width: int
    height: int
    is_phone: bool


SCREENS = (Screen("desk", 1280, 900, False), Screen("phone", 390, 844, True))


@pytest.fixture(scope="session", params=SCREENS, ids=lambda screen: screen.name)
def screen(request):
    return request.param


@pytest.fixture(scope="session")
def browser(screen, tmp_path_factory):
    """Chromium of the system; everything it asks for and complains of is logged."""
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    driver_path = shutil.which("chromedriver")
    if driver_path is None:
        pytest.fail("there is no chromedriver here: run `make browser-test`, which installs it")
    options = Options()
    options.binary_location = shutil.which("chromium") or "chromium"
    profile = tmp_path_factory.mktemp("profile")
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                     "--disable-dev-shm-usage", "--disable-background-networking",
                     f"--user-data-dir={profile}", "--force-device-scale-factor=1"):  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(driver_path))
    metrics = {
        "width": screen.width,
        "height": screen.height,
        "deviceScaleFactor": 1,
        "mobile": screen.is_phone,
    }
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": screen.is_phone})
    driver.set_script_timeout(30)
    yield driver
    driver.quit()


@pytest.fixture
def keep_screenshot(browser, screen):
    """Save the whole page, however long, under build/browser/."""

    def keep(name):
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        size = browser.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": screen.width, "height": size["height"], "scale": 1}
        shot = browser.execute_cdp_cmd(
            "Page.captureScreenshot",
            {"format": "png", "captureBeyondViewport": True, "clip": clip},
        )
        safe = re.sub(r"[^a-z0-9]+", "_", name.lower())
        path = SCREENSHOTS / f"{safe}_{screen.name}.png"
        path.write_bytes(base64.b64decode(shot["data"]))

    return keep

"""Reports in a real browser: drawn, readable at both sizes, silent, and asking for nothing.

Run by `make browser-test` alone; it needs Chromium and its driver.
"""

import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By

sys.path.insert(0, str(Path(__file__).parent.parent / "report"))

from synthetic_results import make_fix, make_sky
from synthetic_studies import (
    make_incomplete_study,
    make_long_study,
    make_random_study,
    make_reproduced_study,
    make_single_study,
    make_study,
)

from leopnt.report import interactive, write_fix_report, write_sky_report, write_study_report
from leopnt.report.interactive import plot_json
from leopnt.report.study_layout import study_plots

pytestmark = pytest.mark.browser

STUDIES = {
    "study": make_study,
    "incomplete study": make_incomplete_study,
    "long study": make_long_study,
    "random study": make_random_study,
    "reproduced study": make_reproduced_study,
    "single study": make_single_study,
}
IMAGES = {
    "fix": (make_fix, write_fix_report, 4),
    "sky": (make_sky, write_sky_report, 2),
    "study without plotly": (make_study, write_study_report, 5),
}

DRAWN = """
return [...document.querySelectorAll('.plot')].map(function (plot) {
  var box = plot.getBoundingClientRect();
  return {
    width: box.width, height: box.height,
    traces: plot.data ? plot.data.length : 0,
    marks: plot.querySelectorAll('path.js-line, path.point, .points path, path.js-fill').length,
    cut: [...plot.querySelectorAll('text')].filter(function (text) {
      var one = text.getBoundingClientRect();
      return one.width && (one.left < box.left - 1 || one.right > box.right + 1
        || one.top < box.top - 1 || one.bottom > box.bottom + 1);
    }).map(function (text) { return text.textContent; }),
  };
});
"""
OVERFLOW = """
var wide = document.documentElement.clientWidth;
return [document.documentElement.scrollWidth - wide, ...[...document.querySelectorAll('body *')]
  .filter(e => e.getBoundingClientRect().right > wide + 1 && !e.closest('.scroll, .plot, pre'))
  .map(e => e.tagName + '.' + e.className)];
"""


def open_page(browser, path):
    """Open a file, wait for its plots, and return the addresses that were asked for."""
    browser.get("about:blank")
    browser.get_log("performance")
    browser.get_log("browser")
    browser.get(path.as_uri())
    browser.execute_async_script(
        "var done = arguments[0]; requestAnimationFrame(() => setTimeout(done, 300));"
    )
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    return [
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    ]


def colored_pixels(png):
    """Pixels that are neither gray nor pale: lines, markers, bars, but no land, grid or text."""
    levels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), int)
    return int(np.sum(np.ptp(levels, axis=-1) > 80))


def assert_quiet_and_alone(browser, asked, path):
    assert [entry["message"] for entry in browser.get_log("browser")] == []
    outside = [url for url in asked if not url.startswith(("data:", "blob:", "about:"))]
    assert outside == [path.as_uri()]


def assert_fits(browser):
    overflow, *too_wide = browser.execute_script(OVERFLOW)
    assert overflow <= 0, too_wide
    assert too_wide == []


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reports")
    for name, make in STUDIES.items():
        write_study_report(make(), folder / f"{name}.html")
    with pytest.MonkeyPatch.context() as without:
        without.setattr(interactive, "has_plotly", lambda: False)
        for name, (make, write, _) in IMAGES.items():
            write(make(), folder / f"{name}.html")
    return {path.stem: path for path in folder.iterdir()}


@pytest.mark.parametrize("name", STUDIES)
def test_report_of_a_study_is_drawn_quiet_and_fits(name, pages, browser, keep_screenshot):
    asked = open_page(browser, pages[name])
    keep_screenshot(name)
    assert_quiet_and_alone(browser, asked, pages[name])
    assert_fits(browser)
    expected = [plot_json(plot) for plot in study_plots(STUDIES[name]())]
    drawn = browser.execute_script(DRAWN)
    assert [plot["traces"] for plot in drawn] == [len(plot["data"]) for plot in expected]
    assert len(drawn) >= 2
    for plot in browser.find_elements(By.CSS_SELECTOR, ".plot"):
        assert colored_pixels(plot.screenshot_as_png) > 300
    for plot in drawn:
        assert plot["width"] > 300
        assert plot["height"] > 150
        assert plot["marks"] >= 1
        assert plot["cut"] == []


@pytest.mark.parametrize("name", IMAGES)
def test_report_with_images_is_drawn_quiet_and_fits(name, pages, browser, keep_screenshot):
    asked = open_page(browser, pages[name])
    keep_screenshot(name)
    assert_quiet_and_alone(browser, asked, pages[name])
    assert_fits(browser)
    widths = browser.execute_script(
        "return [...document.images].map(i => i.complete && i.naturalWidth && i.clientWidth)"
    )
    assert len(widths) == IMAGES[name][2]
    assert min(widths) > 300


def axis_ranges(browser):
    return browser.execute_script(
        "return [...document.querySelectorAll('.plot')].map("
        "p => [...p._fullLayout.xaxis.range, ...p._fullLayout.yaxis.range])"
    )


def test_plots_zoom_in_and_back(pages, browser, screen):
    open_page(browser, pages["study"])
    before = axis_ranges(browser)
    plots = browser.find_elements(By.CSS_SELECTOR, ".plot")
    for plot in plots:
        browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", plot)
        zoom_with_button(browser, plot) if screen.is_phone else zoom_with_mouse(browser, plot)
    browser.execute_async_script("setTimeout(arguments[0], 600)")
    after = axis_ranges(browser)
    assert all(old != new for old, new in zip(before, after, strict=True))
    assert browser.get_log("browser") == []


def zoom_with_button(browser, plot):
    button = plot.find_element(By.CSS_SELECTOR, "[data-attr='zoom'][data-val='in']")
    browser.execute_script(
        "arguments[0].dispatchEvent(new MouseEvent('click', {bubbles: true}))", button
    )


def zoom_with_mouse(browser, plot):
    area = plot.find_element(By.CSS_SELECTOR, ".nsewdrag")
    width, height = area.size["width"], area.size["height"]
    steps = ActionChains(browser, duration=50)
    steps.move_to_element_with_offset(area, -int(width / 4), -int(height / 4)).click_and_hold()
    steps.move_by_offset(int(width / 3), int(height / 3)).move_by_offset(9, 9).release().perform()


def test_a_finger_scrolls_the_page_over_a_plot(pages, browser, screen):
    open_page(browser, pages["study"])
    modes = browser.execute_script(
        "return [...document.querySelectorAll('.plot')].map(p => p._fullLayout.dragmode)"
    )
    assert set(modes) == ({False} if screen.is_phone else {"zoom"})

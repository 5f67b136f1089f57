"""The globe of a map in a real browser: painted, turned, read, silent, and asking for nothing."""

import re

import numpy as np
import pytest
import xarray as xr
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select
from test_reports import assert_fits, assert_quiet_and_alone, colored_pixels, open_page

from leopnt.report.globe import write_globe
from leopnt.report.map_report import write_map_report

pytestmark = pytest.mark.browser


def make_map():
    """A result whose values are twice the latitude of the cell, plus its longitude over 100."""
    lat, lon = np.arange(-85.0, 90.0, 10.0), np.arange(-175.0, 180.0, 10.0)
    values = 200.0 + 2.0 * lat[:, None] + lon[None, :] / 100.0
    values[0] = np.nan
    place = ("latitude", "longitude")
    times = np.array([f"2025-12-28T{hour:02d}:00:00.000Z" for hour in range(12)])
    metres = {"units": "m", "long_name": "bound of the position error"}
    share = np.clip(50.0 + lat[:, None] + 0.0 * lon[None, :], 0.0, 100.0)
    return xr.Dataset(
        {
            "position_m_percentile": (("percent", *place), np.stack([values, 2 * values]), metres),
            "position_m_at": (("frame", *place), np.stack([values + i for i in range(4)]), metres),
            "position_m_mean": (place, values, metres),
            "position_m_area_mean": ("epoch", np.full(12, 200.0), metres),
            "position_m_overall_mean": ((), 200.0, metres),
            "position_m_area_percentile": ("percent", np.array([200.0, 400.0]), metres),
            "available_percent": (place, share),
            "longest_gap_s": (place, 60.0 * (100.0 - share)),
            "num_visible_mean": (place, share / 10.0),
            "available_area_percent": ("epoch", np.linspace(40.0, 60.0, 12)),
            "area_weight": (place, np.full(share.shape, 1.0 / share.size)),
            "frame_index": ("frame", np.array([0, 4, 8, 11])),
        },
        coords={
            "latitude": lat, "longitude": lon, "percent": [50.0, 95.0],
            "epoch_utc": ("epoch", times),
        },
        attrs={
            "kind": "map", "title": "A map of straight lines", "quantity": "position_m",
            "limit": 10.0, "cell_latitude_deg": 10.0, "cell_longitude_deg": 10.0,
            "num_satellites": 12, "num_epochs": 12, "step_s": 3600.0, "mask_deg": 10.0,
            "figure": "ellipsoid", "available_percent": 50.0, "num_visible_mean": 5.0,
            "reference_epoch": "2025-12-28T00:00:00Z", "is_dated": 1, "leopnt_version": "0",
            "created": "2025-12-28T00:00:00+00:00", "warnings": "[]",
        },
    )  # fmt: skip


@pytest.fixture(scope="module")
def map_pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("globe")
    result = make_map()
    return {
        "globe": write_globe(result, folder / "globe.html"),
        "map report": write_map_report(result, folder / "report.html"),
    }


def canvas_of(browser):
    return browser.find_element(By.CSS_SELECTOR, "#globe canvas")


def settle(browser):
    browser.execute_async_script(
        "var done = arguments[0]; requestAnimationFrame(() => setTimeout(done, 150));"
    )


def readout(browser):
    return browser.find_element(By.CSS_SELECTOR, "#globe output").text


@pytest.mark.parametrize("name", ["globe", "map report"])
def test_globe_is_painted_quiet_and_fits(name, map_pages, browser, keep_screenshot):
    asked = open_page(browser, map_pages[name])
    canvas = canvas_of(browser)
    assert_quiet_and_alone(browser, asked, map_pages[name])
    assert_fits(browser)
    keep_screenshot(name)
    area = canvas.size["width"] * canvas.size["height"]
    assert colored_pixels(canvas.screenshot_as_png) > 0.3 * area
    assert canvas.size["width"] >= 300


def test_a_place_tells_the_value_of_its_cell(map_pages, browser):
    open_page(browser, map_pages["globe"])
    canvas = canvas_of(browser)
    ActionChains(browser).move_to_element_with_offset(canvas, 40, 30).click().perform()
    settle(browser)
    found = re.fullmatch(r"([\d.]+)° ([NS]), ([\d.]+)° ([EW]): ([\d.]+) m", readout(browser))
    assert found, readout(browser)
    lat = float(found[1]) * (1 if found[2] == "N" else -1)
    center = 10.0 * np.floor(lat / 10.0) + 5.0
    np.testing.assert_allclose(float(found[5]), 200.0 + 2.0 * center, atol=2.0)  # three digits


def test_dragging_and_keys_turn_it_and_the_slider_moves_through_time(map_pages, browser):
    open_page(browser, map_pages["globe"])
    canvas = canvas_of(browser)
    before = canvas.screenshot_as_png
    ActionChains(browser).move_to_element(canvas).click_and_hold().move_by_offset(
        90, 40
    ).release().perform()
    settle(browser)
    turned = canvas.screenshot_as_png
    assert turned != before
    browser.execute_script(
        "arguments[0].dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowLeft'}));", canvas
    )
    settle(browser)
    assert canvas.screenshot_as_png != turned
    Select(browser.find_element(By.CSS_SELECTOR, "#globe select")).select_by_visible_text(
        "Position bound at one time"
    )
    step = browser.find_element(By.CSS_SELECTOR, "#globe .globe-step")
    assert step.text == "2025-12-28 00:00 UTC"
    slider = browser.find_element(By.CSS_SELECTOR, "#globe input")
    browser.execute_script(
        "arguments[0].value = 3; arguments[0].dispatchEvent(new Event('input'));", slider
    )
    assert step.text == "2025-12-28 11:00 UTC"
    Select(browser.find_element(By.CSS_SELECTOR, "#globe select")).select_by_index(2)
    assert not browser.find_element(By.CSS_SELECTOR, "#globe .globe-slider").is_displayed()
    assert [entry["message"] for entry in browser.get_log("browser")] == []


def test_the_legend_says_what_lies_beyond_it_and_that_it_is_logarithmic(browser, tmp_path):
    result = make_map()
    result["position_m_at"] = 10.0 ** (result["position_m_at"] / 100.0)
    result.attrs |= {"is_dated": 0, "step_s": 7200.0}
    open_page(browser, write_globe(result, tmp_path / "globe.html"))
    low, high = browser.find_elements(By.CSS_SELECTOR, "#globe .globe-end")
    unit = browser.find_element(By.CSS_SELECTOR, "#globe .globe-unit")
    assert (low.text[:2], high.text[:2], unit.text) == ("≤ ", "≥ ", "[m]")
    Select(browser.find_element(By.CSS_SELECTOR, "#globe select")).select_by_index(1)
    assert unit.text == "[m] logarithmic"
    first = browser.find_element(By.CSS_SELECTOR, "#globe .globe-step").text
    assert first == "00:00 after the start"

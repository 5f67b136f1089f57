"""Station clocks from code: ranges made by another way of finding when the signal left."""

import csv
import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from leopnt.channel import (
    niell_mapping,
    saastamoinen,
    shapiro_delay_m,
    slant_delay_m,
    standard_weather,
)
from leopnt.epochs import Epoch, TimeScale
from leopnt.errors import LeopntError
from leopnt.frames import azel, ecef_to_geodetic
from leopnt.inference import Status, count_statuses
from leopnt.io import read_sp3
from leopnt.methods import code_point
from leopnt.observables import GPS_L1_L2, ionosphere_free
from leopnt.orbits import interpolate

C, EARTH_RADPS = 299_792_458.0, 7.292115146706979e-5
STATION = np.array([-2_831_733.0, 4_675_666.0, 3_275_369.0])  # SHAO
SP3 = "examples/data/sp3/COD0MGXFIN_20211180000_01D_05M_ORB.SP3"
TAGS = Epoch.from_iso("2021-04-28T20:06:00", TimeScale.GPST) + 37.0 * np.arange(6)
MJD = 59_332.8
TRUE_M = 3e-4 * C + 40.0 * np.arange(6)  # 0.3 ms late, walking


@pytest.fixture(scope="module")
def orbits():
    return read_sp3(SP3).tabulated()


@pytest.fixture(scope="module")
def sky():
    return code_point.standard_sky(STATION, MJD)


def turned(vector, angle):
    cos, sin = np.cos(angle), np.sin(angle)
    x, y, z = np.moveaxis(vector, -1, 0)
    return np.stack([cos * x + sin * y, cos * y - sin * x, z], -1)


def elevations(pos_m):
    """Above the plane normal to the ellipsoid at the station."""
    lat, lon, _ = (float(one) for one in ecef_to_geodetic(STATION))
    up = np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    way = pos_m - STATION
    return np.arcsin(way @ up / np.linalg.norm(way, axis=-1))


def only(table, sat):
    """A table of one satellite."""
    fields = ("pos_ecef_m", "vel_ecef_mps", "clock_s", "starts_arc", "starts_clock_arc")
    one = {name: getattr(table, name)[sat : sat + 1] for name in fields}
    return dataclasses.replace(table, name=table.name[sat : sat + 1], **one)


def ranges(table, sats, bias_m):
    """Pseudoranges (sat, epoch): the table itself is asked for the satellite when it sent.

    Axes are those of the Earth at reception; the satellite's position is turned into them.
    """
    reception = TAGS - bias_m / C
    flight, sent = np.full((len(sats), len(bias_m)), 0.08), np.zeros(3)
    singles = [only(table, sat) for sat in sats]
    for _ in range(3):
        states = [
            interpolate(one, reception - late).state
            for one, late in zip(singles, flight, strict=True)
        ]
        sent = turned(np.concatenate([one.pos_ecef_m for one in states]), EARTH_RADPS * flight)
        flight = np.linalg.norm(sent - STATION, axis=-1) / C
    at_tag = interpolate(table, TAGS)
    pos, vel = at_tag.state.pos_ecef_m[sats], at_tag.state.vel_ecef_mps[sats]
    relativity_m = -2.0 * np.sum(pos * vel, axis=-1) / C
    clock_m = C * at_tag.clock_s[sats] + relativity_m
    el = elevations(sent)
    lat, _, height = ecef_to_geodetic(STATION)
    zenith = saastamoinen(standard_weather(height), lat, height)
    factors = niell_mapping(lat, height, MJD).factors(el)
    tropo_m = factors.hydrostatic * zenith.hydrostatic_m + factors.wet * zenith.wet_m
    shapiro_m = np.asarray(shapiro_delay_m(sent, STATION))
    return C * flight + bias_m - clock_m + np.asarray(tropo_m) + shapiro_m


@pytest.fixture(scope="module")
def measured(orbits):
    known = interpolate(orbits, TAGS)
    is_whole = known.is_valid.all(axis=1) & np.isfinite(known.clock_s).all(axis=1)
    at = known.state.pos_ecef_m[:, 0]
    el = elevations(np.where(np.isfinite(at), at, 1e7))
    systems = np.array([name[0] in "CEG" for name in orbits.name])
    sats = np.flatnonzero(is_whole & systems & (el > 0.2))[::3][:8]
    values = ranges(orbits, sats, TRUE_M)
    links = code_point.code_links(known, 0.3)
    return jax.tree.map(lambda leaf: leaf[:, sats], links), values.T, sats


def test_clocks_of_a_known_station_come_out(measured, sky, evidence):
    links, values, sats = measured
    assert len(sats) > 7
    found = code_point.clocks(links, values, STATION, sky)
    assert np.all(found.converged)
    evidence(
        "methods.code_point",
        "clock of a receiver 0.3 ms late, CODE orbits, no noise",
        "ranges by interpolating the orbit at the time of transmission",
        "closed form",
        achieved=np.max(np.abs(found.theta.clock_bias_m - TRUE_M)),
        tolerance=5e-5,
        unit="m",
    )
    sigma_m = np.sqrt(found.covariance[:, 0, 0])
    np.testing.assert_allclose(sigma_m, 0.3 / np.sqrt(len(sats)), rtol=1e-3)


def test_the_position_comes_out_as_well(measured, sky, evidence):
    links, values, _ = measured
    start = code_point.StationTheta(STATION + np.array([3e3, -2e3, 1e3]), np.array(0.0))
    first = jax.tree.map(lambda leaf: leaf[0], links)
    found = code_point.fix(first, values[0], start, sky)
    assert found.status == Status.converged
    evidence(
        "methods.code_point",
        "position of a receiver 0.3 ms late, CODE orbits, no noise",
        "ranges by interpolating the orbit at the time of transmission",
        "closed form",
        achieved=np.linalg.norm(found.theta.rx_pos_ecef_m - STATION),
        tolerance=5e-4,
        unit="m",
    )


def test_gaps_are_left_out(measured, sky):
    links, values, _ = measured
    holes = values.copy()
    holes[2, 3:] = np.nan
    holes[4, :] = np.nan
    broken = jax.tree.map(np.array, links)
    broken.sat_clock_bias_m[2, 5] = np.nan
    found = code_point.clocks(broken, holes, STATION, sky)
    good = [0, 1, 2, 3, 5]
    np.testing.assert_allclose(found.theta.clock_bias_m[good], TRUE_M[good], atol=1e-3)
    assert list(found.converged) == [i != 4 for i in range(6)]
    assert count_statuses(found.status) == {"converged": 5, "too_few_measurements": 1}


def test_without_a_sky_only_the_troposphere_is_missing(measured, sky):
    links, _, _ = measured
    link = jax.tree.map(lambda leaf: jnp.asarray(leaf[0, 3]), links)
    theta = code_point.StationTheta(jnp.asarray(STATION), jnp.asarray(TRUE_M[0]))
    with_sky = float(code_point.predict_link(theta, sky, link))
    without = float(code_point.predict_link(theta, code_point.no_sky(), link))
    _, el_rad = azel(link.sat_pos_ecef_m, theta.rx_pos_ecef_m)
    expected = float(slant_delay_m(sky.zenith, sky.mapping, el_rad))
    assert with_sky - without == pytest.approx(expected, rel=1e-4)  # the satellite moves in flight


KANAGAWA_M = np.array([-3_959_400.631, 3_385_704.533, 3_667_523.111])


def kanagawa():
    """Links and ionosphere-free ranges (epoch, sat) of the real station; NaN where not measured."""
    with open("examples/data/station_code_kanagawa/code.csv") as file:
        rows = list(csv.DictReader(file))
    times = sorted({row["time_s"] for row in rows})
    sats = sorted({row["sat"] for row in rows})
    shape = (len(times), len(sats))
    values = {name: np.full(shape, np.nan) for name in rows[0] if name not in ("time_s", "sat")}
    for row in rows:
        for name, table in values.items():
            table[times.index(row["time_s"]), sats.index(row["sat"])] = float(row[name])
    pos, vel = (
        np.stack([values[name + unit] for name in axes], -1)
        for axes, unit in (
            (("sat_x", "sat_y", "sat_z"), "_m"),
            (("sat_vx", "sat_vy", "sat_vz"), "_mps"),
        )
    )
    codes = [values[f"{name}_m"] - 1e-9 * C * values[f"osb_{name}_ns"] for name in ("c1c", "c2w")]
    relativity_s = -2.0 * np.sum(pos * vel, axis=-1) / C**2
    links = code_point.CodeLink(
        pos, vel, C * (values["sat_clock_s"] + relativity_s), np.ones(shape)
    )
    return links, np.asarray(ionosphere_free(*codes, GPS_L1_L2))


def test_a_real_station_is_where_it_is(evidence):
    links, values = kanagawa()
    sky = code_point.standard_sky(KANAGAWA_M, 59_479.3)
    seen = np.isfinite(values)
    errors_m = []
    for epoch in range(len(values)):
        some = jax.tree.map(lambda leaf, at=epoch: np.nan_to_num(leaf[at], nan=3e7), links)
        start = code_point.StationTheta(KANAGAWA_M + 1e3, np.array(0.0))
        found = code_point.fix(some, np.nan_to_num(values[epoch]), start, sky, visible=seen[epoch])
        errors_m.append(np.asarray(found.theta.rx_pos_ecef_m) - KANAGAWA_M)
    evidence(
        "methods.code_point",
        "mean position of 12 epochs of GPS code, GSI station 3034",
        "its coordinates; CODE orbits, clocks and biases; antenna offsets not applied",
        "real data",
        achieved=np.linalg.norm(np.mean(errors_m, axis=0)),
        tolerance=1.0,
        unit="m",
    )
    clocks = code_point.clocks(links, values, KANAGAWA_M, sky)
    # A receiver that steers its clock; satellites scatter by 1.7 m.
    assert np.ptp(clocks.theta.clock_bias_m) < 3.0
    assert np.all(np.sqrt(2 * clocks.cost / (seen.sum(1) - 1)) < 2.5)


def test_inputs_that_do_not_fit_are_refused(measured, sky, untyped):
    links, values, _ = measured
    with pytest.raises(LeopntError, match=r"shapes \(6,\) and \(6,\); accepted: \(epoch, sat\)"):
        code_point.clocks(links, values[:, 0], STATION, sky)
    with pytest.raises(LeopntError, match=r"links have shape \(6, \d+\) for pseudoranges of shape"):
        code_point.clocks(links, values[:, :5], STATION, sky)
    holes = values.copy()
    holes[1, 4] = np.nan
    with pytest.raises(LeopntError, match=r"epoch 1 to satellite 4 is visible, but its orbit"):
        code_point.clocks(links, holes, STATION, sky, visible=np.ones(values.shape, bool))
    with pytest.raises(LeopntError, match="above the ellipsoid: expected a station between -500"):
        code_point.standard_sky(1.2 * STATION, MJD)

"""Contours: a parabolic beam comes back from them, in cosines and from the Earth."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from leopnt.errors import FormatError, LeopntError
from leopnt.frames import ecef_to_geodetic, orbit_frame
from leopnt.io import read_gxt

PEAKS = {"A": (0.1, -0.05), "B": (-0.2, 0.1)}
LEVELS = (-1.0, -3.0, -6.0, -10.0, -20.0)
WIDTH_U, WIDTH_V = 0.11, 0.08
SAT = jnp.array([7.2e6, 2.0e6, 1.0e6])
AXES = orbit_frame(SAT, jnp.array([-1.0e3, 2.0e3, 7.0e3]))


def drop_db(name, u, v):
    """A parabola: -3 dB at half of the widths."""
    peak = PEAKS[name]
    return -12.0 * (((u - peak[0]) / WIDTH_U) ** 2 + ((v - peak[1]) / WIDTH_V) ** 2)


def ellipse(name, level_db, count=72):
    turn = 2 * np.pi * np.arange(count) / count
    size = np.sqrt(-level_db / 12.0)
    return np.stack([PEAKS[name][0] + WIDTH_U * size * np.cos(turn),
                     PEAKS[name][1] + WIDTH_V * size * np.sin(turn)], axis=1)  # fmt: skip


GEODETIC = jax.jit(ecef_to_geodetic)


def lon_lat_deg(u, v):
    """Where a ray from the antenna meets the ellipsoid: by bisection on the height."""
    ray = np.asarray(AXES) @ np.array([u, v, np.sqrt(1 - u * u - v * v)])
    near, far = 0.0, -float(np.asarray(SAT) @ ray)
    for _ in range(60):
        middle = 0.5 * (near + far)
        height = GEODETIC(SAT + middle * ray)[2]
        near, far = (middle, far) if height > 0 else (near, middle)
    lat, lon, _ = GEODETIC(SAT + near * ray)
    return np.degrees([float(lon), float(lat)])


def text_of(coordinates, place, levels=LEVELS, count=72):
    lines = ["# contours of a test", "[file]", f"coordinates = {coordinates}"]
    for name, peak in PEAKS.items():
        lines += [f"[Beam {name}]", "peak = {:.12g}; {:.12g}".format(*place(*peak))]
        for level in levels:
            lines += ["[contour]", f"level = {level:g}"]
            for i, point in enumerate(ellipse(name, level, count), 1):
                lines.append("P{} = {:.12g}; {:.12g}  # corner".format(i, *place(*point)))
    return "\n".join(lines)


def read(folder, text):
    path = folder / "beams.gxt"
    path.write_text(text)
    return read_gxt(path)


GRID_U, GRID_V = np.linspace(-0.5, 0.5, 101), np.linspace(-0.4, 0.4, 81)


def test_a_parabolic_beam_comes_back_from_its_contours(tmp_path, evidence):
    contours = read(tmp_path, text_of("uv", lambda u, v: (u, v)))
    pattern = contours.on_grid(GRID_U, GRID_V)
    assert pattern.beams == ("A", "B")
    assert pattern.quantity == "relative_db"
    worst = 0.0
    for name, found, known in zip("AB", pattern.level_db, pattern.is_known, strict=True):
        expected = drop_db(name, GRID_U[:, None], GRID_V[None, :])
        worst = max(worst, np.max(np.abs(found - expected)[known]))
        np.testing.assert_array_equal(known[expected > -19.9], True)
        np.testing.assert_array_equal(known[expected < -20.0], False)
    evidence(
        "io.contours",
        "levels between contours of -1 to -20 dB with 72 corners",
        "the parabola that was contoured",
        "closed form",
        achieved=worst,
        tolerance=0.12,
        unit="dB",
    )


def test_an_antenna_of_contours_knows_what_lies_within_them(tmp_path):
    pattern = read(tmp_path, text_of("uv", lambda u, v: (u, v))).on_grid(GRID_U, GRID_V)
    antenna = pattern.antenna([30.0, 27.0])
    at_peak = antenna.eirp_dbw(*PEAKS["A"])
    np.testing.assert_allclose(at_peak[0], 30.0, atol=0.1)
    assert np.isnan(at_peak[1])
    np.testing.assert_allclose(antenna.eirp_dbw(-0.16, 0.11)[1], 27 + drop_db("B", -0.16, 0.11),
                               atol=0.1)  # fmt: skip
    with pytest.raises(LeopntError, match="holds decibels below the peak, no EIRP"):
        pattern.antenna()


def test_contours_on_the_earth_are_seen_by_the_antenna(tmp_path, evidence):
    text = text_of("lonlat", lon_lat_deg, levels=(-3.0, -20.0), count=8)
    found = read(tmp_path, text).seen_from(SAT, AXES)
    worst = 0.0
    for beam in found.beams:
        worst = max(worst, np.max(np.abs(beam.peak - PEAKS[beam.name])))
        for contour in beam.contours:
            off = contour.points - ellipse(beam.name, contour.level_db, 8)
            worst = max(worst, np.max(np.abs(off)))
    evidence(
        "io.gxt",
        "direction cosines of contours given on the Earth",
        "rays of the antenna met with the ellipsoid by bisection",
        "implementation",
        achieved=worst,
        tolerance=1e-9,
    )


def test_each_system_of_coordinates_has_its_use(tmp_path):
    plane = read(tmp_path, text_of("uv", lambda u, v: (u, v), (-3.0,), 6))
    with pytest.raises(LeopntError, match="is in uv already; expected lonlat"):
        plane.seen_from(SAT, AXES)
    earth = read(tmp_path, text_of("lonlat", lambda u, v: (100 * u + 180, 50 * v), (-3.0,), 6))
    with pytest.raises(LeopntError, match="is in lonlat: use seen_from first"):
        earth.on_grid(GRID_U, GRID_V)
    with pytest.raises(LeopntError, match=r"beam 'A' at longitude 190, latitude -2\.5 is not seen"):
        earth.seen_from(SAT, AXES)


def test_what_lies_outside_of_the_outermost_contour_is_refused(tmp_path):
    text = text_of("uv", lambda u, v: (u, v), (-3.0, -6.0), 6)
    moved = text.replace("level = -3", "level = -9")
    with pytest.raises(LeopntError, match=r"contour of -6 dB of beam 'A' leaves its outermost"):
        read(tmp_path, moved).on_grid(GRID_U, GRID_V)
    away = text.replace("peak = 0.1; -0.05", "peak = 0.4; 0.3")
    with pytest.raises(LeopntError, match="the peak of beam 'A' leaves its outermost contour"):
        read(tmp_path, away).on_grid(GRID_U, GRID_V)
    with pytest.raises(LeopntError, match="no node of the grid lies in beam 'A'"):
        read(tmp_path, text).on_grid(GRID_U - 0.5, GRID_V)


HEAD = "[file]\ncoordinates = uv\n[beam A]\npeak = 0.1; 0.2\n[contour]\nlevel = -3\n"
RING = "P1 = 0;0.1\nP2 = 0.2;0.1\nP3 = 0.1;0.3\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[diagram]\n",
            r":1: section '\[diagram\]'; accepted: \[file\], \[beam NAME\], \[contour\]",
        ),
        ("level = 3\n", ":1: key 'level' in the top of the file; accepted: a section"),
        ("[file]\nlvl = 3\n", r":2: key 'lvl' in \[file\]; accepted: coordinates"),
        ("[file]\ncoordinates = az-el\n", ":2: coordinates = 'az-el'; accepted: lonlat, uv"),
        ("[file]\nhello\n", ":2: expected 'key = value' or a section, found 'hello'"),
        ("[contour]\n", r":1: \[contour\] before the first \[beam NAME\]"),
        ("[beam ]\n", r":1: section '\[beam \]': expected a name, each once"),
        ("[beam A]\n[beam A]\n", ":2: section .* expected a name, each once"),
        ("[beam A]\npeak = 0; 0\n", r":2: a point before 'coordinates' in a section \[file\]"),
        (HEAD + "P2 = 0; 0\n", ":7: point P2; expected P1, in order"),
        (HEAD + "P1 = 0, 0\n", ":7: expected two numbers 'x; y', found '0, 0'"),
        (HEAD + "P1 = 0; east\n", ":7: expected a finite number, found 'east'"),
        (HEAD + "P1 = 0; nan\n", ":7: expected a finite number, found 'nan'"),
        (HEAD + "P1 = 0; 1.5\n", ":7: point '0; 1.5' in uv; expected at most 1 and 1"),
        (HEAD + "level = 0\n", ":7: level = 0 dB; expected decibels below 0, the peak"),
        (HEAD + "P1 = 0;0\nP2 = 0.1;0\nP3 = 0;0\n", ":5: contour of 2 points; expected 3 or more"),
        (HEAD.replace("level = -3\n", "") + RING, ":5: contour without 'level = ...'"),
        (HEAD.replace("peak = 0.1; 0.2\n", "") + RING, ":3: beam 'A' has no 'peak = x; y'"),
        ("[file]\ncoordinates = uv\n[beam A]\npeak = 0;0\n", r":3: beam 'A' has no \[contour\]"),
        ("[file]\ncoordinates = uv\n", r"no section \[beam NAME\]"),
        ("", "no 'coordinates = lonlat' or '= uv' in a section"),
    ],
)
def test_what_is_not_read_is_refused_by_name_and_line(tmp_path, text, message):
    with pytest.raises(FormatError, match=message):
        read(tmp_path, text)

"""Small station-days, and the whole least-squares problem as one dense matrix of plain loops."""

import functools

import numpy as np

from leopnt.methods.calibration.circular_orbits import (
    CONSTELLATIONS,
    STATIONS_ECEF_M,
    bds3_orbits,
    polar_star,
)
from leopnt.methods.calibration.layout import layout_of
from leopnt.methods.calibration.product_errors import NO_ERRORS
from leopnt.methods.calibration.simulation import (
    Scene,
    draw_truth,
    simulate_station_day,
)
from leopnt.methods.calibration.station_day import LeoGeometry, Links, arcs_of, station_day

STATIONS = np.array(list(STATIONS_ECEF_M.values()))
SEED = 5


@functools.cache
def scene(num_satellites=24, num_stations=6, sampling_s=30.0):
    leo = polar_star(*CONSTELLATIONS["B"])
    leo = leo.subset(np.arange(0, 144, 144 // num_satellites)[:num_satellites])
    return Scene(leo, bds3_orbits(), STATIONS[:num_stations], sampling_s)


def kept_links(links, keep, first, renumber):
    sat, epoch = links.satellite[keep], links.epoch[keep] - first
    sat = renumber[sat]
    arc = arcs_of(sat, epoch, np.zeros(len(sat), bool))
    rest = (x[keep] for x in (links.code_m, links.phase_m, links.elevation_rad))
    code, phase, elevation = rest
    return Links(
        sat, epoch, code, phase, elevation, arc, links.has_code[keep], links.has_phase[keep]
    )


def cut(day, first, last, leo, reference):
    """Epochs first to last of a station-day, and of its satellites those named, numbered anew."""
    number = np.full(400, -1)
    number[leo] = np.arange(len(leo))
    inside = (day.leo.epoch >= first) & (day.leo.epoch < last) & (number[day.leo.satellite] >= 0)
    geometry = LeoGeometry(*(x[inside] for x in day.geometry))
    own = kept_links(day.leo, inside, first, number)
    number = np.full(400, -1)
    number[reference] = np.arange(len(reference))
    near = (day.reference.epoch >= first) & (day.reference.epoch < last)
    near &= number[day.reference.satellite] >= 0
    other = kept_links(day.reference, near, first, number)
    return station_day(day.station, day.day, day.epoch_s[first:last], own, geometry, other)


@functools.cache
def small_days(errors=NO_ERRORS):
    """Two stations, two days, one hour at 60 s, five LEO and seven BDS satellites; and the truth.

    The satellites are those that the first station sees most in the hour.
    """
    whole = Scene(polar_star(*CONSTELLATIONS["B"]), bds3_orbits(), STATIONS[[0, 4]], 60.0)
    truth = draw_truth(SEED, 144, 2)
    days = [
        simulate_station_day(whole, truth, r, d, SEED, errors) for d in range(2) for r in range(2)
    ]
    first, last = 300, 360
    seen = np.ones(144)
    for day in days:
        inside = (day.leo.epoch >= first) & (day.leo.epoch < last)
        seen *= np.bincount(day.leo.satellite[inside], minlength=144)
    leo = np.sort(np.argsort(-seen, kind="stable")[:5])
    reference = np.array([0, 4, 8, 24, 26, 27, 28])
    return [cut(day, first, last, leo, reference) for day in days], leo, truth


def sigma_of(elevation, sigma0):
    return sigma0 if elevation >= np.radians(30.0) else sigma0 / (2.0 * np.sin(elevation))


def dense_problem(days, settings, num_sats, num_stations, delay_in_phase=False):
    """(A, y, sigma, names): every unknown a column, every observation a row."""
    k = len(settings.orbit.names())
    columns, rows = {}, []

    def column(name):
        return columns.setdefault(name, len(columns))

    for s in range(num_sats):
        for c in range(k):
            column(("c", s, c))
    for s in range(num_sats):
        column(("d", s))
    for r in range(num_stations):
        column(("b", r))
    for day in days:
        who = (day.station, day.day)
        for kind, links in (("leo", day.leo), ("ref", day.reference)):
            for i in range(len(links.satellite)):
                e = int(links.epoch[i])
                t, el = day.epoch_s[e], links.elevation_rad[i]
                place = (t - day.epoch_s[0]) / settings.ztd_spacing_s
                node = int(place)
                m = 1.001 / np.sqrt(0.002001 + np.sin(el) ** 2)
                common = [(column(("t", who, e)), 1.0)]
                common.append((column(("z", who, node)), m * (1 - (place - node))))
                if place > node:
                    common.append((column(("z", who, node + 1)), m * (place - node)))
                own = []
                if kind == "leo":
                    s = int(links.satellite[i])
                    h = day.geometry.partials[i : i + 1]
                    g = settings.orbit.columns(h, day.geometry.orbit_angle_rad[i : i + 1])[:, 0]
                    common += [(column(("c", s, c)), g[c]) for c in range(k)]
                    own = [(column(("d", s)), 1.0), (column(("b", day.station)), 1.0)]
                if links.has_code[i]:
                    rows.append(
                        (common + own, links.code_m[i], sigma_of(el, settings.code_sigma_m))
                    )
                if links.has_phase[i]:
                    phase = settings.leo_phase_sigma_m if kind == "leo" else settings.phase_sigma_m
                    arc = [(column(("B", who, kind, int(links.arc[i]))), 1.0)]
                    more = own if delay_in_phase else []
                    rows.append((common + arc + more, links.phase_m[i], sigma_of(el, phase)))
    a = np.zeros((len(rows), len(columns)))
    for i, (entries, _, _) in enumerate(rows):
        for j, value in entries:
            a[i, j] += value
    return a, np.array([r[1] for r in rows]), np.array([r[2] for r in rows]), columns


def dense_solution(problem, settings, num_sats, num_stations):
    """Least squares with the biases' sum at zero; estimate, covariance, sum of squares."""
    a, y, sigma, columns = problem
    extra = []
    prior = settings.orbit.prior_sigma_m()
    for (kind, *rest), j in columns.items():
        if kind == "c" and np.isfinite(prior[rest[1]]):
            row = np.zeros(len(columns))
            row[j] = 1.0 / prior[rest[1]]
            extra.append(row)
    whitened = np.concatenate([a / sigma[:, None], np.array(extra).reshape(-1, len(columns))])
    target = np.concatenate([y / sigma, np.zeros(len(extra))])
    # The constraint removes one unknown: the last bias is minus the sum of the others.
    basis = np.eye(len(columns))
    last = columns["b", num_stations - 1]
    for r in range(num_stations - 1):
        basis[last, columns["b", r]] = -1.0
    basis = np.delete(basis, last, axis=1)
    rows = whitened @ basis
    scale = np.linalg.norm(rows, axis=0)
    q, root = np.linalg.qr(rows / scale)
    x = np.linalg.solve(root, q.T @ target)
    half = np.linalg.inv(root) / scale[:, None]
    spread = basis @ half
    return basis @ (x / scale), spread @ spread.T, float(np.sum((target - rows / scale @ x) ** 2))


__all__ = ["layout_of"]

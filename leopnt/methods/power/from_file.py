"""A fix from powers from a settings file: options from its words, and the flight time settled."""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Float

from leopnt.errors import LeopntError
from leopnt.methods.power.ellipsoid_fix import PowerSolution, fix_log
from leopnt.methods.power.height import HeightPrior
from leopnt.methods.power.log import (
    PowerLog,
    noise_of_integration,
    orbit_axes,
    quaternion_axes,
)
from leopnt.methods.power.log_options import PowerLogOptions
from leopnt.noise.folded import FoldedAmplitude
from leopnt.noise.rician import Rician
from leopnt.scenes.log_rows import place_ecef
from leopnt.scenes.power_fix_settings import PowerFixSettings
from leopnt.scenes.power_scene import PowerLogScene

_FIELDS = {
    "position": "rx_pos_ecef_m",
    "level": "level_db",
    "frequency_offset": "freq_offset_hz",
}
_NOISES = {"coherent": FoldedAmplitude(1.0), "non-coherent": Rician(1.0)}


def fix_power_scene(scene: PowerLogScene) -> PowerSolution:
    """Solve a scene as its settings say.

    Where satellite states are known at reception, the fix is repeated with the flight times of the
    first solution, which leaves flight times wrong by its error over c.

    Raises:
        LeopntError: see `fix_log`.
    """
    options = power_options(scene.file.settings, scene.eirp_sigma_db)
    antenna = scene.beams.antenna
    first = fix_log(power_log(scene), antenna, options)
    place = first.position_ecef_m
    moves = scene.at_reception or (scene.doppler is not None and scene.doppler.at_reception)
    if not moves or not np.all(np.isfinite(place)):
        return first
    again = dataclasses.replace(options, start_ecef_m=place)
    return fix_log(power_log(scene, place), antenna, again)


def power_log(
    scene: PowerLogScene, rx_pos_ecef_m: Float[np.ndarray, "3"] | None = None
) -> PowerLog:
    """The log of a scene: states at transmission, axes of the antenna, noise k T / T_p.

    Args:
        rx_pos_ecef_m: the receiver, for the flight time; None takes each satellite to be in its
            zenith.
    """
    rows, states = scene.rows, scene.states(rx_pos_ecef_m)
    axes = (
        orbit_axes(states.pos_ecef_m, states.vel_inertial_ecef_mps)
        if rows.quaternion is None
        else quaternion_axes(rows.quaternion)
    )
    temperature_k = scene.file.settings.measurement.noise_temperature_k
    return PowerLog(
        time_s=rows.time_s,
        satellites=rows.satellites,
        sat_index=rows.sat_index,
        beam=rows.beam,
        power_dbw=rows.power_dbw,
        sat_pos_ecef_m=states.pos_ecef_m,
        sat_vel_ecef_mps=states.vel_ecef_mps,
        axes_ecef=axes,
        carrier_hz=rows.carrier_hz,
        noise_w=noise_of_integration(rows.integration_s, temperature_k),
        doppler=None if scene.doppler is None else scene.doppler.log(rx_pos_ecef_m),
        reference_epoch=rows.reference_epoch,
        source_line=rows.source_line,
        source=rows.source,
    )


def power_options(
    settings: PowerFixSettings, eirp_sigma_db: float | Float[np.ndarray, " beam"] | None = None
) -> PowerLogOptions:
    """Options of a fix from its settings.

    Args:
        eirp_sigma_db: as `PowerLogScene` has it, which reads the file that settings may name; None
            takes the numbers of the settings.

    Raises:
        LeopntError: settings with the name of a file, and nothing from it.
    """
    estimate, start = settings.estimate, settings.estimate.start
    sigma_db = estimate.eirp_sigma_db if eirp_sigma_db is None else eirp_sigma_db
    if isinstance(sigma_db, str):
        raise LeopntError(
            f"eirp_sigma_db = {sigma_db!r} is a file; give the numbers that `PowerLogScene` read."
        )
    return PowerLogOptions(
        unknowns=tuple(_FIELDS[name] for name in estimate.unknowns),
        height=HeightPrior(estimate.height_m, estimate.height_sigma_m),
        sigma_cal_db=np.asarray(sigma_db) if isinstance(sigma_db, list) else sigma_db,
        level_sigma_db=np.inf if estimate.level_sigma_db is None else estimate.level_sigma_db,
        rx_gain_dbi=estimate.receiver_gain_dbi,
        noise=_NOISES[settings.measurement.noise],
        start_ecef_m=(
            None
            if start is None
            else place_ecef(start.latitude_deg, start.longitude_deg, start.height_m)
        ),
    )

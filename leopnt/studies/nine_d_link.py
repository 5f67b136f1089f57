"""`[link]` of a 9D study: the link budget that says how strong satellites are received."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Literal

from pydantic import Field

from leopnt.antennas.patterns import (
    AbstractPattern,
    CosinePower,
    HemisphericalPatch,
    Isotropic,
    ParabolicBeam,
)
from leopnt.channel.atmosphere import AbstractGases, CosecantGases, NoGases, SlantPathGases
from leopnt.channel.link import Receiver, Transmitter
from leopnt.scenes.downlink import Downlink
from leopnt.scenes.settings import SettingsTable, shown

_OF_ELEMENT = {"exponent": "cosine", "peak_dbi": "patch", "horizon_dbi": "patch"}


class LinkTable(SettingsTable):
    """`[link]`: EIRP, losses and noise; every antenna looks up while the receiver lies level."""

    eirp_dbw: float = Field(ge=-100, le=100, description="the EIRP in dBW, -100 to 100")
    beam_width_deg: float | None = Field(
        default=None,
        gt=0,
        le=180,
        description="degrees between the -3 dB points of a beam that looks straight down; without "
        "it the beam follows the user",
    )
    element: Literal["isotropic", "patch", "cosine"] = Field(
        default="isotropic",
        description="'isotropic', 'patch' or 'cosine': the pattern of a receiving antenna",
    )
    peak_dbi: float | None = Field(
        default=None, ge=-50, le=50, description="the gain of a patch upwards in dBi; default 5"
    )
    horizon_dbi: float | None = Field(
        default=None,
        ge=-50,
        le=50,
        description="the gain of a patch sideways in dBi, at most peak_dbi; default -5",
    )
    exponent: float | None = Field(
        default=None, ge=0, le=100, description="of the cosine, 0 or more; default 1"
    )
    noise_temperature_k: float = Field(
        default=300.0, gt=0, le=1e6, description="the noise temperature in kelvin, above 0"
    )
    gases: Literal["none", "cosecant", "slant"] = Field(
        default="none",
        description="'none', 'cosecant' (from 5 degrees, 1 to 350 GHz) or 'slant' (1 to 1000 GHz)",
    )
    other_loss_db: float = Field(
        default=0.0, ge=0, le=100, description="polarization, pointing, rain... in dB, 0 or more"
    )


def downlink_of(link: LinkTable) -> Downlink:
    """Both ends of every link."""
    gases: dict[str, AbstractGases] = {
        "none": NoGases(),
        "cosecant": CosecantGases(),
        "slant": SlantPathGases(),
    }
    beam = None
    if link.beam_width_deg is not None:
        beam = ParabolicBeam(0.0, math.radians(link.beam_width_deg))
    return Downlink(
        Transmitter.from_eirp(link.eirp_dbw, beam),
        Receiver(link.noise_temperature_k, _element(link)),
        gases=gases[link.gases],
        other_loss_db=link.other_loss_db,
    )


def _element(link: LinkTable) -> AbstractPattern:
    if link.element == "patch":
        return HemisphericalPatch(*_patch_dbi(link.peak_dbi, link.horizon_dbi))
    if link.element == "cosine":
        return CosinePower(1.0 if link.exponent is None else link.exponent)
    return Isotropic()


def _patch_dbi(peak_dbi: float | None, horizon_dbi: float | None) -> tuple[float, float]:
    return 5.0 if peak_dbi is None else peak_dbi, -5.0 if horizon_dbi is None else horizon_dbi


def link_problems(
    link: dict[str, Any], signal: dict[str, Any], antenna: dict[str, Any]
) -> Iterator[str]:
    """Sentences on a table `[link]` that contradicts itself or other tables."""
    for name in ("snr_db", "esn0_db"):
        if name in signal:
            yield (
                f"[signal] {name} = {shown(signal[name])}: [link] gives the SNR already; drop one."
            )
    if "mean_square_time_s2" in signal:
        yield (
            "[signal] mean_square_time_s2: with [link] the energy of a slot needs its length; "
            "expected slot_length_s."
        )
    element = link.get("element", "isotropic")
    for name, owner in _OF_ELEMENT.items():
        if name in link and element != owner:
            yield (
                f"[link] {name} = {shown(link[name])}: goes with element = {owner!r}, not with "
                f"{shown(element)}."
            )
    numbers = [link.get(name) for name in ("peak_dbi", "horizon_dbi")]
    if element == "patch" and all(one is None or isinstance(one, int | float) for one in numbers):
        peak, horizon = _patch_dbi(*numbers)
        if horizon > peak:
            limit = f"expected at most peak_dbi, {shown(peak)}"
            yield f"[link] horizon_dbi = {shown(horizon)}: {limit}."
    mask = antenna.get("mask_deg", 10.0)
    if link.get("gases") == "cosecant" and isinstance(mask, int | float) and mask < 5.0:
        yield (
            f"[link] gases = 'cosecant': holds from 5 degrees of elevation, and [antenna] mask_deg "
            f"= {shown(mask)}; raise it, or take 'slant'."
        )
    carrier = signal.get("carrier_hz", 1e9)
    highest = {"cosecant": 350e9, "slant": 1e12}.get(str(link.get("gases")))
    if highest and isinstance(carrier, int | float) and not 1e9 <= carrier <= highest:
        yield (
            f"[link] gases = {shown(link['gases'])}: holds for carriers of 1 to "
            f"{highest / 1e9:g} GHz, not for [signal] carrier_hz = {shown(carrier)}."
        )

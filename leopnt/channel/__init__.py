"""The way from satellite to receiver: path loss, gases, link budget."""

from leopnt.channel.atmosphere import (
    AbstractGases,
    CosecantGases,
    NoGases,
    SlantPathGases,
    attenuation_dbpm,
)
from leopnt.channel.fading import (
    AbstractFading,
    NoFading,
    RayleighFading,
    RicianFading,
    faded_power,
    focused_gain_db,
    matched_gain_db,
)
from leopnt.channel.link import LinkBudget, Receiver, Transmitter, link_budget
from leopnt.channel.path_loss import free_space_loss, free_space_loss_db, wavelength
from leopnt.channel.phase_noise import carrier_phase_sigma_cycles, carrier_phase_sigma_m
from leopnt.channel.reference_atmosphere import AirState, reference_air
from leopnt.channel.satellite_loss import LossTerms, SatelliteLoss, ZenithGases
from leopnt.channel.scintillation import scintillation_db
from leopnt.channel.specific_attenuation import (
    oxygen_attenuation_dbpm,
    water_vapor_attenuation_dbpm,
)
from leopnt.channel.surface_path import (
    GPS_L1_CA_DBW,
    Amplifiers,
    SurfaceBudget,
    focused_power_ratio,
    sub_array_loss_db,
    surface_budget,
    surface_noise_density,
    time_share_loss_db,
)

__all__ = [
    "GPS_L1_CA_DBW",
    "AbstractFading",
    "AbstractGases",
    "AirState",
    "Amplifiers",
    "CosecantGases",
    "LinkBudget",
    "LossTerms",
    "NoFading",
    "NoGases",
    "RayleighFading",
    "Receiver",
    "RicianFading",
    "SatelliteLoss",
    "SlantPathGases",
    "SurfaceBudget",
    "Transmitter",
    "ZenithGases",
    "attenuation_dbpm",
    "carrier_phase_sigma_cycles",
    "carrier_phase_sigma_m",
    "faded_power",
    "focused_gain_db",
    "focused_power_ratio",
    "free_space_loss",
    "free_space_loss_db",
    "link_budget",
    "matched_gain_db",
    "oxygen_attenuation_dbpm",
    "reference_air",
    "scintillation_db",
    "sub_array_loss_db",
    "surface_budget",
    "surface_noise_density",
    "time_share_loss_db",
    "water_vapor_attenuation_dbpm",
    "wavelength",
]

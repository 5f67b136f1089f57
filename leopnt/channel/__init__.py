"""The way from satellite to receiver: path loss, gases, link budget."""

from leopnt.channel.atmosphere import (
    AbstractGases,
    CosecantGases,
    NoGases,
    SlantPathGases,
    attenuation_dbpm,
)
from leopnt.channel.link import LinkBudget, Receiver, Transmitter, link_budget
from leopnt.channel.path_loss import free_space_loss, free_space_loss_db, wavelength
from leopnt.channel.reference_atmosphere import AirState, reference_air
from leopnt.channel.satellite_loss import LossTerms, SatelliteLoss, ZenithGases
from leopnt.channel.scintillation import scintillation_db
from leopnt.channel.specific_attenuation import (
    oxygen_attenuation_dbpm,
    water_vapor_attenuation_dbpm,
)

__all__ = [
    "AbstractGases",
    "AirState",
    "CosecantGases",
    "LinkBudget",
    "LossTerms",
    "NoGases",
    "Receiver",
    "SatelliteLoss",
    "SlantPathGases",
    "Transmitter",
    "ZenithGases",
    "attenuation_dbpm",
    "free_space_loss",
    "free_space_loss_db",
    "link_budget",
    "oxygen_attenuation_dbpm",
    "reference_air",
    "scintillation_db",
    "water_vapor_attenuation_dbpm",
    "wavelength",
]

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
from leopnt.channel.mapping import (
    AbstractMapping,
    ContinuedFraction,
    Factors,
    ReferenceMapping,
    global_mapping,
    niell_mapping,
    vienna_mapping,
)
from leopnt.channel.nominal_attitude import (
    yaw_steering_axes,
)
from leopnt.channel.path_loss import free_space_loss, free_space_loss_db, wavelength
from leopnt.channel.phase_noise import carrier_phase_sigma_cycles, carrier_phase_sigma_m
from leopnt.channel.pole_tide import (
    pole_offset_rad,
    pole_tide_m,
)
from leopnt.channel.reference_atmosphere import AirState, reference_air
from leopnt.channel.relativity import (
    periodic_clock_s,
    shapiro_delay_m,
)
from leopnt.channel.satellite_loss import LossTerms, SatelliteLoss, ZenithGases
from leopnt.channel.scintillation import scintillation_db
from leopnt.channel.solid_tides import (
    TideForcing,
    solid_tide_m,
    tide_angles_rad,
    tide_forcing,
)
from leopnt.channel.specific_attenuation import (
    oxygen_attenuation_dbpm,
    water_vapor_attenuation_dbpm,
)
from leopnt.channel.sun_moon import (
    moon_position_ecef,
    moon_position_gcrs,
    sun_position_ecef,
    sun_position_gcrs,
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
from leopnt.channel.tagged_path import TaggedPath, tagged_path
from leopnt.channel.troposphere import (
    Weather,
    ZenithDelay,
    gradient_delay_m,
    gradient_factor,
    saastamoinen,
    slant_delay_m,
    standard_weather,
    vapor_pressure_pa,
)
from leopnt.channel.wind_up import (
    continuous_cycles,
    north_west_up,
    wind_up_cycles,
)

__all__ = [
    "GPS_L1_CA_DBW",
    "AbstractFading",
    "AbstractGases",
    "AbstractMapping",
    "AirState",
    "Amplifiers",
    "ContinuedFraction",
    "CosecantGases",
    "Factors",
    "LinkBudget",
    "LossTerms",
    "NoFading",
    "NoGases",
    "RayleighFading",
    "Receiver",
    "ReferenceMapping",
    "RicianFading",
    "SatelliteLoss",
    "SlantPathGases",
    "SurfaceBudget",
    "TaggedPath",
    "TideForcing",
    "Transmitter",
    "Weather",
    "ZenithDelay",
    "ZenithGases",
    "attenuation_dbpm",
    "carrier_phase_sigma_cycles",
    "carrier_phase_sigma_m",
    "continuous_cycles",
    "faded_power",
    "focused_gain_db",
    "focused_power_ratio",
    "free_space_loss",
    "free_space_loss_db",
    "global_mapping",
    "gradient_delay_m",
    "gradient_factor",
    "link_budget",
    "matched_gain_db",
    "moon_position_ecef",
    "moon_position_gcrs",
    "niell_mapping",
    "north_west_up",
    "oxygen_attenuation_dbpm",
    "periodic_clock_s",
    "pole_offset_rad",
    "pole_tide_m",
    "reference_air",
    "saastamoinen",
    "scintillation_db",
    "shapiro_delay_m",
    "slant_delay_m",
    "solid_tide_m",
    "standard_weather",
    "sub_array_loss_db",
    "sun_position_ecef",
    "sun_position_gcrs",
    "surface_budget",
    "surface_noise_density",
    "tagged_path",
    "tide_angles_rad",
    "tide_forcing",
    "time_share_loss_db",
    "vapor_pressure_pa",
    "vienna_mapping",
    "water_vapor_attenuation_dbpm",
    "wavelength",
    "wind_up_cycles",
    "yaw_steering_axes",
]

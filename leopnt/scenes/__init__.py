"""Builders: files and settings to arrays ready for kernels. Names load on first use."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leopnt.scenes.doppler_checks import check_log
    from leopnt.scenes.doppler_log import DopplerLog
    from leopnt.scenes.doppler_scene import DopplerScene, load_doppler_scene
    from leopnt.scenes.downlink import Downlink, antenna_gain, isotropic_cn0_dbhz, snr_of_cn0
    from leopnt.scenes.fix_settings import FixSettings, load_fix_file
    from leopnt.scenes.nine_d_scene import SlotLinks, slot_links, slot_links_in_parts
    from leopnt.scenes.power_fix_settings import PowerFixSettings
    from leopnt.scenes.power_scene import PowerLogScene, load_power_scene
    from leopnt.scenes.receiver_pose import body_rotation
    from leopnt.scenes.satellite_choice import AbstractChoice, AllInView, Highest, Spread
    from leopnt.scenes.satellite_file import AbstractSatelliteFile, read_satellite_file
    from leopnt.scenes.sky_scene import CITIES, Place, SkyScene, city, load_sky_scene
    from leopnt.scenes.study_checks import scene_problems
    from leopnt.scenes.study_scene import StudyScene, build_scene
    from leopnt.scenes.study_settings import SceneSettings
    from leopnt.scenes.urban_site import (
        FacadePanel,
        UrbanSite,
        city_block,
        facade_room,
        street_canyon,
        street_grid,
        walk,
    )
    from leopnt.scenes.urban_view import UrbanLinks, UrbanSky, urban_links, urban_sky

_HOME = {
    "AbstractChoice": "satellite_choice",
    "AbstractSatelliteFile": "satellite_file",
    "AllInView": "satellite_choice",
    "CITIES": "sky_scene",
    "DopplerLog": "doppler_log",
    "DopplerScene": "doppler_scene",
    "Downlink": "downlink",
    "FacadePanel": "urban_site",
    "FixSettings": "fix_settings",
    "Highest": "satellite_choice",
    "Place": "sky_scene",
    "PowerFixSettings": "power_fix_settings",
    "PowerLogScene": "power_scene",
    "SceneSettings": "study_settings",
    "SkyScene": "sky_scene",
    "SlotLinks": "nine_d_scene",
    "Spread": "satellite_choice",
    "StudyScene": "study_scene",
    "UrbanLinks": "urban_view",
    "UrbanSite": "urban_site",
    "UrbanSky": "urban_view",
    "antenna_gain": "downlink",
    "body_rotation": "receiver_pose",
    "build_scene": "study_scene",
    "check_log": "doppler_checks",
    "city": "sky_scene",
    "city_block": "urban_site",
    "isotropic_cn0_dbhz": "downlink",
    "load_doppler_scene": "doppler_scene",
    "load_fix_file": "fix_settings",
    "load_power_scene": "power_scene",
    "load_sky_scene": "sky_scene",
    "read_satellite_file": "satellite_file",
    "facade_room": "urban_site",
    "scene_problems": "study_checks",
    "slot_links": "nine_d_scene",
    "slot_links_in_parts": "nine_d_scene",
    "snr_of_cn0": "downlink",
    "street_canyon": "urban_site",
    "street_grid": "urban_site",
    "urban_links": "urban_view",
    "urban_sky": "urban_view",
    "walk": "urban_site",
}

__all__ = [
    "CITIES",
    "AbstractChoice",
    "AbstractSatelliteFile",
    "AllInView",
    "DopplerLog",
    "DopplerScene",
    "Downlink",
    "FacadePanel",
    "FixSettings",
    "Highest",
    "Place",
    "PowerFixSettings",
    "PowerLogScene",
    "SceneSettings",
    "SkyScene",
    "SlotLinks",
    "Spread",
    "StudyScene",
    "UrbanLinks",
    "UrbanSite",
    "UrbanSky",
    "antenna_gain",
    "body_rotation",
    "build_scene",
    "check_log",
    "city",
    "city_block",
    "facade_room",
    "isotropic_cn0_dbhz",
    "load_doppler_scene",
    "load_fix_file",
    "load_power_scene",
    "load_sky_scene",
    "read_satellite_file",
    "scene_problems",
    "slot_links",
    "slot_links_in_parts",
    "snr_of_cn0",
    "street_canyon",
    "street_grid",
    "urban_links",
    "urban_sky",
    "walk",
]


def __getattr__(name: str):
    if name in _HOME:
        return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted(__all__)

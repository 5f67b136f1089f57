"""Builders: files and settings to arrays ready for kernels. Names load on first use."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leopnt.scenes.doppler_checks import check_log
    from leopnt.scenes.doppler_log import DopplerLog
    from leopnt.scenes.doppler_scene import DopplerScene, load_doppler_scene
    from leopnt.scenes.fix_settings import FixSettings, load_fix_file
    from leopnt.scenes.satellite_file import AbstractSatelliteFile, read_satellite_file
    from leopnt.scenes.sky_scene import CITIES, Place, SkyScene, city, load_sky_scene
    from leopnt.scenes.study_checks import scene_problems
    from leopnt.scenes.study_scene import StudyScene, build_scene
    from leopnt.scenes.study_settings import SceneSettings

_HOME = {
    "AbstractSatelliteFile": "satellite_file",
    "CITIES": "sky_scene",
    "DopplerLog": "doppler_log",
    "DopplerScene": "doppler_scene",
    "FixSettings": "fix_settings",
    "Place": "sky_scene",
    "SceneSettings": "study_settings",
    "SkyScene": "sky_scene",
    "StudyScene": "study_scene",
    "build_scene": "study_scene",
    "check_log": "doppler_checks",
    "city": "sky_scene",
    "load_doppler_scene": "doppler_scene",
    "load_fix_file": "fix_settings",
    "load_sky_scene": "sky_scene",
    "read_satellite_file": "satellite_file",
    "scene_problems": "study_checks",
}

__all__ = [
    "CITIES",
    "AbstractSatelliteFile",
    "DopplerLog",
    "DopplerScene",
    "FixSettings",
    "Place",
    "SceneSettings",
    "SkyScene",
    "StudyScene",
    "build_scene",
    "check_log",
    "city",
    "load_doppler_scene",
    "load_fix_file",
    "load_sky_scene",
    "read_satellite_file",
    "scene_problems",
]


def __getattr__(name: str):
    if name in _HOME:
        return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted(__all__)

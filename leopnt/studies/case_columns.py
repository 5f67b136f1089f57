"""Columns that tell the cases of a study apart: who, where, when."""

from __future__ import annotations

import numpy as np

from leopnt.scenes.study_scene import StudyScene
from leopnt.studies.method import Column


def case_columns(scene: StudyScene) -> dict[str, Column]:
    """Name, latitude, longitude, height and time of every case (users times epochs)."""
    columns = {
        "user": (np.asarray(scene.users)[scene.user_index], "1", "user"),
        "latitude_deg": (scene.latitude_deg, "deg", "latitude"),
        "longitude_deg": (scene.longitude_deg, "deg", "longitude"),
        "height_m": (scene.height_m, "m", "height above the WGS 84 ellipsoid"),
        "time_s": (scene.case_time_s, "s", "time since the start"),
    }
    return {
        name: Column(("case",), np.asarray(values), units, label)
        for name, (values, units, label) in columns.items()
    }

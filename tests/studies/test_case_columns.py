"""Who, where and when each case is, against the settings that made it."""

from pathlib import Path

import numpy as np

from leopnt.scenes.study_scene import build_scene
from leopnt.scenes.study_settings import SceneSettings
from leopnt.studies.case_columns import case_columns


def test_cases_run_through_the_epochs_of_one_user_after_another(evidence):
    settings = {
        "constellation": {"preset": "gps"},
        "time": {"duration_s": 60.0, "step_s": 30.0},
        "users": {"cities": ["London", "Sydney"]},
    }
    scene = build_scene(SceneSettings.model_validate(settings), Path())
    columns = {name: column.values for name, column in case_columns(scene).items()}
    assert columns["user"].tolist() == ["London"] * 3 + ["Sydney"] * 3
    assert columns["time_s"].tolist() == [0.0, 30.0, 60.0] * 2
    expected = np.repeat([[51.51, -0.13, 60.0], [-33.87, 151.21, 60.0]], 3, axis=0)
    found = np.stack([columns[n] for n in ("latitude_deg", "longitude_deg", "height_m")], axis=1)
    evidence(
        "studies.case_columns",
        "latitude, longitude [deg] and height [m] of cases",
        "the cities asked for",
        "own",
        achieved=np.max(np.abs(found - expected)),
        tolerance=1e-9,
    )

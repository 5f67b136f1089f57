"""Modules of this folder can be imported, and the tiny study is among the methods."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from tiny_study import study_text

from leopnt.studies import load_study
from leopnt.studies.method import MODULES


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """Load a tiny study: its settings as those of `study_text`."""
    monkeypatch.setitem(MODULES, "tiny", "tiny_study")

    def load(trials=500, name="tiny.toml", **how):
        path = tmp_path / name
        path.write_text(study_text(trials, **how))
        return load_study(path)

    return load

"""The gallery can be made anew: its commands and pictures are those of its script."""

import importlib.util
import re
from pathlib import Path

from leopnt.cli.app import app

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "gallery.md").read_text()


def sources():
    spec = importlib.util.spec_from_file_location("gallery", ROOT / "docs" / "make_gallery.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.SOURCES


def commands_of_the_page():
    return [
        line
        for body in re.findall(r"^```bash\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
        for line in body.splitlines()
    ]


def test_the_script_runs_the_commands_of_the_page():
    assert set(commands_of_the_page()) == {source.command for source in sources()}


def test_the_script_makes_every_picture():
    made = [name for source in sources() for name in (*source.pictures, *source.shots)]
    assert sorted(made) == sorted(path.stem for path in (ROOT / "docs" / "img").glob("*.png"))


def test_files_and_options_of_the_commands_exist():
    for command in commands_of_the_page():
        program, *words = command.split()
        assert all((ROOT / word).exists() for word in words if word.startswith("examples/"))
        if program == "leopnt":
            known = {option for one in app.commands[words[0]].params for option in one.opts}
            assert {word for word in words if word.startswith("--")} <= known


def test_pictures_are_small_and_described():
    for alternative, name in re.findall(r"!\[([^\]]*)\]\(img/([^)]+)\)", PAGE):
        assert len(alternative) > 20
        assert (ROOT / "docs" / "img" / name).stat().st_size <= 200_000

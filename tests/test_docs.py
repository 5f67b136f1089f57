"""The documentation keeps its promises: code runs, output is real, links lead somewhere.

In a page:
- ```python blocks of a page run one after the other in one namespace, in a folder that holds
  `examples`. A comment on the line above excuses a block: `<!-- slow: REASON -->` from the quick
  run (`make study-test` runs it), `<!-- not run: REASON -->` from both.
- A ```text block directly below a ```python block is what that block prints.
- A ```text block whose title is a `leopnt` command is what that command prints.
- ```toml blocks are settings files of a fix, study files, or files of a calibration; one with a
  title is there under that name when the code and the commands of the page run. A comment
  `<!-- wrong: REASON -->` above marks one with mistakes.
"""

import ast
import contextlib
import importlib
import io
import json
import pkgutil
import re
import textwrap
import tomllib
import typing
from pathlib import Path
from typing import NamedTuple

import pytest
from markdown.extensions.toc import slugify
from study_sizes import study_size

import leopnt

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
FACE = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
PAGES = sorted(DOCS.rglob("*.md")) + FACE + sorted((ROOT / "examples").rglob("README.md"))
API = "\n".join(page.read_text() for page in sorted((DOCS / "api").glob("*.md")))

FENCE = re.compile(
    r"^(?P<indent> *)```(?P<info>[^\n`]*)\n(?P<body>.*?)^(?P=indent)```[ ]*$",
    re.MULTILINE | re.DOTALL,
)
EXCUSE = re.compile(r"<!-- (not run|slow|wrong): \S.*-->\s*$")
SNIPPET = re.compile(r"^--8<-- \"([^\"]+)\"\n", re.MULTILINE)


class Block(NamedTuple):
    """A fenced block: language, title, text, line in the page, and the excuse above it if any."""

    page: Path
    language: str
    title: str
    body: str
    line: int
    excuse: str
    follows_python: bool


def included(match: re.Match[str]) -> str:
    """What a snippet line of the site includes."""
    return (ROOT / match[1]).read_text()


def blocks(page: Path) -> list[Block]:
    text, found, previous = page.read_text(), [], None
    for match in FENCE.finditer(text):
        info = match["info"].strip()
        title = re.search(r'title="([^"]*)"', info)
        before = text[: match.start()]
        excuse = EXCUSE.search(before.rstrip().rsplit("\n", 1)[-1])
        gap = text[previous.end() : match.start()] if previous else "-"
        after_python = previous is not None and previous["info"].startswith("python")
        found.append(
            Block(
                page=page,
                language=info.split(" ")[0],
                title=title[1] if title else "",
                body=SNIPPET.sub(included, textwrap.dedent(match["body"])),
                line=before.count("\n") + 1,
                excuse=excuse[1] if excuse else "",
                follows_python=after_python and not gap.strip(),
            )
        )
        previous = match
    return found


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def pages_with(language: str) -> list[Path]:
    return [page for page in PAGES if any(b.language == language for b in blocks(page))]


@pytest.fixture
def working_folder(tmp_path, monkeypatch):
    """A folder that holds `examples` as a reader's does; what is written stays out of the tree."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def trimmed(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def write_settings(page: Path) -> None:
    """Settings files of a page that have a title, into the working folder."""
    for block in blocks(page):
        if block.language == "toml" and block.title:
            Path(block.title).write_text(block.body)


def check_python(page: Path, excuses: set[str]) -> None:
    namespace: dict = {"__name__": "docs"}
    printed = ""
    write_settings(page)
    for block in blocks(page):
        if block.language == "python":
            # Line numbers of the page, so that a traceback points there.
            code = compile("\n" * block.line + block.body, str(page), "exec")
            with contextlib.redirect_stdout(io.StringIO()) as output:
                if block.excuse not in excuses:
                    exec(code, namespace)
            printed = None if block.excuse in excuses else output.getvalue()
        elif block.language == "text" and block.follows_python and printed is not None:
            assert trimmed(printed) == trimmed(block.body), f"{name_of(page)}:{block.line}"


@pytest.mark.parametrize("page", pages_with("python"), ids=name_of)
def test_python_of_a_page_runs_and_prints_what_the_page_says(page, working_folder):
    check_python(page, {"not run", "slow"})


@pytest.mark.study
@pytest.mark.skipif(study_size(0, 1) == 0, reason="slow pages run at full study size")
@pytest.mark.parametrize(
    "page", [p for p in PAGES if any(b.excuse == "slow" for b in blocks(p))], ids=name_of
)
def test_slow_python_of_a_page_runs_and_prints_what_the_page_says(page, working_folder):
    check_python(page, {"not run"})


def commands_with_output() -> list:
    return [
        pytest.param(block, id=f"{name_of(page)}:{block.line}")
        for page in PAGES
        for block in blocks(page)
        if block.language == "text" and block.title.startswith("leopnt ")
    ]


@pytest.mark.parametrize("block", commands_with_output())
def test_a_command_prints_what_the_page_says(block, working_folder, capsys):
    from leopnt.cli import main

    write_settings(block.page)
    with pytest.raises(SystemExit):
        main(shell_words(block.title)[1:])
    said = capsys.readouterr()
    printed = trimmed(said.out + said.err)
    # The moment and the version change from run to run.
    clock = re.compile(r"^leopnt \S+, created .*$\n?", re.MULTILINE)
    expected = [
        clock.sub("", part).strip("\n") for part in re.split(r"^\.\.\.$", block.body, flags=re.M)
    ]
    printed = clock.sub("", printed)
    for part in expected:
        assert trimmed(part) in printed, printed


@pytest.mark.parametrize("page", pages_with("toml"), ids=name_of)
def test_settings_in_a_page_are_accepted(page):
    from leopnt.scenes.fix_settings import settings_class
    from leopnt.scenes.map_settings import MapSettings
    from leopnt.studies import method_of
    from leopnt.studies.calibration_settings import CalibrationFile

    for block in blocks(page):
        if block.language == "toml" and not block.excuse:
            settings = tomllib.loads(block.body)
            is_study = "study" in settings
            method = method_of(settings["study"]["method"]) if is_study else None
            plain = MapSettings if "map" in settings else settings_class(settings)
            model = method.settings if method else plain
            if "simulation" in settings or "files" in settings:
                model = CalibrationFile
            model.model_validate(settings)


def settings_keys(model, table: str = "Top"):
    """(table, key, default) of every key; None where there is none."""
    for name, field in model.model_fields.items():
        kinds = typing.get_args(field.annotation) or (field.annotation,)
        inner = [kind for kind in kinds if hasattr(kind, "model_fields")]
        if inner:
            yield from settings_keys(inner[0], name if table == "Top" else f"{table}.{name}")
        else:
            yield table, name, None if field.is_required() else field.default


def unlisted_keys(model, sections: dict[str, str]) -> list[str]:
    """Keys of a settings file that have no row, or a row with another default."""
    wrong = []
    for table, key, default in settings_keys(model):
        row = re.search(rf"^\| `{key}` \| (.*?) ?\|", sections[table], re.MULTILINE)
        shown = f"`{json.dumps(default)}`" if default not in (None, "", {}) else ""
        if not row or (row[1] not in ("*required*", shown)):
            wrong.append(f"[{table}] {key} = {default!r}")
    return wrong


def test_the_settings_page_lists_every_key_with_its_default():
    from leopnt.scenes.fix_settings import FixSettings
    from leopnt.scenes.power_fix_settings import PowerFixSettings

    page = (DOCS / "guides" / "settings.md").read_text()
    sections = dict(re.findall(r"^## \[?([\w.]+)\]?\n(.*?)(?=^## |\Z)", page, re.M | re.S))
    assert unlisted_keys(FixSettings, sections) == []
    of_powers = dict(re.findall(r"^### \[([\w.]+)\]\n(.*?)(?=^### |\Z)", page, re.M | re.S))
    assert unlisted_keys(PowerFixSettings, sections | of_powers) == []


# Links


LINK = re.compile(
    r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)|<img[^>]*src=\"([^\"]+)\""
)


def prose(page: Path) -> str:
    """The page without its fenced blocks and inline code."""
    return re.sub(r"`[^`\n]*`", "", FENCE.sub("", page.read_text()))


def anchors(page: Path) -> set[str]:
    text = FENCE.sub("", page.read_text())
    given = set(re.findall(r"\{#([\w.-]+)\}", text)) | set(re.findall(r'id="([\w.-]+)"', text))
    headings = re.findall(r"^#+ +(.*?)(?: *\{#.*\})?$", text, re.MULTILINE)
    plain = [re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading) for heading in headings]
    documented = set(re.findall(r"^::: ([\w.]+)", text, re.MULTILINE))
    return given | documented | {slugify(heading, "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_and_images_of_a_page_exist(page):
    missing = []
    for match in LINK.finditer(prose(page)):
        target = match[1] or match[2]
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        has_anchor = not anchor or file.suffix != ".md" or anchor in anchors(file)
        if not (file.exists() and has_anchor):
            missing.append(target)
    assert not missing


def test_every_image_is_shown_on_a_page():
    shown = "\n".join(page.read_text() for page in PAGES) + (ROOT / "mkdocs.yml").read_text()
    images = [p.name for p in (DOCS / "img").iterdir()]
    assert [name for name in images if name not in shown] == []


# The API pages


def modules() -> list[str]:
    found = [
        info.name
        for info in pkgutil.walk_packages(leopnt.__path__, "leopnt.")
        if not any(part.startswith("_") for part in info.name.split("."))
    ]
    return sorted(name for name in found if ".data." not in name)


def documented_objects() -> list[str]:
    return re.findall(r"^::: ([\w.]+)$", API, re.MULTILINE)


def resolve(path: str):
    """Object of a dotted path: the longest module prefix, then attributes."""
    parts = path.split(".")
    for end in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for name in parts[end:]:
            found = getattr(found, name)
        return found
    raise AssertionError(f"{path} does not exist")


def test_what_the_api_pages_document_exists():
    for path in documented_objects():
        resolve(path)


def test_every_public_module_is_on_an_api_page():
    assert [name for name in modules() if f"`{name}`" not in API] == []


def exported() -> dict[str, object]:
    """What rooms export by `__all__`, submodules left out."""
    found = {}
    for module in map(importlib.import_module, modules()):
        for name in getattr(module, "__all__", ()):
            value = getattr(module, name)
            if not isinstance(value, type(leopnt)):
                found[f"{module.__name__}.{name}"] = value
    return found


def test_what_a_room_exports_is_on_an_api_page():
    listed = documented_objects()
    identities = {id(resolve(path)) for path in listed}
    missing = [
        path
        for path, value in exported().items()
        if path not in listed and id(value) not in identities
    ]
    assert missing == []


# The command line


def commands() -> dict:
    from leopnt.cli.app import app

    return {**app.commands, "": app}


def options_of(command) -> set[str]:
    own = {word for parameter in command.params for word in parameter.opts}
    return own | {"--help", "-h"}


def shell_words(line: str) -> list[str]:
    import shlex

    return shlex.split(line, comments=True)


def command_lines(page: Path) -> list[str]:
    text = page.read_text()
    code = [line for block in blocks(page) for line in [*block.body.splitlines(), block.title]]
    code += re.findall(r"`([^`\n]+)`", FENCE.sub("", text))
    lines = [re.sub(r"^\$ |^\.venv/bin/", "", line.strip()) for line in code]
    return [line for line in lines if re.match(r"leopnt (fix|sky|calibrate|doctor|-)", line)]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_options_in_a_page_exist(page):
    known = commands()
    wrong = []
    for line in command_lines(page):
        words = re.findall(r"\"[^\"]*\"|\S+", line)[1:]
        command = known.get(words[0]) if words and words[0] in known else known[""]
        used = [w.split("=")[0] for w in words if re.fullmatch(r"--?[a-z][a-z-]*(=.*)?", w)]
        wrong += [f"{line}: {w}" for w in used if w not in options_of(command)]
    every = set().union(*map(options_of, known.values()))
    alone = re.findall(r"`(--[a-z][a-z-]*)[^`\n]*`", FENCE.sub("", page.read_text()))
    wrong += [word for word in alone if word not in every]
    assert not wrong


def test_the_command_line_page_lists_every_option():
    page = (DOCS / "api" / "cli.md").read_text()
    missing = [
        f"leopnt {name} {option}"
        for name, command in commands().items()
        for option in options_of(command)
        if option.startswith("--") and f"`{option}" not in page
    ]
    assert not missing


# The bibliography


KEY = re.compile(r"\[([a-z]+(?:-[a-z0-9]+)+|[a-z]{6,})\]")


def docstring_keys() -> dict[str, str]:
    found = {}
    for path in sorted((ROOT / "leopnt").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                text = re.sub(r"`[^`]*`", "", ast.get_docstring(node) or "")
                found |= {key: name_of(path) for key in KEY.findall(text)}
    return found


def test_keys_in_docstrings_are_in_the_bibliography():
    page = (DOCS / "bibliography.md").read_text()
    found = docstring_keys()
    assert found
    assert {key: where for key, where in found.items() if f"{{#{key}}}" not in page} == {}


# Data


def data_sets() -> list[Path]:
    return sorted(p for p in (ROOT / "examples" / "data").iterdir() if p.is_dir())


@pytest.mark.parametrize("folder", data_sets(), ids=lambda p: p.name)
def test_a_data_set_states_source_and_license(folder):
    readme = (folder / "README.md").read_text()
    assert re.search(r"^(- )?Source: ", readme, re.MULTILINE)
    assert re.search(r"^(- )?Licen[sc]e: ", readme, re.MULTILINE)
    assert f"`{folder.name}`" in (DOCS / "data.md").read_text()
    named = [p.name for p in folder.iterdir() if p.name != "README.md"]
    assert len(named) == 1 or [name for name in named if f"`{name}`" not in readme] == []


# The site


def test_the_site_asks_for_nothing_from_the_network(tmp_path, monkeypatch):
    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    monkeypatch.setenv("NO_MKDOCS_2_WARNING", "1")
    build(load_config(str(ROOT / "mkdocs.yml"), site_dir=str(tmp_path / "site"), strict=True))
    fetched = re.compile(
        r"<(?:script|img|iframe|source)[^>]*\ssrc=[\"']?(?:https?:)?//[^\"'> ]+"
        r"|<link[^>]*rel=[\"']?(?:stylesheet|preconnect|preload|icon)[^>]*href=[\"']?(?:https?:)?//[^>]+"
        r"|(?:url\(|@import )[\"']?(?:https?:)?//[^)\"' ]+"
    )
    found = {
        f"{path.name}: {hit}"
        for path in (tmp_path / "site").rglob("*")
        if path.suffix in {".html", ".css"}
        for hit in fetched.findall(path.read_text(encoding="utf-8"))
    }
    assert not found

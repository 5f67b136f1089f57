"""The catalogue, the templates and the schema of study files."""

import importlib
import json
import re
import shutil
import tomllib
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

import leopnt.studies
from leopnt.errors import LeopntError
from leopnt.studies import catalog, catalog_study, load_study, method_of, study_schema
from leopnt.studies.method import MODULES, SceneStudySettings

TLE = Path(__file__).parents[2] / "examples" / "data" / "tle_2025"
METHODS = list(MODULES)
SCENE_METHODS = [
    name for name in METHODS if issubclass(method_of(name).settings, SceneStudySettings)
]


def keys_of(model, table=""):
    """(table, key) of every key that a settings model knows, tables within included."""
    for name, field in model.model_fields.items():
        inside = list(models_in(field.annotation))
        path = f"{table}.{name}".lstrip(".")
        if not inside:
            yield table, name
        for one in inside:
            yield from keys_of(one, path)


def models_in(annotation):
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for one in get_args(annotation):
        yield from models_in(one)


# Templates


def bare(line):
    """A line of a template without its comment mark, if it is one of another choice."""
    match = re.match(r"# (\[|[a-z0-9_]+ = |  \{|\])", line)
    return line[2:] if match else line


def written_keys(text):
    """(table, key) of every key of a template, those behind '#' included."""
    table = array = ""
    for line in map(bare, text.splitlines()):
        header = re.match(r"\[+([a-z_.]+)\]", line)
        if header:
            table = header[1]
        keys = re.findall(r'(?:^|[{,] ?|^\s+\{ )"?([\w.]+)"? = ', line)
        for key in keys:
            yield (f"{table}.{array}" if line.startswith("  ") else table), key
        array = keys[0] if line.endswith("= [") else array


@pytest.mark.parametrize("name", METHODS)
def test_the_template_names_every_key_and_no_other(name):
    known = set(keys_of(method_of(name).settings))
    if name == "doppler_fix":  # its receivers stand
        known = {one for one in known if not one[0].startswith("users.track")}
    text = method_of(name).template
    written = set(written_keys(text))
    inside = {("sweep", "values"), ("published", "at"), ("published", "slope_from")}
    assert known - inside <= written
    free = {"low", "high", "num", "spacing"} | {key for _, key in written if "." in key}
    track = {("users.track", "waypoints")}
    assert {one for one in written - known if one[1] not in free} <= track


@pytest.mark.parametrize("name", SCENE_METHODS)
def test_the_template_shows_the_defaults_of_the_method(name):
    raw, settings = tomllib.loads(method_of(name).template), method_of(name).settings
    for table in ("errors", "method"):
        defaults = settings.model_fields[table].default.model_dump()
        assert raw[table].keys() == defaults.keys()
    hidden = written_values(method_of(name).template)
    for table, key in [
        ("constellation", "max_age_days"),
        ("sweep", "seed"),
        ("output", "keep_trials"),
    ]:
        model = next(models_in(settings.model_fields[table].annotation))
        assert hidden[table, key] == model.model_fields[key].default


def written_values(text):
    """Values behind '#' or not, of keys on one line."""
    found, table = {}, ""
    for line in map(bare, text.splitlines()):
        header = re.match(r"\[+([a-z_.]+)\]", line)
        table = header[1] if header else table
        if re.match(r"[a-z_]+ = [^\[{]", line):
            found |= {(table, k): v for k, v in tomllib.loads(line).items()}
    return found


@pytest.mark.parametrize("name", METHODS)
def test_a_template_is_a_study_without_mistakes(name, tmp_path):
    (tmp_path / "study.toml").write_text(method_of(name).template)
    study = load_study(tmp_path / "study.toml")
    assert study.method is method_of(name)
    assert len(study.points) > 1


def choices(text):
    """The template with one choice after the other taken: the lines behind '#' put in force."""
    lines = text.splitlines()
    table, i = "", 0
    while i < len(lines):
        header = re.match(r"\[([a-z_.]+)\]", lines[i])
        table = header[1] if header else table
        first = i
        if bare(lines[i]) != lines[i] and re.match(r"# \[", lines[i]):
            i += 1
            while i < len(lines) and bare(lines[i]) != lines[i] and not lines[i].startswith("# ["):
                i += 1
            yield table, lines, range(first, i)
            continue
        if bare(lines[i]) != lines[i]:
            yield table, lines, range(i, i + 1)
        i += 1


EXCLUSIVE = {"constellation": "preset = ", "users": "cities = "}


def with_choice(table, lines, chosen):
    key = bare(lines[chosen[0]])
    replaces = key.startswith(("[", "file ="))
    is_star = any('pattern = "star"' in lines[i] for i in chosen)
    found = []
    for i, line in enumerate(lines):
        if replaces and table in EXCLUSIVE and line.startswith(EXCLUSIVE[table]):
            continue
        dated = key.startswith(("file =", "max_age_days =")) and "start = " in line
        beside = key.startswith("max_age_days =") and "file = " in line
        drawn = table == "sweep" and "random only" in line
        skipped = "star only" in line and not is_star
        found.append(
            bare(line) if (i in chosen and not skipped) or dated or beside or drawn else line
        )
    text = "\n".join(found)
    if key.startswith("max_age_days ="):
        text = text.replace("preset = ", "# preset = ", 1)
    if table == "sweep" and "random only" in lines[chosen[0]]:
        text = text.replace('kind = "grid"', 'kind = "random"')
    return text


@pytest.mark.parametrize("name", SCENE_METHODS)
def test_each_other_choice_of_a_template_is_without_mistakes(name, tmp_path):
    shutil.copy(TLE / "iridium.tle", tmp_path / "iridium.tle")
    shutil.copy(TLE / "starlink.tle", tmp_path / "starlink.tle")
    tried = []
    for choice in choices(method_of(name).template):
        text = with_choice(*choice)
        if "low = " in text.split("[output]")[0].split("[sweep.values]")[1] and "random" in text:
            text = re.sub(r", num = \d+", "", text)
        (tmp_path / "study.toml").write_text(text)
        load_study(tmp_path / "study.toml")
        tried.append(bare(choice[1][choice[2][0]]).split("=")[0].split("#")[0].strip())
    expected = ["about", "file", "max_age_days", "satellites", "[constellation.walker]", "start"]
    assert tried[:6] == expected
    assert {"[[users.places]]", "[users.grid]", "[users.random]", "[[published]]"} <= set(tried)
    assert ("[users.track]" in tried) == (name in ("pvt", "urban"))


# Schema


def refs_in(tree):
    if isinstance(tree, dict):
        yield from [tree["$ref"]] if "$ref" in tree else []
        for one in tree.values():
            yield from refs_in(one)
    elif isinstance(tree, list):
        for one in tree:
            yield from refs_in(one)


def schema_keys(schema, node, table=""):
    """(table, key) of every key that a schema knows."""
    if "$ref" in node:
        node = schema["$defs"][node["$ref"].removeprefix("#/$defs/")]
    for one in node.get("anyOf", []):
        yield from schema_keys(schema, one, table)
    if "items" in node:
        yield from schema_keys(schema, node["items"], table)
    for key, one in node.get("properties", {}).items():
        inside = list(schema_keys(schema, one, f"{table}.{key}".lstrip(".")))
        yield from inside or [(table, key)]


@pytest.mark.parametrize("name", METHODS)
def test_the_schema_knows_every_key_and_refuses_others(name):
    schema = study_schema(name)
    assert json.loads(json.dumps(schema, allow_nan=False)) == schema
    assert set(schema_keys(schema, schema)) == set(keys_of(method_of(name).settings))
    for one in [schema, *schema["$defs"].values()]:
        assert one["additionalProperties"] is False
        assert all(
            one["properties"][key].get("description") or "$ref" in one["properties"][key]
            for key in one["properties"]
        )
    has_scene = "users" in method_of(name).settings.model_fields
    needed = ["study", "constellation", "users"] if has_scene else ["study"]
    assert schema["required"] == needed


def test_the_schema_of_all_methods_joins_theirs():
    schema = study_schema()
    known = {one for name in METHODS for one in keys_of(method_of(name).settings)}
    assert set(schema_keys(schema, schema)) == known
    assert set(refs_in(schema)) <= {f"#/$defs/{name}" for name in schema["$defs"]}
    assert len(schema["anyOf"]) == len(METHODS)


def test_the_schema_of_an_unknown_method_is_refused():
    with pytest.raises(LeopntError, match=r"method = 'ptv': expected one of .* mean 'pvt'\?"):
        study_schema("ptv")


# Catalogue


def test_the_catalogue_is_in_order_and_says_what_each_study_is_about():
    entries = catalog()
    assert [one.name for one in entries] == sorted(one.name for one in entries)
    assert {one.method for one in entries} == set(METHODS)
    for one in entries:
        assert 20 < len(one.about) <= 110
        assert "\n" not in one.about
        assert one.path.is_file()


@pytest.mark.parametrize("name", [one.name for one in catalog()])
def test_a_study_of_the_catalogue_is_without_mistakes_and_compares(name):
    study = catalog_study(name)
    assert study.title != study.path.stem
    assert study.settings.published
    assert all(one.source for one in study.settings.published)
    assert study.settings.output.directory is None


def test_numbers_of_the_power_paper_are_all_judged_and_each_row_names_its_tolerance():
    for name in ("power/table-2", "power/table-3", "power/single-user"):
        rows = [one for one in catalog_study(name).settings.published if one.told_kind == "paper"]
        assert not any(one.not_reproducible for one in rows)
        assert all("30 %" in (one.why or one.fitted) for one in rows)
        assert all(one.tolerance == pytest.approx(0.3 * one.value, rel=0.02) for one in rows)


def test_a_study_that_is_not_in_the_catalogue_gets_its_sentence():
    with pytest.raises(LeopntError) as caught:
        catalog_study("pvt/match")
    assert str(caught.value) == (
        "no catalogue study 'pvt/match'. Did you mean 'pvt/matched'? `leopnt list` shows all."
    )
    for hostile in ("../../x", "", "/etc/passwd", "pvt/matched.toml"):
        with pytest.raises(LeopntError, match="no catalogue study"):
            catalog_study(hostile)


def test_the_catalogue_lists_the_files_of_the_package(evidence):
    folder = Path(leopnt.studies.__file__).parent / "catalog_files"
    files = {str(path.relative_to(folder).with_suffix("")) for path in folder.rglob("*.toml")}
    listed = {entry.name for entry in catalog()}
    evidence(
        "studies.library",
        "studies of the catalogue that are missing, unknown or have mistakes",
        "files of the package",
        "own",
        achieved=len(files ^ listed) + sum(not catalog_study(name).points for name in listed),
        tolerance=0,
    )


def test_the_folder_of_the_catalogue_does_not_hide_the_function_of_that_name():
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("leopnt.studies.catalog")
    assert callable(leopnt.studies.catalog)

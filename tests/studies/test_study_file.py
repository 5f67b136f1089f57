"""Study files: all mistakes in one message, points of the sweep, nothing ever executed."""

import copy
import datetime
import socket
import subprocess
import time
import tomllib

import pytest
from study_texts import DOPPLER, PVT, load_text

from leopnt.errors import FormatError, LeopntError
from leopnt.studies import study_file
from leopnt.studies.method import MODULES, method_of
from leopnt.studies.study_file import load_study


@pytest.fixture
def load(tmp_path):
    return lambda text: load_text(tmp_path, text)


def refused(load, text):
    """Lines of the message, without the path of the file."""
    with pytest.raises(LeopntError) as caught:
        load(text)
    first, *more = str(caught.value).splitlines()
    assert "study.toml: " in first
    return [first.split("study.toml: ", 1)[1], *(one.strip() for one in more)]


def swept(**values):
    lines = [f'"{path.replace("__", ".")}" = {value}' for path, value in values.items()]
    return PVT + "[sweep.values]\n" + "\n".join(lines)


# What is read


def test_a_study_holds_what_its_file_says(load, tmp_path):
    text = swept(errors__code_sigma_m="[1, 2.5]", constellation__preset='["gps", "iridium"]')
    study = load(text)
    assert (study.path, study.folder, study.text) == (tmp_path / "study.toml", tmp_path, text)
    assert (study.method.name, study.settings.study.trials, study.title) == ("pvt", 20, "study")
    assert [point.index for point in study.points] == [0, 1, 2, 3]
    found = [
        (p.settings.errors.code_sigma_m, p.settings.constellation.preset) for p in study.points
    ]
    assert found == [(1.0, "gps"), (1.0, "iridium"), (2.5, "gps"), (2.5, "iridium")]
    assert study.settings.errors.code_sigma_m == 1.0
    assert load('title = "Other"\n' + text).title == "Other"


def test_whole_numbers_stand_for_floats_and_nothing_else_does(load):
    point = load(swept(errors__code_sigma_m="[1, 2]")).points[1]
    assert point.settings.errors.code_sigma_m == 2.0
    assert isinstance(point.settings.errors.code_sigma_m, float)
    for wrong in ("true", '"2"', "nan", "inf", "-2", f"1{400 * '0'}"):
        (line,) = refused(load, swept(errors__code_sigma_m=f"[1, {wrong}]"))
        assert line.startswith("[sweep] at errors.code_sigma_m = ")
        assert line.endswith("expected the code noise at the zenith in metres, above 0.")


def test_floats_do_not_stand_for_whole_numbers(load):
    line = refused(load, DOPPLER + '[sweep.values]\n"method.satellites" = [6, 6.0]')[0]
    assert "[sweep] at method.satellites = 6.0: [method] satellites = 6.0: expected" in line


def test_a_random_sweep_is_laid_out_as_its_seed_says(load):
    text = PVT + '[sweep]\nkind = "random"\npoints = 4\nseed = 2\n[sweep.values]\n'
    text += '"antenna.mask_deg" = { low = 5, high = 30 }\n"constellation.preset" = ["gps", "bds-3"]'
    one, again = load(text), load(text)
    assert [p.values for p in one.points] == [p.values for p in again.points]
    for point in one.points:
        assert point.settings.antenna.mask_deg == point.values["antenna.mask_deg"]
        assert point.settings.constellation.preset == point.values["constellation.preset"]


def test_paths_are_swept_into_tables_that_the_file_leaves_out(load):
    study = load(swept(errors__zenith_delay_m="[0, 3]", signal__carrier_hz="[1e9, 2e9]"))
    assert [p.settings.errors.zenith_delay_m for p in study.points] == [0.0, 0.0, 3.0, 3.0]
    assert [p.settings.signal.carrier_hz for p in study.points] == [1e9, 2e9, 1e9, 2e9]


# Mistakes


def test_mistakes_of_every_kind_come_in_one_message(load):
    text = (
        PVT.replace("trials = 20", "trials = -5")
        .replace('"gps"', '"gsp"')
        .replace("mask_deg", "mask_degree")
        .replace('"Quito"', '"Quitto"')
    )
    text += '[errors]\ncode_sigma_m = "1 m"\n[method]\nwieghts = "equal"\n[tiem]\nstep_s = 1\n'
    text += (
        '[sweep]\nkind = "grd"\n[sweep.values]\n"errors.code_sgma_m" = [1]\n"users.grid" = [1]\n'
    )
    lines = refused(load, text)
    assert lines[0] == "10 mistakes."
    for sentence in (
        "[study] trials = -5: expected the Monte Carlo trials of each case",
        "[constellation] preset = 'gsp': expected one of 'iridium', 'oneweb',",
        "Did you mean 'gps'?",
        "[antenna] mask_degree: unknown key. Did you mean 'mask_deg'? Accepted: mask_deg.",
        "[users] cities[1]: no city 'Quitto'. Did you mean 'Quito'?",
        "[errors] code_sigma_m = '1 m': expected the code noise at the zenith in metres, above 0.",
        "[method] wieghts: unknown key. Did you mean 'weights'? Accepted: weights.",
        "tiem: unknown key. Did you mean 'time'?",
        "[sweep] kind = 'grd': expected 'grid' (every combination),",
        "[sweep.values] errors.code_sgma_m: there is no 'errors.code_sgma_m'. "
        "Did you mean 'errors.code_sigma_m'?",
        "[sweep.values] users.grid: cannot be swept: users are cases of every point",
    ):
        assert any(sentence in one for one in lines[1:]), (sentence, lines)


def test_no_sentence_is_said_twice(load):
    lines = refused(load, swept(errors__code_sigma_m="[1, -1, -1]") + '\n[method]\nweights = "x"')
    assert len(lines) == len(set(lines)) == 3


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("errors.code_sigma", "Did you mean 'errors.code_sigma_m'?"),
        ("erors.code_sigma_m", "there is no 'erors'. Did you mean 'errors'?"),
        ("errors", "is a table; sweep one of its keys: errors.code_sigma_m, errors.elevation_"),
        ("constellation.walker", "is a table; sweep one of its keys: constellation.walker.pattern"),
        ("errors.code_sigma_m.x", "there is no 'errors.code_sigma_m'."),
        ("errors.", "there is no 'errors.'. Accepted: errors.code_sigma_m,"),
        ("", "there is no ''. Accepted: title, about"),
        (".", "there is no ''. Accepted: title, about"),
        ("__class__.__init__", "there is no '__class__'."),
        ("constellation.__dict__", "there is no 'constellation.__dict__'."),
        (
            "study.seed",
            "cannot be swept: method, trials and seed are the same for the whole study.",
        ),
        ("sweep.kind", "cannot be swept: a sweep does not sweep itself."),
        ("output.directory", "cannot be swept: the output is the same for the whole study."),
        ("title", "cannot be swept: the title is the same for the whole study."),
        ("about", "cannot be swept: it is text."),
        ("published", "cannot be swept: published numbers are compared with, not varied."),
        ("users.random.count", "cannot be swept: users are cases of every point; give several"),
        ("time.step_s", "cannot be swept: epochs are cases of every point; give duration_s"),
    ],
)
def test_a_path_that_cannot_be_swept_gets_its_sentence(load, path, sentence):
    (line,) = refused(load, f'{PVT}[sweep.values]\n"{path}" = [1, 2]')
    assert line.startswith(f"[sweep.values] {path}: ")
    assert sentence in line


def test_a_mistake_at_one_point_only_is_refused_and_the_point_named(load):
    text = swept(errors__code_sigma_m="[1.0, 2.0]", antenna__mask_deg="[10, 95]")
    (line,) = refused(load, text)
    assert line == (
        "[sweep] at errors.code_sigma_m = 1.0, antenna.mask_deg = 95: [antenna] mask_deg = 95: "
        "expected the lowest elevation in degrees, 0 to below 90."
    )


def test_what_only_a_combination_gets_wrong_is_found_at_its_point(load):
    walker = 'walker = { pattern = "star", satellites = 66, planes = 6, inclination_deg = 86.4, '
    text = PVT.replace('preset = "gps"', walker + "altitude_km = 781.0 }")
    values = '[sweep.values]\n"constellation.walker.planes" = [6, 7, 11]'
    (line,) = refused(load, text + values)
    assert line.startswith("[sweep] at constellation.walker.planes = 7: [constellation.walker] ")
    assert "satellites = 66: expected a multiple of the 7 planes." in line
    assert len(load(text + values.replace("7", "3")).points) == 3


def test_a_long_sweep_of_mistakes_is_cut(load):
    text = swept(antenna__mask_deg="{ low = 100, high = 200, num = 50 }")
    lines = refused(load, text)
    assert lines[-1] == "[sweep]: after 20 mistakes the other points were not looked at."
    assert len(lines) == 22


def test_texts_are_swept_and_checked_at_each_point(load):
    study = load(swept(method__weights='["equal", "modelled"]'))
    assert [p.settings.method.weights for p in study.points] == ["equal", "modelled"]
    (line,) = refused(load, swept(method__weights='["equal", "modeled"]'))
    assert line.startswith("[sweep] at method.weights = 'modeled': [method] weights = 'modeled': ")
    assert line.endswith("Did you mean 'modelled'?")


@pytest.mark.parametrize("value", ["3", '"x"', "[]", "true"])
def test_a_value_in_the_place_of_a_swept_table_is_refused(load, value):
    text = f"errors = {value}\n" + swept(errors__code_sigma_m="[1, 2]")
    (line,) = refused(load, text)
    assert line.startswith("errors = ")
    assert line.endswith(": expected a table.")


def test_without_a_method_the_common_mistakes_are_said_and_the_others_wait(load):
    text = PVT.replace('method = "pvt"\n', "").replace("trials = 20", "trials = 0")
    lines = refused(load, text)
    assert lines[0] == "2 mistakes."
    names = ", ".join(repr(name) for name in MODULES)
    assert f"[study] method: missing; expected one of {names}." in lines
    assert lines[2].startswith("[study] trials = 0: expected the Monte Carlo trials")
    lines = refused(load, text.replace("[study]", '[study]\nmethod = "ptv"'))
    offered = f"expected one of {names}. Did you mean 'pvt'?"
    assert lines[1] == f"[study] method = 'ptv': {offered}"
    assert len(lines) == 3
    assert refused(load, PVT.replace('"pvt"', "3")) == [
        f"[study] method = 3: expected one of {names}."
    ]
    assert refused(load, "")[0].startswith("study: missing; expected a table with method")
    assert refused(load, "study = 3")[0].startswith("study = 3: expected a table with method")


def test_a_file_that_is_not_there_or_not_toml_gets_its_sentence(tmp_path):
    (tmp_path / "study.toml").write_text(PVT)
    with pytest.raises(LeopntError, match=r"stdy.toml: no such file. Did you mean 'study.toml'\?"):
        load_study(tmp_path / "stdy.toml")
    with pytest.raises(LeopntError, match="is a folder; expected a file"):
        load_study(tmp_path)
    for content in (b"[study\n", b"\x00\x01", b"a = 1\na = 2\n", b"x = 0x" + b"f" * 10 + b"g"):
        (tmp_path / "bad.toml").write_bytes(content)
        with pytest.raises(FormatError):
            load_study(tmp_path / "bad.toml")


def test_endless_numbers_are_refused_in_a_sentence(load):
    endless = "0x" + "f" * 5000
    for text in (
        f"[errors]\ncode_sigma_m = {endless}",
        f'[sweep.values]\n"errors.code_sigma_m" = [1, {endless}]',
        f'[sweep.values]\n"errors.code_sigma_m" = [[{endless}]]',
        f"[method]\nweights = [{endless}]",
    ):
        assert all(len(line) < 400 for line in refused(load, PVT + text))


# Doppler


def test_the_arcs_of_a_doppler_study_have_to_fit_its_span(load):
    (line,) = refused(load, DOPPLER.replace("7200.0", "300.0"))
    assert line == (
        "[method] shortest_arc_s = 60.0, longest_arc_s = 600.0: expected 0 < shortest <= longest "
        "<= [time] duration_s = 300.0."
    )


@pytest.mark.parametrize("duration_s", [0.0, 7200.0])
def test_a_doppler_study_solves_for_a_position_and_for_everything_once(load, duration_s):
    text = DOPPLER.replace("7200.0", str(duration_s)) + "[method]\nunknowns = "
    sentence = "[method] unknowns: 'position' is missing; a fix solves for it."
    assert refused(load, text + '["velocity"]') == [sentence]
    assert refused(load, text + "[]") == [sentence]
    twice = refused(load, text + '["position", "velocity", "velocity"]')
    assert twice == ["[method] unknowns: 'velocity' is there twice."]


def test_a_doppler_study_has_no_track(load):
    track = "[users.track]\nwaypoints = [{ time_s = 0, latitude_deg = 0, longitude_deg = 0 }, "
    track += "{ time_s = 9000, latitude_deg = 1, longitude_deg = 1 }]"
    text = DOPPLER.replace('[users]\ncities = ["Paris", "Quito"]', track)
    assert (
        "[users] track: doppler_fix studies receivers that stand; give places instead."
        in refused(load, text)
    )


# Nothing is executed, and nothing fetched


def test_study_files_run_no_code_and_open_no_connection(load, monkeypatch, tmp_path):
    def trap(*_, **__):
        raise AssertionError("a study file reached out")

    monkeypatch.setattr(socket, "socket", trap)
    monkeypatch.setattr(subprocess, "Popen", trap)
    monkeypatch.setattr("os.system", trap)
    code = "__import__('os').system('touch there')"
    for text in (
        PVT.replace('"pvt"', f'"{code}"'),
        PVT.replace('"pvt"', '"os.path"'),
        PVT.replace('"pvt"', '"leopnt.studies.pvt_study"'),
        PVT.replace('preset = "gps"', 'file = "http://127.0.0.1:9/gps.tle"'),
        PVT.replace('preset = "gps"', 'file = "/etc/hostname"'),
        PVT.replace('preset = "gps"', 'file = "!!python/object:os.system"'),
        PVT.replace('preset = "gps"', 'file = "a\\u0000b"'),
        PVT.replace('"Paris"', f'"{code}"'),
        swept(errors__code_sigma_m=f'["{code}"]'),
        swept(**{code: "[1]"}),
        swept(errors__code_sigma_m='["${HOME}", "$(id)", "{0.__class__}"]'),
        PVT + '[output]\ndirectory = "a\\u0000b"',
    ):
        assert refused(load, text)
    assert [p.name for p in tmp_path.iterdir()] == ["study.toml"]


# Fuzz

BAD = (
    True, 3, -1, 0, 1.5, float("nan"), float("inf"), -float("inf"), 1e308, 10**400, -(16**5000),
    "", "x", "__import__('os')", "../../x", "http://127.0.0.1:9/x", "\0", "{0}", "\n", [], [[]],
    [1], ["a", "a"], [True], {}, {"x": 1}, {"low": 1, "high": 2, "num": 3}, [{}], [{"a": {}}],
    datetime.datetime(2025, 1, 1), [16**5000],
)  # fmt: skip

WALKER = {
    "pattern": "star", "satellites": 66, "planes": 6, "phasing": 2, "inclination_deg": 86.4,
    "altitude_km": 781.0, "node_spread_deg": 189.6,
}  # fmt: skip
GRID = {"latitude_deg": [-60.0, 60.0, 60.0], "longitude_deg": [0.0, 90.0, 90.0], "height_m": 0.0}
RANDOM = {"count": 3, "latitude_deg": [-1.0, 1.0], "height_m": 0.0, "seed": 0}
PLACE = {"name": "Roof", "latitude_deg": 1.0, "longitude_deg": 2.0, "height_m": 0.0}
START = {"time_s": 0.0, "latitude_deg": 1.0, "longitude_deg": 2.0, "height_m": 5.0}
TRACK = {"waypoints": [START, {**START, "time_s": 600.0, "longitude_deg": 2.1}]}


def filled(name):
    """The template of a method with every optional table, and the alternatives one by one."""
    raw = tomllib.loads(method_of(name).template)
    path, values = next(iter(raw["sweep"]["values"].items()))
    raw |= {"about": "x", "output": {"directory": "o", "keep_trials": True}}
    if "time" in raw:
        raw["time"]["start"] = "2025-12-28T12:00:00Z"
    number = {"quantity": "rmse_3d", "value": 1.0, "tolerance": 1.0, "source": "x"}
    raw["published"] = [{**number, "at": {path: values[0]}, "fitted": "", "why": ""}]
    yield raw
    if "users" not in raw:
        return
    yield raw | {"constellation": {"walker": WALKER}, "users": {"grid": GRID}}
    ranges = {"antenna.mask_deg": {"low": 1.0, "high": 2.0, "num": 2, "spacing": "log"}}
    yield (
        raw
        | {"users": {"random": RANDOM}, "sweep": {"kind": "list", "values": ranges}}
        | {"published": []}
    )
    ranges = {"signal.carrier_hz": {"low": 1e9, "high": 2e9}}
    drawn = {"kind": "random", "points": 3, "seed": 0, "values": ranges}
    yield raw | {"users": {"places": [PLACE]}, "sweep": drawn, "published": []}
    if name in ("pvt", "urban"):
        yield raw | {"users": {"track": TRACK}}


def places_in(tree, path=()):
    items = (
        tree.items()
        if isinstance(tree, dict)
        else enumerate(tree)
        if isinstance(tree, list)
        else ()
    )
    for key, one in items:
        yield (*path, key)
        yield from places_in(one, (*path, key))


def parent(raw, path):
    for step in path[:-1]:
        raw = raw[step]
    return raw


def verdict(monkeypatch, folder, raw):
    """Empty if the study is accepted, else the message; any other error is a defect."""
    monkeypatch.setattr(study_file, "read_toml", lambda path: ("", raw))
    try:
        load_study(folder / "study.toml")
    except LeopntError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("name", list(MODULES))
def test_a_wrong_value_anywhere_is_refused_by_name_or_accepted(
    name, monkeypatch, tmp_path, untyped, evidence
):
    tried = accepted = 0
    unnamed = []
    for base in filled(name):
        assert verdict(monkeypatch, tmp_path, base) == ""
        for number, path in enumerate(places_in(base)):
            for bad in BAD[number % 3 :: 3]:
                changed = copy.deepcopy(base)
                parent(changed, path)[path[-1]] = bad
                message = verdict(monkeypatch, tmp_path, changed)
                tried, accepted = tried + 1, accepted + (not message)
                words = {str(step) for step in path if isinstance(step, str)}
                if message and not any(word in message for word in words | {"is not swept"}):
                    unnamed.append((path, bad, message))
    assert not unnamed
    assert accepted < 0.15 * tried
    evidence(
        "studies.study_file",
        f"{name}: wrong values that end in a sentence which does not name the place",
        "every key and value of the template replaced",
        "own",
        achieved=len(unnamed),
        tolerance=0,
    )


@pytest.mark.parametrize("name", list(MODULES))
def test_every_misspelt_key_is_refused_and_the_right_one_offered(
    name, monkeypatch, tmp_path, untyped, evidence
):
    wrong = []
    for base in filled(name):
        for path in places_in(base):
            if isinstance(path[-1], int):
                continue
            changed = copy.deepcopy(base)
            table = parent(changed, path)
            right = path[-1].split(".")[-1]
            table[path[-1] + "x"] = table.pop(path[-1])
            message = verdict(monkeypatch, tmp_path, changed)
            named = f"{right}x" in message
            if path[-2:-1] not in (("at",), ("walker",)) and path[:2] != ("sweep", "values"):
                named &= f"Did you mean {right!r}?" in message
            if not named:
                wrong.append((path, message))
    assert wrong == []
    capability = method_of(name).settings.__module__.removeprefix("leopnt.")
    evidence(
        capability,
        "misspelt keys that are accepted, or refused without the right one",
        "every key of the file misspelt",
        "own",
        achieved=len(wrong),
        tolerance=0,
    )


def test_a_file_is_checked_in_the_time_of_a_keystroke(load, untyped):
    load(PVT)
    begin = time.process_time()
    load(swept(errors__code_sigma_m="{ low = 1, high = 9, num = 30 }", antenna__mask_deg="[5, 9]"))
    assert time.process_time() - begin < 1.0

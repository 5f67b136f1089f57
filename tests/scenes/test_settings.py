"""Settings files: every mistake in one message, each with its place and what is accepted."""

import pytest
from pydantic import Field

from leopnt.errors import LeopntError
from leopnt.scenes.fix_settings import FixSettings, load_fix_file
from leopnt.scenes.fix_tables import OUTPUT_FORMATS, carrier_hint
from leopnt.scenes.settings import SettingsTable, field_problems, listed, read_toml

LOG = "time_s,satellite,doppler_hz\n1,A,5\n"
GOOD = """
[measurement]
type = "doppler"
file = "log.csv"
carrier_hz = 1.626e9
[measurement.columns]
sat_pos_ecef_m = ["x", "y", "z"]
sat_vel_ecef_mps = ["vx", "vy", "vz"]
"""
WITH_FILE = """
[measurement]
type = "doppler"
file = "log.csv"
carrier_hz = 1.626e9
reference_epoch = "2025-12-28T12:00:00Z"
[satellites]
file = "sats.tle"
"""


def written(folder, text, name="fix.toml"):
    (folder / "log.csv").write_text(LOG)
    (folder / "sats.tle").write_text("")
    path = folder / name
    path.write_text(text)
    return path


def mistakes(folder, text):
    with pytest.raises(LeopntError) as caught:
        load_fix_file(written(folder, text))
    return str(caught.value)


def test_settings_come_back_with_their_defaults(tmp_path):
    settings = load_fix_file(written(tmp_path, GOOD)).settings
    assert settings.estimate.unknowns == ["position", "frequency_offset"]
    assert settings.measurement.correction == "first-order"
    assert settings.measurement.states_at == "transmission"
    assert settings.output.formats == list(OUTPUT_FORMATS)
    assert settings.truth is None


def test_paths_are_relative_to_the_settings_file(tmp_path, monkeypatch):
    path = written(tmp_path, GOOD)
    monkeypatch.chdir(tmp_path.parent)
    file = load_fix_file(f"{tmp_path.name}/fix.toml")
    assert file.resolve("log.csv").resolve() == tmp_path / "log.csv"
    assert file.text == path.read_text()


def test_every_planted_mistake_is_named_in_one_message(tmp_path, evidence):
    text = """
titel = "x"
[measurement]
type = "dopler"
file = "nolog.csv"
carrier_hz = "1626 MHz"
[measurement.columns]
dopler_hz = "d"
sat_pos_ecef_m = ["x", "y"]
[estimate]
unknowns = ["position", "frequency_ofset"]
mask_deg = 95
[truth]
latitude_deg = 22.0
"""
    planted = [
        "titel: unknown key. Did you mean 'title'?",
        "[measurement] type = 'dopler': expected 'doppler' or 'power'. Did you mean 'doppler'?",
        "nolog.csv: no such file.",
        "[measurement] carrier_hz = '1626 MHz': expected the transmitted carrier in Hz, 1e+07 to",
        "[measurement.columns] dopler_hz: unknown key. Did you mean 'doppler_hz'? Accepted: time",
        "[measurement.columns] sat_pos_ecef_m = ['x', 'y']: expected the names of three columns",
        "[measurement.columns] sat_vel_ecef_mps: missing; sat_pos_ecef_m alone gives no Doppler.",
        "[estimate] unknowns[1] = 'frequency_ofset': expected a list of names out of 'position', ",
        "Did you mean 'frequency_offset'?",
        "[estimate] mask_deg = 95: expected the lowest elevation in degrees, 0 to below 90.",
        "[truth] height_m, longitude_deg: missing; or give ecef_m.",
    ]
    message = mistakes(tmp_path, text)
    assert "fix.toml: 10 mistakes.\n" in message
    missed = [one for one in planted if one not in message]
    assert not missed
    for capability in ("scenes.settings", "scenes.fix_settings"):
        evidence(
            capability,
            "mistakes of a file that its one message leaves out",
            "ten mistakes planted by hand",
            "closed form",
            achieved=len(missed) + abs(message.count("\n") - 10),
            tolerance=0,
        )


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('file = "log.csv"', "", "[measurement] file: missing; expected the measurement log, CSV"),
        ('"log.csv"', '""', "[measurement] file = '': expected the measurement log, CSV or Parq"),
        ('"log.csv"', '"."', "is a folder; expected a file."),
        ("1.626e9", "1626.27", "1626.27 looks like MHz; write 1626270000."),
        ("1.626e9", "1.6", "1.6 looks like GHz; write 1600000000."),
        ("1.626e9", "1626270.833", "1626270.833 looks like kHz; write 1626270833."),
        ("1.626e9", "true", "[measurement] carrier_hz = True: expected the transmitted carrier"),
        ("1.626e9", "nan", "[measurement] carrier_hz = nan: expected the transmitted carrier in"),
        ("carrier_hz = 1.626e9", "", "[measurement] carrier_hz: missing; expected the transmitted"),
        ("1.626e9", "1e9\nsigma_hz = 0", "[measurement] sigma_hz = 0: expected the standard devi"),
        ("1.626e9", '1e9\nweights = "equal"', "weights = 'equal': expected 'given' (sigma_hz is"),
        ("1.626e9", '1e9\nweights = "given"', "weights = 'given': sigma_hz is given nowhere."),
        ("1.626e9", '1e9\ncorrection = "none"', "correction = 'none': expected 'first-order' or"),
        ("1.626e9", '1e9\ntime_scale = "GPST"', "time_scale: goes with reference_epoch, which is"),
        ("1.626e9", "1e9\n[measurement.satellite_carrier_hz]\nA = 3", "_carrier_hz] A = 3: expe"),
        ('["x", "y", "z"]', '["x", "y", 3]', "sat_pos_ecef_m[2] = 3: expected the names of three"),
        ("sat_pos", 'carrier_hz = "f"\nsat_pos', "the column carrier_hz gives it already; drop"),
        ("sat_pos", 'time_s = "a"\ntime_utc = "b"\nsat_pos', "time_s and time_utc: give one of"),
    ],
)  # fmt: skip
def test_a_mistake_under_measurement_gets_its_sentence(tmp_path, old, new, sentence):
    assert old in GOOD
    assert sentence in mistakes(tmp_path, GOOD.replace(old, new, 1))


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ("[estimate]\nunknowns = []", "[estimate] unknowns: 'position' is missing; a fix solves"),
        ('[estimate]\nunknowns = "position"', "unknowns = 'position': expected a list of names"),
        ('[estimate]\nunknowns = ["position", "position"]', "'position' is named twice."),
        ('[estimate]\nunknowns = ["position", "frequency_offset", "satellite_frequency_offset"]',
         "'frequency_offset' and 'satellite_frequency_offset' together cannot be told apart"),
        ('[estimate]\nunknowns = ["position", "satellite_time_offset"]',
         "'satellite_time_offset' needs an a-priori sigma; give [estimate.ageing]."),
        ("[estimate]\nheight_m = 9e6", "height_m = 9000000.0: expected metres above the WGS 84"),
        ("[estimate]\nheight_sigma_m = 1", "height_sigma_m: goes with height_m, which is not giv"),
        ("[estimate]\nsnooping_sigmas = 1", "snooping_sigmas = 1: expected the normalized resid"),
        ("[estimate]\nstart = 3", "[estimate] start = 3: expected a table with latitude_deg and"),
        ("[estimate.start]\nlatitude_deg = 91\nlongitude_deg = 0", "[estimate.start] latitude_d"),
        ("[estimate.start]\nlatitude_deg = 9", "[estimate.start] longitude_deg: missing; expect"),
        ("[estimate.ageing]\nper_day = 9", "[estimate.ageing] per_day: unknown key. Did you mean"),
        ("[truth]\necef_m = [1.0, 2.0]", "[truth] ecef_m = [1.0, 2.0]: expected three ECEF coor"),
        ("[truth]\necef_m = [1.0, 2.0, 3.0]\nheight_m = 0.0", "[truth] ecef_m and height_m: giv"),
        ('[output]\nformats = ["pdf"]', "[output] formats[0] = 'pdf': expected a list of names o"),
        ('[output]\ndirectory = ""', "[output] directory = '': expected a folder, made if it is"),
        ('[satellites]\nfile = "sats.tle"', "satellite states would come from two places; drop"),
        ('[satellites]\nfile = "sat.tle"', "sat.tle: no such file. Did you mean 'sats.tle'?"),
        ("measurment = 3", "measurment: unknown key. Did you mean 'measurement'?"),
    ],
)  # fmt: skip
def test_a_mistake_in_another_table_gets_its_sentence(tmp_path, table, sentence):
    text = table + GOOD if table.startswith("meas") else GOOD + table
    assert sentence in mistakes(tmp_path, text)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("reference_epoch", "#", "[measurement] reference_epoch: missing; with a [satellites] fil"),
        ("reference", 'columns = { time_utc = "t" }\nreference', "goes with the column time_s onl"),
        ("[sat", 'states_at = "reception"\n[sat', "states_at: goes with the columns sat_pos_ecef"),
        ('[satellites]\nfile = "sats.tle"', "", "[satellites]: missing; expected a table with the"),
        ("sats.tle\"", 'sats.tle"\nmax_age_days = 0', "max_age_days = 0: expected the oldest elem"),
    ],
)  # fmt: skip
def test_a_mistake_about_satellites_gets_its_sentence(tmp_path, old, new, sentence):
    load_fix_file(written(tmp_path, WITH_FILE))
    assert sentence in mistakes(tmp_path, WITH_FILE.replace(old, new, 1))


def test_a_file_that_is_no_toml_is_refused_with_the_place(tmp_path):
    message = mistakes(tmp_path, "title = Hong Kong\n")
    assert "fix.toml: is not a settings file (TOML): " in message
    assert "line 1, column 9" in message


def test_a_missing_settings_file_names_its_neighbor(tmp_path):
    written(tmp_path, GOOD)
    with pytest.raises(LeopntError, match=r"fx.toml: no such file. Did you mean 'fix.toml'\?"):
        load_fix_file(tmp_path / "fx.toml")


def test_a_byte_order_mark_does_not_hurt(tmp_path):
    path = written(tmp_path, "")
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert read_toml(path)[1]["measurement"]["type"] == "doppler"


def test_a_carrier_in_range_gets_no_hint():
    assert carrier_hint("carrier_hz", 1.6e9) == ""
    assert carrier_hint("sigma_hz", 1626.0) == ""


def test_every_field_says_what_it_accepts():
    def fields(model):
        for name, field in model.model_fields.items():
            yield f"{model.__name__}.{name}", field
            inside = getattr(field.annotation, "__args__", (field.annotation,))
            for one in inside:
                if isinstance(one, type) and issubclass(one, SettingsTable):
                    yield from fields(one)

    assert not [name for name, field in fields(FixSettings) if not field.description]


def test_one_mistake_stands_on_the_line_of_the_file(tmp_path):
    class Small(SettingsTable):
        size: float = Field(gt=0, description="a size above 0")

    problems = list(field_problems(Small, {"size": -1}, lambda name, value: f" Not {value:g}."))
    assert problems == ["size = -1: expected a size above 0. Not -1."]
    assert listed(tmp_path / "a.toml", problems).endswith("a.toml: " + problems[0])

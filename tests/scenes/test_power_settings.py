"""Settings of fixes from powers: every mistake in one message, each with its place."""

import pytest

from leopnt.errors import LeopntError
from leopnt.scenes.doppler_scene import load_doppler_scene
from leopnt.scenes.fix_settings import FixSettings, load_fix_file
from leopnt.scenes.power_fix_settings import PowerFixSettings
from leopnt.scenes.power_scene import load_power_scene
from leopnt.scenes.settings import SettingsTable

LOG = "time_s,satellite,beam,power_dbw\n1,A,5,-150\n"
GOOD = """
[measurement]
type = "power"
file = "log.csv"
carrier_hz = 1.6e9
integration_s = 1e-3
reference_epoch = "2025-12-28T12:00:00Z"
[satellites]
file = "sats.tle"
[antenna]
model = "B52"
[estimate]
unknowns = ["position"]
"""
DOPPLER = '[doppler]\nfile = "log.csv"\nsigma_hz = 5.0\n'
COLUMNS = """
[measurement]
type = "power"
file = "log.csv"
carrier_hz = 1.6e9
integration_s = 1e-3
[measurement.columns]
sat_pos_ecef_m = ["x", "y", "z"]
sat_vel_ecef_mps = ["vx", "vy", "vz"]
[antenna]
model = "B52"
"""


def written(folder, text):
    (folder / "log.csv").write_text(LOG)
    (folder / "sats.tle").write_text("")
    path = folder / "fix.toml"
    path.write_text(text)
    return path


def mistakes(folder, text):
    with pytest.raises(LeopntError) as caught:
        load_fix_file(written(folder, text))
    return str(caught.value)


def test_the_type_decides_which_tables_are_read(tmp_path):
    assert isinstance(load_fix_file(written(tmp_path, GOOD)).settings, PowerFixSettings)
    doppler = COLUMNS.replace('"power"', '"doppler"').replace("integration_s = 1e-3", "")
    doppler = doppler.replace('[antenna]\nmodel = "B52"\n', "")
    assert isinstance(load_fix_file(written(tmp_path, doppler)).settings, FixSettings)
    with pytest.raises(LeopntError, match=r"type = 'doppler'; a power scene needs 'power'\."):
        load_power_scene(tmp_path / "fix.toml")
    with pytest.raises(LeopntError, match=r"type = 'power'; a Doppler scene needs 'doppler'\."):
        load_doppler_scene(written(tmp_path, GOOD))


@pytest.mark.parametrize("kind", ["'range'", "3"])
def test_another_type_is_refused_with_both_names(tmp_path, kind):
    message = mistakes(tmp_path, GOOD.replace('"power"', kind, 1))
    assert message.endswith(
        f"fix.toml: [measurement] type = {kind}: expected 'doppler' or 'power'."
    )


def test_settings_come_back_with_their_defaults(tmp_path):
    settings = load_fix_file(written(tmp_path, GOOD)).settings
    assert settings.measurement.noise_temperature_k == 290.0
    assert (settings.estimate.height_m, settings.estimate.height_sigma_m) == (0.0, 1000.0)
    assert settings.antenna.elements == [8, 8]
    assert settings.antenna.attitude == "orbit"
    assert settings.doppler is None


def test_every_planted_mistake_is_named_in_one_message(tmp_path, evidence):
    text = """
[measurement]
type = "power"
file = "nolog.csv"
carrier_hz = 1600
integration_s = 0
[measurement.columns]
powr_dbw = "p"
sat_pos_ecef_m = ["x", "y", "z"]
[antenna]
model = "B53"
atitude = "orbit"
[estimate]
unknowns = ["position", "levle", "frequency_offset"]
height_sigma_m = -1.0
level_sigma_db = 1.0
[truth]
height_m = 5.0
"""
    planted = [
        "nolog.csv: no such file.",
        "[measurement] carrier_hz = 1600: expected the transmitted carrier in Hz",
        "1600 looks like MHz; write 1600000000.",
        "[measurement] integration_s = 0: expected the coherent integration time of a power in",
        "[measurement.columns] powr_dbw: unknown key. Did you mean 'power_dbw'?",
        "[measurement.columns] sat_vel_ecef_mps: missing; sat_pos_ecef_m alone gives no axes of",
        "[antenna] model = 'B53': expected 'B52'. Did you mean 'B52'?",
        "[antenna] atitude: unknown key. Did you mean 'attitude'?",
        "[estimate] unknowns[1] = 'levle': expected a list of names out of 'position', 'level', 'f",
        "Did you mean 'level'?",
        "[estimate] unknowns: 'frequency_offset' needs a [doppler] table; there is none.",
        "[estimate] height_sigma_m = -1.0: expected the standard deviation of height_m in metres",
        "[estimate] level_sigma_db: goes with the unknown 'level', which is not named.",
        "[truth] latitude_deg, longitude_deg: missing; or give ecef_m.",
    ]
    message = mistakes(tmp_path, text)
    missed = [one for one in planted if one not in message]
    assert missed == []
    for capability in ("scenes.power_fix_settings", "scenes.fix_tables"):
        evidence(
            capability,
            "mistakes of a power file that its one message leaves out",
            "twelve mistakes planted by hand",
            "closed form",
            achieved=len(missed) + abs(message.count("\n") - 12),
            tolerance=0,
        )


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("integration_s = 1e-3", "", "[measurement] integration_s: missing; expected the coherent"),
        ("carrier_hz = 1.6e9", "", "[measurement] carrier_hz: missing; expected the transmitted"),
        ("reference_epoch", "#", "[measurement] reference_epoch: missing; with a [satellites] fil"),
        ("[sat", "noise_temperature_k = 0\n[sat", "noise_temperature_k = 0: expected the receiver"),
        ("[sat", 'columns = { power_dbw = "a", power_dbm = "b" }\n[sat', "power_dbm: give one of"),
        ("[sat", 'columns = { integration_s = "a" }\n[sat', "integration_s: the column integratio"),
        ("[sat", 'columns = { carrier_hz = "a" }\n[sat', "carrier_hz: the column carrier_hz gives"),
        ('[satellites]\nfile = "sats.tle"', "", "[satellites]: missing; expected a table with the"),
        ('[antenna]\nmodel = "B52"', "", "antenna: missing; expected a table with model or file."),
        ('model = "B52"', 'attitude = "orbit"', "[antenna] model: missing; expected 'B52', or a p"),
        ('"B52"', '"B52"\nfile = "log.csv"', "[antenna] model and file: give one of them."),
        ('model = "B52"', 'file = "p.csv"', "p.csv: no such file."),
        ('model = "B52"', 'file = "log.csv"\nfloor_db = -30.0', "floor_db: goes with model = 'B52"),
        ('"B52"', '"B52"\neirp_offset_db = [1.0, 2.0]', "2 numbers; expected one, or 4, one per r"),
        ('"B52"', '"B52"\neirp_offset_db = "1 dB"', "eirp_offset_db = '1 dB': expected decibels a"),
        ('"B52"', '"B52"\nelements = [8]', "[antenna] elements = [8]: expected two numbers of ele"),
        ('"B52"', '"B52"\nattitude = "nadir"', "[antenna] attitude = 'nadir': expected 'orbit'"),
        ('["position"]', '["level"]', "[estimate] unknowns: 'position' is missing; a fix solves"),
        ('["position"]', '["position", "position"]', "unknowns: 'position' is named twice."),
        ('["position"]', '["position"]\neirp_sigma_db = -1', "eirp_sigma_db = -1: expected the st"),
        ('["position"]', '["position"]\nmask_deg = 5', "[estimate] mask_deg: unknown key. Accepte"),
        ('["position"]', '"position"', "[estimate] unknowns = 'position': expected a list of name"),
    ],
)  # fmt: skip
def test_a_mistake_gets_its_sentence(tmp_path, old, new, sentence):
    assert old in GOOD
    assert sentence in mistakes(tmp_path, GOOD.replace(old, new, 1))


@pytest.mark.parametrize(
    ("text", "old", "new", "sentence"),
    [
        (GOOD, "sigma_hz = 5.0", "", "[doppler] sigma_hz: missing; beside powers Doppler needs"),
        (GOOD, "sigma_hz = 5.0", 'sigma_hz = 5.0\ncolumns = { sigma_hz = "s" }',
         "[doppler] sigma_hz: the column sigma_hz gives it already; drop one."),
        (GOOD, '"log.csv"\ns', '"nolog.csv"\ns', "[doppler] file: "),
        (GOOD, "sigma_hz = 5.0", 'sigma_hz = 5.0\ncolumns = { time_s = "a", time_utc = "b" }',
         "[doppler.columns] time_s and time_utc: give one of them."),
        (GOOD, "sigma_hz = 5.0", 'sigma_hz = 5.0\ncolumns = { sat_pos_ecef_m = ["x", "y", "z"] }',
         "[satellites] and [doppler.columns] sat_pos_ecef_m: satellite states would come from two"),
        (COLUMNS, "5.0", "5.0", "[doppler.columns] sat_pos_ecef_m and sat_vel_ecef_mps: expected"),
    ],
)  # fmt: skip
def test_a_mistake_about_doppler_gets_its_sentence(tmp_path, text, old, new, sentence):
    whole = text + DOPPLER
    assert old in whole
    assert sentence in mistakes(tmp_path, text + DOPPLER.replace(old, new, 1))


def test_doppler_without_a_date_is_refused(tmp_path):
    text = GOOD.replace('reference_epoch = "2025-12-28T12:00:00Z"', 'columns = { time_utc = "t" }')
    load_fix_file(written(tmp_path, text))
    sentence = "[doppler.columns] time_utc or time_unix_s: missing; there is no reference_epoch"
    assert sentence in mistakes(tmp_path, text + DOPPLER)


def test_doppler_needs_a_carrier_where_the_powers_have_a_column(tmp_path):
    text = GOOD.replace("carrier_hz = 1.6e9", 'columns = { carrier_hz = "f" }')
    assert "[doppler] carrier_hz: missing; expected the trans" in mistakes(tmp_path, text + DOPPLER)


def test_every_field_says_what_it_accepts():
    def fields(model):
        for name, field in model.model_fields.items():
            yield f"{model.__name__}.{name}", field
            inside = getattr(field.annotation, "__args__", (field.annotation,))
            for one in inside:
                if isinstance(one, type) and issubclass(one, SettingsTable):
                    yield from fields(one)

    assert not [name for name, field in fields(PowerFixSettings) if not field.description]

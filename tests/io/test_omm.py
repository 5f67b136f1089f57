import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sgp4 import omm as sgp4_omm
from sgp4.api import Satrec

from leopnt.epochs import Epoch
from leopnt.errors import FormatError
from leopnt.io.omm import parse_omm, read_omm
from leopnt.io.omm_syntax import records
from leopnt.io.tle import read_tle
from leopnt.orbits.elements import concatenate

DATA = Path(__file__).parents[2] / "examples" / "data" / "tle_2025"
FIELDS = {
    "OBJECT_NAME": "LEO 1",
    "OBJECT_ID": "2026-101A",
    "CENTER_NAME": "EARTH",
    "REF_FRAME": "TEME",
    "TIME_SYSTEM": "UTC",
    "MEAN_ELEMENT_THEORY": "SGP4",
    "EPOCH": "2025-12-28T12:16:30.296064",
    "MEAN_MOTION": "14.34217293",
    "ECCENTRICITY": ".0002343",
    "INCLINATION": "86.4",
    "RA_OF_ASC_NODE": "159.8694",
    "ARG_OF_PERICENTER": "92.7768",
    "MEAN_ANOMALY": "267.3696",
    "EPHEMERIS_TYPE": "0",
    "CLASSIFICATION_TYPE": "U",
    "NORAD_CAT_ID": "123456789",
    "ELEMENT_SET_NO": "999",
    "REV_AT_EPOCH": "46874",
    "BSTAR": "-.14497E-4",
    "MEAN_MOTION_DOT": "-2.1e-07",
    "MEAN_MOTION_DDOT": "0",
}
_METADATA = ("OBJECT_NAME", "OBJECT_ID", "CENTER_NAME", "REF_FRAME", "TIME_SYSTEM")
_MEAN = ("EPOCH", "MEAN_MOTION", "ECCENTRICITY", "INCLINATION", "RA_OF_ASC_NODE")


def as_json(records):
    return json.dumps(records, indent=1)


def as_csv(records):
    out = io.StringIO()
    writer = csv.DictWriter(out, list(FIELDS))
    writer.writeheader()
    writer.writerows(records)
    return out.getvalue()


def as_kvn(records):
    blocks = []
    for fields in records:
        lines = [
            "CCSDS_OMM_VERS = 2.0",
            "COMMENT a comment = sign",
            "CREATION_DATE = 2025-12-29T00:00:00",
            "",
        ]
        lines += [f"{key} = {value}" for key, value in fields.items()]
        blocks.append("\n".join(lines))
    return "\n".join(blocks) + "\n"


def as_xml(records):
    def leaves(fields, keys):
        return "".join(f"<{key}>{fields[key]}</{key}>\n" for key in fields if key in keys)

    def segment(fields):
        rest = set(fields) - {*_METADATA, "MEAN_ELEMENT_THEORY"}
        mean = {*_MEAN, "ARG_OF_PERICENTER", "MEAN_ANOMALY"}
        return (
            '<omm id="CCSDS_OMM_VERS" version="2.0"><header><ORIGINATOR/></header>\n'
            "<body><segment>\n<metadata>"
            f"{leaves(fields, {*_METADATA, 'MEAN_ELEMENT_THEORY'})}</metadata>\n<data>"
            f"<meanElements>{leaves(fields, mean & rest)}</meanElements>\n"
            f"<tleParameters>{leaves(fields, rest - mean)}</tleParameters></data>"
            "</segment></body></omm>"
        )

    body = "\n".join(map(segment, records))
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<ndm>\n{body}\n</ndm>\n'


WRITERS = {"JSON": as_json, "XML": as_xml, "KVN": as_kvn, "CSV": as_csv}
every_format = pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS.keys())


def message_of(text):
    with pytest.raises(FormatError) as caught:
        parse_omm(text, "sats.omm").require()
    return str(caught.value)


def test_json_sample_agrees_with_the_sgp4_package(evidence):
    elements = read_omm(DATA / "omm_sample.json")
    worst = 0.0
    for i, fields in enumerate(json.loads((DATA / "omm_sample.json").read_text())):
        theirs = Satrec()
        sgp4_omm.initialize(theirs, fields)
        ours = elements[i]
        pairs = (
            (ours.mean_motion_radps[0] * 60, theirs.no_kozai),
            (ours.eccentricity[0], theirs.ecco),
            (ours.inclination_rad[0], theirs.inclo),
            (ours.raan_rad[0], theirs.nodeo),
            (ours.arg_perigee_rad[0], theirs.argpo),
            (ours.mean_anomaly_rad[0], theirs.mo),
            (ours.bstar_per_earth_radius[0], theirs.bstar),
            (ours.mean_motion_dot_radps2[0] * 3600, theirs.ndot),
        )
        worst = max(worst, *(abs(a - b) / max(abs(b), 1e-30) for a, b in pairs))
    evidence(
        "io.omm",
        "Element fields of 70 OMM records, relative",
        "sgp4 package reader",
        "implementation",
        achieved=worst,
        tolerance=1e-15,
    )


def test_omm_and_tle_of_the_same_objects_agree(evidence):
    omm = read_omm(DATA / "omm_sample.json")
    tle = concatenate([read_tle(path) for path in sorted(DATA.glob("*.tle"))])
    shared = np.intersect1d(omm.norad_cat_id, tle.norad_cat_id)
    ours, theirs = omm.numbered(shared), tle.numbered(shared)
    assert len(shared) == 56
    assert ours.name == theirs.name
    assert ours.object_id == theirs.object_id
    np.testing.assert_allclose(ours.mean_motion_radps, theirs.mean_motion_radps, rtol=1e-14)
    np.testing.assert_allclose(ours.raan_rad, theirs.raan_rad, rtol=1e-14)
    np.testing.assert_allclose(ours.eccentricity, theirs.eccentricity, rtol=1e-14)
    evidence(
        "io.omm",
        "Epochs of OMM records",
        "TLE of the same objects (the OMM is cut to 1 us)",
        "real data",
        achieved=np.max(np.abs(ours.epoch.since(theirs.epoch))),
        tolerance=1.01e-6,
        unit="s",
    )


@every_format
def test_all_formats_give_the_same_elements(write):
    second = {
        **FIELDS,
        "OBJECT_NAME": "LEO 2",
        "NORAD_CAT_ID": "44714",
        "EPOCH": "2025-362T00:00:00Z",
    }
    elements = parse_omm(write([FIELDS, second])).require()
    assert elements.name == ("LEO 1", "LEO 2")
    assert elements.norad_cat_id.tolist() == [123_456_789, 44_714]
    assert elements.bstar_per_earth_radius[0] == -0.14497e-4
    assert elements.eccentricity[0] == 0.0002343
    assert elements.mean_motion_radps[0] == pytest.approx(14.34217293 * np.pi / 43_200, rel=1e-15)
    expected = Epoch.from_calendar(
        2025, 12, 28, [12, 0], [16, 0], [30, 0], fraction_s=[0.296064, 0]
    )
    assert elements.epoch == expected


@every_format
def test_one_bad_record_costs_only_itself_and_is_named(write):
    wrong = {**FIELDS, "OBJECT_NAME": "LEO 2", "INCLINATION": "186.4"}
    text = write([FIELDS, wrong, FIELDS])
    scanned = parse_omm(text, "sats.omm")
    assert scanned.elements.name == ("LEO 1", "LEO 1")
    (error,) = scanned.rejected
    assert "LEO 2: inclination 186.4 deg; expected 0 to 180." in str(error)
    near = text.split("\n")[error.line_number - 1 : error.line_number + 8]
    assert any("LEO 2" in line for line in near)


@every_format
@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("REF_FRAME", "GCRF", "REF_FRAME is 'GCRF'; only TEME can be propagated here"),
        ("TIME_SYSTEM", "TAI", "TIME_SYSTEM is 'TAI'; only UTC"),
        ("CENTER_NAME", "MOON", "CENTER_NAME is 'MOON'; only EARTH"),
        ("MEAN_ELEMENT_THEORY", "SGP4-XP", "MEAN_ELEMENT_THEORY is 'SGP4-XP'; only SGP4"),
        ("EPHEMERIS_TYPE", "4", "ephemeris type 4 (SGP4-XP) is not an SGP4 element set"),
        ("NORAD_CAT_ID", "1234567890", "NORAD_CAT_ID: expected an integer of up to 9 digits"),
        ("NORAD_CAT_ID", "T1234", "NORAD_CAT_ID: expected an integer of up to 9 digits"),
        ("MEAN_MOTION", "14,3", "MEAN_MOTION: expected a number, found '14,3'"),
        ("MEAN_MOTION", "nan", "MEAN_MOTION: expected a number, found 'nan'"),
        ("MEAN_MOTION", "17.5", "mean motion 17.5 rev/day; expected up to 17.1"),
        ("ECCENTRICITY", "1.0", "eccentricity 1.0; expected 0 <= e < 1"),
        ("BSTAR", "1e9", "B* 1000000000.0 per Earth radius; expected -10 to 10"),
        ("BSTAR", "1e300", "BSTAR: 1e300 is out of any range"),
        ("BSTAR", "", "BSTAR is missing"),
        ("EPOCH", "28 Dec 2025", "EPOCH: expected UTC as 2025-12-28T12:16:30.296064"),
        ("EPOCH", "2025-02-29T00:00:00", "EPOCH: 2025-02-29T00:00:00 is not a date"),
        ("EPOCH", "2025-366T00:00:00", "EPOCH: 2025-366T00:00:00 is not a date"),
        ("EPOCH", "2025-12-28T23:59:60", "does not end with a leap second"),
        ("EPOCH", "1969-12-28T00:00:00", "epoch in 1969; UTC with leap seconds begins in 1972"),
    ],
)
def test_values_that_cannot_be_propagated_are_refused(write, key, value, message):
    found = message_of(write([{**FIELDS, key: value}]))
    assert found.startswith("sats.omm:")
    assert message in found


def test_a_real_leap_second_is_an_epoch():
    elements = parse_omm(as_kvn([{**FIELDS, "EPOCH": "2016-12-31T23:59:60.5"}])).require()
    assert elements.epoch[0].since(Epoch.from_iso("2017-01-01T00:00:00Z")) == -0.5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "sats.omm:1: expected OMM records in JSON, XML, KVN or CSV, found ''"),
        ("[]", "holds no element set; expected OMM records"),
        (
            "No GP data found",
            "expected OMM records in JSON, XML, KVN or CSV, found 'No GP data found'",
        ),
        ("<html><body>busy</body></html>", "holds no element set; expected OMM records"),
        ("[1]", "sats.omm:1: expected an object with OMM keywords, found '1'"),
        ('[{"EPOCH": [1]}]', "sats.omm:1: EPOCH: expected a number or text, found ['1']"),
        ('[{"A": 1, "A": 2}]', "sats.omm:1: not JSON: keyword 'A' occurs twice"),
        ("[" * 100_000, "not JSON"),
        (json.dumps(FIELDS) + " x", "text after the end of the JSON object"),
        (
            "NORAD_CAT_ID,EPOCH\n1,2\n",
            "sats.omm:1: no column MEAN_MOTION, ECCENTRICITY, INCLINATION",
        ),
        ("EPOCH,EPOCH\n", "sats.omm:1: a column name occurs twice"),
        ("EPOCH = 2025\nEPOCH = 2026\n", "sats.omm:2: EPOCH occurs twice in one message"),
        (
            "EPOCH = 2025\nMEAN MOTION 15\n",
            "sats.omm:2: expected KEYWORD = value, found 'MEAN MOTION",
        ),
        ("MEAN_MOTION = 1e-3 [rad/s]\n", "sats.omm:1: MEAN_MOTION in [rad/s]; expected [rev/day]"),
    ],
)
def test_texts_that_are_no_omm_are_refused(text, message):
    assert message in message_of(text)


def test_units_in_kvn_and_xml_are_checked():
    kvn = as_kvn([FIELDS]).replace("= 86.4", "= 86.4 [deg]")
    assert parse_omm(kvn).require().inclination_rad[0] == np.deg2rad(86.4)
    xml = as_xml([FIELDS])
    right = xml.replace("<MEAN_MOTION>", '<MEAN_MOTION units="rev/day">')
    assert len(parse_omm(right).require()) == 1
    wrong = xml.replace("<INCLINATION>", '<INCLINATION units="rad">')
    assert "INCLINATION in [rad]; expected [deg]" in message_of(wrong)


def test_a_cut_file_keeps_the_records_before_the_cut():
    for write in (as_json, as_xml):
        text = write([FIELDS, FIELDS, FIELDS])
        scanned = parse_omm(text[: int(len(text) * 0.8)], "sats.omm")
        assert len(scanned.elements) == 2
        assert "the rest of the file was not read" in str(scanned.rejected[-1])


def test_xml_with_namespaces_reads_the_same():
    xml = as_xml([FIELDS])
    for tag in ("ndm", "omm", "segment", "EPOCH"):
        xml = xml.replace(f"<{tag}>", f"<ns:{tag}>").replace(f"</{tag}>", f"</ns:{tag}>")
        xml = xml.replace(f"<{tag} ", f"<ns:{tag} ")
    assert parse_omm(xml).require().name == ("LEO 1",)


@pytest.mark.parametrize(
    "attack",
    [
        '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><ndm>&b;</ndm>',
        '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/hostname">]><ndm>&f;</ndm>',
        '<!DOCTYPE x SYSTEM "http://example.invalid/x.dtd"><ndm/>',
    ],
    ids=["entity bomb", "local file", "remote DTD"],
)
def test_xml_entities_are_refused(attack):
    assert "XML with a DTD or entities is refused" in message_of(attack)


@pytest.mark.filterwarnings("ignore::leopnt.errors.LeopntWarning")  # years beyond the leap table
@given(
    st.sampled_from(sorted(WRITERS)),
    st.lists(st.tuples(st.integers(0, 900), st.characters(codec="utf-8")), max_size=5),
    st.integers(0, 3000),
)
@settings(max_examples=300, deadline=None)
def test_damaged_files_give_elements_or_format_errors_only(form, edits, length):
    characters = list(WRITERS[form]([FIELDS, FIELDS]))
    for at, character in edits:
        characters[at % len(characters)] = character
    try:
        scanned = parse_omm("".join(characters)[:length])
    except FormatError:
        return
    assert len(scanned.elements) <= 2
    assert len(scanned.elements) + len(scanned.rejected) >= 1


@given(st.text(max_size=200), st.sampled_from(["", "[", "{", "<", "A = ", "EPOCH,", "<a>", '[{"']))
@settings(max_examples=300, deadline=None)
def test_arbitrary_text_gives_format_errors_only(text, start):
    scanned = parse_omm(start + text)
    assert len(scanned.elements) == 0
    assert scanned.rejected


@every_format
def test_keywords_come_back_as_they_were_written(write, evidence, request):
    (record,) = records(write([FIELDS]), "sats.omm")
    wrong = [key for key, text in record.fields.items() if text != FIELDS[key]]
    assert len(record.fields) == len(FIELDS) - 1  # the classification is not used
    evidence(
        "io.omm_syntax",
        f"Keywords that came back changed, {request.node.callspec.id}",
        "texts written with json, csv and plain formatting",
        "implementation",
        achieved=len(wrong),
        tolerance=0,
    )

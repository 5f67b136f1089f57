"""Files of a result: NetCDF round trip, JSON, GeoJSON by RFC 7946, KML, atomic writing."""

import json
import os

import defusedxml.ElementTree
import numpy as np
import pytest
import xarray as xr

from leopnt.errors import FormatError, LeopntError
from leopnt.io.results import (
    as_geojson,
    as_json,
    read_netcdf,
    replacing,
    write_geojson,
    write_json,
    write_kml,
    write_netcdf,
    write_text,
)

NAMES = ['Iridium <19> & "co"', "衛星 2", ""]
KML = "{http://www.opengis.net/kml/2.2}"


def make_fix(lat_deg=22.3, lon_deg=114.18):
    def unit(dims, values, units="1"):
        return dims, np.asarray(values), {"units": units, "long_name": "a quantity"}

    return xr.Dataset(
        {
            "latitude_deg": unit((), lat_deg, "deg"),
            "longitude_deg": unit((), lon_deg, "deg"),
            "height_m": unit((), 61.25, "m"),
            "covariance_enu_m2": unit(("enu", "enu_2"), np.diag([3600.0, 2500.0, 8100.0]), "m2"),
            "sigma_enu_m": unit("enu", [60.0, 50.0, 90.0], "m"),
            "enu": unit("enu", ["east", "north", "up"]),
            "residual": unit("measurement", [1.5, np.nan, np.inf], "Hz"),
            "satellite_id": unit("measurement", NAMES),
            "used": unit("measurement", [True, False, True]),
            "chi2_dof": unit((), 2),
            "elevation_deg": unit(("measurement", "enu"), np.arange(9.0).reshape(3, 3), "deg"),
            "candidate_latitude_deg": unit("candidate", [lat_deg, 19.5], "deg"),
            "candidate_longitude_deg": unit("candidate", [lon_deg, 130.0], "deg"),
            "candidate_rms": unit("candidate", [5.4, np.nan], "Hz"),
            "candidate_is_solution": unit("candidate", [True, False]),
            "candidate_note": unit("candidate", ["", "mirror <&>"]),
            "truth_latitude_deg": unit((), lat_deg + 1e-3, "deg"),
            "truth_longitude_deg": unit((), lon_deg, "deg"),
            "empty_note": unit("nothing", np.array([], dtype=str)),
            "empty_flag": unit("nothing", np.array([], dtype=bool)),
        },
        attrs={
            "kind": "fix",
            "title": 'A <fix> & "more"',
            "status": "",
            "converged": 1,
            "input_text": "[measurement]\n" + "# long\n" * 20_000,
            "warnings": json.dumps(["one", "two"]),
            "provenance": json.dumps({"numpy": "2"}),
            "ratio": 2.5,
        },
    )


def strict_json(text):
    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


def test_netcdf_gives_back_every_value_and_attribute(tmp_path, evidence):
    fix = make_fix()
    back = read_netcdf(write_netcdf(fix, tmp_path / "fix.nc"))
    xr.testing.assert_identical(back, fix)
    changed = [n for n in fix.variables if back[n].dtype.kind != fix[n].dtype.kind]
    changed += [n for n, value in fix.attrs.items() if type(back.attrs[n]) is not type(value)]
    evidence("io.results", "variables and attributes changed by NetCDF and back",
             "the result written", "invariance", achieved=len(changed), tolerance=0)  # fmt: skip


def test_true_or_false_attribute_becomes_one_or_zero(tmp_path):
    path = write_netcdf(make_fix().assign_attrs(converged=True), tmp_path / "fix.nc")
    assert read_netcdf(path).attrs["converged"] == 1


def test_attribute_that_netcdf_cannot_hold_is_named(tmp_path):
    with pytest.raises(LeopntError, match=r"attribute 'warnings' .* \['a'\]; NetCDF accepts text"):
        write_netcdf(make_fix().assign_attrs(warnings=["a"]), tmp_path / "fix.nc")
    assert list(tmp_path.iterdir()) == []


def test_reading_a_missing_or_foreign_file_says_so(tmp_path):
    with pytest.raises(LeopntError, match=r"no\.nc': there is no such file"):
        read_netcdf(tmp_path / "no.nc")
    (tmp_path / "text.nc").write_text("hello")
    with pytest.raises(FormatError, match=r"text\.nc: expected a NetCDF 4 file"):
        read_netcdf(tmp_path / "text.nc")


def test_json_has_plain_keys_records_and_null_for_nan(tmp_path):
    tree = strict_json(write_json(make_fix(), tmp_path / "fix.json").read_text(encoding="utf-8"))
    assert tree["kind"] == "fix"
    assert tree["latitude_deg"] == 22.3
    assert tree["chi2_dof"] == 2
    assert tree["units"]["residual"] == "Hz"
    assert tree["covariance_enu_m2"][2] == [0.0, 0.0, 8100.0]
    assert tree["sigma_enu_m"] == [60.0, 50.0, 90.0]
    assert tree["measurement"][0] == {"residual": 1.5, "satellite_id": NAMES[0], "used": True}
    assert [m["residual"] for m in tree["measurement"]] == [1.5, None, None]
    assert tree["elevation_deg"] == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert tree["nothing"] == []
    assert tree["attrs"]["warnings"] == ["one", "two"]
    assert tree["attrs"]["provenance"] == {"numpy": "2"}


def test_json_keeps_every_variable():
    fix = make_fix()
    tree = as_json(fix)
    records = [r for d in fix.dims if d not in ("enu", "enu_2") for r in tree[str(d)][:1]]
    found = set(tree).union(*records)
    expected = {str(n) for n in fix.variables if "nothing" not in fix[n].dims} - {"enu"}
    assert expected <= found


def roles(collection):
    return {f["properties"]["role"]: f for f in collection["features"]}


def test_geojson_follows_rfc_7946(tmp_path):
    path = write_geojson(make_fix(), tmp_path / "fix.geojson")
    collection = strict_json(path.read_text(encoding="utf-8"))
    assert collection["type"] == "FeatureCollection"
    assert "crs" not in collection  # section 4
    for feature in collection["features"]:
        assert set(feature) == {"type", "geometry", "properties"}  # section 3.2
    found = roles(collection)
    assert found["fix"]["geometry"]["coordinates"] == [114.18, 22.3, 61.25]  # lon, lat, height
    assert found["truth"]["geometry"]["coordinates"] == [114.18, 22.301]
    assert found["candidate"]["geometry"]["coordinates"] == [130.0, 19.5]
    assert found["candidate"]["properties"]["note"] == "mirror <&>"
    (ring,) = found["ellipse"]["geometry"]["coordinates"]
    assert len(ring) >= 4  # section 3.1.6: closed, right-hand rule
    assert ring[0] == ring[-1]
    x, y = np.array(ring).T
    assert np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]) > 0.0


def test_geojson_ellipse_axes_are_those_of_the_covariance():
    properties = roles(as_geojson(make_fix()))["ellipse"]["properties"]
    assert properties["semi_major_m"] == pytest.approx(60.0 * 2.447747, abs=1e-3)
    assert properties["semi_minor_m"] == pytest.approx(50.0 * 2.447747, abs=1e-3)
    assert properties["major_axis_azimuth_deg"] == pytest.approx(90.0)


def test_geojson_splits_an_ellipse_at_the_antimeridian():
    geometry = roles(as_geojson(make_fix(lon_deg=-179.9999)))["ellipse"]["geometry"]
    assert geometry["type"] == "MultiPolygon"
    assert len(geometry["coordinates"]) == 2


def test_geojson_of_a_fix_without_position_has_a_null_geometry():
    fix = make_fix(lat_deg=np.nan)
    fix = fix.drop_dims("candidate").drop_vars(["truth_latitude_deg", "truth_longitude_deg"])
    (feature,) = as_geojson(fix.assign_attrs(status="too few"))["features"]
    assert feature["geometry"] is None
    assert feature["properties"]["status"] == "too few"
    assert roles(as_geojson(make_fix().drop_vars("covariance_enu_m2"))).keys() == {
        "fix",
        "truth",
        "candidate",
    }


@pytest.mark.parametrize("write", [write_geojson, write_kml])
def test_sky_has_no_position_to_write(write, tmp_path):
    with pytest.raises(LeopntError, match="kind 'sky'; GeoJSON and KML hold a fix"):
        write(make_fix().assign_attrs(kind="sky"), tmp_path / "sky")


def test_kml_parses_back_to_the_same_places_and_names(tmp_path):
    fix = make_fix().assign_attrs(status="bell \x07 here")
    root = defusedxml.ElementTree.parse(write_kml(fix, tmp_path / "fix.kml")).getroot()
    assert root.tag == f"{KML}kml"
    marks = root.findall(f".//{KML}Placemark")
    assert [mark.findtext(f"{KML}name") for mark in marks] == [
        'A <fix> & "more"',
        "95 % error ellipse",
        "Surveyed truth",
        "Candidate 2",
    ]
    assert marks[0].findtext(f"{KML}Point/{KML}coordinates") == "114.180000000,22.300000000"
    data = {d.get("name"): d.findtext(f"{KML}value") for d in marks[0].iter(f"{KML}Data")}
    assert data["status"] == "bell ? here"
    assert data["height_above_ellipsoid_m"] == "61.25"
    text = marks[1].findtext(f".//{KML}LinearRing/{KML}coordinates")
    ring = np.array([[float(v) for v in point.split(",")] for point in text.split()])
    expected = roles(as_geojson(fix))["ellipse"]["geometry"]["coordinates"][0]
    np.testing.assert_allclose(ring, expected, rtol=0.0, atol=1e-9)
    assert marks[1].findtext(f"{KML}styleUrl") == "#ellipse"


def test_kml_across_the_antimeridian_holds_two_polygons(tmp_path):
    path = write_kml(make_fix(lon_deg=179.9999), tmp_path / "fix.kml")
    root = defusedxml.ElementTree.parse(path).getroot()
    assert len(root.findall(f".//{KML}MultiGeometry/{KML}Polygon")) == 2


@pytest.mark.parametrize("write", [write_netcdf, write_json, write_geojson, write_kml])
def test_missing_directory_and_directory_as_file_each_get_a_sentence(write, tmp_path):
    with pytest.raises(LeopntError, match=r"the directory '.*out' does not exist; create it"):
        write(make_fix(), tmp_path / "out" / "fix")
    with pytest.raises(LeopntError, match="it is a directory; name a file"):
        write(make_fix(), tmp_path)


def test_refused_write_is_one_sentence_and_leaves_the_old_file(tmp_path, monkeypatch):
    path = write_text("old", tmp_path / "fix.json")

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(LeopntError, match=r"cannot write '.*fix\.json': Permission denied\.$"):
        write_json(make_fix(), path)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["fix.json"]


def test_failed_block_leaves_the_old_file(tmp_path):
    path = write_text("old", tmp_path / "file.txt")

    def fail_half_way():
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_half_way()
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file.txt"]

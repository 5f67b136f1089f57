"""Results on disk: NetCDF (written and read back), JSON, GeoJSON and KML.

A result is an `xarray.Dataset` whose `attrs["kind"]` is "fix" or "sky". NetCDF keeps all of it;
JSON keeps all of it in plain keys; GeoJSON and KML keep the position of a fix, its 95 % error
ellipse, the surveyed truth and the other candidates. Every file is written beside its final place
and renamed, so a reader never meets half a file.
"""

import json
import math
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from leopnt.errors import FormatError, LeopntError
from leopnt.io._replacing import replacing
from leopnt.io.ellipse import error_ellipse, error_ellipse_rings_deg

VECTOR_DIMS = ("axis", "enu", "enu_2")
"""Dimensions that are components of one quantity; all others list things (measurements...)."""

ELLIPSE_PROBABILITY = 0.95

KML_NAMESPACE = "http://www.opengis.net/kml/2.2"
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_text(text: str, path: str | Path) -> Path:
    """Write UTF-8 text atomically, line ends as given; return the path."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")
    return Path(path)


# NetCDF


def write_netcdf(dataset: xr.Dataset, path: str | Path) -> Path:
    """Write the whole result as NetCDF 4 (HDF5), uncompressed; booleans become 0 and 1.

    Errors: `LeopntError` if an attribute is neither text nor a number.
    """
    stored = dataset.assign_attrs(
        {name: _attribute(name, value) for name, value in dataset.attrs.items()}
    )
    with replacing(path) as temporary:
        stored.to_netcdf(temporary, engine="h5netcdf")
    return Path(path)


def _attribute(name: Any, value: Any) -> Any:
    if isinstance(value, bool | np.bool_):
        return int(value)
    if isinstance(value, str | int | float | np.number | np.ndarray):
        return value
    raise LeopntError(
        f"attribute {name!r} of the result holds {value!r}; NetCDF accepts text and numbers "
        "(write lists and tables as JSON text)."
    )


def read_netcdf(path: str | Path) -> xr.Dataset:
    """Read a result written by `write_netcdf` into memory; the file is closed again.

    Errors: `LeopntError` if there is no such file, `FormatError` if it is not NetCDF 4.
    """
    path = Path(path)
    if not path.is_file():
        raise LeopntError(f"cannot read {str(path)!r}: there is no such file.")
    try:
        dataset = xr.load_dataset(path, engine="h5netcdf")
    except (OSError, ValueError) as error:
        raise FormatError(path, None, f"expected a NetCDF 4 file of leopnt ({error}).") from error
    return dataset.assign_attrs(
        {n: v.item() if isinstance(v, np.generic) else v for n, v in dataset.attrs.items()}
    )


# JSON


def as_json(dataset: xr.Dataset) -> dict[str, Any]:
    """The whole result as plain JSON values; what is not finite becomes None (null).

    Keys: `kind`; `attrs` (with `warnings` and `provenance` decoded); `units` and `long_name` (by
    variable); each variable without dimension under its name (`latitude_deg`: 22.3); each vector
    or matrix of `axis` or `enu` components, and each array over two lists, as nested lists; each
    list dimension (`measurement`, `satellite`, `unknown`, `candidate`, `epoch`...) as one list of
    records (`measurement[0].residual`).
    """
    tree: dict[str, Any] = {
        "kind": str(dataset.attrs.get("kind", "")),
        "attrs": {str(name): _json_attribute(name, dataset) for name in dataset.attrs},
        "units": _described(dataset, "units"),
        "long_name": _described(dataset, "long_name"),
    }
    columns: dict[str, dict[str, list]] = {
        str(dim): {} for dim in dataset.dims if dim not in VECTOR_DIMS
    }
    for name, variable in dataset.variables.items():
        if len(variable.dims) == 1 and variable.dims[0] in columns:
            columns[str(variable.dims[0])][str(name)] = _json_value(variable.values)
        elif name not in VECTOR_DIMS:
            tree[str(name)] = _json_value(variable.values)
    for dim, column in columns.items():
        tree[dim] = [
            dict(zip(column, row, strict=True)) for row in zip(*column.values(), strict=True)
        ]
    return tree


def json_text(dataset: xr.Dataset) -> str:
    """`as_json` of the result as text, one line per key or record."""
    entries = (f"{_dumps(key)}: {_lines(value)}" for key, value in as_json(dataset).items())
    return "{\n" + ",\n".join(entries) + "\n}\n"


def write_json(dataset: xr.Dataset, path: str | Path) -> Path:
    """Write `json_text` of the result."""
    return write_text(json_text(dataset), path)


def _lines(value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n" + ",\n".join(map(_dumps, value)) + "\n]"
    return _dumps(value)


def _dumps(value: Any) -> str:
    """Without indent, which would keep `json` from its fast encoder."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _described(dataset: xr.Dataset, key: str) -> dict[str, str]:
    return {
        str(name): str(variable.attrs[key])
        for name, variable in dataset.variables.items()
        if key in variable.attrs
    }


def _json_attribute(name: Any, dataset: xr.Dataset) -> Any:
    value = dataset.attrs[name]
    if name in ("warnings", "provenance") and isinstance(value, str) and value:
        return json.loads(value)
    return _json_value(np.asarray(value))


def _json_value(values: np.ndarray) -> Any:
    """Nested lists (or one value) of what JSON knows; text for all that is no number."""
    if values.dtype.kind == "f" and not np.all(np.isfinite(values)):
        cleaned = values.astype(object)
        cleaned[~np.isfinite(values)] = None
        return cleaned.tolist()
    if values.dtype.kind not in "fiub":
        values = values.astype(str)
    return values.tolist()


# GeoJSON


def as_geojson(dataset: xr.Dataset) -> dict[str, Any]:
    """A fix as a GeoJSON FeatureCollection (RFC 7946).

    Features, told apart by their property `role`: `fix` (Point, its height above the WGS 84
    ellipsoid as third coordinate), `ellipse` (Polygon, or MultiPolygon across the antimeridian),
    `truth` and `candidate` (Points). A fix without a position has a null geometry; an ellipse
    that is unknown or longer than 1000 km is left out.
    """
    features = [_feature(_point(dataset, ""), {"role": "fix", **_properties(dataset)})]
    rings = _ellipse_rings(dataset)
    if rings:
        kind = "Polygon" if len(rings) == 1 else "MultiPolygon"
        coordinates = rings if len(rings) == 1 else [[ring] for ring in rings]
        features.append(
            _feature({"type": kind, "coordinates": coordinates}, _ellipse_properties(dataset))
        )
    truth = _point(dataset, "truth_")
    if truth:
        features.append(_feature(truth, {"role": "truth", "name": "Surveyed truth"}))
    features += [_feature(point, properties) for point, properties in _candidates(dataset)]
    return {"type": "FeatureCollection", "features": features}


def write_geojson(dataset: xr.Dataset, path: str | Path) -> Path:
    """Write `as_geojson` of a fix."""
    _require_fix(dataset)
    text = json.dumps(as_geojson(dataset), indent=1, ensure_ascii=False, allow_nan=False)
    return write_text(text + "\n", path)


def _require_fix(dataset: xr.Dataset) -> None:
    if dataset.attrs.get("kind") != "fix":
        raise LeopntError(
            f"the result is of kind {dataset.attrs.get('kind')!r}; GeoJSON and KML hold a fix "
            "(kind 'fix')."
        )


def _feature(geometry: dict[str, Any] | None, properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def _point(dataset: xr.Dataset, prefix: str) -> dict[str, Any] | None:
    names = [f"{prefix}{name}" for name in ("longitude_deg", "latitude_deg", "height_m")]
    values = [float(dataset[name]) for name in names if name in dataset]
    if len(values) < 2 or not all(math.isfinite(value) for value in values[:2]):
        return None
    digits = (9, 9, 4)
    coordinates = [round(v, d) for v, d in zip(values, digits, strict=False) if math.isfinite(v)]
    return {"type": "Point", "coordinates": coordinates}


def _properties(dataset: xr.Dataset) -> dict[str, Any]:
    names = ("title", "status", "converged", "measurement_type", "created", "leopnt_version")
    properties = {
        name: _json_value(np.asarray(dataset.attrs[name]))
        for name in names
        if name in dataset.attrs
    }
    properties["name"] = properties.get("title") or "Fix"
    for variable in ("sigma_enu_m", "error_enu_m"):
        if variable in dataset:
            values = _json_value(dataset[variable].values)
            labels = [f"{variable.split('_')[0]}_{axis}_m" for axis in ("east", "north", "up")]
            properties.update(zip(labels, values, strict=True))
    for variable in ("error_horizontal_m", "error_3d_m", "hdop"):
        if variable in dataset:
            properties[variable] = _json_value(dataset[variable].values)
    return properties


def _ellipse_rings(dataset: xr.Dataset) -> list[list[list[float]]]:
    names = ("covariance_enu_m2", "latitude_deg", "longitude_deg")
    if any(name not in dataset for name in names):
        return []
    return error_ellipse_rings_deg(
        dataset["covariance_enu_m2"].values,
        float(dataset["latitude_deg"]),
        float(dataset["longitude_deg"]),
        ELLIPSE_PROBABILITY,
    )


def _ellipse_properties(dataset: xr.Dataset) -> dict[str, Any]:
    semi_major_m, semi_minor_m, az_rad = error_ellipse(
        dataset["covariance_enu_m2"].values, ELLIPSE_PROBABILITY
    )
    return {
        "role": "ellipse",
        "name": "95 % error ellipse",
        "probability": ELLIPSE_PROBABILITY,
        "semi_major_m": round(semi_major_m, 4),
        "semi_minor_m": round(semi_minor_m, 4),
        "major_axis_azimuth_deg": round(math.degrees(az_rad), 3),
    }


def _candidates(dataset: xr.Dataset) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Point and properties of each position that was considered and is not the solution."""
    found = []
    for i in range(dataset.sizes.get("candidate", 0)):
        one = dataset.isel(candidate=i)
        point = _point(one, "candidate_")
        if point and not bool(one["candidate_is_solution"]):
            properties = {"role": "candidate", "name": f"Candidate {i + 1}"}
            for name in ("rms", "cost", "note"):
                if f"candidate_{name}" in one:
                    properties[name] = _json_value(one[f"candidate_{name}"].values)
            found.append((point, properties))
    return found


# KML


def write_kml(dataset: xr.Dataset, path: str | Path) -> Path:
    """Write a fix as KML 2.2: placemarks for what `as_geojson` holds, clamped to the ground.

    KML counts altitude from the geoid and the fix from the ellipsoid, so the height stands in the
    data of the placemark, not in its coordinates.
    """
    _require_fix(dataset)
    ET.register_namespace("", KML_NAMESPACE)
    root = ET.Element(f"{{{KML_NAMESPACE}}}kml")
    document = _child(root, "Document")
    _child(document, "name", str(dataset.attrs.get("title") or "Fix"))
    _ellipse_style(document)
    for feature in as_geojson(dataset)["features"]:
        _placemark(document, feature)
    ET.indent(root, " ")
    text = ET.tostring(root, encoding="unicode")
    return write_text(f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n', path)


def _child(parent: ET.Element, tag: str, text: str | None = None) -> ET.Element:
    child = ET.SubElement(parent, f"{{{KML_NAMESPACE}}}{tag}")
    child.text = None if text is None else _NOT_IN_XML.sub("?", text)
    return child


def _ellipse_style(document: ET.Element) -> None:
    style = _child(document, "Style")
    style.set("id", "ellipse")
    line = _child(style, "LineStyle")
    _child(line, "color", "ffb27200")  # aabbggrr: opaque blue 0072b2
    _child(line, "width", "2")
    _child(_child(style, "PolyStyle"), "color", "40b27200")


def _placemark(document: ET.Element, feature: dict[str, Any]) -> None:
    placemark = _child(document, "Placemark")
    geometry, properties = feature["geometry"], dict(feature["properties"])
    _child(placemark, "name", str(properties.pop("name")))
    if properties["role"] == "ellipse":
        _child(placemark, "styleUrl", "#ellipse")
    if geometry and geometry["type"] == "Point" and len(geometry["coordinates"]) == 3:
        properties["height_above_ellipsoid_m"] = geometry["coordinates"][2]
    data = _child(placemark, "ExtendedData")
    for name, value in properties.items():
        if value is not None:
            entry = _child(data, "Data")
            entry.set("name", name)
            _child(entry, "value", str(value))
    if geometry:
        _kml_geometry(placemark, geometry)


def _kml_geometry(placemark: ET.Element, geometry: dict[str, Any]) -> None:
    if geometry["type"] == "Point":
        point = _child(placemark, "Point")
        _child(point, "coordinates", _kml_coordinates([geometry["coordinates"]]))
        return
    several = geometry["type"] == "MultiPolygon"
    parent = _child(placemark, "MultiGeometry") if several else placemark
    for polygon in geometry["coordinates"] if several else [geometry["coordinates"]]:
        element = _child(parent, "Polygon")
        _child(element, "tessellate", "1")
        ring = _child(_child(element, "outerBoundaryIs"), "LinearRing")
        _child(ring, "coordinates", _kml_coordinates(polygon[0]))


def _kml_coordinates(points_deg: list[list[float]]) -> str:
    return " ".join(f"{point[0]:.9f},{point[1]:.9f}" for point in points_deg)

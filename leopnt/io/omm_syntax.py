"""The four ways to write an OMM, JSON, XML, KVN and CSV, read to keywords and texts."""

import csv
import io
import json
import re
import xml.sax
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from leopnt.errors import FormatError
from leopnt.io.textfile import split_lines

EXPECTED = "OMM records in JSON, XML, KVN or CSV"

MUST_BE = {
    "CENTER_NAME": ("EARTH",),
    "REF_FRAME": ("TEME",),
    "TIME_SYSTEM": ("UTC",),
    "MEAN_ELEMENT_THEORY": ("SGP4", "SGP/SGP4"),
}
NEEDED = (
    "NORAD_CAT_ID",
    "EPOCH",
    "MEAN_MOTION",
    "ECCENTRICITY",
    "INCLINATION",
    "RA_OF_ASC_NODE",
    "ARG_OF_PERICENTER",
    "MEAN_ANOMALY",
    "BSTAR",
)
OPTIONAL = (
    "OBJECT_NAME",
    "OBJECT_ID",
    "EPHEMERIS_TYPE",
    "ELEMENT_SET_NO",
    "REV_AT_EPOCH",
    "MEAN_MOTION_DOT",
    "MEAN_MOTION_DDOT",
)
KNOWN = frozenset((*NEEDED, *OPTIONAL, *MUST_BE))
UNITS = {
    "MEAN_MOTION": ("rev/day",),
    "INCLINATION": ("deg",),
    "RA_OF_ASC_NODE": ("deg",),
    "ARG_OF_PERICENTER": ("deg",),
    "MEAN_ANOMALY": ("deg",),
    "BSTAR": ("1/er",),
    "MEAN_MOTION_DOT": ("rev/day**2",),
    "MEAN_MOTION_DDOT": ("rev/day**3",),
}


class Record(NamedTuple):
    """Keywords of one message with their texts, as every format gives them."""

    line_number: int
    fields: dict[str, str]


Records = Iterator[Record | FormatError]
_Reader = Callable[[str, str | Path], Records]


def records(text: str, source: str | Path) -> Records:
    """Keywords of each message, or the reason why they cannot be had, in file order."""
    reader = _reader_of(text)
    if reader is None:
        return iter([FormatError(source, 1, f"expected {EXPECTED}, found {text.strip()[:40]!r}.")])
    return reader(text, source)


def _reader_of(text: str) -> _Reader | None:
    start = text.lstrip()
    if start[:1] in ("{", "["):
        return _json_records
    if start[:1] == "<":
        return _xml_records
    first = next((line for line in split_lines(start) if not _is_comment(line)), "")
    if re.match(r"[A-Z0-9_]+\s*=", first):
        return _kvn_records
    if "," in first and "EPOCH" in first.upper():
        return _csv_records
    return None


def _json_records(text: str, source: str | Path) -> Records:
    """Walk an array object by object, so that each has a line and a cut file keeps the rest."""
    decoder = json.JSONDecoder(
        parse_float=str, parse_int=str, parse_constant=str, object_pairs_hook=_unique
    )
    at = _skip_blanks(text, 0)
    is_array = text[at] == "["
    at = _skip_blanks(text, at + is_array)
    line, counted = 1, 0
    while text[at : at + 1] != "]" or not is_array:
        line, counted = line + text.count("\n", counted, at), at
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            line += text.count("\n", counted, getattr(error, "pos", counted))
            why = getattr(error, "msg", None) or str(error)
            yield FormatError(source, line, f"not JSON: {why}; the rest of the file was not read.")
            return
        yield _json_record(value, line, source)
        at = _skip_blanks(text, at)
        end = text[at : at + 1]
        if not is_array:
            if end:
                yield FormatError(source, line, "text after the end of the JSON object.")
            return
        if end == ",":
            at = _skip_blanks(text, at + 1)
        elif end != "]":
            yield FormatError(
                source,
                line,
                f"expected ',' or ']' after this record, found {text[at : at + 20]!r}: the file "
                "is cut or damaged; the rest was not read.",
            )
            return


def _skip_blanks(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"keyword {twice!r} occurs twice in one object")
    return fields


def _json_record(value: Any, line: int, source: str | Path) -> Record | FormatError:
    if not isinstance(value, dict):
        return FormatError(source, line, f"expected an object with OMM keywords, found {value!r}.")
    fields = {key: text for key, text in value.items() if text is not None}
    for key, text in fields.items():
        if key in KNOWN and not isinstance(text, str):
            return FormatError(source, line, f"{key}: expected a number or text, found {text!r}.")
    return Record(line, {key: text.strip() for key, text in fields.items() if key in KNOWN})


class _XmlMessages(xml.sax.ContentHandler):
    """Collects the keywords of each `segment` with the line where it begins."""

    def __init__(self, source: str | Path):
        self.source = source
        self.done: list[Record | FormatError] = []
        self.fields: dict[str, str] | None = None
        self.line = 0
        self.text: list[str] = []
        self.problem: str | None = None

    def setDocumentLocator(self, locator):  # noqa: N802  names set by SAX
        self.locator = locator

    def startElement(self, name, attrs):  # noqa: N802
        tag = name.rpartition(":")[2]
        if tag == "segment":
            self.fields, self.line, self.problem = {}, self._line(), None
        self.text = []
        unit = attrs.get("units")
        if self.fields is not None and tag in UNITS and unit is not None:
            self.problem = self.problem or _unit_complaint(tag, unit)

    def characters(self, content):
        self.text.append(content)

    def endElement(self, name):  # noqa: N802
        tag = name.rpartition(":")[2]
        if self.fields is None:
            return
        if tag == "segment":
            problem = self.problem and FormatError(self.source, self.line, self.problem)
            self.done.append(problem or Record(self.line, self.fields))
            self.fields = None
        elif tag in KNOWN:
            if tag in self.fields:
                self.problem = self.problem or f"{tag} occurs twice."
            self.fields[tag] = "".join(self.text).strip()
        self.text = []

    def _line(self) -> int:
        return self.locator.getLineNumber() or 1


def _xml_records(text: str, source: str | Path) -> Records:
    import defusedxml.sax
    from defusedxml.common import DefusedXmlException

    messages = _XmlMessages(source)
    # The declaration may name the encoding that the file had before it became text here.
    body = re.sub(r"^\s*<\?xml[^>]*\?>", lambda m: "\n" * m[0].count("\n"), text)
    problem = None
    try:
        defusedxml.sax.parseString(body.encode("utf-8", "replace"), messages, forbid_dtd=True)
    except DefusedXmlException:
        problem = FormatError(
            source, None, "XML with a DTD or entities is refused; OMM needs none."
        )
    except xml.sax.SAXParseException as error:
        why = f"not XML: {error.getMessage()}; the rest of the file was not read."
        problem = FormatError(source, error.getLineNumber(), why)
    yield from messages.done
    if problem:
        yield problem


def _kvn_records(text: str, source: str | Path) -> Records:
    """Messages follow each other; each begins with CCSDS_OMM_VERS, or else with OBJECT_NAME."""
    fields: dict[str, str] = {}
    start, problem = 1, None
    for number, raw in enumerate(split_lines(text), 1):
        line = raw.strip()
        if _is_comment(line):
            continue
        key, equals, rest = (part.strip() for part in line.partition("="))
        if key == "CCSDS_OMM_VERS" or (key == "OBJECT_NAME" and key in fields):
            if fields or problem:
                yield problem or Record(start, fields)
            fields, start, problem = {}, number, None
        value, unit = _split_unit(rest)
        if not equals:
            complaint = f"expected KEYWORD = value, found {line[:40]!r}."
        elif key in fields:
            complaint = f"{key} occurs twice in one message."
        else:
            complaint = unit and key in UNITS and _unit_complaint(key, unit)
        if complaint:
            problem = problem or FormatError(source, number, complaint)
        if key in KNOWN:
            fields[key] = value
    if fields or problem:
        yield problem or Record(start, fields)


def _is_comment(line: str) -> bool:
    return not line.strip() or line.split(maxsplit=1)[0] == "COMMENT"


def _split_unit(text: str) -> tuple[str, str]:
    match = re.fullmatch(r"(.*?)\s*\[([^\]]*)\]", text)
    return (match[1], match[2]) if match else (text, "")


def _unit_complaint(key: str, unit: str) -> str | None:
    accepted = UNITS[key]
    if unit.strip().lower() in accepted:
        return None
    return f"{key} in [{unit}]; expected [{accepted[0]}]."


def _csv_records(text: str, source: str | Path) -> Records:
    rows = csv.reader(io.StringIO(text.lstrip(), newline=""), strict=True)
    skipped = text[: len(text) - len(text.lstrip())].count("\n")
    header: list[str] = []
    before = 0
    try:
        for row in rows:
            number, before = skipped + before + 1, rows.line_num
            if not any(cell.strip() for cell in row):
                continue
            if not header:
                header = [cell.strip().upper() for cell in row]
                if len(set(header)) < len(header):
                    yield FormatError(source, number, "a column name occurs twice in the header.")
                    return
                missing = [key for key in NEEDED if key not in header]
                if missing:
                    yield FormatError(
                        source, number, f"no column {', '.join(missing)} in the header."
                    )
                    return
            elif len(row) != len(header):
                wrong = f"{len(row)} columns, but the header names {len(header)}."
                yield FormatError(source, number, wrong)
            else:
                cells = {k: v.strip() for k, v in zip(header, row, strict=True) if k in KNOWN}
                yield Record(number, {k: v for k, v in cells.items() if v})
    except csv.Error as error:
        why = f"not CSV: {error}; the rest of the file was not read."
        yield FormatError(source, skipped + rows.line_num, why)

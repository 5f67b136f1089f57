"""Code and phase biases in Bias-SINEX 1.00.

Format: [bias-sinex-100]. Read as Latin-1. An observable-specific bias (OSB) is subtracted from the
observation that it names; differential ones (DSB, ISB) belong to the first observation minus the
second.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from leopnt.epochs import Epoch, TimeScale
from leopnt.errors import FormatError
from leopnt.io._sinex_text import (
    Row,
    blocks,
    comments,
    head_time,
    instants,
    references,
    require_block,
    warn_of_other_count,
)

KINDS = ("OSB", "DSB", "ISB")
_SCALES = {
    "G": TimeScale.GPST,
    "R": TimeScale.UTC,
    "E": TimeScale.GST,
    "C": TimeScale.BDT,
    "J": TimeScale.GPST,
    "I": TimeScale.GPST,
    "S": TimeScale.GPST,
    "UTC": TimeScale.UTC,
    "TAI": TimeScale.TAI,
}
_FAR = 1_000_000  # days; an open end


@dataclass(frozen=True, eq=False)
class BiasSinex:
    """Biases, one row per line of the file.

    Attributes:
        kind: "OSB", "DSB" or "ISB".
        sat_code: space vehicle, "G063".
        satellite: "G01"; a letter alone where a bias is of a station and all of a system.
        station: empty for satellite biases.
        code, second_code: observations, "C1W"; the second is empty for OSB.
        start, end: validity, read in `time_scale`.
        has_start, has_end: False where the file leaves it open (`start` and `end` are then far).
        bias_s, sigma_s: NaN where the file gives cycles, sigma also where blank.
        bias_cycles, sigma_cycles: NaN where the file gives nanoseconds.
        time_scale: of the file.
        is_absolute: BIAS_MODE in the first line is A.
        description: keywords and values that say how the biases came about, of which
            SATELLITE_CLOCK_REFERENCE_OBSERVABLES is the datum.
        references: what the file says of itself, ("OUTPUT", "CODE IGS 1-day MGEX bias solution").
        comments: lines of text.
        agency, data_agency: who wrote the file, and who made the biases.
        created, data_start, data_end: of file and data; None where not known.
    """

    kind: tuple[str, ...]
    sat_code: tuple[str, ...]
    satellite: tuple[str, ...]
    station: tuple[str, ...]
    code: tuple[str, ...]
    second_code: tuple[str, ...]
    start: Epoch
    end: Epoch
    has_start: Bool[np.ndarray, " bias"]
    has_end: Bool[np.ndarray, " bias"]
    bias_s: Float[np.ndarray, " bias"]
    sigma_s: Float[np.ndarray, " bias"]
    bias_cycles: Float[np.ndarray, " bias"]
    sigma_cycles: Float[np.ndarray, " bias"]
    time_scale: TimeScale
    is_absolute: bool
    description: tuple[tuple[str, str], ...] = ()
    references: tuple[tuple[str, str], ...] = ()
    comments: tuple[str, ...] = ()
    agency: str = ""
    data_agency: str = ""
    created: Epoch | None = None
    data_start: Epoch | None = None
    data_end: Epoch | None = None

    def satellite_osb_s(self, satellite: str, code: str, epoch: Epoch) -> float:
        """Code bias [s] of a satellite's own signal at one epoch; NaN if the file has none."""
        for i, one in enumerate(self.kind):
            if (one, self.satellite[i], self.station[i], self.code[i]) == (
                "OSB",
                satellite,
                "",
                code,
            ):
                begun = not self.has_start[i] or bool(epoch >= self.start[i])
                if begun and (not self.has_end[i] or bool(epoch < self.end[i])):
                    return float(self.bias_s[i])
        return float("nan")


def read_bias_sinex(path: str | Path) -> BiasSinex:
    """Read biases, plain, gzip or .Z.

    Warns when the first line promises another number of biases.

    Raises:
        FormatError: anything that does not follow the format, by line and columns; no block
            BIAS/SOLUTION; two biases of one observation that begin together.
        LeopntError: no such file.
    """
    found = blocks(path, "%=BIA", "%=ENDBIA")
    rows = require_block(path, found, "BIAS/SOLUTION")
    if not rows:
        raise FormatError(path, None, "block BIAS/SOLUTION is empty.")
    description = found.get("BIAS/DESCRIPTION", [])
    scale = _time_scale(description)
    parsed = [_bias(row) for row in rows]
    names, starts, ends, values = zip(*parsed, strict=True)
    _refuse_twice(rows, names, starts)
    head = found[""][0]
    words = head.text.split()
    warn_of_other_count(path, words[-1], len(rows), "biases")
    columns = list(zip(*names, strict=True))
    table = np.array(values)
    return BiasSinex(
        *columns,
        start=_instants(starts, -1, scale),
        end=_instants(ends, 1, scale),
        has_start=np.array([one is not None for one in starts]),
        has_end=np.array([one is not None for one in ends]),
        bias_s=table[:, 0] * 1e-9,
        sigma_s=table[:, 1] * 1e-9,
        bias_cycles=table[:, 2],
        sigma_cycles=table[:, 3],
        time_scale=scale,
        is_absolute="A" in words[-2:],
        description=_description(description),
        references=references(found.get("FILE/REFERENCE", [])),
        comments=comments(found.get("FILE/COMMENT", [])),
        agency=head.word(12, 14),
        data_agency=head.word(31, 33),
        created=head_time(head, 16, 29, scale),
        data_start=head_time(head, 35, 48, scale),
        data_end=head_time(head, 50, 63, scale),
    )


def _instants(times: tuple, sign: int, scale: TimeScale) -> Epoch:
    days = 51_544 + sign * (0 if scale is TimeScale.UTC else _FAR)
    return instants([one or (days, 0) for one in times], scale)


def _time_scale(rows: list[Row]) -> TimeScale:
    for row in rows:
        if row.field(2, 40) == "TIME_SYSTEM":
            name = row.field(42, 80)
            if name not in _SCALES:
                raise row.error(42, 80, "time system", f"one of {', '.join(_SCALES)}")
            return _SCALES[name]
    return TimeScale.GPST


def _description(rows: list[Row]) -> tuple[tuple[str, str], ...]:
    """All keywords but those that have fields of their own."""
    pairs = ((row.field(2, 40), row.field(42, 80)) for row in rows)
    return tuple(one for one in pairs if one[0] not in ("BIAS_MODE", "TIME_SYSTEM"))


def _bias(row: Row):
    """Names, start, end, and [bias, sigma] in ns and in cycles."""
    kind = row.field(2, 5)
    if kind not in KINDS:
        raise row.error(2, 5, "kind of bias", f"one of {', '.join(KINDS)}")
    satellite, station, code = row.field(12, 14), row.field(16, 24), row.field(26, 29)
    if not code or not (satellite or station):
        raise row.error(12, 29, "satellite, station, observation", "an observation of one of them")
    unit = row.field(66, 69)
    if unit not in ("ns", "cyc"):
        raise row.error(66, 69, "unit", "'ns' or 'cyc'")
    bias = row.number_at(71, 91, "bias")
    sigma = row.number_at(93, 103, "standard deviation") if row.field(93, 103) else np.nan
    values = [bias, sigma, np.nan, np.nan] if unit == "ns" else [np.nan, np.nan, bias, sigma]
    names = (kind, row.field(7, 10), satellite, station, code, row.field(31, 34))
    return names, row.time(36, 49, "start"), row.time(51, 64, "end"), values


def _refuse_twice(rows: list[Row], names: tuple, starts: tuple) -> None:
    seen: dict[tuple, int] = {}
    for row, name, start in zip(rows, names, starts, strict=True):
        first = seen.setdefault((name, start), row.number)
        if first != row.number:
            what = " ".join(one for one in name if one)
            raise FormatError(
                row.path, row.number, f"a second bias {what}; the first is in line {first}."
            )

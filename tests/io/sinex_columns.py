"""Lines taken apart by the FORTRAN formats that SINEX is specified in, and contents compared."""

import dataclasses
import re
import warnings

import numpy as np
from format_mutations import mutated

from leopnt.errors import LeopntError, LeopntWarning

_FIELDS = {
    "A": r".*",
    "I": r" *-?[0-9]+",
    "F": r" *-?[0-9]*\.[0-9]*",
    "E": r" *-?[0-9]*\.[0-9]*(E[+-][0-9]+)? *",
}


def columns(form: str, line: str) -> list[str]:
    """Texts of the fields of "1X,A4,1X,I5.5,1H:,E21.15"; blanks, digits and points are checked."""
    line = line.ljust(200)
    at, found = 0, []
    for one in form.split(","):
        kind = re.fullmatch(r"(\d*)([XAIFEH])(\d*)(\.\d+)?(:?)", one)
        assert kind, one
        width = int(kind[1]) if kind[2] in "XH" else int(kind[3])
        text = line[at : at + width]
        at += width
        if kind[2] == "X":
            assert text == " " * width, (line, at)
        elif kind[2] == "H":
            assert text == kind[5], (line, at)
        else:
            assert re.fullmatch(_FIELDS[kind[2]], text), (line, one, text)
            assert kind[2] != "I" or not kind[4] or "." not in text
            found.append(text)
    assert not line[at:].strip(), (line, at)
    return found


def blocks(text: str) -> dict[str, list[str]]:
    """Lines of blocks, and the first one under ""."""
    lines = text.split("\n")
    found, name = {"": [lines[0]]}, ""
    for line in lines[1:]:
        if line.startswith("+"):
            name = line[1:]
            found[name] = []
        elif line.startswith("-"):
            assert line == f"-{name}"
            name = ""
        elif line.startswith(" "):
            found[name].append(line)
        else:
            assert line.startswith(("*", "%")) or not line, line
    return found


def count_damaged_that_come_back(
    read, write, folder, data: bytes, number: int, **tolerances
) -> int:
    """Damaged copies that can be read are written and read back, or refused with a sentence."""
    rng = np.random.default_rng(7)
    damaged, out = folder / "damaged", folder / "out"
    count = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LeopntWarning)
        for _ in range(number):
            damaged.write_bytes(mutated(data, rng))
            try:
                found = read(damaged)
                write(out, found)
            except LeopntError:
                continue
            assert_same(found, read(out), **tolerances)
            count += 1
    return count


def assert_same(one, other, **tolerances):
    """Two contents are equal, to the last bit but for fields with a relative tolerance."""
    assert type(one) is type(other)
    for field in dataclasses.fields(one):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if isinstance(a, np.ndarray):
            rtol = tolerances.get(field.name, 0.0)
            np.testing.assert_allclose(b, a, rtol=rtol, atol=0.0, err_msg=field.name)
            assert rtol or np.array_equal(np.signbit(a), np.signbit(b))
        elif isinstance(a, tuple) and a and dataclasses.is_dataclass(a[0]):
            assert len(a) == len(b)
            for x, y in zip(a, b, strict=True):
                assert_same(x, y)
        else:
            assert a == b, field.name

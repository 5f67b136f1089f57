import gzip
import pickle

import pytest

from leopnt.errors import FormatError, LeopntError
from leopnt.io.textfile import decode, read_bytes, split_lines


def test_gzip_is_unpacked_and_damage_is_named(tmp_path):
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"one\ntwo\n"))
    assert read_bytes(path) == b"one\ntwo\n"
    path.write_bytes(gzip.compress(b"one\ntwo\n" * 100)[:-9])
    with pytest.raises(FormatError, match="damaged gzip file"):
        read_bytes(path)
    path.write_bytes(b"\x1f\x9d\x90rest")
    with pytest.raises(FormatError, match=r"Unix compress \(\.Z\)"):
        read_bytes(path)


def test_a_format_error_survives_the_way_from_a_worker_process():
    error = FormatError("orbits/a.tle", 7, "checksum is 3, should be 4")
    back = pickle.loads(pickle.dumps(error))
    assert (str(back), back.path, back.line_number) == (str(error), error.path, 7)


def test_paths_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(LeopntError, match="is a folder; expected a file"):
        read_bytes(tmp_path)
    (tmp_path / "orbits.sp3").write_text("x")
    with pytest.raises(LeopntError, match=r"orbit\.sp3: no such file\. Did you mean 'orbits\.sp3'"):
        read_bytes(tmp_path / "orbit.sp3")
    with pytest.raises(LeopntError, match="cannot be read"):
        read_bytes(tmp_path / "a\0b")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_encodings_of_the_field_are_decoded(encoding, evidence):
    text = "Universität Bern\nzweite Zeile"
    found = decode(text.encode(encoding), "a.txt")
    evidence(
        "io.textfile",
        f"Characters of a text in {encoding} that came back wrong",
        "Python codecs",
        "invariance",
        achieved=sum(a != b for a, b in zip(found, text, strict=True)),
        tolerance=0,
    )


def test_binary_files_are_refused():
    with pytest.raises(FormatError, match="NUL bytes"):
        decode(b"\x00\x01", "a.bin")


def test_lines_end_as_editors_end_them_and_nowhere_else():
    assert split_lines("a\r\nb\rc\nd\x0ce\u2028f") == ["a", "b", "c", "d\x0ce\u2028f"]

import gzip
import warnings

import numpy as np
import pytest
from naive_rinex import real
from test_rinex_obs import assert_same, day

from leopnt.errors import FormatError, LeopntError, LeopntWarning
from leopnt.io.packed_rinex import is_compact, read_rinex_bytes
from leopnt.io.rinex_obs import parse_rinex_obs, read_rinex_obs
from leopnt.io.rinex_obs_writer import write_rinex_obs

NAMES = ["TWTF_20230906_short.rnx", "SEPT265G_4_epochs.21O", "default_time_system2.10o"]
pytestmark = pytest.mark.filterwarnings("ignore:.*promises observations until")


def write(folder, data):
    path = folder / "day.packed"
    path.write_bytes(data)
    return path


def test_plain_and_gzip_files_come_as_they_are(tmp_path, evidence):
    data = real(NAMES[0]).read_bytes()
    assert read_rinex_bytes(real(NAMES[0])) == data
    back = read_rinex_bytes(write(tmp_path, gzip.compress(data)))
    off = np.frombuffer(back, np.uint8) != np.frombuffer(data, np.uint8)
    evidence(
        "io.packed_rinex",
        "Bytes of a gzip file that differ from the plain file",
        "gzip of the Python library",
        "implementation",
        achieved=off.sum(),
        tolerance=0,
    )


@pytest.mark.parametrize("packing", ["none", "gz", "Z", "bz2"])
@pytest.mark.parametrize("name", NAMES)
def test_compact_files_hold_the_same_numbers(tmp_path, name, packing):
    import hatanaka

    plain = real(name).read_bytes().replace(b"\r\n", b"\n")
    packed = hatanaka.compress(plain, compression=packing)
    assert len(packed) < len(plain)
    assert_same(read_rinex_obs(write(tmp_path, packed)), read_rinex_obs(real(name)))


def test_compact_files_may_drop_leading_zeros(tmp_path):
    import hatanaka

    obs = day(200, 5, ("C1C", "L1C", "D1C"), letter="G")
    plain = write_rinex_obs(tmp_path / "plain.rnx", obs).read_bytes()
    crx = hatanaka.rnx2crx(plain)
    assert is_compact(crx)
    assert_same(read_rinex_obs(write(tmp_path, crx)), obs)


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.9])
def test_damaged_compact_files_are_refused_or_warned_of(tmp_path, cut):
    import hatanaka

    crx = hatanaka.rnx2crx(real(NAMES[0]).read_bytes().replace(b"\r\n", b"\n"))
    path = write(tmp_path, crx[: int(cut * len(crx))])
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            read_rinex_obs(path)
        except LeopntError:
            return
    assert any(issubclass(one.category, LeopntWarning) for one in said)


@pytest.mark.parametrize("start", [b"\x1f\x9d\x90", b"BZh9", b"PK\x03\x04", b"\x1f\x8b\x08"])
def test_damaged_archives_are_refused(tmp_path, start):
    with pytest.raises(FormatError):
        read_rinex_obs(write(tmp_path, start + b"damaged beyond repair" * 10))


def test_compact_text_is_told_from_plain():
    compact = f"{1.0:9.2f}{'':11}{'COMPACT RINEX FORMAT':40}CRINEX VERS   / TYPE\n"
    with pytest.raises(FormatError, match="is Compact RINEX; read it with read_rinex_obs"):
        parse_rinex_obs(compact.encode())

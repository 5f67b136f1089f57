"""Readers meet damaged files: an error with a line, or arrays; never a crash, a hang, a flood."""

from pathlib import Path

import numpy as np
import pytest
from format_mutations import peak_bytes, read_damaged
from naive_rinex import real
from study_sizes import study_size

from leopnt.errors import FormatError
from leopnt.io.antex import read_antex
from leopnt.io.bias_sinex import read_bias_sinex
from leopnt.io.clk import read_clk
from leopnt.io.rinex_obs import read_rinex_obs
from leopnt.io.sinex import read_sinex
from leopnt.io.sp3 import read_sp3

STELLA = (
    Path(__file__).parents[2] / "examples" / "data" / "sp3" / "nsgf_stella_20231208_0000.sp3"
).read_bytes()


def piece(name, first=0, last=None):
    """Some lines of a file, all by default."""
    return b"\n".join(real(name).read_bytes().split(b"\n")[first:last])


def clock_piece():
    lines = piece("COD_2_epochs.CLK").split(b"\n")
    end = next(i for i, line in enumerate(lines) if b"END OF HEADER" in line)
    return b"\n".join(lines[:20] + lines[end - 8 : end + 60]) + b"\n"


PIECES = {
    "rinex 3 observations": (read_rinex_obs, piece("TWTF_20230906_short.rnx")),
    "rinex 2 observations": (read_rinex_obs, piece("default_time_system2.10o")),
    "sp3": (read_sp3, STELLA),
    "clk": (read_clk, clock_piece()),
    "antex": (read_antex, piece("subset_4_antennas.atx", 0, 54)),
    "sinex": (read_sinex, piece("igs10P1565_6_stations.snx")),
    "bias-sinex": (read_bias_sinex, piece("COD_5_satellites.BIA")),
}
LARGE_CLAIMS = {
    "rinex 3 codes": (
        "TWTF_20230906_short.rnx",
        b"G   18 C1C",
        b"G  999 C1C",
        read_rinex_obs,
    ),
    "rinex 3 satellites": (
        "TWTF_20230906_short.rnx",
        b"00  0.0000000  0 45",
        b"00  0.0000000  0999",
        read_rinex_obs,
    ),
    "rinex 3 slots": ("TWTF_20230906_short.rnx", b" 23 R01", b"999 R01", read_rinex_obs),
    "rinex 2 types": ("default_time_system2.10o", b"     7    L1", b"999999    L1", read_rinex_obs),
    "rinex 2 satellites": ("default_time_system2.10o", b"  0  8G13", b"  0999G13", read_rinex_obs),
    "antex angles": ("subset_4_antennas.atx", b"17.0   1.0", b"17.0   0.0", read_antex),
    "antex fine angles": ("subset_4_antennas.atx", b"17.0   1.0", b"17.0 .0001", read_antex),
    "antex frequencies": ("subset_4_antennas.atx", b"     2      ", b"999999      ", read_antex),
    "clk values": ("COD_2_epochs.CLK", b"  2   ", b"999   ", read_clk),
}


@pytest.mark.parametrize("name", PIECES)
def test_damaged_files_are_read_or_refused_with_a_sentence(name, tmp_path):
    read, data = PIECES[name]
    refused = read_damaged(read, tmp_path / "damaged", data, 200, seed=1)
    assert 40 < refused < 200


@pytest.mark.study
@pytest.mark.timeout(3600)
@pytest.mark.skipif(study_size(0, 1) == 0, reason="runs at full study size")
@pytest.mark.parametrize("name", PIECES)
def test_many_damaged_files_are_read_or_refused_with_a_sentence(name, tmp_path, untyped):
    read, data = PIECES[name]
    assert read_damaged(read, tmp_path / "damaged", data, study_size(100, 15_000), seed=2) > 0


@pytest.mark.parametrize("claim", LARGE_CLAIMS)
def test_a_header_that_claims_large_counts_takes_little_memory(claim, tmp_path):
    name, old, new, read = LARGE_CLAIMS[claim]
    data = real(name).read_bytes()
    assert old in data
    path = tmp_path / "claims"
    path.write_bytes(data.replace(old, new, 1))
    assert peak_bytes(read, path) < 60 * len(data) + 3_000_000


def test_short_records_under_many_codes_take_little_memory(tmp_path, evidence):
    codes = [
        f"{kind}{band}{mode}" for kind in "CLDS" for band in range(1, 10) for mode in "ABCDEFGHIJ"
    ]
    lines = [f"{3.04:9.2f}{'':11}OBSERVATION DATA    M".ljust(60) + "RINEX VERSION / TYPE"]
    for at in range(0, len(codes), 13):
        start = f"G  {len(codes):3d}" if at == 0 else " " * 6
        text = start + "".join(f" {one}" for one in codes[at : at + 13])
        lines.append(f"{text:60}SYS / # / OBS TYPES")
    lines.append(f"{'':60}END OF HEADER")
    for second in range(2000):
        minute, rest = divmod(second, 60)
        lines.append(f"> 2024 01 01 00 {minute:02d} {rest:2d}.0000000  0 20")
        lines += [f"G{number:02d}" for number in range(1, 21)]
    path = tmp_path / "bomb.rnx"
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(FormatError, match="lists 360 codes, but the records are too short"):
        read_rinex_obs(path)
    peak = peak_bytes(read_rinex_obs, path)
    evidence(
        "io.rinex_obs",
        "Memory for a file whose header lists 360 codes that its 40 000 records do not hold",
        "100 MB",
        "closed form",
        achieved=peak / 1e6,
        tolerance=100.0,
        unit="MB",
    )


def test_mutations_change_the_file():
    from format_mutations import mutated

    rng = np.random.default_rng(0)
    data = PIECES["sp3"][1]
    assert sum(mutated(data, rng) != data for _ in range(100)) > 90

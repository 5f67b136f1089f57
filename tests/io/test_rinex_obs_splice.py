"""Hourly files are one file: nothing lost, nothing twice."""

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from leopnt.errors import LeopntError
from leopnt.io import read_rinex_obs, splice_rinex_obs, write_rinex_obs
from leopnt.io.rinex_obs import RinexEvent, SystemObs

WHOLE = Path("examples/data/calibration/3034_2021265.rnx")


def piece(obs, first, end):
    """Epochs `first` to before `end` of an observation file, with the satellites these see."""
    systems = {}
    for letter, one in obs.systems.items():
        rows = np.flatnonzero((one.epoch >= first) & (one.epoch < end))
        if not len(rows):
            continue
        seen, sat = np.unique(one.sat[rows], return_inverse=True)
        systems[letter] = SystemObs(
            one.codes, tuple(one.satellites[i] for i in seen), sat, one.epoch[rows] - first,
            one.value[rows], one.lli[rows], one.ssi[rows],
        )  # fmt: skip
    return replace(
        obs,
        header=replace(obs.header, first=obs.epoch[first], last=obs.epoch[end - 1]),
        epoch=obs.epoch[first:end],
        clock_offset_s=obs.clock_offset_s[first:end],
        is_after_power_failure=obs.is_after_power_failure[first:end],
        systems=systems,
    )


@pytest.fixture(scope="module")
def whole():
    return read_rinex_obs(WHOLE)


def test_pieces_of_a_real_file_are_that_file(whole, tmp_path, evidence):
    cuts = [0, 12, 13, len(whole.epoch)]
    paths = [
        write_rinex_obs(tmp_path / f"{i}.rnx", piece(whole, first, end))
        for i, (first, end) in enumerate(itertools.pairwise(cuts))
    ]
    found = splice_rinex_obs([read_rinex_obs(path) for path in reversed(paths)])
    assert np.all(found.epoch.tai_s == whole.epoch.tai_s)
    assert found.header.last == whole.epoch[-1]
    assert list(found.systems) == sorted(whole.systems)
    off = 0
    for letter, one in whole.systems.items():
        two = found.systems[letter]
        assert (two.codes, two.satellites) == (one.codes, one.satellites)
        for field in ("sat", "epoch", "value", "lli", "ssi"):
            a, b = getattr(one, field), getattr(two, field)
            off += np.sum((a != b) & ~((a != a) & (b != b)))
    evidence(
        "io.rinex_obs_splice",
        "records of three pieces of a real file that differ from the file",
        "the whole file",
        "real data",
        achieved=off,
        tolerance=0,
        unit="1",
    )


def test_columns_that_a_piece_lacks_are_missing_there(whole):
    one, two = piece(whole, 0, 5), piece(whole, 5, 9)
    letter = next(iter(two.systems))
    short = two.systems[letter]
    two = replace(
        two,
        systems={
            letter: replace(
                short, codes=short.codes[1:], value=short.value[:, 1:], lli=short.lli[:, 1:],
                ssi=short.ssi[:, 1:],
            )
        },
    )  # fmt: skip
    found = splice_rinex_obs([one, two]).systems[letter]
    assert found.codes == short.codes
    later = found.epoch >= 5
    assert np.all(np.isnan(found.value[later, 0]))
    np.testing.assert_array_equal(found.value[later, 1:], short.value[:, 1:])
    np.testing.assert_array_equal(found.value[~later], one.systems[letter].value)


def test_events_move_with_their_epochs(whole):
    event = RinexEvent(4, None, 2, ("a comment",))
    parts = [piece(whole, 0, 5), replace(piece(whole, 5, 9), events=(event,))]
    assert splice_rinex_obs(parts).events == (replace(event, before=7),)


def test_one_part_or_one_with_epochs_stays_as_it_is(whole):
    assert splice_rinex_obs([whole]) is whole
    none = replace(piece(whole, 0, 1), epoch=whole.epoch[:0])
    assert splice_rinex_obs([none, whole]) is whole


def test_what_does_not_belong_together_is_refused(whole):
    one, two = piece(whole, 0, 5), piece(whole, 4, 9)
    with pytest.raises(LeopntError, match=r"b: begins at 2021-.* but a ends at 2021-.* overlap"):
        splice_rinex_obs([one, two], ["a", "b"])
    moved = replace(two, header=replace(two.header, antenna=("1", "OTHER")))
    with pytest.raises(LeopntError, match=r"part 2: header has antenna = \('1', 'OTHER'\), and pa"):
        splice_rinex_obs([one, moved])
    with pytest.raises(LeopntError, match="0 parts with 0 names: expected at least one"):
        splice_rinex_obs([])
    with pytest.raises(LeopntError, match="1 parts with 2 names"):
        splice_rinex_obs([one], ["a", "b"])

"""Powers that no receiver reports are refused by name."""

import numpy as np
import pytest

from leopnt.antennas.beams import b52
from leopnt.errors import LeopntError
from leopnt.methods.power import check_powers, power_scene, powers_of_beams

SCENE = power_scene(b52())


def row(**changed):
    power = np.full((2, 52), -150.0)
    for name, value in changed.items():
        power[1, int(name[1:])] = value
    return power


def test_good_powers_pass_and_unsent_beams_do_not_count():
    sent = np.ones(52, bool)
    sent[4] = False
    found = check_powers(SCENE, row(b4=np.nan), sent)
    np.testing.assert_array_equal(found.transmitted, np.tile(sent, (2, 1)))
    assert np.all(found.power_dbw[:, sent] == -150.0)
    assert np.all(np.isfinite(found.power_dbw))


def test_a_list_of_beams_becomes_a_row():
    found = powers_of_beams(SCENE, [43, 0], [-130.0, -145.0])
    assert found.power_dbw[0, 43] == -130.0
    assert found.power_dbw[0, 0] == -145.0
    np.testing.assert_array_equal(np.flatnonzero(found.transmitted[0]), [0, 43])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: check_powers(SCENE, np.zeros((2, 51))), r"has shape \(2, 51\); accepted: \(user,"),
        (lambda: check_powers(SCENE, np.zeros((0, 52))), r"has shape \(0, 52\)"),
        (
            lambda: check_powers(SCENE, row(b7=np.nan)),
            "of user 1, beam 7 is nan; expected a",
        ),
        (lambda: check_powers(SCENE, row(b7=-np.inf)), "of user 1, beam 7 is -inf"),
        (lambda: check_powers(SCENE, row(b3=150.0)), "150 dBW of user 1, beam 3: .* positive sign"),
        (lambda: check_powers(SCENE, row(b3=-20.0)), "-20 dBW of user 1, beam 3: .* dBm"),
        (lambda: check_powers(SCENE, row(), np.ones(51, bool)), r"transmitted has .* \(51,\)"),
        (lambda: check_powers(SCENE, row(), np.ones(52)), "transmitted has type float64"),
        (lambda: powers_of_beams(SCENE, [1, 1], [-150.0, -151.0]), "beam = 1 occurs twice"),
        (lambda: powers_of_beams(SCENE, [52], [-150.0]), "beam = 52: expected 0 to 51"),
        (lambda: powers_of_beams(SCENE, [1, 2], [-150.0]), "beam has 2 entries, power_dbw 1"),
    ],
)
def test_impossible_powers_are_refused(untyped, call, message):
    with pytest.raises(LeopntError, match=message):
        call()


def test_every_bad_power_is_refused_with_its_beam(evidence):
    refused = 0
    values = (np.nan, np.inf, -np.inf, 0.1, 170.0, -59.9, -0.5)
    for bad in values:
        with pytest.raises(LeopntError, match="beam 51"):
            check_powers(SCENE, row(b51=bad))
        refused += 1
    evidence(
        "methods.power.inputs",
        "bad powers accepted, of seven",
        "every one is refused with the number of its beam",
        "own",
        achieved=len(values) - refused,
        tolerance=0,
    )

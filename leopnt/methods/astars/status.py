"""How a fix through a surface ended: each value is the sentence that the user reads."""

import equinox as eqx


class AstarsStatus(eqx.Enumeration):
    """End of a fix. `AstarsStatus[status]` gives the sentence; empty means ok."""

    ok = ""
    not_converged = "the iteration limit was reached before the step became small"
    too_few_satellites = "fewer usable satellites than unknowns"
    duplicate_satellites = "two of the satellites stand in the same place"
    weak_geometry = "the satellites do not determine the position (condition above 1e8)"
    no_last_leg = (
        "the distance from surface to receiver is not above zero: a network time of the wrong "
        "sign, or wrong by more than the flight time"
    )
    receiver_hidden = (
        "fewer than four numbers tell of the receiver and its clock: one surface gives one, add "
        "network time and a direction, more surfaces or direct satellites"
    )
    ambiguous = "a second position fits as well: a direction or one more range would decide"
    two_places = (
        "four ranges fit two places on the ground equally well: a fifth satellite tells them apart"
    )


def has_position(status: AstarsStatus):
    """Whether a fix that ended so holds a position: one, or one of two."""
    return (status == AstarsStatus.ok) | (status == AstarsStatus.ambiguous)

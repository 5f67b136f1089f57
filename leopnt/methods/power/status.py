"""How a fix from powers ended: each value is the sentence that the user reads."""

import equinox as eqx


class PowerStatus(eqx.Enumeration):
    """End of a fix. `PowerStatus[status]` gives the sentence; empty means ok."""

    ok = ""
    not_converged = "the iteration limit was reached before the step became small"
    diverged = "a step left the half space below the antenna; the start may be too far"
    insufficient_beams = "fewer usable beams than the unknowns need"
    off_earth = "the direction misses the Earth: no height by the published formulas"
    weak_geometry = "the beams' powers do not determine the position (ill-conditioned)"
    ambiguous = "another position fits about as well"
    poor_fit = "the residuals are larger than noise, priors and antenna explain (chi-square)"
    invalid_input = "the powers are not finite where a beam was transmitted"

"""How likely integer ambiguities are right, before any is fixed."""

from __future__ import annotations

import numpy as np
from jaxtyping import Array, Float
from scipy.special import erf

from leopnt.inference.lambda_reduction import conditional_variances


def bootstrapped_success_rate(
    variances: Float[Array | np.ndarray, "*batch amb"],
) -> Float[np.ndarray, "*batch"]:
    """Probability that integer bootstrapping finds the true integers.

        P = prod_i (2 Phi(1 / (2 sqrt(d_i))) - 1)

    exact for bootstrapping in the order of the conditional variances d (cycles squared), and a
    lower bound for integer least squares. Those of `decorrelate` give the useful bound.

    Source: Teunissen, J. Geodesy 72 (1998) 606.
    """
    return np.asarray(np.prod(erf(np.sqrt(0.125 / np.asarray(variances, float))), axis=-1))


def adop_cycles(
    covariance: Float[Array | np.ndarray, "*batch amb amb"],
) -> Float[np.ndarray, "*batch"]:
    """Ambiguity dilution of precision det(Q)^(1 / (2 n)) in cycles, the same for every Z.

    NaN where Q is not positive definite.

    Raises:
        LeopntError: no ambiguities, not square, not symmetric.

    Source: Teunissen and Odijk, Proc. ION GPS-97, 891.
    """
    _, variances = conditional_variances(covariance)
    return np.asarray(np.exp(0.5 * np.mean(np.log(variances), axis=-1)))


def adop_success_bound(
    adop: Float[Array | np.ndarray, "*batch"], num_ambiguities: int
) -> Float[np.ndarray, "*batch"]:
    """(2 Phi(1 / (2 ADOP)) - 1)^n: no bootstrapped success rate exceeds it.

    It bounds bootstrapping only, not integer least squares.
    """
    return np.asarray(erf(np.sqrt(0.125) / np.asarray(adop, float)) ** num_ambiguities)


def success_rates_of_last(
    variances: Float[Array | np.ndarray, "*batch amb"],
) -> Float[np.ndarray, "*batch amb"]:
    """Entry k: the bootstrapped success rate of ambiguities k, k + 1, ... alone."""
    each = erf(np.sqrt(0.125 / np.asarray(variances, float)))
    return np.flip(np.cumprod(np.flip(each, -1), axis=-1), -1)

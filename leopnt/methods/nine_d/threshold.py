"""Where the Cramer-Rao bound stops being attainable: E/N0, carrier phase, Ziv-Zakai bound."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import ndtr
from jaxtyping import Array, Bool, Float

from leopnt.errors import LeopntError
from leopnt.methods.nine_d.closed_form import observed
from leopnt.methods.nine_d.scene import NineDScene

SNR_OVER_ESN0 = 8.0 * np.pi**2
"""What `snr` holds more than E/N0: 18.97 dB."""

_NUM_SPACINGS = 20_000


def esn0_db(scene: NineDScene) -> Float[Array, "sat slot ant"]:
    """E/N0 of each link [dB]: SNR without the 8 pi^2; -infinity where it is blocked."""
    return 10.0 * jnp.log10(scene.snr / SNR_OVER_ESN0)


def phase_sigma_rad(scene: NineDScene) -> Float[Array, "sat slot ant"]:
    """Bound on the carrier phase of each link alone, 2 pi / sqrt(SNR) = 1 / sqrt(2 E/N0)."""
    return 2.0 * jnp.pi / jnp.sqrt(scene.snr)


def phase_valid(scene: NineDScene) -> Bool[Array, "sat slot ant"]:
    """True where the carrier phase of a link is known to pi/4: 2 pi / sqrt(SNR) < pi/4.

    Below that (SNR under 18.06 dB) delays from the carrier, 99 percent of the information at 1 GHz,
    are not attained by any one link. Necessary, not sufficient: which cycle it is takes more, see
    `delay_thresholds`.
    """
    return phase_sigma_rad(scene) < jnp.pi / 4.0


class DelayThreshold(NamedTuple):
    """Two lower bounds on the mean-square error of one link's delay.

    crb_s: root of the Cramer-Rao bound, 1/sqrt(SNR omega); infinite where blocked;
    ziv_zakai_s: root of the Ziv-Zakai bound, at most prior_width/sqrt(12).
    """

    crb_s: Float[Array, "*link"]
    ziv_zakai_s: Float[Array, "*link"]

    @property
    def excess(self) -> Float[Array, "*link"]:
        """Ziv-Zakai over Cramer-Rao: about 1 where the latter is attainable, more where it is not,
        less where neither says more than the prior.
        """
        return self.ziv_zakai_s / self.crb_s

    @property
    def attainable(self) -> Bool[Array, "*link"]:
        """True where no more than 10 percent are lost, and the signal tells more than the prior."""
        return jnp.abs(self.excess - 1.0) < 0.1


def delay_thresholds(scene: NineDScene, prior_width_s: float) -> DelayThreshold:
    """Bounds of the delay of each link alone, its phase known: is the 9D bound about anything?

    Args:
        scene: its bandwidth is taken as that of a flat spectrum, width sqrt(12) alpha_1, around the
            observed carrier; `correlation` must be 0.
        prior_width_s: what is known beforehand: the delay is uniform over this width.

    Raises:
        LeopntError: a correlation, or a width that is not positive.
    """
    if np.any(np.asarray(scene.correlation)):
        raise LeopntError("scene.correlation is not 0: a flat spectrum has none with its carrier.")
    links = scene.snr.shape
    at_hz = jnp.broadcast_to(observed(scene).observed_hz[..., None], links)
    alpha = jnp.broadcast_to(scene.bandwidth_hz[..., None], links)
    given = (scene.snr / SNR_OVER_ESN0, at_hz, alpha)
    _check(prior_width_s)
    width_s = jnp.asarray(float(prior_width_s))
    bound = jax.lax.map(lambda one: _ziv_zakai(*one, width_s), [x.reshape(-1) for x in given])
    crb_s2 = 1.0 / (scene.snr * (at_hz**2 + alpha**2))
    return DelayThreshold(jnp.sqrt(crb_s2), jnp.sqrt(bound.reshape(links)))


def ziv_zakai_delay_s2(
    esn0_linear: float, carrier_hz: float, bandwidth_hz: float, prior_width_s: float
) -> Float[Array, ""]:
    """Lower bound on the mean-square error of any estimate of one delay [s^2].

        bound = 1/T integral_0^T h V{(T - h) Q(sqrt(E/N0 (1 - R(h))))} dh
        R(h) = sinc(B h) cos(2 pi f_c h),   B = sqrt(12) alpha

    Q is the error probability of telling two delays h apart, V fills valleys (the largest value at
    any greater h). It tends to the Cramer-Rao bound 1/(8 pi^2 E/N0 (f_c^2 + alpha^2)) at high E/N0,
    and to T^2/12 at none. The integral is a sum from below, 1 percent short at most, so that it is
    a bound at any E/N0.

    Args:
        esn0_linear: energy of one slot over the one-sided noise density; amplitude and phase known.
        carrier_hz, bandwidth_hz: f_c, and the effective (RMS) bandwidth alpha of a flat spectrum.
        prior_width_s: T; the delay is uniform over it beforehand.

    Source: Chazan, Zakai & Ziv, IEEE Trans. Inf. Theory 21 (1975) 90; valley filling: Bellini &
    Tartara, IEEE Trans. Commun. 22 (1974) 340.
    """
    for name, value in (("esn0_linear", esn0_linear), ("carrier_hz", carrier_hz),
                        ("bandwidth_hz", bandwidth_hz)):  # fmt: skip
        if not 0 <= value < np.inf:
            raise LeopntError(f"{name} = {value!r}: expected 0 or more.")
    _check(prior_width_s)
    given = (esn0_linear, carrier_hz, bandwidth_hz, prior_width_s)
    return _ziv_zakai(*(jnp.asarray(float(value)) for value in given))


def _check(prior_width_s: float) -> None:
    if not 0 < prior_width_s < np.inf:
        raise LeopntError(f"prior_width_s = {prior_width_s!r}: expected a number above 0.")


@jax.jit
def _ziv_zakai(esn0, carrier_hz, alpha_hz, width_s):
    h = _spacings(esn0, carrier_hz, alpha_hz, width_s)
    correlation = jnp.sinc(jnp.sqrt(12.0) * alpha_hz * h) * jnp.cos(2.0 * jnp.pi * carrier_hz * h)
    error = ndtr(-jnp.sqrt(esn0 * jnp.maximum(1.0 - correlation, 0.0)))
    filled = jax.lax.cummax((width_s - h) * error, reverse=True)
    # It falls with h: its value at the far end of each interval is its least there.
    return jnp.sum(0.5 * jnp.diff(h**2) * filled[1:]) / width_s


def _spacings(esn0, carrier_hz, alpha_hz, width_s):
    """0 to T: by equal ratios from far below the standard deviation, with peaks of R between."""
    finest = 0.5 / jnp.pi / jnp.sqrt(2.0 * jnp.maximum(esn0, 1.0) * (carrier_hz**2 + alpha_hz**2))
    least = jnp.minimum(1e-3 * jnp.where(jnp.isfinite(finest), finest, jnp.inf), 1e-3 * width_s)
    share = jnp.linspace(0.0, 1.0, _NUM_SPACINGS)
    by_ratio = least * (width_s / least) ** share
    cycle = 1.0 / jnp.where(carrier_hz > 0, carrier_hz, 1.0)
    peaks = jnp.minimum(jnp.round(by_ratio / cycle) * cycle, width_s)
    return jnp.sort(jnp.concatenate([jnp.zeros(1), by_ratio, peaks]))

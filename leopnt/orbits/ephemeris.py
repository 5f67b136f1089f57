"""Satellite states inside compiled, differentiated kernels, interpolated from a uniform grid.

Builders run SGP4, SP3 interpolation or Kepler once; what kernels see is arrays. Position and the
inertial velocity are interpolated apart, by the polynomial through the nearest eight nodes,
because the velocity of SGP4 is not the derivative of its position (1 cm/s median, 12 cm/s at
most, Starlink).
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int, Real

from leopnt.constants import EARTH_ROTATION_ERA_RADPS
from leopnt.eop import EopTable
from leopnt.epochs import Epoch
from leopnt.errors import LeopntError
from leopnt.frames.state import SatelliteState
from leopnt.orbits import kepler, sgp4, tabulated
from leopnt.orbits.earth_spin import earth_rotation_vector
from leopnt.orbits.elements import MeanElements

NUM_POINTS = 8
STEP_S = 60.0
"""Default step. In LEO it leaves 10 um and 0.2 um/s against SGP4 itself (rounding of its time
argument, mostly); 120 s leaves 2 mm and 4 um/s."""

_HALF = NUM_POINTS // 2
_LAST = NUM_POINTS - 1


class Ephemeris(eqx.Module):
    """States of satellites over a span of time, by local polynomials of degree 7.

    `t_s` counts SI seconds from `reference`. Outside the span, and where a satellite has no nodes
    (decayed, gap), states are NaN: nothing raises inside compiled code. Check with `covers`.

    Attributes:
        pos_ecef_m: nodes, in ECEF at each node's own time.
        vel_inertial_ecef_mps: nodes of the inertial velocity in the same axes.
        first_node_s: time of the first node; nodes reach beyond the span where the source does.
        step_s: node spacing.
        start_s, end_s: span in which states are given.
        spin_radps: angular velocity of the Earth in ECEF axes, constant over the span.
        reference_tai_s, reference_fraction_s: the epoch `reference`.
    """

    pos_ecef_m: Float[Array, "sat node 3"]
    vel_inertial_ecef_mps: Float[Array, "sat node 3"]
    first_node_s: Float[Array, ""]
    step_s: Float[Array, ""]
    start_s: Float[Array, ""]
    end_s: Float[Array, ""]
    spin_radps: Float[Array, "3"]
    reference_tai_s: Int[Array, ""]
    reference_fraction_s: Float[Array, ""]

    def __check_init__(self):
        for name in ("pos_ecef_m", "vel_inertial_ecef_mps", "first_node_s", "step_s"):
            _refuse_32_bit(f"Ephemeris.{name}", getattr(self, name))
        if self.pos_ecef_m.shape[-2] < NUM_POINTS:
            raise LeopntError(
                f"Ephemeris needs at least {NUM_POINTS} nodes, got {self.pos_ecef_m.shape[-2]}."
            )

    def state(self, sat_index: Int[ArrayLike, ""], t_s: Real[ArrayLike, ""]) -> SatelliteState:
        """State of one satellite at one time; `jax.vmap` adds axes.

        Args:
            sat_index: row of the elements or table that this was built from.
            t_s: seconds since `reference`; derivatives with respect to it are those of the
                polynomials.
        """
        sat, t = jnp.asarray(sat_index).astype(int), jnp.asarray(t_s)
        _refuse_32_bit("t_s", t)
        num_sats, num_nodes, _ = self.pos_ecef_m.shape
        place = (t - self.first_node_s) / self.step_s
        first = jnp.clip(jnp.floor(place).astype(int) - (_HALF - 1), 0, num_nodes - NUM_POINTS)
        weights = _weights(place - first)
        pos = weights @ _window(self.pos_ecef_m, sat, first)
        vel_inertial = weights @ _window(self.vel_inertial_ecef_mps, sat, first)
        # A NaN added, not selected: inside the span the derivative stays clean.
        is_known = (t >= self.start_s) & (t <= self.end_s) & (sat >= 0) & (sat < num_sats)
        outside = jnp.where(is_known, 0.0, jnp.nan)
        pos, vel_inertial = pos + outside, vel_inertial + outside
        return SatelliteState(pos, vel_inertial - jnp.cross(self.spin_radps, pos), vel_inertial)

    @property
    def reference(self) -> Epoch:
        """Epoch of t_s = 0."""
        return Epoch(np.asarray(self.reference_tai_s), np.asarray(self.reference_fraction_s))

    def seconds(self, epoch: Epoch) -> Float[np.ndarray, "*shape"]:
        """Times `t_s` of epochs.

        Raises:
            LeopntError: an epoch outside the span.
        """
        t_s = epoch.since(self.reference)
        if not np.all((t_s >= np.asarray(self.start_s)) & (t_s <= np.asarray(self.end_s))):
            first, last = (self.reference + float(t) for t in (self.start_s, self.end_s))
            raise LeopntError(
                f"the ephemeris spans {first.to_iso()} to {last.to_iso()}; {epoch!r} "
                "reaches outside."
            )
        return t_s

    @staticmethod
    def from_sgp4(
        elements: MeanElements,
        start: Epoch,
        duration_s: float,
        *,
        step_s: float = STEP_S,
        age_gate: sgp4.AgeGate | float = sgp4.RefuseOlderThan(),
        eop: EopTable | None = None,
    ) -> "Ephemeris":
        """States of element sets from `start` (t_s = 0) for `duration_s`.

        Raises:
            LeopntError: as `sgp4.propagate`.
        """
        nodes_s = _grid(start, duration_s, step_s)
        at = sgp4.propagate(elements, start + nodes_s, age_gate=age_gate, eop=eop).state
        return _build(at.pos_ecef_m, at.vel_inertial_ecef_mps, nodes_s, duration_s, start, eop)

    @staticmethod
    def from_tabulated(
        table: tabulated.TabulatedOrbits,
        *,
        step_s: float = STEP_S,
        num_points: int = tabulated.NUM_POINTS,
        eop: EopTable | None = None,
    ) -> "Ephemeris":
        """States of a table, `read_sp3(path).tabulated()`, over its span, t_s = 0 at its start.

        The table's own polynomials, of `num_points` nodes, are sampled every `step_s`. Around gaps
        states are NaN within four steps of the gap.
        """
        duration_s = float(table.nodes_s[-1])
        num_steps = max(NUM_POINTS, int(np.ceil(duration_s / step_s)))
        nodes_s = np.linspace(0.0, duration_s, num_steps + 1)
        start = table.epoch[0]
        at = tabulated.interpolate(table, start + nodes_s, num_points, eop).state
        return _build(at.pos_ecef_m, at.vel_inertial_ecef_mps, nodes_s, duration_s, start, eop)

    @staticmethod
    def from_kepler(
        elements: kepler.KeplerElements,
        start: Epoch,
        duration_s: float,
        *,
        earth_angle_rad: float = 0.0,
        step_s: float = STEP_S,
    ) -> "Ephemeris":
        """States of Kepler orbits with J2 drift, whose elements hold at `start` (t_s = 0).

        Args:
            elements: over the `sat` axis.
            start: a date for the result; it does not enter the motion.
            duration_s: span.
            earth_angle_rad: see `kepler.ecef_state`; 0 for `constellations`.
            step_s: node spacing.
        """
        nodes_s = _grid(start, duration_s, step_s)
        at = _kepler_kernel(elements, jnp.asarray(nodes_s), jnp.asarray(float(earth_angle_rad)))
        spin = np.array([0.0, 0.0, EARTH_ROTATION_ERA_RADPS])
        pos, vel = at.pos_ecef_m, at.vel_inertial_ecef_mps
        return _build(pos, vel, nodes_s, duration_s, start, None, spin)


_kepler_kernel = jax.jit(
    jax.vmap(jax.vmap(kepler.ecef_state, in_axes=(None, 0, None)), in_axes=(0, None, None))
)
"""States (sat, node) of elements (sat,) at times (node,)."""


def _grid(start: Epoch, duration_s: float, step_s: float) -> np.ndarray:
    """Node times that reach four steps beyond both ends."""
    if start.shape != ():
        raise LeopntError(f"Ephemeris: start must be a single epoch, got the shape {start.shape}.")
    if not (0.0 < step_s < np.inf and 0.0 <= duration_s < np.inf):
        raise LeopntError(
            f"Ephemeris: step_s must be positive and duration_s not negative, got {step_s} and "
            f"{duration_s}."
        )
    return step_s * np.arange(-_HALF, int(np.ceil(duration_s / step_s)) + _HALF + 1)


def _build(pos, vel_inertial, nodes_s, duration_s, start: Epoch, eop, spin=None) -> Ephemeris:
    if spin is None:
        spin = earth_rotation_vector(start + 0.5 * duration_s, eop)
    return Ephemeris(
        pos_ecef_m=jnp.asarray(pos),
        vel_inertial_ecef_mps=jnp.asarray(vel_inertial),
        first_node_s=jnp.asarray(float(nodes_s[0])),
        step_s=jnp.asarray(float(nodes_s[1] - nodes_s[0])),
        start_s=jnp.asarray(0.0),
        end_s=jnp.asarray(float(duration_s)),
        spin_radps=jnp.asarray(spin),
        reference_tai_s=jnp.asarray(start.tai_s),
        reference_fraction_s=jnp.asarray(start.fraction_s),
    )


def _window(nodes, sat, first):
    return jax.lax.dynamic_slice(nodes, (sat, first, 0), (1, NUM_POINTS, 3))[0]


def _weights(place: Float[Array, ""]) -> Float[Array, " point"]:
    """Lagrange weights of nodes 0..7 at `place`; a smooth polynomial of it."""
    apart = place - jnp.arange(NUM_POINTS)
    one = jnp.ones(1)
    before = jnp.concatenate([one, jnp.cumprod(apart[:-1])])
    after = jnp.concatenate([jnp.cumprod(apart[:0:-1])[::-1], one])
    return before * after * _INVERSE_DIVISORS


_INVERSE_DIVISORS = np.array(
    [1.0 / np.prod([float(j - k) for k in range(NUM_POINTS) if k != j]) for j in range(NUM_POINTS)]
)


def _refuse_32_bit(name: str, value) -> None:
    if jnp.issubdtype(value.dtype, jnp.floating) and value.dtype != jnp.float64:
        raise LeopntError(
            f"{name} is {value.dtype}; 32 bit resolves 6 to 25 cm at LEO ranges, so float64 is "
            "needed (importing leopnt turns it on; do not turn it off)."
        )

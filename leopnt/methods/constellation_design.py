"""Better constellations by gradient: a position bound over a map, differentiable by the orbits.

    b(point, epoch) = sqrt(tr_position (sum_sat w s^-2 g g^T + P)^-1)      position bound [m]
    criterion       = sum_point weight mean_epoch ln b

with g = (-line of sight, 1) for the pseudorange and the receiver's clock, s its standard
deviation, w the weight of visibility and P a weak prior. With a smooth edge of the mask the
criterion is smooth in every parameter of the orbits, through the ephemeris, so gradients find the
way; with a hard edge it is the bound of receivers, by which designs are judged.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.optimize import minimize

from leopnt.errors import LeopntError
from leopnt.frames.geodetic import enu_basis, geodetic_to_ecef
from leopnt.orbits.kepler import KeplerElements, ecef_state

_GOLDEN_TURN_RAD = np.pi * (3.0 - np.sqrt(5.0))

Scalar = Float[Array, ""]
Numbers = Sequence[float] | np.ndarray | Array


class Service(eqx.Module):
    """Where and when receivers are served.

    Attributes:
        pos_ecef_m: of each point.
        enu: rows east, north, up of each point.
        weight: of each point, sum 1.
        epochs_s: seconds after the reference of the orbits.
    """

    pos_ecef_m: Float[Array, "point 3"]
    enu: Float[Array, "point 3 3"]
    weight: Float[Array, " point"]
    epochs_s: Float[Array, " epoch"]


def service_at(lat_rad: Numbers, lon_rad: Numbers, weight: Numbers, epochs_s: Numbers) -> Service:
    """Service of given places on the ellipsoid; weights are divided by their sum.

    Raises:
        LeopntError: lengths differ, something is not finite, or weights do not add up to more than
            zero.
    """
    places = [np.atleast_1d(np.asarray(one, float)) for one in (lat_rad, lon_rad, weight)]
    epochs = np.atleast_1d(np.asarray(epochs_s, float))
    if len({one.shape for one in places}) > 1 or places[0].ndim != 1:
        shapes = ", ".join(str(one.shape) for one in places)
        raise LeopntError(
            f"lat_rad, lon_rad, weight: got shapes {shapes}; expected one value for each point."
        )
    for name, one in zip(("lat_rad", "lon_rad", "weight", "epochs_s"), [*places, epochs],
                         strict=True):  # fmt: skip
        if not len(one) or not np.isfinite(one).all():
            raise LeopntError(f"{name}: expected one or more finite numbers.")
    lat, lon, share = places
    if share.min() < 0.0 or share.sum() <= 0.0:
        raise LeopntError(
            f"weight: the smallest is {share.min():g}; expected 0 or more, not all 0."
        )
    pos = jax.vmap(lambda a, b: geodetic_to_ecef(a, b, jnp.zeros(())))(lat, lon)
    axes, weights = jax.vmap(enu_basis)(lat, lon), jnp.asarray(share / share.sum())
    return Service(pos, axes, weights, jnp.asarray(epochs))


def service_between(
    south_rad: float, north_rad: float, num_points: int, epochs_s: Numbers
) -> Service:
    """Service of all longitudes between two latitudes: points spread evenly, one area each.

    The points are a Fibonacci lattice of the sphere, with their latitudes taken as geodetic ones:
    areas are those of a sphere (within 1 %).

    Raises:
        LeopntError: latitudes are not in order, or there is no point.
    """
    if not -np.pi / 2 <= south_rad < north_rad <= np.pi / 2:
        raise LeopntError(
            f"south_rad = {south_rad:g}, north_rad = {north_rad:g}: expected -pi/2 to pi/2, the "
            "southern one first."
        )
    if num_points < 1:
        raise LeopntError(f"num_points = {num_points}: expected 1 or more.")
    number = np.arange(num_points)
    low, high = np.sin(south_rad), np.sin(north_rad)
    lat = np.arcsin(low + (high - low) * (number + 0.5) / num_points)
    lon = np.mod(number * _GOLDEN_TURN_RAD, 2 * np.pi) - np.pi
    return service_at(lat, lon, np.ones(num_points), epochs_s)


class AbstractEdge(eqx.Module):
    """How visibility begins at the mask."""

    @abc.abstractmethod
    def weight(self, above_rad: Float[Array, " *sat"]) -> Float[Array, " *sat"]:
        """Weight 0 to 1 of a satellite so far above the mask (negative: below)."""


class HardEdge(AbstractEdge):
    """Seen or not, as by a receiver. Derivatives do not know that satellites rise and set."""

    def weight(self, above_rad: Float[Array, " *sat"]) -> Float[Array, " *sat"]:
        """1 from the mask on, else 0."""
        return jnp.where(above_rad >= 0.0, 1.0, 0.0)


class SmoothEdge(AbstractEdge):
    """Information grows from 0 to 1 over a few degrees, so derivatives know what is about to rise.

        w = 1 / (1 + exp(-above / width))

    It takes some of what is just above the mask and gives some of what is just below.
    """

    width_rad: float = 0.02

    def __check_init__(self):
        if not self.width_rad > 0.0:
            raise LeopntError(f"width_rad = {self.width_rad:g}: expected above 0.")

    def weight(self, above_rad: Float[Array, " *sat"]) -> Float[Array, " *sat"]:
        """The logistic function."""
        return jax.nn.sigmoid(above_rad / self.width_rad)


class Ranging(eqx.Module):
    """Pseudoranges as receivers take them.

    Attributes:
        mask_rad: elevation below which nothing is used.
        sigma_m: standard deviation at the reference range. It grows in proportion to the range: the
            transmitted power is fixed, and amplitudes fall with the distance.
        reference_range_m: where it is so.
        edge: how visibility begins at the mask.
        prior_m: standard deviation of each unknown before any measurement; infinite for none. It
            keeps the bound finite where fewer than four satellites are seen; give it less than
            1000 times the standard deviation of a range, or rounding has its say.
    """

    edge: AbstractEdge
    mask_rad: float = np.pi / 18
    sigma_m: float = 1.0
    reference_range_m: float = 1e6
    prior_m: float = 100.0

    def __check_init__(self):
        for name in ("sigma_m", "reference_range_m", "prior_m"):
            if not getattr(self, name) > 0.0:
                raise LeopntError(f"{name} = {getattr(self, name):g}: expected above 0.")
        if not -np.pi / 2 < self.mask_rad < np.pi / 2:
            raise LeopntError(f"mask_rad = {self.mask_rad:g}: expected -pi/2 to pi/2 (radians).")


def position_bound_m(
    elements: KeplerElements, service: Service, ranging: Ranging
) -> Float[Array, "epoch point"]:
    """3D position bound at every epoch and point; infinite where nothing bounds the position."""

    def at_epoch(t_s):
        sat_m = jax.vmap(lambda one: ecef_state(one, t_s, jnp.zeros(())).pos_ecef_m)(elements)
        return jax.vmap(lambda rx_m, enu: _bound(sat_m, rx_m, enu, ranging))(
            service.pos_ecef_m, service.enu
        )

    return jax.lax.map(at_epoch, service.epochs_s)


def mean_log_bound(elements: KeplerElements, service: Service, ranging: Ranging) -> Scalar:
    """The criterion: weighted mean over the map of ln(bound / 1 m), and over the epochs."""
    return jnp.mean(jnp.log(position_bound_m(elements, service, ranging)) @ service.weight)


def satellites_in_view(
    elements: KeplerElements, service: Service, ranging: Ranging
) -> Float[Array, "epoch point"]:
    """Sum of the weights of visibility: with a hard edge, the number of satellites in view."""

    def at_epoch(t_s):
        sat_m = jax.vmap(lambda one: ecef_state(one, t_s, jnp.zeros(())).pos_ecef_m)(elements)
        return jax.vmap(lambda rx_m, enu: jnp.sum(_seen(sat_m, rx_m, enu, ranging)[2]))(
            service.pos_ecef_m, service.enu
        )

    return jax.lax.map(at_epoch, service.epochs_s)


def _seen(sat_m, rx_m, enu, ranging):
    """Lines of sight in local axes, ranges, and weights of visibility."""
    offset_m = sat_m - rx_m[None, :]
    range_m = jnp.sqrt(jnp.sum(offset_m**2, axis=1))
    los = (offset_m @ enu.T) / range_m[:, None]
    # Sine over cosine of the mask: the angle above the mask near it, and smooth at the zenith.
    above = (los[:, 2] - jnp.sin(ranging.mask_rad)) / jnp.cos(ranging.mask_rad)
    return los, range_m, ranging.edge.weight(above)


def _bound(sat_m, rx_m, enu, ranging) -> Scalar:
    """sqrt(tr Q) of one receiver; the clock is eliminated, the rest inverted in closed form."""
    los, range_m, seen = _seen(sat_m, rx_m, enu, ranging)
    info = seen * (ranging.reference_range_m / (ranging.sigma_m * range_m)) ** 2
    prior = ranging.prior_m**-2.0
    mean = info @ los / jnp.maximum(jnp.sum(info) + prior, 1e-300)
    centered = los - mean[None, :]
    weak = prior * (jnp.eye(3) + jnp.outer(mean, mean))
    joint = (info[:, None] * centered).T @ centered + weak
    a, b, c = joint
    minors = (jnp.cross(b, c)[0], jnp.cross(c, a)[1], jnp.cross(a, b)[2])
    determinant = a @ jnp.cross(b, c)
    scale = jnp.trace(joint)
    regular = determinant > 1e-15 * scale**3
    variance = (minors[0] + minors[1] + minors[2]) / jnp.where(regular, determinant, 1.0)
    return jnp.where(regular, jnp.sqrt(jnp.where(regular, variance, 1.0)), jnp.inf)


class Improvement(NamedTuple):
    """A design that was improved.

    Attributes:
        design: the best parameters.
        value: criterion there.
        history: criterion after each step, the start first.
        evaluations: of the criterion with its gradient.
    """

    design: Float[np.ndarray, " param"]
    value: float
    history: tuple[float, ...]
    evaluations: int


def improve(
    criterion: Callable[[Float[Array, " param"]], Scalar],
    start: Numbers,
    low: Numbers,
    high: Numbers,
    *,
    steps: int = 40,
) -> Improvement:
    """Smallest criterion downhill of a start, within a box: quasi-Newton steps by its gradient.

    A local search (L-BFGS-B): where a criterion has several valleys, begin in several.

    Args:
        criterion: from the parameters of a design to a number; differentiable.
        start, low, high: parameters and their limits; steps are in units of the box.
        steps: at most so many.

    Raises:
        LeopntError: the box is empty, or the start lies outside of it.
    """
    box = [np.asarray(one, float) for one in (start, low, high)]
    if len({one.shape for one in box}) > 1 or box[0].ndim != 1:
        shapes = ", ".join(str(one.shape) for one in box)
        raise LeopntError(f"start, low, high: got shapes {shapes}; expected the same, one axis.")
    begin, floor, ceiling = box
    for i in range(len(begin)):
        if not floor[i] < ceiling[i]:
            raise LeopntError(
                f"low[{i}] = {floor[i]:g}: expected below high[{i}] = {ceiling[i]:g}."
            )
        if not floor[i] <= begin[i] <= ceiling[i]:
            raise LeopntError(
                f"start[{i}] = {begin[i]:g}: expected {floor[i]:g} to {ceiling[i]:g}."
            )
    span = ceiling - floor
    slope_of = jax.jit(jax.value_and_grad(lambda unit: criterion(floor + span * unit)))
    seen: list[float] = []

    def at(unit):
        value, slope = slope_of(jnp.asarray(unit))
        seen.append(float(value))
        return float(value), np.asarray(slope, float)

    history: list[float] = []
    found = minimize(
        at,
        (begin - floor) / span,
        jac=True,
        method="L-BFGS-B",
        bounds=[(0.0, 1.0)] * len(begin),
        options={"maxiter": steps},
        callback=lambda intermediate_result: history.append(float(intermediate_result.fun)),
    )
    design = floor + span * np.clip(found.x, 0.0, 1.0)
    return Improvement(design, float(found.fun), (seen[0], *history), len(seen))

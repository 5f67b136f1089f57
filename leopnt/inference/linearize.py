"""Per-link derivatives and their sums: the one place where models are differentiated.

Each link is differentiated on its own, and J^T J, J^T score and the cost are accumulated; the
Jacobian of all links never exists for large sets.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from leopnt.inference.losses import AbstractLoss
from leopnt.inference.model import Data, Model, require_gaussian
from leopnt.inference.parameters import Unknowns
from leopnt.inference.priors import AbstractPrior, prior_rows
from leopnt.inference.small_linear import UNROLL_LIMIT, gram, gram_of_columns
from leopnt.noise.base import as_real

LINK_CHUNK = 16384
"""Links differentiated at a time; larger sets are scanned in chunks of this many."""


class Normal(NamedTuple):
    """Sums over links, in scaled unknowns.

    information: J^T I J (param, param); gradient: J^T score = -d cost (param,);
    cost: negative log-likelihood (or robust cost), constants included.
    """

    information: Float[Array, "param param"]
    gradient: Float[Array, " param"]
    cost: Float[Array, ""]


def link_jacobian(model: Model, unknowns: Unknowns, theta: Any, shared: Any, link: Any):
    """Prediction of one link and its Jacobian (obs, param) in scaled unknowns, real form.

    Reverse mode where the link has fewer observations than there are unknowns, else forward mode.
    """
    displaced = unknowns.linearized(theta)

    def raw(delta):
        return model.predict_link(displaced(delta), shared, link)

    zero = jnp.zeros(unknowns.size)
    like = jax.eval_shape(raw, zero)
    size = like.size * (2 if jnp.issubdtype(like.dtype, jnp.complexfloating) else 1)
    if size == 1:
        value, row = jax.value_and_grad(lambda d: raw(d).reshape(()))(zero)
        return value.reshape(like.shape), row[None, :]

    def real(delta):
        value = raw(delta)
        return as_real(value), value

    transform = jax.jacrev if size < unknowns.size else jax.jacfwd
    jacobian, value = transform(real, has_aux=True)(zero)
    return value, jacobian


def whitened_rows(
    model: Model, unknowns: Unknowns, theta: Any, links: Any, shared: Any = None
) -> Float[Array, "link obs param"]:
    """Rows A of every link with A^T A its Fisher information, in scaled unknowns."""

    def one(link):
        prediction, jacobian = link_jacobian(model, unknowns, theta, shared, link)
        return model.noise_of(shared, link).whiten(jacobian, prediction)

    return jax.vmap(one)(links)


def whitened_residual(model: Model, theta: Any, shared: Any, link: Any, observation) -> Array:
    """Whitened residual of one link, measured minus predicted, real form."""
    prediction = model.predict_link(theta, shared, link)
    residual = as_real(observation) - as_real(prediction)
    return model.noise_of(shared, link).whiten(residual, prediction)


def prior_normal(unknowns: Unknowns, theta: Any, priors: tuple[AbstractPrior, ...]) -> Normal:
    """Contribution of the priors to the sums."""
    total = _zero(unknowns.size)
    for prior in priors:
        residual, rows = prior_rows(prior, unknowns, theta)
        total = _add(total, Normal(gram(rows), -rows.T @ residual, 0.5 * residual @ residual))
    return total


def normal_equations(
    model: Model,
    unknowns: Unknowns,
    theta: Any,
    data: Data,
    priors: tuple[AbstractPrior, ...] = (),
    loss: AbstractLoss | None = None,
) -> Normal:
    """Sums over all visible links and priors at `theta`.

    With a `loss`, each link counts with rho'(s), s its squared whitened residual, and the cost is
    the sum of rho(s)/2.
    """

    def part(tree, visible):
        links, observations = tree
        tile = Data(links, observations, visible, data.shared)
        return _sum_links(model, unknowns, theta, tile, loss)

    total = sum_chunks(part, (data.links, data.observations), data.visible)
    return _add(total, prior_normal(unknowns, theta, priors)) if priors else total


def sum_chunks(part: Callable[[Any, Any], Any], tree: Any, visible: Any) -> Any:
    """`part(tree, visible)` over all links, added up over chunks of `LINK_CHUNK`.

    Args:
        part: (slice of `tree`, its mask or None) -> pytree of sums over the links that it is given.
    """
    if _length(tree) <= LINK_CHUNK:
        return part(tree, visible)

    def step(total, tile):
        return jax.tree.map(jnp.add, total, part(*tile)), None

    tiles = split_chunks(tree, visible)
    like = jax.eval_shape(part, *jax.tree.map(lambda leaf: leaf[0], tiles))
    zero = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), like)
    return jax.lax.scan(step, zero, tiles)[0]


def split_chunks(tree: Any, visible: Bool[Array, " link"] | None) -> tuple[Any, Array]:
    """Arrays (link, ...) as (chunk, LINK_CHUNK, ...), and the mask of links that count."""
    count = _length(tree)
    chunks = -(-count // LINK_CHUNK)
    pad = chunks * LINK_CHUNK - count

    def split(leaf):
        # Padding repeats the last link, a harmless state, and is masked out.
        leaf = jnp.asarray(leaf)
        filled = jnp.concatenate([leaf, jnp.repeat(leaf[-1:], pad, axis=0)]) if pad else leaf
        return filled.reshape(chunks, LINK_CHUNK, *leaf.shape[1:])

    mask = jnp.arange(chunks * LINK_CHUNK).reshape(chunks, LINK_CHUNK) < count
    return jax.tree.map(split, tree), mask if visible is None else mask & split(visible)


def _length(tree: Any) -> int:
    return jax.tree.leaves(tree)[0].shape[0]


def _one_link(model, unknowns, theta, shared, loss, link, observation):
    """Whitened rows (obs, param), J^T score (param,) and cost of one link."""
    prediction, jacobian = link_jacobian(model, unknowns, theta, shared, link)
    noise = model.noise_of(shared, link)
    rows = noise.whiten(jacobian, prediction)
    if loss is None:
        score = noise.score(observation, prediction)
        return rows, _pull(jacobian, score), noise.nll(observation, prediction)
    require_gaussian(
        noise, "loss", "choose a noise with heavy tails, such as StudentT, and no loss"
    )
    z = noise.whiten(as_real(observation) - as_real(prediction), prediction)
    square = jnp.sum(z * z)
    weight = loss.weight(square)
    return jnp.sqrt(weight) * rows, _pull(rows, weight * z), 0.5 * loss.value(square)


def _pull(rows: Float[Array, "obs param"], score: Float[Array, " obs"]):
    """rows^T score: (param,), or one scalar per unknown where few are written out."""
    if rows.shape[1] > UNROLL_LIMIT:
        return rows.T @ score
    return [jnp.sum(rows[:, i] * score) for i in range(rows.shape[1])]


def _sum_links(model, unknowns, theta, data: Data, loss) -> Normal:
    def each(link, observation):
        return _one_link(model, unknowns, theta, data.shared, loss, link, observation)

    terms = jax.vmap(each)(data.links, data.observations)
    if data.visible is not None:
        terms = jax.tree.map(functools.partial(_masked, data.mask), terms)
    rows, pull, cost = terms
    if isinstance(pull, list):
        information = gram_of_columns([rows[..., i] for i in range(unknowns.size)])
        return Normal(information, jnp.stack([jnp.sum(x) for x in pull]), jnp.sum(cost))
    information = gram(rows.reshape(-1, unknowns.size))
    return Normal(information, jnp.sum(pull, axis=0), jnp.sum(cost))


def _masked(visible: Bool[Array, " link"], value: Float[Array, "link ..."]):
    return jnp.where(visible.reshape(-1, *(1,) * (value.ndim - 1)), value, 0.0)


def _zero(size: int) -> Normal:
    return Normal(jnp.zeros((size, size)), jnp.zeros(size), jnp.zeros(()))


def _add(a: Normal, b: Normal) -> Normal:
    return Normal(a.information + b.information, a.gradient + b.gradient, a.cost + b.cost)

"""One model, four uses: a prediction of one link, and the noise around it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Inexact, PRNGKeyArray, PyTree

from leopnt.errors import LeopntError
from leopnt.noise.base import AbstractNoise
from leopnt.noise.gaussian import (
    ComplexGaussian,
    ComplexGaussianCovariance,
    Gaussian,
    GaussianCovariance,
)

GAUSSIAN = (Gaussian, ComplexGaussian, GaussianCovariance, ComplexGaussianCovariance)
"""Noise objects that whiten a residual to N(0, I)."""

_Tree = TypeVar("_Tree")


class LinkNoise(eqx.Module):
    """Noise that differs from link to link: a function (shared, link) -> noise object."""

    function: Callable[[Any, Any], AbstractNoise] = eqx.field(static=True)


def _noise_source(noise: Any) -> AbstractNoise | LinkNoise:
    return noise if isinstance(noise, AbstractNoise | LinkNoise) else LinkNoise(noise)


class Model(eqx.Module):
    """A measurement model, written for one link.

    Attributes:
        predict_link: (theta, shared, link) -> observation, a scalar or a vector, real or complex.
            A pure JAX function, best defined at module level (a new function object compiles anew).
            `theta` is an `eqx.Module` whose fields are declared with `parameter`; `shared` is any
            pytree that all links see; `link` is one link's slice of a pytree.
        noise: a noise object common to all links, or a function (shared, link) -> noise object.
    """

    predict_link: Callable[[Any, Any, Any], Inexact[Array, "..."]] = eqx.field(static=True)
    noise: AbstractNoise | LinkNoise = eqx.field(converter=_noise_source)

    def noise_of(self, shared: Any, link: Any) -> AbstractNoise:
        """Noise object of one link."""
        if isinstance(self.noise, AbstractNoise):
            return self.noise
        return self.noise.function(shared, link)


class Data(eqx.Module):
    """What was measured, and over which links.

    Attributes:
        links: pytree whose arrays have a leading link axis.
        observations: (link, ...) measured values, in the order of `links`.
        visible: (link,) False marks padding, which counts for nothing; None: all count.
        shared: pytree that every link sees.
    """

    links: PyTree
    observations: Inexact[Array | np.ndarray, "link ..."]
    visible: Bool[Array | np.ndarray, " link"] | None = None
    shared: PyTree = None

    @property
    def mask(self) -> Bool[Array, " link"]:
        """`visible`, or all True."""
        if self.visible is None:
            return jnp.ones(self.observations.shape[0], bool)
        return jnp.asarray(self.visible)


def num_links(links: PyTree) -> int:
    """Length of the leading axis that all arrays of `links` share; refuses a mismatch."""
    sizes = {jnp.shape(leaf)[:1] for leaf in jax.tree.leaves(links)}
    if len(sizes) != 1 or () in sizes:
        found = ", ".join(str(s[0]) if s else "none (a scalar)" for s in sorted(sizes))
        raise LeopntError(
            "links: every array needs the same leading link axis; found lengths: "
            f"{found or 'no arrays at all'}."
        )
    return sizes.pop()[0]


def check_links(links: PyTree, shared: PyTree, visible: Any) -> int:
    """Number of links; refuses unequal lengths and 32-bit numbers before anything is compiled."""
    count = num_links(links)
    if visible is not None and jnp.shape(visible) != (count,):
        raise LeopntError(f"visible has shape {jnp.shape(visible)} for {count} links.")
    for name, tree in (("links", links), ("shared", shared)):
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
            _refuse_32_bit(name + jax.tree_util.keystr(path), leaf)
    return count


def check_data(data: Data) -> None:
    """Refuse observations that do not go with the links; see `check_links`."""
    count = check_links(data.links, data.shared, data.visible)
    shape = jnp.shape(data.observations)
    if shape[:1] != (count,):
        raise LeopntError(f"observations have shape {shape} for {count} links.")
    _refuse_32_bit("observations", data.observations)
    if not jnp.issubdtype(jnp.result_type(data.observations), jnp.inexact):
        raise LeopntError(
            f"observations have type {jnp.result_type(data.observations)}; accepted: 64-bit floats "
            "or complex numbers of two of them."
        )


def _refuse_32_bit(name: str, leaf: Any) -> None:
    if hasattr(leaf, "dtype") and leaf.dtype in (jnp.float16, jnp.float32, jnp.complex64):
        raise LeopntError(
            f"{name} has type {leaf.dtype}, which resolves 6 to 25 cm at LEO ranges; convert it to "
            "64 bit where it is read."
        )


def require_gaussian(noise: AbstractNoise, what: str, remedy: str) -> None:
    """Refuse noise whose likelihood is not quadratic in the prediction."""
    if not isinstance(noise, GAUSSIAN):
        accepted = ", ".join(kind.__name__ for kind in GAUSSIAN)
        raise LeopntError(
            f"{what}: the noise is {type(noise).__name__}; accepted: {accepted}; else {remedy}."
        )


def predict(
    model: Model, theta: Any, links: PyTree, shared: PyTree = None
) -> Inexact[Array, "link ..."]:
    """Noise-free observations of all links, shape (link, ...)."""
    check_links(links, shared, None)
    return _predict(*with_array_floats((model, theta)), links, shared)


def simulate(
    model: Model, theta: Any, links: PyTree, key: PRNGKeyArray, shared: PyTree = None
) -> Inexact[Array, "link ..."]:
    """Draw observations of all links: prediction plus noise.

    Link i uses the i-th key split from `key`: links added at the end leave the others' draws alone.
    """
    check_links(links, shared, None)
    return _simulate(*with_array_floats((model, theta)), links, key, shared)


def nll(model: Model, theta: Any, data: Data) -> Float[Array, ""]:
    """Negative log-likelihood [nat] of all visible links."""
    check_data(data)
    return _nll(*with_array_floats((model, theta)), data)


def with_array_floats(tree: _Tree) -> _Tree:
    """Python floats as arrays, so that another value does not compile anew."""
    return jax.tree.map(lambda leaf: jnp.asarray(leaf) if isinstance(leaf, float) else leaf, tree)


@eqx.filter_jit
def _predict(model: Model, theta, links, shared):
    return jax.vmap(lambda link: model.predict_link(theta, shared, link))(links)


@eqx.filter_jit
def _simulate(model: Model, theta, links, key, shared):
    def draw(key, link):
        return model.noise_of(shared, link).sample(key, model.predict_link(theta, shared, link))

    return jax.vmap(draw)(jax.random.split(key, num_links(links)), links)


@eqx.filter_jit
def _nll(model: Model, theta, data: Data):
    def one(link, observation):
        prediction = model.predict_link(theta, data.shared, link)
        return model.noise_of(data.shared, link).nll(observation, prediction)

    each = jax.vmap(one)(data.links, data.observations)
    return jnp.sum(jnp.where(data.mask, each, 0.0))

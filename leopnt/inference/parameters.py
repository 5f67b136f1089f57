"""Unknowns by name: which fields of theta are free, how they are scaled and displaced."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from leopnt.errors import LeopntError, did_you_mean
from leopnt.noise.base import check_positive

_KEY = "leopnt.parameter"


@dataclasses.dataclass(frozen=True)
class ParameterSpec:
    """What a field of theta says about itself; made by `parameter`."""

    scale: float | tuple[float, ...] = 1.0
    unit: str = ""
    retract: Callable[[Any, Array], Any] | None = None
    local: Callable[[Any, Any], Array] | None = None
    tangent_size: int | None = None


def parameter(
    *,
    scale: float | tuple[float, ...] = 1.0,
    unit: str = "",
    retract: Callable[[Any, Array], Any] | None = None,
    local: Callable[[Any, Any], Array] | None = None,
    tangent_size: int | None = None,
    **field_options,
) -> Any:
    """Declare a field of theta (an `eqx.Module`) as a parameter that can be estimated.

    Args:
        scale: typical size of a change, in the field's SI unit: matrices are factored in units of
            it. One number, or one per component.
        unit: SI unit, for reports.
        retract: (value, tangent) -> value for fields that are no vector space, such as rotations.
            Default: addition.
        local: (base, value) -> tangent, inverse of `retract`; needed for priors on such a field.
        tangent_size: length of the tangent where `retract` is given (3 for a rotation).
        field_options: passed to `eqx.field`, for example `default`.
    """
    if (retract is None) != (tangent_size is None):
        raise LeopntError("parameter: give retract and tangent_size together, or neither.")
    check_positive("parameter", "scale", np.asarray(scale, float))
    spec = ParameterSpec(scale, unit, retract, local, tangent_size)
    return eqx.field(metadata={_KEY: spec}, **field_options)


def specs_of(theta: eqx.Module) -> dict[str, ParameterSpec]:
    """Parameter declarations of a theta, in field order."""
    fields = dataclasses.fields(theta)  # pyright: ignore[reportArgumentType]
    return {f.name: f.metadata.get(_KEY, ParameterSpec()) for f in fields}


@dataclasses.dataclass(frozen=True)
class Unknowns:
    """Chosen fields of theta and their places in the vector of unknowns. Hashable, static.

    The vector holds *scaled tangents*: displacement in SI = scale * entry.

    Attributes:
        names: chosen fields, in the order of the vector.
        sizes: number of entries of each.
        scale: SI size of a unit entry, one per entry.
        units: SI unit of each field.
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    scale: tuple[float, ...]
    units: tuple[str, ...]

    @classmethod
    def of(cls, theta: eqx.Module, names: Sequence[str] | str) -> Unknowns:
        """Choose fields of `theta` by name; refuses unknown, repeated and non-float fields."""
        names = (names,) if isinstance(names, str) else tuple(names)
        specs = specs_of(theta)
        if not names:
            raise LeopntError(f"free: name at least one field of theta; it has {list(specs)}.")
        for name in names:
            if name not in specs:
                raise LeopntError(
                    f"free: theta has no field {name!r}; it has {list(specs)}."
                    + did_you_mean(name, specs)
                )
            if names.count(name) > 1:
                raise LeopntError(f"free: {name!r} is named {names.count(name)} times.")
        sizes, scale = [], []
        for name in names:
            size, scales = _tangent(name, getattr(theta, name), specs[name])
            sizes.append(size)
            scale.extend(scales)
        return cls(names, tuple(sizes), tuple(scale), tuple(specs[n].unit for n in names))

    @property
    def size(self) -> int:
        """Number of scalar unknowns."""
        return sum(self.sizes)

    @property
    def scale_vector(self) -> np.ndarray:
        """SI size of a unit entry, shape (param,)."""
        return np.asarray(self.scale)

    def slice(self, name: str) -> slice:
        """Place of a field in the vector of unknowns."""
        if name not in self.names:
            raise LeopntError(
                f"{name!r} is not among the unknowns {list(self.names)}."
                + did_you_mean(name, self.names)
            )
        start = sum(self.sizes[: self.names.index(name)])
        return slice(start, start + self.sizes[self.names.index(name)])

    def indices(self, names: Sequence[str] | str) -> np.ndarray:
        """Places of several fields, in the order asked for."""
        names = (names,) if isinstance(names, str) else tuple(names)
        every = np.arange(self.size)
        return np.concatenate([every[:0], *(every[self.slice(n)] for n in names)])

    def labels(self) -> list[str]:
        """One label per scalar unknown: the name, with an index where the field has several."""
        return [
            name if size == 1 else f"{name}[{i}]"
            for name, size in zip(self.names, self.sizes, strict=True)
            for i in range(size)
        ]

    def take(self, theta: Any) -> tuple:
        """Values of the chosen fields."""
        return tuple(jnp.asarray(getattr(theta, name)) for name in self.names)

    def put(self, theta: Any, values: tuple) -> Any:
        """Theta with other values in the chosen fields."""
        return eqx.tree_at(lambda t: [getattr(t, n) for n in self.names], theta, list(values))

    def displace(self, theta: Any, delta: Float[Array, " param"]) -> Any:
        """Theta moved by a scaled tangent vector."""
        specs = specs_of(theta)
        moved = [self._moved(name, getattr(theta, name), specs[name], delta) for name in self.names]
        return self.put(theta, tuple(moved))

    def difference(self, base: Any, theta: Any) -> Float[Array, " param"]:
        """Tangent that leads from `base` to `theta`, SI: the error of an estimate, a bias.

        `displace(base, difference(base, theta) / scale_vector)` is `theta` again, in the chosen
        fields. One problem; `jax.vmap` it over a batch of estimates.
        """
        specs = specs_of(base)
        return jnp.concatenate(
            [field_difference(n, specs[n], getattr(base, n), getattr(theta, n)) for n in self.names]
        )

    def linearized(self, theta: Any) -> Callable[[Float[Array, " param"]], Any]:
        """`displace` with every retract replaced by its tangent plane at `theta`.

        Has the same first derivative at zero and costs nothing to differentiate link by link; the
        value is right at zero only.
        """
        specs = specs_of(theta)
        planes = {}
        for name in self.names:
            spec = specs[name]
            if spec.retract is not None:
                zero = jnp.zeros(spec.tangent_size or 0)
                value = getattr(theta, name)
                planes[name] = jax.jacfwd(functools.partial(spec.retract, value))(zero)

        def displaced(delta: Float[Array, " param"]) -> Any:
            return self.put(theta, tuple(plane(name, delta) for name in self.names))

        def plane(name: str, delta: Float[Array, " param"]) -> Array:
            tangent, value = self._tangent_of(name, delta), getattr(theta, name)
            step = planes[name] @ tangent if name in planes else tangent
            return value + step.reshape(jnp.shape(value))

        return displaced

    def _tangent_of(self, name: str, delta: Float[Array, " param"]) -> Float[Array, " size"]:
        """Part of the scaled vector that belongs to a field, SI."""
        where = self.slice(name)
        return delta[where] * jnp.asarray(self.scale_vector[where])

    def _moved(self, name: str, value, spec: ParameterSpec, delta):
        tangent = self._tangent_of(name, delta)
        if spec.retract is not None:
            return spec.retract(value, tangent)
        return value + tangent.reshape(jnp.shape(value))


def field_difference(
    name: str, spec: ParameterSpec, base: Any, value: Any
) -> Float[Array, " size"]:
    """Tangent from `base` to `value` of one field, SI, flat."""
    if spec.retract is None:
        return jnp.ravel(jnp.asarray(value) - jnp.asarray(base))
    if spec.local is None:
        raise LeopntError(
            f"theta.{name} has a retract but no `local`, its inverse (base, value) -> tangent; "
            "declare it on the field with `parameter`."
        )
    return spec.local(base, value)


def _tangent(name: str, value, spec: ParameterSpec) -> tuple[int, tuple[float, ...]]:
    if value is None or (not hasattr(value, "dtype") and not isinstance(value, float)):
        raise LeopntError(f"free: theta.{name} is {value!r}, not a float array; fix it or set it.")
    if jnp.result_type(value) != jnp.float64:
        raise LeopntError(
            f"free: theta.{name} has type {jnp.result_type(value)}; unknowns are 64-bit floats."
        )
    size = int(np.prod(jnp.shape(value))) if spec.tangent_size is None else spec.tangent_size
    scales = spec.scale if isinstance(spec.scale, tuple) else (float(spec.scale),) * size
    if len(scales) != size:
        raise LeopntError(
            f"parameter {name!r}: {len(scales)} scales for {size} components; give one, or {size}."
        )
    return size, scales

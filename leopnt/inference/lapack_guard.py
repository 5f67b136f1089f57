"""Does a function call LAPACK? Such kernels must not run in several threads at once.

On a CPU, JAX runs batched LAPACK calls on its own thread pool, one thread per core. With as many
such kernels at once as the pool has threads the process hangs for good; with a larger pool (the
variable NPROC) the same kernels do not. So it seems that each keeps one thread waiting for parts
that none is left to work on. Seen with Cholesky, LU and QR of 250 matrices of 15 x 15, and
triangular solves of 1000, in two threads on two cores (jax 0.10.2).
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import jax
from jax.extend.core import ClosedJaxpr, Jaxpr

from leopnt.inference.devices import working_platform

LAPACK_PRIMITIVES = frozenset(
    {
        "cholesky",
        "eig",
        "eigh",
        "geqp3",
        "geqrf",
        "hessenberg",
        "householder_product",
        "lu",
        "ormqr",
        "qr",
        "schur",
        "svd",
        "triangular_solve",
        "tridiagonal",
        "tridiagonal_solve",
    }
)
"""Names of the operations that become LAPACK calls on a CPU."""


_ONE_AT_A_TIME = threading.RLock()


def turn_of(function: Callable[..., Any], *arguments: Any) -> AbstractContextManager:
    """What to enter for a call of the function until its results are there.

    On a CPU a lock that the whole process shares if it calls LAPACK, else nothing.
    """
    if working_platform() != "cpu" or not calls_lapack(function, *arguments):
        return nullcontext()
    return _ONE_AT_A_TIME


def calls_lapack(function: Callable[..., Any], *arguments: Any) -> bool:
    """True if the function, traced with such arguments, has a LAPACK call anywhere inside."""
    return _has_lapack(_traced(function, arguments))


@functools.lru_cache(maxsize=64)
def _has_lapack(jaxpr: Jaxpr) -> bool:
    return any(name in LAPACK_PRIMITIVES for name in _operations(jaxpr))


def _traced(function: Callable[..., Any], arguments: tuple) -> Jaxpr:
    if hasattr(function, "trace"):  # of jax.jit: the compiled call will use this trace again
        return function.trace(*arguments).jaxpr.jaxpr  # pyright: ignore[reportFunctionMemberAccess]
    return jax.make_jaxpr(function)(*arguments).jaxpr


def _operations(jaxpr: Jaxpr) -> Iterator[str]:
    for equation in jaxpr.eqns:
        yield equation.primitive.name
        for value in equation.params.values():
            for inner in value if isinstance(value, tuple | list) else (value,):
                if isinstance(inner, ClosedJaxpr):
                    yield from _operations(inner.jaxpr)
                elif isinstance(inner, Jaxpr):
                    yield from _operations(inner)

"""Which kernels call LAPACK: against the text of what is compiled."""

import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy.linalg import solve_triangular

from leopnt.inference.lapack_guard import calls_lapack
from leopnt.inference.small_linear import inverse_spd, solve_spd, triangular_root

SMALL, LARGE = np.eye(4) + 0.1, np.eye(15) + 0.1


def in_a_loop(matrix):
    def step(_, x):
        return jax.lax.cond(x[0] > 0, lambda y: solve_triangular(matrix, y, lower=True), jnp.sin, x)

    return jax.lax.fori_loop(0, 3, step, matrix[0])


@pytest.mark.parametrize(
    ("function", "matrix"),
    [
        (jnp.linalg.cholesky, LARGE),
        (jnp.linalg.qr, LARGE),
        (jnp.linalg.svd, SMALL),
        (jnp.linalg.eigvalsh, SMALL),
        (jnp.linalg.eigvals, SMALL),
        (jnp.linalg.inv, SMALL),
        (jnp.linalg.slogdet, SMALL),
        (in_a_loop, LARGE),
        (jax.vmap(in_a_loop), np.stack([LARGE] * 3)),
        (jax.jit(jax.vmap(jnp.linalg.inv)), np.stack([LARGE] * 3)),
        (lambda m: solve_spd(m, m[0])[0], SMALL),
        (lambda m: solve_spd(m, m[0])[0], LARGE),
        (lambda m: inverse_spd(m)[0], SMALL),
        (triangular_root, LARGE),
        (lambda m: m @ m, LARGE),
    ],
)
def test_a_lapack_call_is_found_wherever_it_is(function, matrix):
    compiled = jax.jit(function).lower(matrix).as_text()
    assert calls_lapack(function, matrix) == ("lapack_" in compiled)


def test_both_answers_occur(evidence):
    found = [calls_lapack(jnp.linalg.cholesky, LARGE), calls_lapack(triangular_root, LARGE)]
    evidence(
        "inference.lapack_guard",
        "kernels with and without a LAPACK call, wrong answers",
        "text of what XLA compiles",
        "implementation",
        achieved=sum(a != b for a, b in zip(found, (True, False), strict=True)),
        tolerance=0,
    )


HANGING = """
import sys
from concurrent.futures import ThreadPoolExecutor
import jax, jax.numpy as jnp, numpy as np
from leopnt.inference.batch import batch_map

def factor(index):
    a = jax.random.normal(jax.random.fold_in(jax.random.key(0), index), (20, 15))
    return jnp.sum(jnp.linalg.cholesky(a.T @ a))

index = np.arange(8000)
one = batch_map(factor, index, tile=250, threads=1)
if sys.argv[1] == "pool":
    found = [batch_map(factor, index, tile=250, threads=2)]
else:
    with ThreadPoolExecutor(2) as pool:
        run = lambda _: batch_map(factor, index, tile=250, threads=1)
        found = list(pool.map(run, range(2)))
assert all(np.array_equal(each, one) for each in found)
"""


@pytest.mark.parametrize("how", ["pool", "callers"])
def test_lapack_kernels_in_two_threads_do_not_hang(how):
    """With a pool of two threads they did within a second, on every try."""
    root = str(Path(__file__).parents[2])
    environment = os.environ | {"NPROC": "2", "PYTHONPATH": root}
    command = [sys.executable, "-c", HANGING, how]
    subprocess.run(command, env=environment, timeout=120, check=True)

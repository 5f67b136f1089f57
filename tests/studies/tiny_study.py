"""A study of noise alone: cheap to compile, and slow, failing or lossy where a test wants it so.

A module of its own, so that processes started by a test can import it. Environment:
TINY_SLEEP_S: seconds that every chunk takes at least. TINY_FAIL: numbers of chunks that fail.
TINY_HANG: "chunk 3" stops for good in the middle of writing the third chunk, "trials 3" in the
middle of trials.nc. TINY_FILE_LIMIT: bytes that a file can have at most.
"""

import io
import os
import resource
import signal
import time
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from pydantic import Field

import leopnt
from leopnt.inference.status import Status
from leopnt.scenes.settings import SettingsTable
from leopnt.studies import gathering, method, runner
from leopnt.studies.method import (
    AbstractStudyMethod,
    Column,
    CommonSettings,
    Prepared,
    Quantity,
)
from leopnt.studies.statistics import PositionStatistics, nees_of

NUM_CASES = 2
CHUNK = 200
DIVERGED = int(np.asarray(Status.diverged._value))


class NoiseTable(SettingsTable):
    sigma_m: float = Field(default=2.0, gt=0, description="a number above 0")
    diverge_every: int = Field(default=0, ge=0, description="a whole number")
    nan_every: int = Field(default=0, ge=0, description="a whole number")


class TinySettings(CommonSettings):
    noise: NoiseTable = Field(default=NoiseTable(), description="a table")
    file: str | None = Field(default=None, description="a file")


class Shared(NamedTuple):
    key: jax.Array
    sigma_m: jax.Array
    diverge_every: jax.Array
    nan_every: jax.Array


def _is_each(number, every):
    return (every > 0) & (number % jnp.maximum(every, 1) == 0)


def trial(index, shared):
    error_m = jax.random.normal(jax.random.fold_in(shared.key, index), (3,)) * shared.sigma_m
    diverged = _is_each(index, shared.diverge_every)
    lost = _is_each(index + 1, shared.nan_every)
    error_m = jnp.where(diverged, 1e9, jnp.where(lost, jnp.nan, error_m))
    return {
        "status": jnp.where(diverged, DIVERGED, 0).astype(jnp.int8),
        "error_enu_m": error_m,
        "nees": nees_of(error_m, jnp.eye(3) * shared.sigma_m**2),
    }


class TinyStudy(AbstractStudyMethod):
    name = "tiny"
    summary = "noise"
    settings = TinySettings
    tile = 25
    chunk_trials = CHUNK
    outcomes: ClassVar = {
        "status": Quantity((), "1", "status"),
        "error_enu_m": Quantity(("enu",), "m", "error"),
        "nees": Quantity((), "1", "normalized square"),
    }
    evidence = ("studies.run",)
    plots = ()
    template_name = "pvt.toml"

    def problems(self, raw, folder):
        return iter(())

    def files(self, settings, folder):
        return [folder / settings.file] if settings.file else []

    def prepare(self, settings, folder):
        noise = settings.noise
        shared = Shared(
            jax.random.key(settings.study.seed),
            jnp.asarray(noise.sigma_m),
            jnp.asarray(noise.diverge_every),
            jnp.asarray(noise.nan_every),
        )
        bound_m2 = np.tile(np.eye(3) * noise.sigma_m**2, (NUM_CASES, 1, 1))
        cases = {"user": Column(("case",), np.array(["A", "B"]), "1", "user")}
        values = {"case_bound": Column(("case", "enu", "enu_2"), bound_m2, "m2", "bound")}
        return Prepared(NUM_CASES, trial, shared, cases, values)

    def statistics(self, point, trials_per_case):
        return PositionStatistics(point.values["case_bound"].values, trials_per_case)


METHOD = TinyStudy()


def study_text(trials=500, *, seed=1, extra=""):
    """TOML of a tiny study: 2 cases, so 2 * trials / 200 chunks of each point."""
    return f'title = "T"\n[study]\nmethod = "tiny"\ntrials = {trials}\nseed = {seed}\n{extra}\n'


def troubled(compute):
    """`compute_chunk` with the trouble that the environment asks for."""

    def compute_chunk(study, chunk):
        time.sleep(float(os.environ.get("TINY_SLEEP_S", "0")))
        if str(chunk.number) in os.environ.get("TINY_FAIL", "").split():
            raise ArithmeticError(f"no luck with chunk {chunk.number}")
        return compute(study, chunk)

    return compute_chunk


def hold_chunks(folder):
    """In a cluster's worker: every chunk but the first waits until the folder holds `go`."""
    from leopnt.studies import cluster

    compute = cluster.outcomes_of
    calls = iter(range(1_000_000))

    def held(point, index, tile):
        if index[0] or next(calls):
            (folder / f"started-{os.getpid()}").touch()
            while not (folder / "go").exists():
                time.sleep(0.01)
        return compute(point, index, tile)

    cluster.outcomes_of = held


def claim_version(version):
    """In a cluster's worker: seem to be another version of leopnt; what it was before."""
    before, leopnt.__version__ = leopnt.__version__, version
    return before


def hanging(name, function, half):
    """`function`, until the call that TINY_HANG names: that does `half` of it and never ends."""
    where, _, number = os.environ.get("TINY_HANG", "").partition(" ")
    calls = iter(range(1, 1_000_000))

    def wrapped(*args, **kwargs):
        if name != where or next(calls) != int(number):
            return function(*args, **kwargs)
        half(*args, **kwargs)
        print("hanging", flush=True)
        time.sleep(120)

    return wrapped


def half_of_savez(savez):
    def half(file, **arrays):
        whole = io.BytesIO()
        savez(whole, **arrays)
        file.write(whole.getvalue()[: whole.tell() // 2])
        file.flush()

    return half


def main():
    """The command line, with this method and the trouble asked for."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background has none
    if limit := int(os.environ.get("TINY_FILE_LIMIT", "0")):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    method.MODULES["tiny"] = __name__
    runner.compute_chunk = troubled(runner.compute_chunk)
    np.savez = hanging("chunk", np.savez, half_of_savez(np.savez))
    write = gathering._Writer._write
    gathering._Writer._write = hanging("trials", write, write)
    from leopnt.cli.app import main

    main()

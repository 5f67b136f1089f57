"""Settings that every test shares: strict JAX, and the evidence recorder."""

import atexit
import json
import os
import shutil
import tempfile
from pathlib import Path

import jax
import jaxtyping
import pytest

import leopnt  # noqa: F401  turns on 64 bit before JAX loads

jax.config.update("jax_numpy_rank_promotion", "raise")
KERNELS = pytest.StashKey[str]()

FAST_COMPILING = (
    "--xla_cpu_use_fusion_emitters=false",
    "--xla_cpu_parallel_codegen_split_count=1",
)
"""XLA's other emitters: half the time to compile, a fifth more to run, which tests do little."""


def pytest_configure(config):
    """Compile fast, and keep what takes long to compile for later files and other processes.

    Full-size studies compute for long, so they keep the compiler as users have it.
    """
    if os.environ.get("LEOPNT_STUDY_SIZE") != "full":
        os.environ.setdefault("XLA_FLAGS", " ".join(FAST_COMPILING))
    if folder := _folder_of_kernels(config):
        jax.config.update("jax_compilation_cache_dir", folder)
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
    # another process may be writing the entry at this moment; JAX then compiles it anew
    config.addinivalue_line("filterwarnings", "ignore:Error reading persistent compilation cache")


def _folder_of_kernels(config) -> str | None:
    """One folder for all processes of a run, workers and commands; none if the caller has one."""
    if hasattr(config, "workerinput"):
        return config.workerinput["kernels"]
    if "JAX_COMPILATION_CACHE_DIR" in os.environ:
        return None
    folder = tempfile.mkdtemp(prefix="leopnt-kernels-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["JAX_COMPILATION_CACHE_DIR"] = config.stash[KERNELS] = folder
    return folder


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node):
    """Tell a worker the folder of kernels."""
    node.workerinput["kernels"] = node.config.stash.get(KERNELS, None)


EVIDENCE_DIR = Path(__file__).parent.parent / "build" / "evidence"
KINDS = (
    "implementation",
    "published",
    "closed form",
    "invariance",
    "monte carlo",
    "real data",
    "own",
)


@pytest.fixture(autouse=True, scope="module")
def forget_kernels():
    """Drop compiled kernels after a file: thousands of them exhaust a process's memory maps."""
    yield
    jax.clear_caches()


@pytest.fixture
def untyped():
    """Call the package as users do: without the run-time type checks of the test suite."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture
def evidence(request):
    """Assert that an achieved deviation is within its tolerance, and record it for the table.

    evidence("frames.earth", "TEME to ECEF position", "astropy 8.0", "implementation",
             achieved=0.0007, tolerance=0.001, unit="m")
    """
    rows = []

    def record(capability, quantity, reference, kind, *, achieved, tolerance, unit=""):
        assert kind in KINDS, f"kind {kind!r} is not one of {KINDS}"
        achieved, tolerance = float(achieved), float(tolerance)
        rows.append(
            {
                "capability": capability,
                "quantity": quantity,
                "reference": reference,
                "kind": kind,
                "achieved": achieved,
                "tolerance": tolerance,
                "unit": unit,
                "test": request.node.nodeid,
            }
        )
        assert achieved <= tolerance, (
            f"{capability}: {quantity} against {reference}: {achieved:.6g} {unit} exceeds "
            f"{tolerance:.6g} {unit}"
        )

    yield record
    if rows:
        EVIDENCE_DIR.mkdir(parents=True, exist_ok=True)
        name = request.node.nodeid.replace("/", ".").replace("::", "-").replace("[", "-")
        safe = "".join(c if c.isalnum() or c in ".-_" else "_" for c in name)[:180]
        (EVIDENCE_DIR / f"{safe}.json").write_text(json.dumps(rows, indent=1))

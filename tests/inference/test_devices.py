"""The device that was chosen computes; one that is not there is told."""

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import jax
import pytest

from leopnt.cli import session
from leopnt.cli.run import run
from leopnt.cli.workers import workers_of
from leopnt.errors import LeopntError
from leopnt.inference import devices

ROOT = Path(__file__).parents[2]
TWO_DEVICES = """
import json, sys
import leopnt, jax, jax.numpy as jnp
from leopnt.inference import batch_map, devices
before = jnp.arange(3.0)
devices.select_device("cpu:1")
after = jnp.ones(3)
seen = set()
def kernel(x, shared):
    total = x + shared.sum()
    jax.debug.inspect_array_sharding(total, callback=lambda one: seen.update(one.device_set))
    return total
found = batch_map(kernel, jnp.arange(4.0), shared=before + after, tile=2)
print(json.dumps({
    "names": devices.device_names(),
    "after": [one.id for one in after.devices()],
    "seen": sorted(one.id for one in seen),
    "found": found.tolist(),
    "platform": devices.working_platform(),
}))
"""


@pytest.fixture
def restored(monkeypatch):
    """The choice is taken back after the test."""
    monkeypatch.delenv("JAX_PLATFORMS", raising=False)
    monkeypatch.setattr(devices, "_leave_others_alone", lambda: None)
    yield
    jax.config.update("jax_default_device", None)


def test_the_second_of_two_devices_computes(evidence):
    done = subprocess.run(
        [sys.executable, "-c", TWO_DEVICES],
        env=os.environ
        | {"PYTHONPATH": str(ROOT), "XLA_FLAGS": "--xla_force_host_platform_device_count=2"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["names"] == {"cpu:0": "cpu", "cpu:1": "cpu"}
    assert found["found"] == [6.0, 7.0, 8.0, 9.0]  # 0..3 + (0 + 1 + 2) + 3
    assert found["platform"] == "cpu"
    evidence(
        "inference.devices",
        "arrays and kernels that are not on the second of two CPU devices, chosen by name",
        "where JAX says that they are",
        "implementation",
        achieved=sum(one != [1] for one in (found["after"], found["seen"])),
        tolerance=0,
    )


@pytest.mark.parametrize("name", ["cpu", "cpu:0"])
def test_the_first_cpu_can_be_chosen(restored, name):
    devices.select_device(name)
    assert jax.numpy.ones(2).devices() == {jax.devices("cpu")[0]}
    assert devices.working_platform() == "cpu"


@pytest.mark.parametrize("name", ["CPU", "cuda:", "cpu:one", "cpu:-1", ""])
def test_what_is_no_name_of_a_device_is_a_sentence(name):
    with pytest.raises(LeopntError) as said:
        devices.select_device(name)
    assert str(said.value).startswith(f"device: got {name!r}; available: ")
    assert "cpu:0" in str(said.value)


@pytest.mark.parametrize("name", ["cuda:99", "tpu:99", "nonsense", "cpu:99"])
def test_a_device_that_is_not_here_is_a_sentence(restored, name):
    with pytest.raises(LeopntError) as said:
        devices.select_device(name)
    assert str(said.value).startswith(f"device: got {name!r}, which is not here; available: ")
    assert "JAX_PLATFORMS" not in str(said.value)


def test_a_variable_that_may_hide_devices_is_named(restored, monkeypatch):
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    with pytest.raises(LeopntError, match="JAX_PLATFORMS=cpu may hide others"):
        devices.select_device("cuda:99")


@pytest.mark.parametrize(
    ("words", "code"), [(["--device", "cpu"], 0), (["--device", "cuda:99"], 2)]
)
def test_a_command_takes_the_device(restored, capsys, words, code):
    from leopnt.cli import main

    with pytest.raises(SystemExit) as ended:
        main(["doctor", *words])
    out, err = capsys.readouterr()
    assert ended.value.code in {0: (0, 1), 2: (2,)}[code]
    if code:
        assert err.startswith("error: device: got 'cuda:99', which is not here; available: ")
    else:
        assert "\nDevices for --device  cpu:0" in out


def test_processes_cannot_share_a_gpu():
    with click.Context(run) as context:
        context.meta[session.DEVICE] = "gpu"
        how = {"processes": True, "cluster": None, "workers": None}
        with pytest.raises(LeopntError) as said, workers_of(how, quiet=True):
            pass
    assert str(said.value).startswith("--processes and --device gpu: several processes cannot")

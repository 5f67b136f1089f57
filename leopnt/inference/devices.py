"""Which device computes: a CPU, or one of the GPUs."""

from __future__ import annotations

import contextlib
import os
import re

import jax

from leopnt.errors import LeopntError

_NAME = re.compile(r"([a-z][a-z0-9_]*)(?::([0-9]{1,4}))?")


def select_device(name: str) -> None:
    """Let every kernel of this process compute on a device, from now on.

    Call it before the first computation: JAX then leaves the other devices alone, and what is on
    one of them already is moved.

    Args:
        name: cpu, gpu, cuda, rocm or tpu, the first of its kind; or with a number, as cuda:1.

    Raises:
        LeopntError: there is no such device; it names those that are.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise LeopntError(f"device: got {name!r}; {_accepted()}.")
    platform, number = match[1], int(match[2] or 0)
    if platform == "cpu":
        _leave_others_alone()
    try:
        devices = jax.devices(platform)
    except RuntimeError:
        devices = []
    if number >= len(devices):
        hint = "" if platform == "cpu" else _hidden()
        raise LeopntError(f"device: got {name!r}, which is not here; {_accepted()}.{hint}")
    jax.config.update("jax_default_device", devices[number])


def _leave_others_alone() -> None:
    os.environ["JAX_PLATFORMS"] = "cpu"  # for processes that this one starts
    jax.config.update("jax_platforms", "cpu")  # of no effect once JAX has looked for devices


def device_names() -> dict[str, str]:
    """Devices that `select_device` takes, and what each is; JAX's first choice comes first."""
    devices = jax.devices()
    with contextlib.suppress(RuntimeError):  # JAX_PLATFORMS may leave the CPU out
        devices = [*devices, *jax.devices("cpu")]
    numbers = {one: jax.devices(one.platform).index(one) for one in devices}
    return {f"{one.platform}:{number}": one.device_kind for one, number in numbers.items()}


def working_platform() -> str:
    """Platform that computes: cpu, gpu or tpu."""
    chosen = jax.config.jax_default_device  # pyright: ignore[reportAttributeAccessIssue]
    if chosen is None:
        return jax.default_backend()
    return chosen if isinstance(chosen, str) else chosen.platform


def _accepted() -> str:
    names = ", ".join(
        f"{name} ({kind})" if kind != "cpu" else name for name, kind in device_names().items()
    )
    return f"available: {names}"


def _hidden() -> str:
    chosen = os.environ.get("JAX_PLATFORMS")
    return f" JAX_PLATFORMS={chosen} may hide others." if chosen else ""

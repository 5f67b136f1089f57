"""leopnt: positioning, navigation and timing with low-Earth-orbit satellites.

Importing this package turns on 64-bit floats in JAX: 32 bit resolves 6 to 25 cm at LEO slant
ranges and is never right here. That is its one side effect; it reads no file and loads no heavy
library, rooms are imported on first use.
"""

import importlib
import os
import sys

__version__ = "0.1.0.dev0"

_ROOMS = (
    "antennas",
    "channel",
    "constants",
    "eop",
    "epochs",
    "errors",
    "frames",
    "geometry",
    "inference",
    "io",
    "methods",
    "noise",
    "observables",
    "orbits",
    "report",
    "scenes",
    "signals",
    "studies",
)

__all__ = ["__version__", *_ROOMS]  # pyright: ignore[reportUnsupportedDunderAll]

if "jax" in sys.modules:
    sys.modules["jax"].config.update("jax_enable_x64", True)
else:
    os.environ["JAX_ENABLE_X64"] = "1"


def __getattr__(name: str):
    if name in _ROOMS:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted(__all__)

"""What a figure was measured on."""

import os
import platform
from importlib.metadata import version


def circumstances(load_before: float, *packages: str) -> dict:
    """Load of the machine around the run, its processors, and versions."""
    return {
        "load_before": round(load_before, 2),
        "load_after": round(os.getloadavg()[0], 2),
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
    } | ({"versions": {name: version(name) for name in packages}} if packages else {})

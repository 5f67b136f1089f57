"""Fixtures of the geometry tests."""

import jaxtyping
import pytest


@pytest.fixture
def untyped():
    """Call the package as users do: without the run-time type checks of the test suite."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)

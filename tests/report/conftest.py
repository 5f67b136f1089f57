"""Made-up results that all report tests share."""

import pytest
from synthetic_results import make_fix, make_sky, make_unsolved_fix


@pytest.fixture(scope="session")
def fix():
    return make_fix()


@pytest.fixture(scope="session")
def unsolved_fix():
    return make_unsolved_fix()


@pytest.fixture(scope="session")
def sky():
    return make_sky()

"""Astropy as oracle: with the bundled IERS table, and never on the network."""

import contextlib

from astropy.utils import iers
from astropy.utils.iers import IERS_A, IERS_A_FILE


@contextlib.contextmanager
def bundled_iers_table():
    with (
        iers.conf.set_temp("auto_download", False),
        iers.earth_orientation_table.set(IERS_A.open(IERS_A_FILE)),
    ):
        yield

"""Physical and geodetic constants, SI."""

SPEED_OF_LIGHT_MPS = 299_792_458.0
"""Speed of light in vacuum, exact (SI)."""

WGS84_SEMI_MAJOR_M = 6_378_137.0
"""Semi-major axis of the WGS 84 ellipsoid (NIMA TR8350.2, table 3.1)."""

WGS84_FLATTENING = 1.0 / 298.257_223_563
"""Flattening of the WGS 84 ellipsoid (NIMA TR8350.2, table 3.1)."""

EARTH_ROTATION_RADPS = 7.292_115e-5
"""Nominal mean angular velocity of the Earth (WGS 84, IS-GPS-200 table 20-IV: 7.2921151467e-5).

Used where the Earth turns by a fraction of a second (light time). Frame velocities use the rate of
the Earth rotation angle, `EARTH_ROTATION_ERA_RADPS`.
"""

EARTH_ROTATION_ERA_RADPS = 7.292_115_146_706_979e-5
"""Rate of the Earth rotation angle per UT1 second (IERS Conventions 2010, eq. 5.15)."""

EARTH_GM_M3PS2 = 3.986_004_418e14
"""Geocentric gravitational constant, atmosphere included (IERS Conventions 2010, table 1.1)."""

EARTH_J2 = 1.082_635_9e-3
"""Dynamical form factor (IERS Conventions 2010, table 1.1)."""

EARTH_EQUATORIAL_RADIUS_M = 6_378_136.6
"""Equatorial radius that goes with `EARTH_J2` (IERS Conventions 2010, table 1.1)."""

BOLTZMANN_JPK = 1.380_649e-23
"""Boltzmann constant, exact (SI)."""

"""Inertial frames to the rotating Earth: TEME (SGP4) and GCRS to ECEF (ITRF) and back.

    r_ecef = R(t) r        v_ecef = R(t) v + dR/dt r        v_inertial (in ECEF axes) = R(t) v

    TEME:  R = W(x_p, y_p) R3(GMST82(UT1))
    GCRS:  R = W(x_p, y_p, s') R3(ERA(UT1)) Q(X + dX, Y + dY, s)      (IAU 2006/2000A)

W is the polar motion matrix. dR/dt turns with the rate of the very angle in R, the excess length
of day included, so v_ecef is the time derivative of r_ecef (to 2e-6 m/s in LEO: the pole's own
motion is left out).

Sources: TEME as Vallado et al., Revisiting Spacetrack Report #3, AIAA 2006-6753, Appendix C (which
leaves out the TIO locator s'); GCRS as IERS Conventions (2010), ch. 5. Precession, nutation,
sidereal time and matrices come from ERFA. Not included: sub-daily terms (see `EopTable`).
"""

import erfa
import numpy as np
from jaxtyping import Float

from leopnt.constants import EARTH_ROTATION_ERA_RADPS
from leopnt.eop import EarthOrientation, EopTable
from leopnt.epochs import Epoch, TimeScale
from leopnt.errors import LeopntError
from leopnt.frames.state import SatelliteState

GMST82_RATE_RADPS = 1.002_737_909_350_795 * 2 * np.pi / 86_400
"""d(GMST)/d(UT1) at J2000 (Aoki et al. 1982, Astron. Astrophys. 105, 359)."""

_HALF_STEP_DAY = 1.0 / 24.0  # of the difference that gives dQ/dt


def teme_to_ecef_matrix(
    epoch: Epoch, eop: EopTable | None = None
) -> Float[np.ndarray, "*epoch 3 3"]:
    """Rotation from TEME to ECEF axes, one per epoch."""
    return _teme_rotation(epoch, eop)[0]


def gcrs_to_ecef_matrix(
    epoch: Epoch, eop: EopTable | None = None
) -> Float[np.ndarray, "*epoch 3 3"]:
    """Rotation from GCRS to ECEF axes, one per epoch."""
    return _gcrs_rotation(epoch, eop)[0]


def teme_to_ecef(
    pos_teme_m: Float[np.ndarray, "*batch 3"],
    vel_teme_mps: Float[np.ndarray, "*batch 3"],
    epoch: Epoch,
    eop: EopTable | None = None,
) -> SatelliteState:
    """State in ECEF of a state in TEME, the frame of SGP4.

    Args:
        pos_teme_m: any leading axes; the shape of `epoch` must broadcast against them, so
            (sat, epoch, 3) goes with epochs (epoch,).
        vel_teme_mps: as SGP4 gives it, in km/s times 1000.
        epoch: instants of the states.
        eop: Earth orientation, None for the bundled table.

    Raises:
        LeopntError: an epoch outside the table, or shapes that do not fit.
    """
    return _to_ecef(pos_teme_m, vel_teme_mps, *_teme_rotation(epoch, eop))


def gcrs_to_ecef(
    pos_gcrs_m: Float[np.ndarray, "*batch 3"],
    vel_gcrs_mps: Float[np.ndarray, "*batch 3"],
    epoch: Epoch,
    eop: EopTable | None = None,
) -> SatelliteState:
    """State in ECEF of a state in GCRS; shapes and errors as in `teme_to_ecef`."""
    return _to_ecef(pos_gcrs_m, vel_gcrs_mps, *_gcrs_rotation(epoch, eop))


def ecef_to_teme(
    pos_ecef_m: Float[np.ndarray, "*batch 3"],
    vel_ecef_mps: Float[np.ndarray, "*batch 3"],
    epoch: Epoch,
    eop: EopTable | None = None,
) -> tuple[Float[np.ndarray, "*batch 3"], Float[np.ndarray, "*batch 3"]]:
    """Position and velocity in TEME, from ECEF position and velocity relative to the Earth."""
    return _from_ecef(pos_ecef_m, vel_ecef_mps, *_teme_rotation(epoch, eop))


def ecef_to_gcrs(
    pos_ecef_m: Float[np.ndarray, "*batch 3"],
    vel_ecef_mps: Float[np.ndarray, "*batch 3"],
    epoch: Epoch,
    eop: EopTable | None = None,
) -> tuple[Float[np.ndarray, "*batch 3"], Float[np.ndarray, "*batch 3"]]:
    """Position and velocity in GCRS, from ECEF position and velocity relative to the Earth."""
    return _from_ecef(pos_ecef_m, vel_ecef_mps, *_gcrs_rotation(epoch, eop))


def _to_ecef(pos, vel, matrix, matrix_rate) -> SatelliteState:
    _check_shapes(pos, vel, matrix)
    vel_inertial = _apply(matrix, vel)
    vel_ecef = _apply(matrix_rate, pos)
    vel_ecef += vel_inertial
    return SatelliteState(_apply(matrix, pos), vel_ecef, vel_inertial)


def _from_ecef(pos_ecef, vel_ecef, matrix, matrix_rate):
    _check_shapes(pos_ecef, vel_ecef, matrix)
    to_inertial = np.swapaxes(matrix, -1, -2)
    pos = _apply(to_inertial, pos_ecef)
    return pos, _apply(to_inertial, vel_ecef - _apply(matrix_rate, pos))


def _teme_rotation(epoch: Epoch, eop: EopTable | None):
    """TEME to ECEF matrix and its time derivative [1/s]."""
    earth = (eop or EopTable.bundled()).at(epoch)
    gmst_rad = erfa.gmst82(*_ut1_jd(epoch, earth))
    polar_motion = erfa.pom00(earth.x_pole_rad, earth.y_pole_rad, 0.0)
    return _spin(polar_motion, gmst_rad, GMST82_RATE_RADPS, earth)


def _gcrs_rotation(epoch: Epoch, eop: EopTable | None):
    """GCRS to ECEF matrix and its time derivative [1/s]."""
    earth = (eop or EopTable.bundled()).at(epoch)
    tt1, tt2 = epoch.to_jd(TimeScale.TT)
    x, y, s = erfa.xys06a(tt1, tt2)
    celestial = erfa.c2ixys(x + earth.dx_cip_rad, y + earth.dy_cip_rad, s)
    # The pole moves by 3e-12 rad/s (0.02 mm/s in LEO): the shorter IAU 2000B series is enough.
    later = erfa.c2ixys(*erfa.xys00b(tt1, tt2 + _HALF_STEP_DAY))
    earlier = erfa.c2ixys(*erfa.xys00b(tt1, tt2 - _HALF_STEP_DAY))
    celestial_rate = (later - earlier) / (2 * _HALF_STEP_DAY * 86_400)
    polar_motion = erfa.pom00(earth.x_pole_rad, earth.y_pole_rad, erfa.sp00(tt1, tt2))
    era_rad = erfa.era00(*_ut1_jd(epoch, earth))
    spin, spin_rate = _spin(polar_motion, era_rad, EARTH_ROTATION_ERA_RADPS, earth)
    return spin @ celestial, spin_rate @ celestial + spin @ celestial_rate


def _ut1_jd(epoch: Epoch, earth: EarthOrientation):
    # UT1 - TAI added to the TAI count makes the TAI Julian date read UT1.
    return (epoch + earth.ut1_minus_tai_s).to_jd(TimeScale.TAI)


def _spin(polar_motion, angle_rad, rate_radps: float, earth: EarthOrientation):
    """W R3(angle) and its time derivative, for an angle that grows by `rate_radps` per UT1 s."""
    matrix = erfa.c2tcio(np.eye(3), angle_rad, polar_motion)
    rate = np.asarray(rate_radps * (1.0 + earth.ut1_rate))[..., None]
    matrix_rate = np.zeros_like(matrix)
    matrix_rate[..., :, 0] = -rate * matrix[..., :, 1]
    matrix_rate[..., :, 1] = rate * matrix[..., :, 0]
    return matrix, matrix_rate


def _check_shapes(pos, vel, matrix) -> None:
    epoch_shape, batch_shape = matrix.shape[:-2], pos.shape[:-1]
    fits = len(epoch_shape) <= len(batch_shape) and all(
        n in (1, m) for n, m in zip(epoch_shape[::-1], batch_shape[::-1], strict=False)
    )
    if vel.shape != pos.shape or not fits:
        raise LeopntError(
            f"Frame rotation: positions {pos.shape}, velocities {vel.shape} and epochs "
            f"{epoch_shape} do not fit; expected positions and velocities of one shape "
            "(..., epoch, 3), with the shape of the epochs last before the 3."
        )


def _apply(matrix: Float[np.ndarray, "*epoch 3 3"], vec: Float[np.ndarray, "*batch 3"]):
    """Matrix times vector; the epoch axes of `matrix` are the last batch axes of `vec`."""
    epoch_shape, batch_shape = matrix.shape[:-2], vec.shape[:-1]
    num_axes = len(epoch_shape)
    if len(batch_shape) <= num_axes or batch_shape[len(batch_shape) - num_axes :] != epoch_shape:
        return np.matmul(matrix, vec[..., None])[..., 0]
    # One matrix product per epoch over all satellites: 8 ns a vector against 24 ns.
    per_epoch = matrix.reshape(-1, 3, 3)
    flat = vec.reshape(-1, len(per_epoch), 3)
    out = np.empty(flat.shape)
    np.matmul(flat.swapaxes(0, 1), per_epoch.swapaxes(1, 2), out=out.swapaxes(0, 1))
    return out.reshape(vec.shape)

"""Time of arrival."""

from jaxtyping import Array, Float

from leopnt.constants import SPEED_OF_LIGHT_MPS
from leopnt.geometry._inputs import check_scalars
from leopnt.geometry.range import range_instantaneous


def toa(
    sat_pos_ecef_m: Float[Array, "3"],
    rx_pos_ecef_m: Float[Array, "3"],
    clock_bias_s: Float[Array, ""] | float,
) -> Float[Array, ""]:
    """Time of arrival [s] of one link, read on the receiver clock.

        toa = |p_sat - p_rx| / c + b

    No Sagnac term is added: `sat_pos_ecef_m` must already be in the axes of the reception epoch
    (`geometry.rotate_earth`).

    Args:
        sat_pos_ecef_m: transmit phase center, not center of mass.
        rx_pos_ecef_m: receive phase center.
        clock_bias_s: receiver clock minus satellite clock; positive reads late.

    Source: [emenonye-9d] Sec. II-A, where the bias is delta_b = -clock_bias_s.
    """
    check_scalars(clock_bias_s=clock_bias_s)
    return range_instantaneous(sat_pos_ecef_m, rx_pos_ecef_m) / SPEED_OF_LIGHT_MPS + clock_bias_s

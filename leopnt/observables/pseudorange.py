"""Code pseudorange."""

from jaxtyping import Array, Float

from leopnt.geometry._inputs import check_scalars
from leopnt.geometry.range import range_in_flight


def pseudorange(
    sat_pos_ecef_m: Float[Array, "3"],
    rx_pos_ecef_m: Float[Array, "3"],
    rx_clock_bias_m: Float[Array, ""] | float,
    sat_clock_bias_m: Float[Array, ""] | float,
) -> Float[Array, ""]:
    """Pseudorange [m] of one link.

        P = |R3(omega tau) p_sat - p_rx| + b_rx - b_sat

    Atmosphere, relativity of the satellite clock and hardware delays are not included: add them
    in the prediction that calls this.

    Args:
        sat_pos_ecef_m: satellite at transmission, ECEF axes of that epoch.
        rx_pos_ecef_m: receiver at reception.
        rx_clock_bias_m: c times (receiver clock minus system time); positive reads late.
        sat_clock_bias_m: c times (satellite clock minus system time).

    Source: IS-GPS-200, 20.3.3.4.3; Kaplan & Hegarty, 3rd ed., eq. 11.1.
    """
    check_scalars(rx_clock_bias_m=rx_clock_bias_m, sat_clock_bias_m=sat_clock_bias_m)
    return range_in_flight(sat_pos_ecef_m, rx_pos_ecef_m) + rx_clock_bias_m - sat_clock_bias_m

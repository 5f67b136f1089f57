"""A grid of subcarriers and symbols."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from leopnt.errors import LeopntError
from leopnt.geometry._inputs import check_scalars


class OfdmGrid(eqx.Module):
    """K subcarriers by L symbols without cyclic prefix; both are counted from 1.

    Attributes:
        num_sub: K, subcarriers.
        spacing_hz: of subcarriers.
        num_symbol: L, symbols of 1 / spacing each.
    """

    num_sub: int = eqx.field(static=True)
    spacing_hz: Float[Array, "..."] | float
    num_symbol: int = eqx.field(static=True)

    def __check_init__(self):
        for name in ("num_sub", "num_symbol"):
            count = getattr(self, name)
            if isinstance(count, bool) or not isinstance(count, int | np.integer) or count < 1:
                raise LeopntError(f"{name} = {count!r}: expected an integer of 1 or more.")
        if isinstance(self.spacing_hz, int | float | np.ndarray | jnp.ndarray) and not isinstance(
            self.spacing_hz, Tracer
        ):
            check_scalars(spacing_hz=self.spacing_hz)
            if not (np.isfinite(self.spacing_hz) and self.spacing_hz > 0):
                raise LeopntError(
                    f"spacing_hz = {float(self.spacing_hz):g}: expected a finite number above 0."
                )

    @property
    def bandwidth_hz(self) -> Float[Array, ""] | float:
        """K times the spacing."""
        return self.num_sub * self.spacing_hz

    @property
    def symbol_s(self) -> Float[Array, ""] | float:
        """Duration of a symbol, 1 / spacing."""
        return 1.0 / self.spacing_hz

    @property
    def num_sample(self) -> int:
        """L K."""
        return self.num_sub * self.num_symbol

    @property
    def sub_variance(self) -> float:
        """Mean square of k about its mean, (K^2 - 1) / 12."""
        return (self.num_sub**2 - 1) / 12.0

    @property
    def symbol_variance(self) -> float:
        """Mean square of l about its mean, (L^2 - 1) / 12."""
        return (self.num_symbol**2 - 1) / 12.0

    @property
    def sums(self) -> Float[np.ndarray, "3 3"]:
        """Sum over l = 1..L, k = 1..K of w w^T, w = (1, l, k)."""
        symbol, sub = float(self.num_symbol), float(self.num_sub)
        of_l, of_k = 0.5 * symbol * (symbol + 1.0), 0.5 * sub * (sub + 1.0)
        square_l = of_l * (2.0 * symbol + 1.0) / 3.0
        square_k = of_k * (2.0 * sub + 1.0) / 3.0
        return np.array(
            [
                [symbol * sub, sub * of_l, symbol * of_k],
                [sub * of_l, sub * square_l, of_l * of_k],
                [symbol * of_k, of_l * of_k, symbol * square_k],
            ]
        )

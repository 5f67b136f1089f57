"""Attitude of satellites from measured quaternions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from leopnt.antennas.phase_center import axes_of_quaternions
from leopnt.io.orbex import Orbex
from leopnt.methods.calibration.link_path import LinkPath

_GAP = 1.5


@dataclass(frozen=True, eq=False)
class QuaternionAttitude:
    """Body axes from the quaternions of an ORBEX file, linear between epochs and normalized.

    Axes are NaN where a satellite is not in the file, in gaps of more than 1.5 usual steps, and a
    second or more beyond its ends.

    Attributes:
        orbex: the file.
    """

    orbex: Orbex

    def axes(self, path: LinkPath) -> Float[np.ndarray, "link 3 3"]:
        """Axes at transmission, as columns, in ECEF."""
        nodes = self.orbex.epoch.since(path.satellites.origin)
        number = {name: i for i, name in enumerate(self.orbex.satellites)}
        row = np.array([number.get(name, -1) for name in path.satellites.names])[path.satellite]
        at = np.clip(np.searchsorted(nodes, path.sent_s, side="right") - 1, 0, len(nodes) - 2)
        step = nodes[at + 1] - nodes[at]
        share = (path.sent_s - nodes[at]) / step
        early, late = self.orbex.quaternion[row, at], self.orbex.quaternion[row, at + 1]
        late = late * np.where(np.sum(early * late, axis=1) < 0.0, -1.0, 1.0)[:, None]
        between = early + share[:, None] * (late - early)
        outside = (share * step < -1.0) | ((share - 1.0) * step > 1.0)
        bad = (row < 0) | outside | (step > _GAP * np.median(np.diff(nodes)))
        bad |= ~np.all(np.isfinite(between), axis=1)
        found = np.full((len(row), 3, 3), np.nan)
        # The file turns ECEF into body components; columns of its inverse are the body axes.
        found[~bad] = np.swapaxes(axes_of_quaternions(between[~bad]), 1, 2)
        return found

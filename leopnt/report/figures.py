"""The figures of a result, by name; those that a result has no data for are left out."""

import xarray as xr
from matplotlib.figure import Figure

from leopnt.report.maps import earth_figure, ellipse_figure
from leopnt.report.power_residuals import power_residual_figure
from leopnt.report.reading import require_kind
from leopnt.report.residuals import doppler_figure, residual_figure
from leopnt.report.sky import fix_sky_figure, satellites_and_dop_figure, sky_figure


def fix_figures(fix: xr.Dataset) -> dict[str, Figure]:
    """Figures of a fix: `position`, `residuals`, `doppler` beside powers, `sky`, `earth`."""
    require_kind(fix, "fix")
    return _made(
        {
            "position": ellipse_figure(fix),
            "residuals": _residuals(fix),
            "doppler": doppler_figure(fix),
            "sky": fix_sky_figure(fix),
            "earth": earth_figure(fix),
        }
    )


def _residuals(fix: xr.Dataset) -> Figure | None:
    """Of powers by beam, or of measurements with one sigma per satellite or row."""
    return power_residual_figure(fix) if "beam_id" in fix else residual_figure(fix)


def sky_figures(sky: xr.Dataset) -> dict[str, Figure]:
    """Figures of a sky: `sky`, `satellites_and_dop`."""
    require_kind(sky, "sky")
    return _made({"sky": sky_figure(sky), "satellites_and_dop": satellites_and_dop_figure(sky)})


def _made(figures: dict[str, Figure | None]) -> dict[str, Figure]:
    return {name: figure for name, figure in figures.items() if figure is not None}

"""Calibration of LEO downlink antennas: phase-center offsets and equipment delays.

Read or simulate station-days, reduce each with `reduce_station_day` (or all with `reduce_all`),
solve with `solve_calibration`; then delays per epoch with `smooth_delays`.
"""

from leopnt.methods.calibration.back_substitution import (
    LinkResiduals,
    ResidualStatistics,
    StationDayEstimate,
    StationDayValues,
    estimate_station_day,
    residual_statistics,
    values_of_station_day,
)
from leopnt.methods.calibration.bootstrap import block_bootstrap
from leopnt.methods.calibration.circular_orbits import (
    CONSTELLATIONS,
    STATIONS_ECEF_M,
    CircularOrbits,
    bds3_orbits,
    circular_orbits,
    polar_star,
)
from leopnt.methods.calibration.consider import consider_orbits, offsets_only
from leopnt.methods.calibration.correlations import CORRELATED, arc_correlations
from leopnt.methods.calibration.datum import Datum, DelayZeroSum, IsbReference, IsbZeroSum
from leopnt.methods.calibration.day_reduction import reduce_day
from leopnt.methods.calibration.defects import (
    Components,
    FreeClockDefects,
    RankDefects,
    code_components,
    free_clock_defects,
    rank_defects,
)
from leopnt.methods.calibration.delay_models import (
    DelayModel,
    RandomWalkDelay,
    SharedLevel,
    WhiteDelay,
)
from leopnt.methods.calibration.delays import (
    DelayLinks,
    DelaySeries,
    ForwardBackward,
    TwoFilter,
    delay_links,
    filter_delays,
    joined_links,
    smooth_delays,
)
from leopnt.methods.calibration.layout import Layout, layout_of
from leopnt.methods.calibration.leo_clocks import FreeClock, KnownClock, LeoClock, WhiteClock
from leopnt.methods.calibration.link_geometry import (
    LinkGeometry,
    about_offsets,
    leo_partials,
    link_geometry,
)
from leopnt.methods.calibration.network import Network, StationDayJob
from leopnt.methods.calibration.orbit_models import KnownOrbit, OncePerRevolution, OrbitModel
from leopnt.methods.calibration.phase_patterns import (
    PatternEstimate,
    PhasePattern,
    WithPattern,
    pattern_estimates,
)
from leopnt.methods.calibration.pipeline import reduce_all, reduced_stream
from leopnt.methods.calibration.product_errors import (
    BASELINE_ERRORS,
    ERROR_SCHEMES,
    NO_ERRORS,
    ONCE_PER_REVOLUTION_ERRORS,
    ProductErrors,
)
from leopnt.methods.calibration.quality import slips_of, with_slips, without_outliers
from leopnt.methods.calibration.reduction import (
    ReducedNormals,
    load_normals,
    reduce_station_day,
    save_normals,
    stacked,
)
from leopnt.methods.calibration.redundancy import LinkRedundancy, redundancy_numbers
from leopnt.methods.calibration.robust import (
    IggThree,
    Reweighted,
    RobustCalibration,
    reweighted,
    robust_calibration,
)
from leopnt.methods.calibration.settings import SEED_SETTINGS, CalibrationSettings
from leopnt.methods.calibration.simulation import (
    QUIET,
    DelaySwing,
    Scene,
    SimulatedNoise,
    Truth,
    draw_truth,
    local_truth,
    simulate_station_day,
    true_clock_errors,
)
from leopnt.methods.calibration.solution import (
    Calibration,
    in_datum,
    solve_calibration,
    truth_in_datum,
)
from leopnt.methods.calibration.station_day import (
    LeoGeometry,
    Links,
    StationDay,
    leo_geometry,
    sorted_links,
    station_day,
)
from leopnt.methods.calibration.variance_components import (
    VarianceComponent,
    VarianceComponents,
    rescaled,
    variance_components,
)
from leopnt.methods.calibration.zenith_delay import (
    FreeNodes,
    RandomWalkNodes,
    ZenithModel,
    mapping_factor,
    node_weights,
)

__all__ = [
    "BASELINE_ERRORS",
    "CONSTELLATIONS",
    "CORRELATED",
    "ERROR_SCHEMES",
    "NO_ERRORS",
    "ONCE_PER_REVOLUTION_ERRORS",
    "QUIET",
    "SEED_SETTINGS",
    "STATIONS_ECEF_M",
    "Calibration",
    "CalibrationSettings",
    "CircularOrbits",
    "Components",
    "Datum",
    "DelayLinks",
    "DelayModel",
    "DelaySeries",
    "DelaySwing",
    "DelayZeroSum",
    "ForwardBackward",
    "FreeClock",
    "FreeClockDefects",
    "FreeNodes",
    "IggThree",
    "IsbReference",
    "IsbZeroSum",
    "KnownClock",
    "KnownOrbit",
    "Layout",
    "LeoClock",
    "LeoGeometry",
    "LinkGeometry",
    "LinkRedundancy",
    "LinkResiduals",
    "Links",
    "Network",
    "OncePerRevolution",
    "OrbitModel",
    "PatternEstimate",
    "PhasePattern",
    "ProductErrors",
    "RandomWalkDelay",
    "RandomWalkNodes",
    "RankDefects",
    "ReducedNormals",
    "ResidualStatistics",
    "Reweighted",
    "RobustCalibration",
    "Scene",
    "SharedLevel",
    "SimulatedNoise",
    "StationDay",
    "StationDayEstimate",
    "StationDayJob",
    "StationDayValues",
    "Truth",
    "TwoFilter",
    "VarianceComponent",
    "VarianceComponents",
    "WhiteClock",
    "WhiteDelay",
    "WithPattern",
    "ZenithModel",
    "about_offsets",
    "arc_correlations",
    "bds3_orbits",
    "block_bootstrap",
    "circular_orbits",
    "code_components",
    "consider_orbits",
    "delay_links",
    "draw_truth",
    "estimate_station_day",
    "filter_delays",
    "free_clock_defects",
    "in_datum",
    "joined_links",
    "layout_of",
    "leo_geometry",
    "leo_partials",
    "link_geometry",
    "load_normals",
    "local_truth",
    "mapping_factor",
    "node_weights",
    "offsets_only",
    "pattern_estimates",
    "polar_star",
    "rank_defects",
    "reduce_all",
    "reduce_day",
    "reduce_station_day",
    "reduced_stream",
    "redundancy_numbers",
    "rescaled",
    "residual_statistics",
    "reweighted",
    "robust_calibration",
    "save_normals",
    "simulate_station_day",
    "slips_of",
    "smooth_delays",
    "solve_calibration",
    "sorted_links",
    "stacked",
    "station_day",
    "true_clock_errors",
    "truth_in_datum",
    "values_of_station_day",
    "variance_components",
    "with_slips",
    "without_outliers",
]

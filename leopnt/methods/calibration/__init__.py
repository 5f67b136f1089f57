"""Calibration of LEO downlink antennas: phase-center offsets and equipment delays.

Read or simulate station-days, reduce each with `reduce_station_day` (or all with `reduce_all`),
solve with `solve_calibration`; then delays per epoch with `smooth_delays`.
"""

from leopnt.methods.calibration.antenna_corrections import (
    PhaseVariations,
    SatelliteOffsets,
    StationOffsets,
    StationVariations,
    WindUp,
    nadir_offsets,
    receiver_antenna,
    satellite_offsets,
)
from leopnt.methods.calibration.attitudes import (
    Attitude,
    NadirAttitude,
    NavigationAttitude,
)
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
from leopnt.methods.calibration.defects import (
    Components,
    RankDefects,
    code_components,
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
from leopnt.methods.calibration.file_inputs import (
    FileInputs,
    satellite_biases,
    standard_model,
    station_coordinates,
)
from leopnt.methods.calibration.file_observations import (
    RawLinks,
    raw_links,
)
from leopnt.methods.calibration.file_simulation import (
    QUIET_FILES,
    FileNoise,
    FileScene,
    SimulatedFiles,
    simulate_observations,
    write_simulated_files,
    write_truth,
)
from leopnt.methods.calibration.from_files import (
    ObservedStation,
    ReducedLinks,
    StationFile,
    load_station_day,
    observed_minus_computed,
    read_station_file,
    station_days_from_files,
    station_files,
)
from leopnt.methods.calibration.layout import Layout, layout_of
from leopnt.methods.calibration.link_geometry import (
    LinkGeometry,
    about_offsets,
    leo_partials,
    link_geometry,
)
from leopnt.methods.calibration.link_path import (
    Correction,
    LinkPath,
    PathModel,
    Satellites,
    Stage,
    link_path,
)
from leopnt.methods.calibration.measured_attitude import QuaternionAttitude
from leopnt.methods.calibration.network import Network, StationDayJob
from leopnt.methods.calibration.orbit_models import KnownOrbit, OncePerRevolution, OrbitModel
from leopnt.methods.calibration.path_corrections import (
    EarthRotation,
    LightTime,
    PeriodicRelativity,
    PoleTides,
    ReceiverClock,
    SatelliteBiases,
    Shapiro,
    SolidTides,
    ZenithDelays,
)
from leopnt.methods.calibration.pipeline import reduce_all, reduced_stream
from leopnt.methods.calibration.product_errors import (
    BASELINE_ERRORS,
    ERROR_SCHEMES,
    NO_ERRORS,
    ONCE_PER_REVOLUTION_ERRORS,
    ProductErrors,
)
from leopnt.methods.calibration.products import (
    read_satellites,
)
from leopnt.methods.calibration.quality import slips_of, with_slips, without_outliers
from leopnt.methods.calibration.reduction import (
    ReducedNormals,
    load_normals,
    reduce_station_day,
    save_normals,
    stacked,
)
from leopnt.methods.calibration.settings import SEED_SETTINGS, CalibrationSettings
from leopnt.methods.calibration.signals import (
    BEIDOU_SIGNALS,
    GALILEO_SIGNALS,
    GALILEO_X_SIGNALS,
    GPS_SIGNALS,
    LEO_SIGNALS,
    SignalPair,
)
from leopnt.methods.calibration.simulation import (
    QUIET,
    Scene,
    SimulatedNoise,
    Truth,
    draw_truth,
    local_truth,
    simulate_station_day,
    true_clock_errors,
)
from leopnt.methods.calibration.slip_detection import (
    LostLock,
    SlipDetector,
    WideLaneJumps,
)
from leopnt.methods.calibration.solution import (
    Calibration,
    in_datum,
    solve_calibration,
    truth_in_datum,
)
from leopnt.methods.calibration.standard_air import StandardAir
from leopnt.methods.calibration.station_day import (
    LeoGeometry,
    Links,
    StationDay,
    leo_geometry,
    sorted_links,
    station_day,
)
from leopnt.methods.calibration.zenith_delay import mapping_factor, node_weights

__all__ = [
    "BASELINE_ERRORS",
    "BEIDOU_SIGNALS",
    "CONSTELLATIONS",
    "CORRELATED",
    "ERROR_SCHEMES",
    "GALILEO_SIGNALS",
    "GALILEO_X_SIGNALS",
    "GPS_SIGNALS",
    "LEO_SIGNALS",
    "NO_ERRORS",
    "ONCE_PER_REVOLUTION_ERRORS",
    "QUIET",
    "QUIET_FILES",
    "SEED_SETTINGS",
    "STATIONS_ECEF_M",
    "Attitude",
    "Calibration",
    "CalibrationSettings",
    "CircularOrbits",
    "Components",
    "Correction",
    "Datum",
    "DelayLinks",
    "DelayModel",
    "DelaySeries",
    "DelayZeroSum",
    "EarthRotation",
    "FileInputs",
    "FileNoise",
    "FileScene",
    "ForwardBackward",
    "IsbReference",
    "IsbZeroSum",
    "KnownOrbit",
    "Layout",
    "LeoGeometry",
    "LightTime",
    "LinkGeometry",
    "LinkPath",
    "LinkResiduals",
    "Links",
    "LostLock",
    "NadirAttitude",
    "NavigationAttitude",
    "Network",
    "ObservedStation",
    "OncePerRevolution",
    "OrbitModel",
    "PathModel",
    "PeriodicRelativity",
    "PhaseVariations",
    "PoleTides",
    "ProductErrors",
    "QuaternionAttitude",
    "RandomWalkDelay",
    "RankDefects",
    "RawLinks",
    "ReceiverClock",
    "ReducedLinks",
    "ReducedNormals",
    "ResidualStatistics",
    "SatelliteBiases",
    "SatelliteOffsets",
    "Satellites",
    "Scene",
    "Shapiro",
    "SharedLevel",
    "SignalPair",
    "SimulatedFiles",
    "SimulatedNoise",
    "SlipDetector",
    "SolidTides",
    "Stage",
    "StandardAir",
    "StationDay",
    "StationDayEstimate",
    "StationDayJob",
    "StationDayValues",
    "StationFile",
    "StationOffsets",
    "StationVariations",
    "Truth",
    "TwoFilter",
    "WhiteDelay",
    "WideLaneJumps",
    "WindUp",
    "ZenithDelays",
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
    "in_datum",
    "joined_links",
    "layout_of",
    "leo_geometry",
    "leo_partials",
    "link_geometry",
    "link_path",
    "load_normals",
    "load_station_day",
    "local_truth",
    "mapping_factor",
    "nadir_offsets",
    "node_weights",
    "observed_minus_computed",
    "offsets_only",
    "polar_star",
    "rank_defects",
    "raw_links",
    "read_satellites",
    "read_station_file",
    "receiver_antenna",
    "reduce_all",
    "reduce_station_day",
    "reduced_stream",
    "residual_statistics",
    "satellite_biases",
    "satellite_offsets",
    "save_normals",
    "simulate_observations",
    "simulate_station_day",
    "slips_of",
    "smooth_delays",
    "solve_calibration",
    "sorted_links",
    "stacked",
    "standard_model",
    "station_coordinates",
    "station_day",
    "station_days_from_files",
    "station_files",
    "true_clock_errors",
    "truth_in_datum",
    "values_of_station_day",
    "with_slips",
    "without_outliers",
    "write_simulated_files",
    "write_truth",
]

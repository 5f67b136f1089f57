"""Maps over the Earth and a day: satellites in view, DOP, Cramer-Rao bounds, availability."""

from leopnt.methods.coverage.bound import (
    UserBound,
    bound_of_sums,
    dop_of_sums,
    fim_of_sums,
    inverse_diagonal,
)
from leopnt.methods.coverage.chunk import DOP_QUANTITIES, QUANTITIES, Limit, MapChunk
from leopnt.methods.coverage.engine import (
    CompiledEngine,
    Engine,
    TiledEngine,
    evaluate_chunk,
    fastest_engine,
)
from leopnt.methods.coverage.errors import (
    Carrier,
    CarrierDifference,
    Doppler,
    EphemerisError,
    LinkWeights,
    Observable,
    Pseudorange,
    RangeRate,
    link_weights,
)
from leopnt.methods.coverage.footprint import bounding_circle, bounding_sphere, cap_angle_rad
from leopnt.methods.coverage.grid import SPHERE, WGS84, EarthFigure, EarthGrid, equal_angle_grid
from leopnt.methods.coverage.knowledge import (
    PARAMETERS,
    Knowledge,
    Known,
    Prior,
    Unknown,
    Unknowns,
    UserKnowledge,
    unknowns_of,
)
from leopnt.methods.coverage.percentiles import percentiles_over_area, percentiles_over_time
from leopnt.methods.coverage.running import coverage_map, each_chunk
from leopnt.methods.coverage.statistics import ChunkStatistics, merged, statistics_of
from leopnt.methods.coverage.sums import link_terms

__all__ = [
    "DOP_QUANTITIES",
    "PARAMETERS",
    "QUANTITIES",
    "SPHERE",
    "WGS84",
    "Carrier",
    "CarrierDifference",
    "ChunkStatistics",
    "CompiledEngine",
    "Doppler",
    "EarthFigure",
    "EarthGrid",
    "Engine",
    "EphemerisError",
    "Knowledge",
    "Known",
    "Limit",
    "LinkWeights",
    "MapChunk",
    "Observable",
    "Prior",
    "Pseudorange",
    "RangeRate",
    "TiledEngine",
    "Unknown",
    "Unknowns",
    "UserBound",
    "UserKnowledge",
    "bound_of_sums",
    "bounding_circle",
    "bounding_sphere",
    "cap_angle_rad",
    "coverage_map",
    "dop_of_sums",
    "each_chunk",
    "equal_angle_grid",
    "evaluate_chunk",
    "fastest_engine",
    "fim_of_sums",
    "inverse_diagonal",
    "link_terms",
    "link_weights",
    "merged",
    "percentiles_over_area",
    "percentiles_over_time",
    "statistics_of",
    "unknowns_of",
]

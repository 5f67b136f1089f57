"""Run every benchmark: `python -m benchmarks` or `make bench`."""

from benchmarks import (
    astars_fixes,
    calibration,
    earth_map_costs,
    earth_maps,
    lambda_search,
    nine_d_bounds,
    pace_beamforming,
    pace_bounds,
    power_fixes,
    propagation,
    pvt_fixes,
    rinex_reading,
    start_up,
    study_runner,
    tables_and_frames,
)

for module in (
    start_up,
    propagation,
    pvt_fixes,
    study_runner,
    nine_d_bounds,
    pace_beamforming,
    pace_bounds,
    power_fixes,
    calibration,
    cluster_overhead,
    lambda_search,
    astars_fixes,
    earth_maps,
    earth_map_costs,
    rinex_reading,
    tables_and_frames,
):
    print(f"== {module.__name__}")
    module.main()

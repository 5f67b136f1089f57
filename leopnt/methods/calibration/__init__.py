"""Calibration of LEO downlink antennas: phase-center offsets and equipment delays.

Simulate or read station-days, reduce each by `reduce_station_day`, add up, `solve_calibration`.
"""

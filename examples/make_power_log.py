"""Make `power_log.csv`: beam powers that a receiver in Munich could measure of one satellite.

Synthetic. IRIDIUM 180 (element set of 28 December 2025, `data/tle_2025`) is given antenna B52 and a
carrier of 1.6 GHz; its 52 beams take turns, 100 ms each, for 62.4 s, so that each is measured twelve
times. Every power is the coherent sum over 1 ms in noise of 290 K, drawn with a fixed seed; the
true EIRP of each beam is off its nominal one by 0.3 dB (one sigma), the same all the time. Run:

    python examples/make_power_log.py [power_log.csv]
"""

"""PACE from end to end: positions from the downlink, channels and beams from the positions.

Eight satellites pass over four users. Every ten seconds the users fix their positions from Doppler
and delay of the positioning pilots; every second the satellites estimate gain and delay of each
user with the direction taken from the fix, draw beams from that and send. Printed and drawn are
errors beside their bounds, and rates on the true channel. Run:

    python examples/pace_frame.py [picture.png] [number of frames]
"""

import sys

import jax
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from leopnt.methods import pace

NAMES = {
    "perfect_bps": "WMMSE, true channel",
    "pace_bps": "WMMSE, PACE",
    "uce_bps": "WMMSE, UCE",
    "equal_gain_bps": "equal gain to the fix (PAB)",
    "strongest_bps": "strongest satellite only (S3)",
}
PLAN = pace.FramePlan(freq_offset_std_hz=500.0 / 12**0.5, clock_bias_std_s=40e-9 / 12**0.5)


def run(num_frame=3, system=None, plan=PLAN):
    """Frames of the default scene, users believed 130 m off before the first."""
    scene = pace.with_random_phases(jax.random.key(7), pace.default_scene())
    believed = scene.user_pos_m + np.array([100.0, -60.0, 60.0])[None, :]
    return pace.simulate_frames(
        jax.random.key(0),
        scene,
        system or pace.PaceSystem(),
        believed,
        num_frame,
        plan,
    )


def rms(values, axes):
    """Root mean square over axes."""
    return np.sqrt(np.mean(np.asarray(values) ** 2, axis=axes))


def print_table(frames):
    """One line per frame, one per subframe."""
    fix = frames.downlink
    print("frame  position RMSE [m]  its bound [m]  without offsets' spread [m]")
    for i in range(len(frames.time_s)):
        ours, bound, crb = (rms(one[i], None) for one in (fix.error_m, fix.lb_m, fix.crb_m))
        print(f"{i:5d}{ours:19.2f}{bound:15.2f}{crb:29.4f}")
    up = frames.uplink
    print(
        "\ntime [s]   vector error / bound: PACE         UCE      TOA [ns]: PACE     "
        "rates [Mbit/s]: true   PACE    UCE    PAB     S3"
    )
    columns = [
        *(rms(x, (-2, -1)) for x in (up.pace.vector_error, up.pace.vector_lb)),
        *(rms(x, (-2, -1)) for x in (up.uce.vector_error, up.uce.vector_lb)),
        *(1e9 * rms(x, (-2, -1)) for x in (up.pace.toa_error_s, up.pace.toa_lb_s)),
        *(np.asarray(getattr(up.rates, name)) / 1e6 for name in NAMES),
    ]
    for row in zip(np.ravel(frames.time_s), *(np.ravel(x) for x in columns), strict=True):
        print(
            "{:8.0f}{:24.3f} / {:.3f}{:8.2f} / {:.2f}{:14.2f} / {:.2f}"
            "{:24.2f}{:7.2f}{:7.2f}{:7.2f}{:7.2f}".format(*row)
        )


def draw(frames, path):
    """Errors and rates over time, bounds dashed."""
    figure, axes = plt.subplots(4, 1, figsize=(8.0, 10.0), sharex=True, layout="constrained")
    time_s, up = np.ravel(frames.time_s), frames.uplink
    starts = np.asarray(frames.time_s)[:, 0]
    end = time_s[-1] + (time_s[1] - time_s[0])
    edges = np.append(starts, end)
    axes[0].stairs(rms(frames.downlink.error_m, 1), edges, label="fix", color="C0", lw=2)
    bound = rms(frames.downlink.lb_m, 1)
    axes[0].stairs(bound, edges, label="misspecified bound", color="k", ls="--")
    axes[0].set_ylabel("Position error [m]")
    axes[0].set_ylim(0.0, 1.4 * np.max(bound))
    for i, (name, color) in enumerate((("pace", "C0"), ("uce", "C1"))):
        part, label = getattr(up, name), name.upper()
        for axis, kind, unit in ((axes[1], "vector", 1.0), (axes[2], "toa", 1e9)):
            suffix = "_s" if kind == "toa" else ""
            error = unit * rms(getattr(part, f"{kind}_error{suffix}"), (-2, -1))
            limit = unit * rms(getattr(part, f"{kind}_lb{suffix}"), (-2, -1))
            axis.semilogy(time_s, np.ravel(error), "o-", ms=3, color=color, label=label)
            dashed = "bound" if kind == "vector" or not i else None
            axis.semilogy(time_s, np.ravel(limit), "--", color=color if dashed else "k", lw=1)
    axes[1].set_ylabel("Channel vector error / length")
    axes[2].set_ylabel("Delay error [ns]")
    for name, label in NAMES.items():
        axes[3].plot(time_s, np.ravel(getattr(up.rates, name)) / 1e6, "o-", ms=3, label=label)
    axes[3].set_ylabel("Sum rate [Mbit/s]")
    axes[3].set_ylim(bottom=0.0)
    axes[3].set_xlabel("Time [s]")
    axes[0].set_title("PACE over four users: errors (dots, RMS over links), bounds (dashed), rates")
    for axis in axes:
        for start in starts[1:]:
            axis.axvline(start, color="0.8", lw=1, zorder=0)
        axis.grid(alpha=0.3)
        axis.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=8)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main():
    """Run, print, draw."""
    path = sys.argv[1] if len(sys.argv) > 1 else "pace_frame.png"
    frames = run(int(sys.argv[2]) if len(sys.argv) > 2 else 3)
    print_table(frames)
    draw(frames, path)
    print(f"\n{path}")


if __name__ == "__main__":
    main()

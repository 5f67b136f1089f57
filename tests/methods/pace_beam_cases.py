"""Default scenario of PACE and a full-size WMMSE, both in plain NumPy, for the beamforming tests.

Nothing here calls the package: frames, angles, losses and beams are written a second time.
"""

import functools

import numpy as np

LIGHT_MPS = 299_792_458.0
CARRIER_HZ, SPACING_HZ, NUM_SUB = 12.7e9, 120e3, 1024
NOISE_W = 10 ** ((-173.855 + 10 - 30) / 10) * SPACING_HZ
NUM_SAT, NUM_USER = 8, 4
OWN_SUB = NUM_SUB // NUM_SAT
SAT_INCLINATION_DEG = (1, 2, 3, 4, 1.5, 2.5, 3.5, 0.5)
SAT_DIRECTION = (1, -1, 1, -1, -1, 1, -1, 1)
USER_INCLINATION_DEG, USER_AZIMUTH_DEG = (0.3, 0.9, 0.6, 0.8), (20, 100, 200, 290)
SCINTILLATION_DB = (1.08, 0.48, 0.30, 0.22, 0.17, 0.13, 0.12, 0.12, 0.12)


def watts(power_dbm):
    return 10 ** ((power_dbm - 30) / 10)


def on_sphere(inclination_deg, azimuth_deg):
    i, w = np.radians(inclination_deg), np.radians(azimuth_deg)
    return np.array([np.sin(i) * np.cos(w), np.sin(i) * np.sin(w), np.cos(i)])


@functools.cache
def place(inclination_deg, azimuth_deg, sign):
    """Positions [m] and velocities [m/s] of satellites 500 km up."""
    pos, vel = [], []
    for i, w, forward in zip(inclination_deg, azimuth_deg, sign, strict=True):
        pos.append(6.9e6 * on_sphere(i, w))
        vel.append(forward * 7600.0 * on_sphere(i + 90.0, w))
    return np.array(pos), np.array(vel)


def satellites():
    return place(SAT_INCLINATION_DEG, tuple(45.0 * np.arange(8)), SAT_DIRECTION)


@functools.cache
def users(inclination_deg=USER_INCLINATION_DEG, azimuth_deg=USER_AZIMUTH_DEG):
    pairs = zip(inclination_deg, azimuth_deg, strict=True)
    return np.array([6.4e6 * on_sphere(i, w) for i, w in pairs])


def loss_db(sat, user):
    away = sat - user
    distance = np.linalg.norm(away)
    sine = away @ user / distance / np.linalg.norm(user)
    scintillation = np.interp(np.degrees(np.arcsin(sine)), np.arange(10, 91, 10), SCINTILLATION_DB)
    free = 20 * np.log10(4 * np.pi * distance * CARRIER_HZ / LIGHT_MPS)
    return free + 0.0637 / sine + scintillation


def direction(sat, vel, user):
    """Unit vector to the user in array axes: x orbit normal, z nadir."""
    z = -sat / np.linalg.norm(sat)
    x = np.cross(sat, vel)
    x /= np.linalg.norm(x)
    q = np.array([x, np.cross(z, x), z]) @ (user - sat)
    return q / np.linalg.norm(q)


def steering(unit, side):
    """Elements half a wavelength apart; d/lam cos(az) cos(el) is half the x component."""
    steps = np.arange(side)
    return np.kron(np.exp(-1j * np.pi * unit[0] * steps), np.exp(-1j * np.pi * unit[1] * steps))


@functools.cache
def links(side=8, error_m=0.0):
    """Gain |alpha| sin(el) (sat, user), steering at truth and at a displaced user (sat, user, ant).

    The displacement is along the global x axis, which is nearly horizontal here.
    """
    pos, vel = satellites()
    gain = np.zeros((NUM_SAT, NUM_USER))
    true = np.zeros((NUM_SAT, NUM_USER, side * side), complex)
    displaced = np.zeros_like(true)
    for s in range(NUM_SAT):
        for u, user in enumerate(users()):
            unit = direction(pos[s], vel[s], user)
            gain[s, u] = 10 ** (-loss_db(pos[s], user) / 20) * unit[2]
            true[s, u] = steering(unit, side)
            moved = user + np.array([error_m, 0.0, 0.0])
            displaced[s, u] = steering(direction(pos[s], vel[s], moved), side)
    return gain, true, displaced


def channels(side=8, phases_rad=0.0):
    """Channels (sat, user, ant), same on all subcarriers up to a phase."""
    gain, true, _ = links(side)
    return (gain * np.exp(1j * phases_rad))[..., None] * true


def rates(channel, beams, noise_w=1.0):
    """bit/s/Hz of each user, from the definition."""
    received = np.abs(channel @ beams) ** 2
    wanted = np.diag(received)
    return np.log2(1 + wanted / (received.sum(axis=1) - wanted + noise_w))


def eigen_update(scaled, omega, mu):
    """W of section 6, step 3, with the N x N eigenproblem and bisection; unit noise and power."""
    m = scaled.conj().T * (np.sqrt(omega) * np.abs(mu))[None, :]
    target = scaled.conj().T * (omega * mu.conj())[None, :]
    value, vector = np.linalg.eigh(m @ m.conj().T)
    value = np.maximum(value, 0.0)
    turned = vector.conj().T @ target
    power = np.sum(np.abs(turned) ** 2, axis=1)
    live = power > 1e-13 * power.sum()
    value, power, turned, vector = value[live], power[live], turned[live], vector[:, live]
    low, high = 0.0, np.sqrt(power.sum())
    if np.all(value > 1e-13 * value.max()) and np.sum(power / value**2) <= 1.0:
        high = 0.0
    for _ in range(200):
        x = 0.5 * (low + high)
        low, high = (x, high) if np.sum(power / (value + x) ** 2) > 1.0 else (low, x)
    return vector @ (turned / (value + high)[:, None]), high


def full_wmmse(channel, power_w, noise_w=NOISE_W, stop=1e-6, start=None, limit=5000):
    """WMMSE on N x N matrices; beams of power `power_w`, sum rate after every iteration."""
    scaled = channel * np.sqrt(power_w / noise_w)
    w = scaled.conj().T if start is None else start
    w = w / np.linalg.norm(w)
    history = [rates(scaled, w).sum()]
    for _ in range(limit):
        received = scaled @ w
        total = np.sum(np.abs(received) ** 2, axis=1) + 1
        mu = np.diag(received).conj() / total
        omega = 1 / (1 - np.abs(np.diag(received)) ** 2 / total)
        w, _ = eigen_update(scaled, omega, mu)
        history.append(rates(scaled, w).sum())
        if abs(history[-1] - history[-2]) <= stop * history[-1]:
            break
    return w * np.sqrt(power_w), history

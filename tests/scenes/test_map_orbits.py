"""States for maps: circular orbits in closed form, others through the ephemeris."""

import jax
import jax.numpy as jnp
import numpy as np

from leopnt.epochs import Epoch
from leopnt.orbits import kepler
from leopnt.orbits.constellations import IRIDIUM, ONEWEB
from leopnt.orbits.ephemeris import Ephemeris
from leopnt.scenes.map_orbits import CircularOrbits, InterpolatedOrbits

T_S = np.array([0.0, 1_000.0, 7_000.0])


def test_circular_orbits_are_kepler_orbits_without_eccentricity(evidence):
    # Runs of one, two and many satellites with the same rates.
    elements = jax.tree.map(
        lambda one, two: jnp.concatenate([one[:1], two[:2], one[1::50], two[9::30]]),
        ONEWEB.elements(),
        IRIDIUM.elements(),
    )
    pos_m, vel_mps = CircularOrbits(elements).states(T_S)
    exact = jax.vmap(jax.vmap(kepler.ecef_state, (0, None, None)), (None, 0, None))
    expected = exact(elements, jnp.asarray(T_S), jnp.asarray(0.0))
    evidence(
        "scenes.map_orbits",
        "position of circular orbits",
        "orbits.kepler, which solves Kepler's equation",
        "own",
        achieved=np.max(np.abs(pos_m - expected.pos_ecef_m)),
        tolerance=1e-6,
        unit="m",
    )
    np.testing.assert_allclose(vel_mps, expected.vel_ecef_mps, atol=1e-8)


def test_interpolated_orbits_are_those_of_the_ephemeris_and_nan_beyond_it():
    elements = jax.tree.map(lambda column: column[:2], ONEWEB.elements())
    ephemeris = Ephemeris.from_kepler(elements, Epoch.from_iso("2025-01-01T00:00:00Z"), 600.0)
    pos_m, vel_mps = InterpolatedOrbits(ephemeris).states(np.array([0.0, 90.0, 900.0]))
    assert pos_m.shape == vel_mps.shape == (3, 2, 3)
    expected = ephemeris.state(1, 90.0)
    np.testing.assert_allclose(pos_m[1, 1], expected.pos_ecef_m, atol=1e-6)
    np.testing.assert_allclose(vel_mps[1, 1], expected.vel_ecef_mps, atol=1e-9)
    assert np.all(np.isnan(pos_m[2]))

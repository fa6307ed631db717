"""Extrapolation of velocities is linear in time."""

import numpy as np
import pytest

from bnflow.kernels import Velocity
from bnflow.pde.density.field import extrapolated


@pytest.mark.parametrize("ratio", [0.3, 1.0, 2.0])
def test_a_velocity_linear_in_time_is_extrapolated_to_the_midpoint_exactly(ratio: float) -> None:
    random = np.random.default_rng(0)
    base, slope = random.random((2, 4, 7)), random.random((2, 4, 6))

    def at(t: float) -> Velocity:
        return Velocity([base[0] + t * base[1]], slope[0] + t * slope[1])

    before, now, dt = 1.0, 1.5, 0.5 * ratio
    got = extrapolated(at(now), at(before), dt / (2 * 0.5))
    exact = at(now + dt / 2)
    np.testing.assert_allclose(got.faces[0], exact.faces[0], rtol=1e-14)
    np.testing.assert_allclose(got.outer, exact.outer, rtol=1e-14)


def test_frozen_outer_weights_stay_frozen() -> None:
    faces = [np.ones((4, 7))]
    assert extrapolated(Velocity(faces, None), Velocity(faces, None), 0.5).outer is None

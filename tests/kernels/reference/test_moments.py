"""Moments over a, against a loop."""

import numpy as np
import pytest

from bnflow.kernels.reference.moments import moments


@pytest.mark.parametrize("shape", [(4, 5, 7), (6, 3, 3, 1), (8, 4, 4, 4, 2)])
def test_moments_are_weighted_sums_of_powers(shape: tuple[int, ...]) -> None:
    random = np.random.default_rng(2)
    rho, a = random.random(shape), random.standard_normal(shape[-1])
    got = moments(rho, a, 0.3)
    assert got.shape == (3, *shape[:-1])
    assert got.flags.c_contiguous
    for power in range(3):
        expected = sum(0.3 * a[i] ** power * rho[..., i] for i in range(shape[-1]))
        np.testing.assert_allclose(got[power], expected, rtol=0, atol=8e-16 * shape[-1] * 3)

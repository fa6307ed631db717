"""Remainders: parity, derivative and homogeneity, as every sum over half a sphere assumes."""

import numpy as np
import pytest

from bnflow.kernels.reference.activations import REMAINDERS

Z = np.linspace(-3, 3, 61)[np.arange(61) != 30]  # no 0
PARITY = {"relu": 1, "erf": -1, "tanh": -1}


@pytest.mark.parametrize("name", REMAINDERS)
def test_value_has_its_parity_and_slope_the_opposite(name: str) -> None:
    remainder = REMAINDERS[name]
    assert (remainder.value(-Z) == PARITY[name] * remainder.value(Z)).all()
    assert (remainder.slope(-Z) == -PARITY[name] * remainder.slope(Z)).all()


@pytest.mark.parametrize("name", REMAINDERS)
def test_slope_is_the_derivative(name: str) -> None:
    """Central differences at 1e-5: third derivative < 4, so error < 1e-10 + 2e-16 / 1e-5."""
    remainder, h = REMAINDERS[name], 1e-5
    numerical = (remainder.value(Z + h) - remainder.value(Z - h)) / (2 * h)
    np.testing.assert_allclose(remainder.slope(Z), numerical, rtol=0, atol=2e-10)


def test_slope_of_relu_at_its_kink_is_that_of_the_left() -> None:
    assert REMAINDERS["relu"].slope(np.zeros(1)).tolist() == [-0.5]


@pytest.mark.parametrize("name", REMAINDERS)
def test_homogeneous_means_z_times_slope(name: str) -> None:
    remainder = REMAINDERS[name]
    assert remainder.homogeneous == np.allclose(remainder.value(Z), Z * remainder.slope(Z))

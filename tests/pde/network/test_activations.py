"""Activations: values, slopes, and the split into a line and a remainder of one parity."""

import numpy as np
import pytest
from scipy.special import erf

from bnflow.kernels.errors import InputError
from bnflow.pde.network.activations import ACTIVATIONS, activation

Z = np.linspace(-4, 4, 81)
EXACT = {
    "relu": lambda z: np.where(z > 0, z, 0 * z),
    "linear": lambda z: z,
    "erf": erf,
    "tanh": lambda z: (np.exp(2 * z) - 1) / (np.exp(2 * z) + 1),
}
names = pytest.mark.parametrize("name", EXACT)


@names
def test_values(name: str) -> None:
    np.testing.assert_allclose(activation(name).value(Z), EXACT[name](Z), rtol=0, atol=2e-15)


@names
def test_the_remainder_has_its_parity_and_the_line_carries_the_rest(name: str) -> None:
    sigma = ACTIVATIONS[name]
    rest = sigma.value(Z) - sigma.linear * Z - sigma.constant
    np.testing.assert_allclose(rest, sigma.parity * rest[::-1], rtol=0, atol=1e-15)
    assert sigma.has_remainder == bool(np.abs(rest).max() > 0)


@names
def test_slope_is_the_derivative(name: str) -> None:
    """Complex step where the function is analytic, a central difference for relu (exact)."""
    z = Z[np.abs(Z) > 0.01]
    if name in ("relu", "erf"):
        h = 1e-5  # third derivative of erf < 2.3: error < 4e-11, rounding 1e-11
        numerical = (EXACT[name](z + h) - EXACT[name](z - h)) / (2 * h)
        np.testing.assert_allclose(activation(name).slope(z), numerical, rtol=0, atol=1e-10)
    else:
        numerical = np.imag(EXACT[name](z + 1e-30j)) / 1e-30
        np.testing.assert_allclose(activation(name).slope(z), numerical, rtol=1e-12, atol=1e-15)


def test_slope_of_relu_at_its_kink_is_the_left_limit() -> None:
    assert activation("relu").slope(0.0) == 0.0


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(InputError, match='"rleu" is not known; choose from relu, linear'):
        activation("rleu")

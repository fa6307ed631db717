"""Dual kernels to 1e-10, against nested quadrature in polar coordinates."""

from collections.abc import Callable
from itertools import combinations_with_replacement, pairwise

import numpy as np
import pytest
from numpy.polynomial.legendre import leggauss
from numpy.typing import ArrayLike
from scipy.special import erf

from bnflow.kernels.errors import InputError
from bnflow.pde.network.dual import DualKernel, dual_kernel

Array = np.ndarray
Function = Callable[[Array], Array]

VALUE: dict[str, Function] = {
    "relu": lambda z: np.maximum(z, 0),
    "linear": lambda z: z,
    "erf": erf,
    "tanh": np.tanh,
}
SLOPE: dict[str, Function] = {
    "relu": lambda z: (z > 0).astype(float),
    "linear": np.ones_like,
    "erf": lambda z: 2 / np.sqrt(np.pi) * np.exp(-(z**2)),
    "tanh": lambda z: 1 / np.cosh(z) ** 2,
}
PAIRS = list(combinations_with_replacement(VALUE, 2))
CORRELATIONS = [-1 + 1e-9, -0.97, -0.5, 0.0, 1e-3, 0.6, 0.99, 1 - 1e-9, 1.0]


def panels(ends: Array, each: int) -> tuple[Array, Array]:
    """Gauss nodes and weights of 16 points on `each` equal parts of every interval."""
    fine = np.concatenate(
        [np.linspace(a, b, each + 1)[:-1] for a, b in pairwise(ends)] + [ends[-1:]]
    )
    nodes, weights = leggauss(16)
    half = np.diff(fine)[:, None] / 2
    return (fine[:-1, None] + half * (1 + nodes)).ravel(), (half * weights).ravel()


def expectation(first: Function, second: Function, c: float) -> float:
    """E first(z) second(z') with (z, z') = r (cos t, cos(t - theta)), split at the kinks in t.

    theta = 2 arcsin(sqrt((1-c)/2)) keeps its digits at both ends.
    """
    theta = 2 * np.arcsin(np.sqrt((1 - c) / 2))
    kinks = np.sort(
        np.mod([np.pi / 2, -np.pi / 2, theta + np.pi / 2, theta - np.pi / 2], 2 * np.pi)
    )
    t, in_t = panels(np.append(kinks, kinks[0] + 2 * np.pi), 6)
    r, in_r = panels(np.linspace(0, 9, 13), 1)
    values = first(r[:, None] * np.cos(t)) * second(r[:, None] * np.cos(t - theta))
    return float((in_r * r * np.exp(-(r**2) / 2)) @ values @ in_t / (2 * np.pi))


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_value_and_slope_to_1e_10(first: str, second: str) -> None:
    kernel = DualKernel(first, second)
    value = [expectation(VALUE[first], VALUE[second], c) for c in CORRELATIONS]
    slope = [expectation(SLOPE[first], SLOPE[second], c) for c in CORRELATIONS]
    np.testing.assert_allclose(kernel.value(CORRELATIONS), value, rtol=0, atol=1e-10)
    np.testing.assert_allclose(kernel.slope(CORRELATIONS), slope, rtol=0, atol=1e-10)


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_slope_is_the_derivative_of_value(first: str, second: str) -> None:
    """Between the nodes of any interpolation too; relu has third derivatives up to 10 here."""
    kernel, h = DualKernel(first, second), 1e-4
    c = np.linspace(-0.9, 0.9, 37)
    numerical = (kernel.value(c + h) - kernel.value(c - h)) / (2 * h)
    np.testing.assert_allclose(kernel.slope(c), numerical, rtol=0, atol=10 * h**2 / 6 + 1e-11 / h)


@pytest.mark.parametrize("name", VALUE)
def test_opposite_neurons(name: str) -> None:
    """c = -1: E[sigma(z) sigma(-z)] is 0 for relu and minus E[sigma^2] for an odd function."""
    kernel = DualKernel(name)
    expected = 0.0 if name == "relu" else -float(kernel.value(1.0))
    assert float(kernel.value(-1.0)) == pytest.approx(expected, abs=1e-10)


def test_a_kernel_of_two_functions_is_symmetric_and_rounding_beyond_one_is_cut() -> None:
    c = np.array([-1 - 1e-15, -0.3, 1 + 1e-15])
    one, other = DualKernel("relu", "tanh"), DualKernel("tanh", "relu")
    assert (one.value(c) == other.value(c)).all()
    assert np.isfinite(one.slope(c)).all()
    assert DualKernel("relu").value(1 + 1e-15) == 0.5


def test_dual_kernel_is_the_public_form() -> None:
    rho = np.array([[-1.0, 0.0], [0.5, 1.0]])
    got = dual_kernel("erf", rho)
    np.testing.assert_allclose(got, 2 / np.pi * np.arcsin(2 * rho / 3), rtol=1e-15)


@pytest.mark.parametrize("rho", [1.1, -2.0, np.nan, [0.0, 1.5]])
def test_a_correlation_beyond_one_is_refused(rho: ArrayLike) -> None:
    with pytest.raises(InputError, match="from -1 to 1"):
        dual_kernel("relu", rho)


def test_an_unknown_activation_is_refused() -> None:
    with pytest.raises(InputError, match="choose from relu"):
        dual_kernel("gelu", 0.5)

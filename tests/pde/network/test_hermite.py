"""Hermite expansions: orthonormality, known coefficients, Mehler's formula."""

import math

import numpy as np
import pytest
from numpy.polynomial.hermite_e import hermegauss

from bnflow.kernels.errors import Notice
from bnflow.pde.network.activations import activation
from bnflow.pde.network.dual import DualKernel
from bnflow.pde.network.hermite import coefficients, polynomials, series


def test_polynomials_are_orthonormal_under_the_normal_law():
    """Gauss-Hermite of 40 points is exact to degree 79."""
    z, weight = hermegauss(40)
    h = polynomials(z, 30)
    np.testing.assert_allclose(
        h * weight @ h.T / np.sqrt(2 * np.pi), np.eye(30), rtol=0, atol=1e-12
    )


def test_a_series_is_the_sum_of_its_terms():
    z = np.array([[0.3, -1.2]])
    expected = 2.0 - z + 0.5 * (z**2 - 1) / np.sqrt(2)
    np.testing.assert_allclose(series([2.0, -1.0, 0.5], z), expected, rtol=1e-15)


def erf_coefficient(gain: float, k: int) -> float:
    """E[erf(g z) h_k]: for odd k = 2 m + 1, from d/dz erf and Mehler's generating function."""
    if k % 2 == 0:
        return 0.0
    m, s = (k - 1) // 2, 1 + 2 * gain**2
    factorial = math.factorial(2 * m) / (math.factorial(m) * 2.0**m)  # (2m - 1)!!
    first = 2 * gain / np.sqrt(np.pi * s)  # E[erf'(g z)]
    return float(
        first * (-1) ** m * (2 * gain**2 / s) ** m * factorial / math.sqrt(math.factorial(k))
    )


RELU = [1 / np.sqrt(2 * np.pi), 0.5, 0.5 / np.sqrt(np.pi), 0.0, -1 / np.sqrt(48 * np.pi), 0.0]


@pytest.mark.parametrize(
    ("spec", "known"),
    [
        ("relu", RELU),
        ("linear", [0, 1, 0, 0]),
        ("abs", [2 * c for c in RELU[::2]]),
        ("quadratic", [1, 0, math.sqrt(2), 0, 0]),
        ("step", [0.5, 1 / math.sqrt(2 * np.pi), 0, -1 / math.sqrt(12 * np.pi), 0]),
        ("sin", [0, math.exp(-0.5), 0, -math.exp(-0.5) / math.sqrt(6)]),
        ("cos", [math.exp(-0.5), 0, -math.exp(-0.5) / math.sqrt(2), 0]),
    ],
)
def test_known_coefficients(spec, known):
    sigma = activation(spec)
    found = coefficients(sigma.value, 6, sigma.kinks)
    if spec == "abs":
        found = found[::2]
    np.testing.assert_allclose(found[: len(known)], known, rtol=0, atol=1e-12)


@pytest.mark.parametrize("gain", [0.3, 1.0, 20.0])
def test_erf_of_every_gain(gain):
    sigma = activation("erf", gain)
    expected = [erf_coefficient(gain, k) for k in range(12)]
    np.testing.assert_allclose(coefficients(sigma.value, 12), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("spec", ["tanh", "gelu", "softplus", "erf"])
def test_mehler_sum_is_the_dual_kernel(spec):
    """At |c| = 1/2 the 40th term is below 1e-12."""
    sigma = activation(spec)
    squares = coefficients(sigma.value, 42, sigma.kinks) ** 2
    for c in (-0.5, 0.2, 0.5):
        total = np.polynomial.Polynomial(squares)(c)
        assert total == pytest.approx(float(DualKernel(spec).value(c)), abs=1e-10)


@pytest.mark.parametrize("kink", [-1.3, 0.37])
def test_a_shifted_kink(kink):
    """E (z-k)_+ = phi(k) - k Phi(-k), E (z-k)_+ z = Phi(-k), E (z-k)_+ h_2 = phi(k)/sqrt 2."""
    phi, tail = np.exp(-(kink**2) / 2) / np.sqrt(2 * np.pi), math.erfc(kink / math.sqrt(2)) / 2
    found = coefficients(lambda z: np.maximum(z - kink, 0.0), 3, (kink,))
    np.testing.assert_allclose(
        found, [phi - kink * tail, tail, phi / np.sqrt(2)], rtol=0, atol=1e-12
    )


def test_a_kink_that_was_not_named_gives_a_notice():
    with pytest.warns(Notice, match="a kink that was not named"):
        coefficients(lambda z: np.abs(z - 0.1234567), 4)

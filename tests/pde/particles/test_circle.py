"""Sorted sums on the circle are the sums over all pairs."""

import numpy as np
import pytest

from bnflow import custom_activation
from bnflow.pde.network.activations import Spec, activation
from bnflow.pde.network.dual import DualKernel
from bnflow.pde.particles.circle import relu_sums, sorted_sums


def dense(v: np.ndarray, c: np.ndarray, spec: Spec = "relu") -> tuple[np.ndarray, np.ndarray]:
    kernel, cosine = DualKernel(spec), np.clip(v @ v.T, -1, 1)
    slope = kernel.slope(cosine) @ (c[:, None] * v)
    return kernel.value(cosine) @ c, slope - v * (v * slope).sum(axis=1, keepdims=True)


def compare(angle: np.ndarray, c: np.ndarray, tolerance: float) -> None:
    v = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    (sums, slopes), (expected, gradient) = relu_sums(v, c), dense(v, c)
    scale = np.abs(c).sum()
    np.testing.assert_allclose(sums, expected, atol=tolerance * scale)
    np.testing.assert_allclose(slopes, gradient, atol=tolerance * scale)


@pytest.mark.parametrize("n", [1, 2, 7, 500])
def test_scattered_neurons(n: int) -> None:
    """Prefix sums: n eps; the dense kernel itself loses sqrt(eps) in the slope near c = 1."""
    rng = np.random.default_rng(n)
    compare(rng.uniform(-np.pi, np.pi, n), rng.standard_normal(n), 1e-8)


def test_exactly_equal_and_opposite_neurons() -> None:
    """D = 0 and D = pi are the ends of the windows; there the kernel is continuous."""
    angle = np.array([0.3, 0.3, 0.3 - np.pi, 0.3 - np.pi, 1.0, 1.0, -np.pi, np.pi])
    compare(angle, np.array([1.0, -2.0, 0.5, 1.5, 3.0, -1.0, 0.7, 0.2]), 1e-8)


@pytest.mark.parametrize("name", ["relu", "abs"])
@pytest.mark.parametrize("gain", [1.0, 0.3, 2.5])
def test_relu_and_abs_of_any_gain(name: str, gain: float) -> None:
    """relu(k z) and abs(k z) are k times those of z, their kernels k^2 times."""
    rng = np.random.default_rng(3)
    angle, c = rng.uniform(-np.pi, np.pi, 60), rng.standard_normal(60)
    angle[:4] = [1.0, 1.0, 1.0 - np.pi, 0.5]
    v = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    sigma = activation(name, gain)
    sums = sorted_sums(sigma)
    assert sums is not None
    room = 4 * gain**2 * np.abs(c).sum() * 1e-8
    for got, expected in zip(sums(v, c), dense(v, c, sigma), strict=True):
        np.testing.assert_allclose(got, expected, rtol=0, atol=room)


def test_others_have_no_sorted_sums_whatever_they_are_called() -> None:
    named = custom_activation(np.tanh, lambda z: 1 / np.cosh(z) ** 2, name="relu")
    for sigma in (activation("erf"), named):
        assert sorted_sums(sigma) is None


def test_the_gradient_is_that_of_the_sums_to_rounding() -> None:
    """Finite differences of a far probe: an independent statement without the dense kernel."""
    rng = np.random.default_rng(5)
    angle, c = rng.uniform(-np.pi, np.pi, 40), rng.standard_normal(40)

    def at(phi: float) -> tuple[float, float]:
        every = np.append(angle, phi)
        v = np.stack([np.cos(every), np.sin(every)], axis=1)
        sums, slopes = relu_sums(v, np.append(c, 0.0))
        return float(sums[-1]), float(slopes[-1] @ [-np.sin(phi), np.cos(phi)])

    for phi in (0.1, 2.0, -3.0):
        up, down = at(phi + 1e-5)[0], at(phi - 1e-5)[0]
        assert at(phi)[1] == pytest.approx((up - down) / 2e-5, abs=1e-8)

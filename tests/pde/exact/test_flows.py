"""The exact flows solve their equations: characteristics by Runge-Kutta, and kept mass."""

import numpy as np
import pytest

from bnflow.pde.exact import ConformalFlow, HeatMode, Rotation, WhitenedConformalFlow
from bnflow.pde.exact.conformal import CONDITION_10
from bnflow.pde.geometry import CubedSphere
from bnflow.pde.verification import cell_average

FLOWS = [ConformalFlow, WhitenedConformalFlow, Rotation]


def points(d: int) -> np.ndarray:
    x = np.random.default_rng(d).standard_normal((40, d))
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def carried(velocity, x: np.ndarray, time: float, steps: int = 200) -> np.ndarray:
    """RK4 of x' = velocity(x)."""
    k = time / steps
    for _ in range(steps):
        one = velocity(x)
        two = velocity(x + k / 2 * one)
        three = velocity(x + k / 2 * two)
        x = x + k / 6 * (one + 2 * two + 2 * three + velocity(x + k * three))
    return x


@pytest.mark.parametrize("d", [2, 3, 4])
def test_the_origin_is_where_the_characteristic_started(d: int) -> None:
    flow = ConformalFlow(d)
    start = points(d)
    np.testing.assert_allclose(flow.origin(carried(flow.velocity, start, 1.0)), start, atol=1e-9)


@pytest.mark.parametrize("d", [2, 3, 4])
def test_the_whitened_velocity_is_minus_the_mobility_times_the_gradient(d: int) -> None:
    """M(v) = (v' S^-1 v) P S P, written out here."""
    flow, v = WhitenedConformalFlow(d), points(d)
    s = np.array(CONDITION_10[d])
    tangent = np.eye(d) - v[:, :, None] * v[:, None, :]
    mobility = (v**2 @ (1 / s))[:, None, None] * (tangent @ np.diag(s) @ tangent)
    expected = -np.einsum("nij,nj->ni", mobility, flow.gradient(v))
    np.testing.assert_allclose(flow.velocity(v), expected, atol=1e-13)
    moved = flow.whitened(flow.raw(v) + 1e-6 * ConformalFlow(d).velocity(flow.raw(v)))
    np.testing.assert_allclose((moved - v) / 1e-6, flow.velocity(v), atol=1e-5)


@pytest.mark.parametrize("kind", FLOWS)
@pytest.mark.parametrize("d", [2, 3])
def test_mass_is_kept(kind, d: int) -> None:
    """The average over the sphere is that at the start: Gauss quadrature, 16 x 4 points an axis."""
    sphere, flow = CubedSphere(d, 16), kind(d)
    start = flow.start if isinstance(flow, Rotation) else lambda v: np.ones(v.shape[:-1])
    after, before = (
        (cell_average(sphere, each) * sphere.volume).sum() for each in (flow.density, start)
    )
    assert after == pytest.approx(before, rel=1e-6)


@pytest.mark.parametrize("d", [2, 3, 4])
def test_a_turned_bump_is_the_bump_along_the_characteristic(d: int) -> None:
    flow = Rotation(d, angle=0.7)
    start = points(d)
    end = carried(flow.velocity, start, 0.7)
    np.testing.assert_allclose(flow.density(end), flow.start(start), rtol=1e-8)


@pytest.mark.parametrize("d", [2, 3, 4])
@pytest.mark.parametrize("degree", [1, 2, 4])
def test_a_harmonic_is_an_eigenfunction_of_the_laplacian(d: int, degree: int) -> None:
    """Lap of the extension Z(x/|x|) at |x| = 1 is that on the sphere; differences of 1e-4."""
    mode, u, step = HeatMode(d, degree, amplitude=0.3, radius=2.0), points(d), 1e-4

    def extended(x: np.ndarray) -> np.ndarray:
        return mode.harmonic(x / np.linalg.norm(x, axis=1, keepdims=True))

    around = sum(extended(u + step * e) + extended(u - step * e) for e in np.eye(d))
    laplacian = (around - 2 * d * extended(u)) / step**2
    np.testing.assert_allclose(laplacian, -mode.rate * 4.0 * extended(u), atol=2e-5)
    decay = (mode.density(u, 0.1, 0.5) - 1) / (mode.density(u, 0.0) - 1)
    np.testing.assert_allclose(decay, np.exp(-0.5 * mode.rate * 0.1), rtol=1e-9)

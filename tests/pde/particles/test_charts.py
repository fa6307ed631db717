"""Coordinates of the inner weights: one motion, whichever coordinates write it."""

from collections.abc import Callable

import numpy as np
import pytest

from bnflow.pde.geometry import BatchNormMetric
from bnflow.pde.particles.charts import CHARTS, Chart, PlainChart

Array = np.ndarray
D, NORM = 4, 1.7
RNG = np.random.default_rng(3)
ROOT = RNG.standard_normal((D, D)) + 2 * np.eye(D)
METRIC = BatchNormMetric(ROOT @ ROOT.T, NORM)
W = RNG.standard_normal((2, 5, D))
COEFFICIENTS = RNG.standard_normal((3, D))


def h(v: Array) -> Array:
    """A function on the sphere of v, extended as it stands."""
    c = v @ COEFFICIENTS.T
    return np.sin(c[..., 0]) + c[..., 1] ** 2 * c[..., 2]


def gradient(v: Array) -> Array:
    c = v @ COEFFICIENTS.T
    slopes = np.stack([np.cos(c[..., 0]), 2 * c[..., 1] * c[..., 2], c[..., 1] ** 2], axis=-1)
    return slopes @ COEFFICIENTS


@pytest.fixture(params=CHARTS)
def chart(request: pytest.FixtureRequest) -> Chart:
    return CHARTS[request.param](METRIC)


def weights_motion() -> Array:
    """dv/dt per -a under the gradient flow of w itself, |w| = NORM: the definition."""
    w = NORM * W / np.linalg.norm(W, axis=-1, keepdims=True)

    def v(w: Array) -> Array:
        return METRIC.whitened(w)

    step, slope = 1e-6, np.empty_like(w)
    for k in range(D):
        shift = step * np.eye(D)[k]
        slope[..., k] = (h(v(w + shift)) - h(v(w - shift))) / (2 * step)
    return (v(w + 1e-5 * slope) - v(w - 1e-5 * slope)) / 2e-5


def test_every_chart_moves_v_as_the_gradient_flow_of_the_weights_does(chart: Chart) -> None:
    x = chart.from_raw(W)
    v = chart.points(x)
    motion, _ = chart.rise(x, v, gradient(v))
    moved = (chart.points(x + 1e-5 * motion) - chart.points(x - 1e-5 * motion)) / 2e-5
    np.testing.assert_allclose(moved, weights_motion(), atol=3e-8 * np.abs(moved).max())


def test_the_squared_length_is_the_rate_of_h_along_the_motion(chart: Chart) -> None:
    """d h / ds along x' = K grad h is |grad_g h|^2, the same in every chart."""
    x = chart.from_raw(W)
    v = chart.points(x)
    motion, square = chart.rise(x, v, gradient(v))
    rate = (h(chart.points(x + 1e-5 * motion)) - h(chart.points(x - 1e-5 * motion))) / 2e-5
    np.testing.assert_allclose(square, rate, rtol=1e-6)
    mobility = np.einsum("...i,...ij,...j->...", gradient(v), METRIC.mobility(v), gradient(v))
    np.testing.assert_allclose(square, mobility, rtol=1e-12)


def test_the_motion_is_tangent_to_the_manifold(chart: Chart) -> None:
    """A step along it leaves the manifold at second order only: r is conserved."""
    x = chart.from_raw(W)
    motion, _ = chart.rise(x, chart.points(x), gradient(chart.points(x)))
    off = [np.abs(chart.retracted(x + e * motion) - (x + e * motion)).max() for e in (1e-3, 5e-4)]
    assert off[0] / off[1] == pytest.approx(4, abs=0.1)


def test_the_field_does_not_depend_on_the_length_of_x(chart: Chart) -> None:
    """So an integrator's intermediate stages, slightly off the manifold, need no correction."""
    x = chart.from_raw(W)
    for scale in (0.9, 1.3):
        v = chart.points(scale * x)
        np.testing.assert_allclose(v, chart.points(x), rtol=1e-13)
        ours, theirs = chart.rise(scale * x, v, gradient(v)), chart.rise(x, v, gradient(v))
        np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-12)


def test_raw_directions_come_back(chart: Chart) -> None:
    u = W / np.linalg.norm(W, axis=-1, keepdims=True)
    np.testing.assert_allclose(chart.raw(chart.from_raw(W)), u, rtol=1e-12)
    np.testing.assert_allclose(chart.points(chart.from_raw(W)), METRIC.whitened(W), rtol=1e-12)


def test_the_ellipsoid_is_one() -> None:
    q = CHARTS["ellipsoid"](METRIC).from_raw(W)
    np.testing.assert_allclose(np.einsum("...i,ij,...j->...", q, METRIC.covariance, q), 1.0)


@pytest.mark.parametrize("root", [None, METRIC.square_root])
def test_plain_weights_follow_their_own_gradient(root: Array | None) -> None:
    chart = PlainChart(root)
    points: Callable[[Array], Array] = chart.points
    motion, square = chart.rise(W, points(W), gradient(points(W)))
    for k in range(D):
        shift = 1e-6 * np.eye(D)[k]
        slope = (h(points(W + shift)) - h(points(W - shift))) / 2e-6
        np.testing.assert_allclose(motion[..., k], slope, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(square, (motion**2).sum(axis=-1))
    assert chart.retracted(W) is W

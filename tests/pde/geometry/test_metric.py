"""The metric of batch normalization is the round one of the raw directions, in other terms."""

import numpy as np
import pytest
from numpy.typing import ArrayLike

from bnflow.kernels.errors import InputError
from bnflow.pde.geometry import BatchNormMetric

Array = np.ndarray
RANDOM = np.random.default_rng(0)


def directions(d: int, count: int = 7) -> Array:
    v = RANDOM.standard_normal((count, d))
    return np.asarray(v / np.linalg.norm(v, axis=1, keepdims=True))


def matrix(d: int) -> Array:
    """A full covariance of condition 30."""
    turn = np.linalg.qr(RANDOM.standard_normal((d, d)))[0]
    return np.asarray((turn * np.geomspace(0.3, 9.0, d)) @ turn.T)


def tangents(v: Array) -> Array:
    """(d, d-1): an orthonormal basis of the tangent space at v."""
    return np.asarray(np.linalg.svd(v[None])[2][1:].T)


METRICS = [BatchNormMetric(matrix(d), norm) for d in (2, 3, 4) for norm in (1.0, 1.7)]
metrics = pytest.mark.parametrize("metric", METRICS, ids=lambda m: f"d{m.dimension}r{m.norm}")


@metrics
def test_raw_and_whitened_undo_each_other(metric: BatchNormMetric) -> None:
    u = directions(metric.dimension)
    v = metric.whitened(u)
    np.testing.assert_allclose(np.linalg.norm(v, axis=1), 1, rtol=1e-15 * 4)
    np.testing.assert_allclose(metric.raw(v), u, rtol=0, atol=1e-14)  # condition of the root: 6
    np.testing.assert_allclose(metric.raw(3 * v), metric.raw(v), rtol=0, atol=1e-15)


@metrics
def test_whitening_is_the_symmetric_square_root(metric: BatchNormMetric) -> None:
    """v is the direction of S^(1/2) u: |v . S^(-1/2) v| u is S^(-1/2) v itself."""
    u = directions(metric.dimension)
    root = metric.square_root
    np.testing.assert_allclose(root @ root, metric.covariance, rtol=0, atol=1e-14 * 9)
    np.testing.assert_allclose(root, root.T, rtol=0, atol=1e-15)
    stretched = u @ root
    expected = stretched / np.sqrt(np.einsum("ki,ij,kj->k", u, metric.covariance, u))[:, None]
    np.testing.assert_allclose(metric.whitened(u), expected, rtol=0, atol=1e-14)


@metrics
def test_mobility_inverts_the_metric_on_tangents_and_kills_the_normal(
    metric: BatchNormMetric,
) -> None:
    v = directions(metric.dimension)
    product = metric.mobility(v) @ metric.metric(v)
    projection = np.eye(metric.dimension) - v[:, :, None] * v[:, None, :]
    np.testing.assert_allclose(product, projection, rtol=0, atol=3e-13)  # condition 30 x 30
    for tensor in (metric.mobility(v), metric.metric(v)):
        np.testing.assert_allclose((tensor @ v[..., None])[..., 0], 0, atol=1e-13)
        np.testing.assert_allclose(tensor, np.swapaxes(tensor, 1, 2), rtol=0, atol=1e-13)


@metrics
def test_the_metric_is_the_round_one_pulled_back_through_v_to_u(metric: BatchNormMetric) -> None:
    """g(xi, xi) = r^2 |du|^2 with du by central differences of u(v), h = 1e-5: error h^2 x 30."""
    h = 1e-5
    for v in directions(metric.dimension):
        basis = tangents(v)
        moves = [(metric.raw(v + h * e) - metric.raw(v - h * e)) / (2 * h) for e in basis.T]
        pulled = metric.norm**2 * np.array([[a @ b for b in moves] for a in moves])
        own = basis.T @ metric.metric(v) @ basis
        np.testing.assert_allclose(own, pulled, rtol=1e-7, atol=1e-7 * np.abs(own).max())
        inverse = basis.T @ metric.mobility(v) @ basis
        np.testing.assert_allclose(inverse @ own, np.eye(len(own)), rtol=0, atol=1e-12)


@metrics
def test_volume_density_is_the_jacobian_of_v_to_u(metric: BatchNormMetric) -> None:
    """And the root of det g on the tangent space."""
    h = 1e-5
    for v in directions(metric.dimension):
        basis = tangents(v)
        moves = [(metric.raw(v + h * e) - metric.raw(v - h * e)) / (2 * h) for e in basis.T]
        gram = metric.norm**2 * np.array([[a @ b for b in moves] for a in moves])
        density = metric.volume_density(v)
        assert density == pytest.approx(np.sqrt(np.linalg.det(gram)), rel=1e-7)
        own = basis.T @ metric.metric(v) @ basis
        assert density == pytest.approx(np.sqrt(np.linalg.det(own)), rel=1e-12)


@metrics
def test_raw_gradient_is_tangent_and_the_derivative_along_u(metric: BatchNormMetric) -> None:
    """Of F(v) = sin(b.v) + (c.v)^3, by central differences along the tangents at u."""
    d, h = metric.dimension, 1e-5
    b, c = RANDOM.standard_normal((2, d))
    u = directions(d)
    v = metric.whitened(u)
    ambient = np.cos(v @ b)[:, None] * b + 3 * (v @ c)[:, None] ** 2 * c
    got = metric.raw_gradient(ambient + 5.0 * v, u, v)  # radial parts do not count
    np.testing.assert_allclose(np.einsum("ki,ki->k", got, u), 0, atol=1e-13)

    def value(w: Array) -> Array:
        x = metric.whitened(w)
        return np.asarray(np.sin(x @ b) + (x @ c) ** 3)

    for i, point in enumerate(u):
        for e in tangents(point).T:
            slope = (value(point + h * e) - value(point - h * e)) / (2 * h)
            assert got[i] @ e == pytest.approx(slope, abs=2e-7)  # h^2 x third derivative, 10^3


@metrics
def test_the_gradient_flow_is_one_flow_in_both_coordinates(metric: BatchNormMetric) -> None:
    """v' = -M grad_v F and u' = -grad_u F / r^2: moving u moves v(u) by the same."""
    d, h = metric.dimension, 1e-6
    b = RANDOM.standard_normal(d)
    u = directions(d)
    v = metric.whitened(u)
    ambient = np.broadcast_to(b, v.shape)
    raw_speed = -metric.raw_gradient(ambient, u, v) / metric.norm**2
    through = (metric.whitened(u + h * raw_speed) - metric.whitened(u - h * raw_speed)) / (2 * h)
    speed = -np.einsum("kij,j->ki", metric.mobility(v), b)
    np.testing.assert_allclose(through, speed, rtol=0, atol=1e-7)


def test_in_the_plane_the_mobility_is_the_formula_for_angles() -> None:
    """(s1 sin^2 + s2 cos^2)^2 / (s1 s2 r^2) along the tangent; at e1 of (10, 1): 1/10."""
    metric, angle = BatchNormMetric([10.0, 1.0], 2.0), np.linspace(0, 6, 13)
    v = np.stack([np.cos(angle), np.sin(angle)], 1)
    t = np.stack([-np.sin(angle), np.cos(angle)], 1)
    along = np.einsum("ki,kij,kj->k", t, metric.mobility(v), t)
    expected = (10 * np.sin(angle) ** 2 + np.cos(angle) ** 2) ** 2 / (10 * 4)
    np.testing.assert_allclose(along, expected, rtol=1e-13)
    assert along[0] == pytest.approx(1 / 40)


@pytest.mark.parametrize("scale", [1e-18, 1.0, 1e12])
def test_isotropic_means_a_multiple_of_the_identity_whatever_the_units(scale: float) -> None:
    assert BatchNormMetric(scale * np.eye(3)).isotropic
    assert not BatchNormMetric(scale * np.array([1.0, 1.0 + 1e-6])).isotropic
    assert not BatchNormMetric(scale * np.array([1.0, 4.0])).isotropic


@pytest.mark.parametrize(
    ("covariance", "phrase"),
    [
        ([[1.0, 0.5], [0.4, 1.0]], "symmetric"),
        ([[1e-12, 5e-13], [4e-13, 1e-12]], "symmetric"),  # no absolute tolerance
        ([1.0, -1.0], "eigenvalue -1"),
        ([1.0, 0.0], "eigenvalue 0"),
        ([[1.0, 2.0], [2.0, 1.0]], "eigenvalue -1"),
        ([1.0, np.nan], "finite"),
        ([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], "(2, 3)"),
        ([], "d >= 1"),
        (3.0, "d >= 1"),
    ],
)
def test_a_covariance_that_is_none_is_refused_in_one_line(
    covariance: ArrayLike, phrase: str
) -> None:
    with pytest.raises(InputError) as error:
        BatchNormMetric(covariance)
    assert phrase in str(error.value)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("norm", [0.0, -1.0, np.inf, np.nan])
def test_a_norm_that_is_not_positive_is_refused(norm: float) -> None:
    with pytest.raises(InputError, match="positive"):
        BatchNormMetric([1.0, 1.0], norm)

"""Charts of the directions: the same two metrics, in either coordinates."""

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest

from bnflow.pde.geometry import BatchNormMetric, Chart, CubedSphere

Array = np.ndarray
RANDOM = np.random.default_rng(3)
NORM = 1.4
COVARIANCES = {d: np.geomspace(5.0, 0.5, d) for d in (2, 3, 4)}
KINDS = list(product(("raw", "whitened"), ("bn", "round")))
charts = pytest.mark.parametrize(("coordinates", "induced"), KINDS)
dimensions = pytest.mark.parametrize("d", [2, 3, 4])


def turned(d: int) -> Array:
    turn = np.linalg.qr(np.random.default_rng(d).standard_normal((d, d)))[0]
    return np.asarray((turn * COVARIANCES[d]) @ turn.T)


def made(d: int, coordinates: str, induced: str) -> Chart:
    return Chart(BatchNormMetric(turned(d), NORM), coordinates, induced)


def unit(x: Array) -> Array:
    return np.asarray(x / np.linalg.norm(x, axis=-1, keepdims=True))


def tangents(p: Array) -> Array:
    """(d-1, d): an orthonormal basis of the tangent space at p."""
    return np.asarray(np.linalg.svd(p[None])[2][1:])


def round_in(chart: Chart, p: Array) -> Array:
    """The directions in which the chart's metric is the round one of radius r, at p."""
    values, vectors = np.linalg.eigh(chart.metric.covariance)
    power = {("raw", "round"): 0.5, ("whitened", "bn"): -0.5}
    exponent = power.get((chart.coordinates, chart.induced), 0.0)
    return unit(p @ (vectors * values**exponent) @ vectors.T)


def differential(chart: Chart, p: Array) -> Array:
    """(d-1, d-1): p -> round directions, between orthonormal tangent bases, by differences."""
    image, h = round_in(chart, p), 1e-6
    columns = [
        (round_in(chart, unit(p + h * e)) - round_in(chart, unit(p - h * e))) / (2 * h)
        for e in tangents(p)
    ]
    return np.array([[column @ f for column in columns] for f in tangents(image)])


@charts
@dimensions
def test_mobility_and_volume_are_pulled_back_from_a_round_sphere(
    d: int, coordinates: str, induced: str
) -> None:
    """With J the differential: g = r^2 J'J, so M = (J'J)^-1 / r^2 and dvol = r^(d-1) |det J|."""
    chart = made(d, coordinates, induced)
    for p in unit(RANDOM.standard_normal((5, d))):
        basis, j = tangents(p), differential(chart, p)
        mobility = np.stack([basis @ chart.raised(e, p) for e in basis], axis=1)
        np.testing.assert_allclose(mobility, np.linalg.inv(j.T @ j) / NORM**2, rtol=1e-8, atol=1e-8)
        np.testing.assert_allclose(
            chart.volume_density(p[None])[0], abs(np.linalg.det(j)), rtol=1e-8
        )


@charts
@dimensions
def test_volumes_add_up_to_the_sphere(d: int, coordinates: str, induced: str) -> None:
    chart, grid = made(d, coordinates, induced), CubedSphere(d, 6)
    volume = chart.volume(grid)
    assert volume.sum() == pytest.approx(grid.total_volume, rel=2e-6)  # Gauss, six points an axis
    assert volume.min() > 0


@charts
def test_on_the_circle_a_volume_is_the_angle_between_the_images_of_the_faces(
    coordinates: str, induced: str
) -> None:
    chart, grid = made(2, coordinates, induced), CubedSphere(2, 8)
    ends = round_in(chart, grid.points([grid.xi_faces]))
    angle = np.arccos(np.einsum("pid,pid->pi", ends[:, :-1], ends[:, 1:]))
    np.testing.assert_allclose(chart.volume(grid), angle, rtol=1e-7)


@charts
@dimensions
def test_the_flux_of_a_gradient_converges_to_its_laplacian(
    d: int, coordinates: str, induced: str
) -> None:
    """u_1 or v_1 where the metric is round: Laplacian -(d-1)/r^2 times itself, by the fluxes."""
    errors = []
    for n in (12, 24) if d < 4 else (8, 16):
        chart, grid = made(d, coordinates, induced), CubedSphere(d, n)

        def first(p: Array, chart: Chart = chart) -> Array:
            return round_in(chart, p)[..., 0]

        total = np.zeros(grid.shape)
        for axis, (weights, p) in enumerate(
            zip(chart.face_weights(grid), grid.face_centres, strict=True)
        ):
            flux = np.einsum("...d,...d->...", gradient(first, p), weights)
            total += np.moveaxis(np.diff(np.moveaxis(flux, 1 + axis, 0), axis=0), 0, 1 + axis)
        expected = -(d - 1) / NORM**2 * first(grid.centres) * chart.volume(grid)
        errors.append(abs(total - expected).sum() / abs(expected).sum())
    assert np.log2(errors[0] / errors[1]) > 1.8


def gradient(function: Callable[[Array], Array], p: Array) -> Array:
    """Tangent gradient of a function on the sphere, by differences in ambient coordinates."""
    h, parts = 1e-5, []
    for e in np.eye(p.shape[-1]):
        parts.append((function(unit(p + h * e)) - function(unit(p - h * e))) / (2 * h))
    return np.stack(parts, axis=-1)


@dimensions
def test_both_coordinates_name_the_same_direction_and_slope(d: int) -> None:
    """h = sin(b.v): its gradient in the chart is the difference quotient there."""
    b = RANDOM.standard_normal(d)
    for coordinates in ("raw", "whitened"):
        chart = made(d, coordinates, "bn")
        p = unit(RANDOM.standard_normal((6, d)))
        v = chart.whitened(p)
        np.testing.assert_allclose(chart.metric.whitened(chart.raw(p)), v, rtol=0, atol=1e-14)
        ambient = np.cos(v @ b)[:, None] * b

        def wave(q: Array, chart: Chart = chart) -> Array:
            return np.asarray(np.sin(chart.whitened(q) @ b))

        np.testing.assert_allclose(
            chart.gradient(ambient, p, v), gradient(wave, p), rtol=0, atol=1e-8
        )


def test_measures_of_one_sphere_against_the_other_are_inverse() -> None:
    raw, whitened = (made(3, coordinates, "bn") for coordinates in ("raw", "whitened"))
    u = unit(RANDOM.standard_normal((6, 3)))
    there = raw.whitened_measure(u) * whitened.raw_measure(raw.whitened(u))
    np.testing.assert_allclose(there, 1.0, rtol=1e-13)
    assert (raw.raw_measure(u) == 1).all()
    assert (whitened.whitened_measure(u) == 1).all()

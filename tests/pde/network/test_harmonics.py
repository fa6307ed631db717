"""Spherical harmonics by their addition theorem, their gradients by differences of polynomials."""

import numpy as np
import pytest
from numpy.polynomial.legendre import Legendre
from scipy.special import gammaln, lpmv

from bnflow.pde.network.harmonics import gradients, harmonics, legendre_series, orders

Array = np.ndarray
DEGREE = 13


def points(count: int, seed: int) -> Array:
    """Random, and both poles."""
    v = np.random.default_rng(seed).standard_normal((count, 3))
    v[0], v[1] = [0, 0, 1], [0, 0, -2]
    return np.asarray(v / np.linalg.norm(v, axis=1, keepdims=True))


@pytest.mark.parametrize("parity", [1, -1])
def test_they_are_the_associated_legendre_functions(parity: int) -> None:
    v, order = points(30, 0), orders(DEGREE, parity)
    for (n, m), got in zip(order, harmonics(v, order).T, strict=True):
        norm = np.exp(0.5 * (gammaln(n - m + 1) - gammaln(n + m + 1))) * (np.sqrt(2) if m else 1)
        angle = np.arctan2(v[:, 1], v[:, 0])
        wanted = (-1) ** m * norm * lpmv(m, n, v[:, 2]) * np.exp(1j * m * angle)
        np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-13)  # |W| <= 1, n steps
        assert n % 2 == (0 if parity == 1 else 1)


@pytest.mark.parametrize("parity", [1, -1])
def test_products_add_up_to_legendre_polynomials(parity: int) -> None:
    v, w, order = points(20, 1), points(15, 2), orders(DEGREE, parity)
    here, there = harmonics(v, order), harmonics(w, order)
    for degree in {n for n, _ in order}:
        own = np.array([n == degree for n, _ in order])
        product = (here[:, own] @ there[:, own].conj().T).real
        np.testing.assert_allclose(product, Legendre.basis(degree)(v @ w.T), rtol=0, atol=1e-13)


@pytest.mark.parametrize("parity", [1, -1])
def test_gradients_are_those_of_the_zonal_sum(parity: int) -> None:
    """Tangent parts: the homogeneous extension off the sphere is another one."""
    v, w, random = points(20, 1), points(15, 2), np.random.default_rng(3)
    order, lower = orders(DEGREE, parity), orders(DEGREE - 1, -parity)
    k, c = random.standard_normal(DEGREE + 1), random.standard_normal(len(w))
    q = k[[n for n, _ in order]] * (c @ harmonics(w, order))
    got = np.stack(
        [(harmonics(v, lower) @ (each @ q.conj())).real for each in gradients(order, lower)], 1
    )
    keep = (np.arange(DEGREE + 1) % 2 == 0) == (parity == 1)
    wanted = (Legendre(k * keep).deriv()(v @ w.T) * c) @ w
    normal = np.einsum("kd,kd->k", got - wanted, v)[:, None]
    # slopes of degree n are at most n^2 / 2
    atol = 1e-14 * DEGREE**2 * np.abs(k).sum() * np.abs(c).sum()
    np.testing.assert_allclose(got - normal * v, wanted, rtol=0, atol=atol)


def test_a_polynomial_is_its_own_series() -> None:
    wanted = np.random.default_rng(0).standard_normal(9)
    series = legendre_series(Legendre(wanted), 12)
    np.testing.assert_allclose(series, [*wanted, 0, 0, 0, 0], rtol=0, atol=1e-13)

"""Spherical harmonics on S^2: zonal sums at a cost of points times degree^2.

    W_lm(v) = sqrt((2 - [m = 0]) (l-m)!/(l+m)!) P_lm(v_z) e^(i m phi),   0 <= m <= l
    P_l(v.w) = Re sum_m conj W_lm(w) W_lm(v)                             (addition theorem)

so that sum_j c_j k(v.w_j), with k = sum_l k_l P_l, takes two products with the matrix of W. As a
polynomial in v, homogeneous of degree l, W_lm has derivatives of degree l - 1:

    d_z W_lm           =  sqrt(l^2 - m^2) W_(l-1)m
    (d_x - i d_y) W_lm =  sqrt((2 - [m = 0])/(2 - [m = 1]) (l+m)(l+m-1)) W_(l-1)(m-1)
    (d_x + i d_y) W_lm = -sqrt((2 - [m = 0])/2 (l-m)(l-m-1)) W_(l-1)(m+1)

P_lm is without the sign (-1)^m. Source: Hobson, The Theory of Spherical and Ellipsoidal Harmonics
(1931), chapter 3. Which kernels have a short series: `kernel_sums`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.polynomial.legendre import leggauss, legvander
from numpy.typing import NDArray
from scipy.sparse import block_array, csr_array

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]
Order = list[tuple[int, int]]  # (l, m), one a column


def orders(degree: int, parity: int) -> Order:
    """All (l, m) of even (parity 1) or odd (-1) degrees up to one."""
    first = 0 if parity == 1 else 1
    return [(n, m) for n in range(first, degree + 1, 2) for m in range(n + 1)]


def harmonics(v: Array, order: Order) -> Complex:
    """(points, columns): W_lm at unit vectors v (points, 3)."""
    x, y, z = v.T
    column = {pair: k for k, pair in enumerate(order)}
    degree = max((n for n, _ in order), default=0)
    values = np.empty((len(v), len(order)), complex)
    diagonal = np.ones(len(v), complex)
    for m in range(degree + 1):
        if m:
            diagonal = diagonal * (x + 1j * y) * (np.sqrt(1 - 0.5 / m) if m > 1 else 1.0)
        below, here = np.zeros(len(v), complex), diagonal
        for n in range(m, degree + 1):
            if (n, m) in column:
                values[:, column[n, m]] = here
            step = (2 * n + 1) * z * here - np.sqrt(n**2 - m**2) * below
            below, here = here, step / np.sqrt((n + 1) ** 2 - m**2)
    return values


def gradients(order: Order, lower: Order) -> list[csr_array]:
    """For x, y, z: from conj q_lm to what takes its place in the gradient of Re sum conj q_lm W_lm.

    lower : the columns of the degrees below, (l - 1, m)
    """
    row = {pair: k for k, pair in enumerate(lower)}
    parts: list[dict[tuple[int, int], complex]] = [{}, {}, {}]
    for k, (n, m) in enumerate(order):
        twice = 2 if m else 1
        if m:
            minus = np.sqrt(twice / (2 if m > 1 else 1) * (n + m) * (n + m - 1)) / 2
            parts[0][row[n - 1, m - 1], k], parts[1][row[n - 1, m - 1], k] = minus, 1j * minus
        if m + 1 < n:  # Re of a real q_l0 holds the conjugate, too
            plus = np.sqrt(twice / 2 * (n - m) * (n - m - 1)) / twice
            parts[0][row[n - 1, m + 1], k], parts[1][row[n - 1, m + 1], k] = -plus, 1j * plus
        if m < n:
            parts[2][row[n - 1, m], k] = np.sqrt(n**2 - m**2)
    return [_sparse(part, (len(lower), len(order))) for part in parts]


def _sparse(entries: dict[tuple[int, int], complex], shape: tuple[int, int]) -> csr_array:
    rows, columns = np.array(list(entries), int).reshape(-1, 2).T
    return csr_array((np.array(list(entries.values()), complex), (rows, columns)), shape)


def real_gradients(order: Order, lower: Order) -> tuple[NDArray[np.intp], Array]:
    """The same for q (2 columns,), real parts and then imaginary ones: places in it, and weights.

    (2 lower, 3, 2) each: (q[places] weights).sum(-1) stands beside the real and imaginary parts of
    the columns below, for x, y, z.
    """
    shape = (2 * len(lower), 3, 2)
    places, weights, used = np.zeros(shape, int), np.zeros(shape), np.zeros(shape[:2], int)
    for axis, part in enumerate(gradients(order, lower)):
        real, imaginary = part.real, part.imag
        turned = block_array([[real, imaginary], [-imaginary, real]], format="coo")
        for row, column, weight in zip(turned.row, turned.col, turned.data, strict=True):
            if weight:
                places[row, axis, used[row, axis]] = column
                weights[row, axis, used[row, axis]] = weight
                used[row, axis] += 1
    return places, weights


def legendre_series(function: Callable[[Array], Array], degree: int) -> Array:
    """(degree + 1,): k_l of k = sum_l k_l P_l, by Gauss quadrature with twice as many nodes."""
    nodes, weights = leggauss(2 * degree + 16)
    norm = np.arange(degree + 1) + 0.5
    return np.asarray(norm * ((weights * function(nodes)) @ legvander(nodes, degree)))

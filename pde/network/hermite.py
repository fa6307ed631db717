"""Hermite expansions of functions of a standard normal variable.

    h_0 = 1, h_1 = z, h_(k+1) = (z h_k - sqrt(k) h_(k-1)) / sqrt(k+1),   E[h_j h_k] = delta_jk
    f = sum_k c_k h_k,   c_k = E[f(z) h_k(z)]
    E[f(z) g(z')] = sum_k c_k(f) c_k(g) rho^k   for standard normals of correlation rho (Mehler)

The probabilists' polynomials, orthonormal. Coefficients by composite Gauss-Legendre quadrature,
split at the kinks of f, refined until they stand still.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from numpy.polynomial.legendre import leggauss
from numpy.typing import ArrayLike, NDArray

from ...kernels.errors import Notice

Array = NDArray[np.float64]

ORDER = 24  # of the Gauss rule on a panel
STILL = 2e-13  # change of a coefficient, relative to the norm of f, that ends the refinement
FINEST = 2**12  # panels
_REACH = 9.0  # a standard normal beyond it weighs 2e-19; h_k reaches 2 sqrt(k) further


def polynomials(z: ArrayLike, count: int) -> Array:
    """(count, ..): h_0, .., h_(count-1) at z (..,).

    >>> polynomials(2.0, 3)
    array([1.        , 2.        , 2.12132034])
    """
    z = np.asarray(z, float)
    values = np.empty((count, *z.shape))
    for k in range(count):
        if k == 0:
            values[0] = 1.0
        elif k == 1:
            values[1] = z
        else:
            values[k] = (z * values[k - 1] - np.sqrt(k - 1) * values[k - 2]) / np.sqrt(k)
    return values


def series(coefficients: ArrayLike, z: ArrayLike) -> Array:
    """(..,): sum_k coefficients_k h_k(z)."""
    coefficients = np.asarray(coefficients, float)
    return np.tensordot(coefficients, polynomials(z, len(coefficients)), axes=1)


def coefficients(
    function: Callable[[Array], Array], count: int, kinks: Sequence[float] = ()
) -> Array:
    """(count,): c_0, .., c_(count-1) of a function, to 1e-12 of its norm.

    kinks : where it or its derivative jumps
    """
    reach = _REACH + 2.0 * np.sqrt(count)
    inner = sorted(kink for kink in set(kinks) if abs(kink) < reach)
    ends = np.array([-reach, *inner, reach])
    found, panels = _quadrature(function, count, _refined(ends, 16)), 32
    while panels <= FINEST:
        before = found
        found = _quadrature(function, count, _refined(ends, panels))
        if np.abs(found - before).max() <= STILL * max(1.0, float(np.linalg.norm(found))):
            return found
        panels *= 2
    warnings.warn(
        f"Hermite coefficients are known to {np.abs(found - before).max():.1e} only: the function "
        "has a kink that was not named",
        Notice,
        stacklevel=2,
    )
    return found


def _refined(ends: Array, panels: int) -> Array:
    """Every interval divided, at least four times, into pieces of about equal length."""
    length = (ends[-1] - ends[0]) / panels
    pieces = [
        np.linspace(low, high, max(4, int(np.ceil((high - low) / length))) + 1)[:-1]
        for low, high in pairwise(ends)
    ]
    return np.append(np.concatenate(pieces), ends[-1])


def _quadrature(function: Callable[[Array], Array], count: int, ends: Array) -> Array:
    nodes, weights = leggauss(ORDER)
    half = np.diff(ends)[:, None] / 2
    z = (ends[:-1, None] + half * (1 + nodes)).ravel()
    weight = (half * weights).ravel() * np.exp(-z * z / 2) / np.sqrt(2 * np.pi)
    return np.asarray(polynomials(z, count) @ (weight * function(z)))

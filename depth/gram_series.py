"""The mean-field map without RS for smooth activations that have no formula: Mehler's series.

    E[h_i h_j] = sum_k a_k(i) a_k(j) c_ij^k,   a_k(i) = E[phi(gamma sqrt(S_ii) x + beta) h_k(x)]

h = phi(gamma z + beta), z ~ N(0, S), c its correlations, x standard normal, h_k(x) the orthonormal
Hermite polynomials (Mehler 1866). The diagonal is an integral. What is left out is at most

    |c_ij|^K sqrt(r_i r_j),   r_i = E[h_i^2] - sum_{k < K} a_k(i)^2

(Cauchy and Schwarz; derived here), which is known and given as the error, with the difference of
two rules for the integrals. Where that is too large, as for a steep phi, the map does not serve.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.polynomial.legendre import leggauss
from numpy.typing import NDArray

from ..pde.network.hermite import polynomials
from ..pde.network.normal import density
from .gram_mixture import row_covariance
from .layers import LayerSpec, cosines

Array = NDArray[np.float64]

TERMS = 200  # K
REACH = 14.0  # of x; h_k beyond it, times the root of the density, is below 1e-21
PANELS = (48, 64)  # of either rule, with 20 nodes each
LIMIT = 1e-8  # of the error, relative to the largest entry
_ROUNDING = 1e-14


def series_map(spec: LayerSpec, gram: Array) -> tuple[Array, Array] | None:
    """T(G) and its error, both (B, B); None where the series does not serve."""
    if spec.rescale or spec.phi.kinks:
        return None
    s = row_covariance(spec, gram)
    deviations = np.sqrt(np.maximum(np.diag(s), 0.0))
    c = np.clip(cosines(s), -1.0, 1.0)
    (coarse, _), (value, left_out) = (_summed(spec, deviations, c, panels) for panels in PANELS)
    error = np.abs(value - coarse) + left_out + _ROUNDING * np.abs(value).max()
    return (value, error) if error.max() <= LIMIT * np.abs(value).max() else None


def _summed(spec: LayerSpec, deviations: Array, c: Array, panels: int) -> tuple[Array, Array]:
    """The series (B, B), and the bound on what it leaves out."""
    x, weights, hermite = _rule(panels)
    phi = spec.phi.value(spec.gamma * deviations[:, None] * x + spec.beta)
    square, a = phi**2 @ weights, (phi * weights) @ hermite.T
    total = np.array([_series(own, a, row) for own, row in zip(a, c, strict=True)])
    rest = np.sqrt(np.maximum(square - (a * a).sum(axis=1), 0.0))
    left_out = np.abs(c) ** TERMS * np.outer(rest, rest)
    np.fill_diagonal(total, square)
    np.fill_diagonal(left_out, 0.0)
    return total, left_out


def _series(own: Array, others: Array, c: Array) -> Array:
    """(B,): sum_k own_k others_jk c_j^k."""
    powers = np.repeat(c[:, None], TERMS, axis=1)
    powers[:, 0] = 1.0
    return np.asarray((np.multiply.accumulate(powers, axis=1) * others) @ own)


@lru_cache(maxsize=len(PANELS))
def _rule(panels: int) -> tuple[Array, Array, Array]:
    """Nodes and weights (Q,), the density in them, and h_0 .. h_(K-1) at the nodes (K, Q)."""
    nodes, weights = leggauss(20)
    half = REACH / panels
    middles = np.linspace(-REACH, REACH, 2 * panels + 1)[1::2]
    x = (middles[:, None] + half * nodes).ravel()
    return x, np.tile(half * weights, panels) * density(x), polynomials(x, TERMS)

"""Triangular roots of many small symmetric matrices, and which of these have one.

    s = L L^T,  L lower triangular                                        (Cholesky)

A matrix whose smallest pivot L_ii^2 is rounding beside its largest entry counts as singular, so
that two backends, which round differently, seldom judge differently.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

LEAST_PIVOT = 1e-12  # relative to the largest entry on the diagonal; rounding is r 1e-16


def cholesky(s: Array) -> tuple[Array, NDArray[np.bool_]]:
    """L (E, r, r) and whether s (E, r, r) is regular (E,); what L is elsewhere is anything."""
    try:
        lower = np.asarray(np.linalg.cholesky(s), float)
    except np.linalg.LinAlgError:  # of one at least, which is not said
        lower = np.stack([_one(each) for each in s])
    return lower, pivots_suffice(lower, s)


def pivots_suffice(lower: Array, s: Array) -> NDArray[np.bool_]:
    """(E,): whether no pivot of L is rounding; False where one is NaN."""
    pivots, own = (np.diagonal(each, axis1=1, axis2=2) for each in (lower, s))
    enough: NDArray[np.bool_] = pivots.min(axis=1) ** 2 > LEAST_PIVOT * own.max(axis=1)
    return enough


def _one(s: Array) -> Array:
    try:
        return np.asarray(np.linalg.cholesky(s), float)
    except np.linalg.LinAlgError:
        return np.full_like(s, np.nan)

"""The subspace in which the inputs vary, where their covariance is singular.

A covariance S of rank d < p leaves d directions: with B (d, p) an orthonormal basis of range(S),

    x' = B (x - centre),   S' = B S B',   xt = S'^(-1/2) x'

are the inputs of a problem in dimension d, and batch normalization in R^p is batch normalization
there: the part of w in the kernel never meets the inputs, does not move, and does not count in
r = |B w|. With S^(+1/2) the symmetric root of the pseudo-inverse, S^(+1/2) (x - centre) = B' xt, so
a whitened direction e of R^p in the range reads B e here. Ma and Ying, arXiv 2110.08725, with the
pseudo-inverse in place of the inverse.

The basis is the range's own: Gram-Schmidt of the projections of the axes e_1, e_2, .. in turn, so
that inputs that vary along some axes only keep those axes. Rows have shape (.., p).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...kernels.errors import InputError

Array = NDArray[np.float64]

DEPENDENT = 1e-8  # singular value of the standardised columns over the largest that counts as zero
CLEAR = 1e-6  # eigenvalue of the correlations above which columns are surely independent
OUTSIDE = 1e-9  # of a unit vector: a larger part in the kernel is a mistake
_SHORT = 1e-6  # projections of axes that others already span


def range_of_covariance(covariance: Array, rank: int) -> Array | None:
    """(rank, p): orthonormal basis of the range; None where that is everything."""
    if rank == len(covariance):
        return None
    vectors = np.linalg.eigh(covariance)[1][:, -rank:]
    return _axes_of(vectors @ vectors.T, rank)


def range_of_rows(rows: Array) -> Array | None:
    """(rank, p): orthonormal basis of what the rows span around their mean; None for everything.

    Columns are compared in their own standard deviations, so that units do not matter.
    """
    centred, spread = rows - rows.mean(axis=0), rows.std(axis=0)
    spread[np.ptp(rows, axis=0) == 0] = 0.0  # the spread of a constant column may be rounding
    if len(rows) > rows.shape[1] and (spread > 0).all():
        correlation = centred.T @ centred / (len(rows) * np.outer(spread, spread))
        if np.linalg.eigvalsh(correlation)[0] > CLEAR:
            return None  # the common case, without a decomposition of all rows
    standard = centred / np.where(spread > 0, spread, np.inf)
    values, vectors = np.linalg.svd(standard, full_matrices=False)[1:]
    rank = int((values > DEPENDENT * values[0]).sum()) if values[0] > 0 else 0
    if rank == rows.shape[1]:
        return None
    basis = np.linalg.qr((vectors[:rank] * spread).T)[0] if rank else np.zeros((len(spread), 0))
    return _axes_of(basis @ basis.T, rank)


def within(vectors: Array, basis: Array | None, name: str) -> Array:
    """(.., d): vectors (.., p) of the range in its own basis; themselves where there is none.

    Raises InputError, with `name` the key, where one leaves the range.
    """
    if basis is None:
        return vectors
    inside = vectors @ basis.T
    outside = np.linalg.norm(vectors - inside @ basis, axis=-1)
    if (outside > OUTSIDE * np.linalg.norm(vectors, axis=-1)).any():
        worst = np.atleast_2d(vectors)[int(np.argmax(outside))]
        cure = ", ".join(f"{entry:.6g}" for entry in worst @ basis.T @ basis)
        raise InputError(
            f"{name} leaves the range of the covariance, where alone inputs vary; "
            f"its part in the range is [{cure}]"
        )
    return np.asarray(inside)


def _axes_of(projection: Array, rank: int) -> Array:
    """(rank, p): Gram-Schmidt of the columns of a projection, in order, twice for rounding."""
    basis = np.zeros((0, len(projection)))
    for axis in projection:
        rest = axis - basis.T @ (basis @ axis)
        length = np.linalg.norm(rest)
        if length > _SHORT and len(basis) < rank:
            rest = projection @ rest
            rest = rest - basis.T @ (basis @ rest)
            basis = np.vstack([basis, rest / np.linalg.norm(rest)])
    return basis + 0.0

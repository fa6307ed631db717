"""The mean-field map near a Gram matrix: its derivative and the rates of mixing.

    J = dT(G) on symmetric matrices, as a (B^2, B^2) matrix on their entries

kappa, the largest |eigenvalue| of J at a fixed point, is the rate of mixing: G_l - G* shrinks as
kappa^l. Known: linear RS has kappa = B/(B + 2), linear RC + RS (B - 1)/(B + 1).

For phi of degree one J is exact, as the map is (`gram_mixture`). Others are sampled by the score,
J = Cov(h h^T, (S^-1 z)(S^-1 z)^T)/2, which asks nothing of phi; where S is singular that is the
derivative within its range. Where G has no preferred input, the samples are averaged over all
permutations of the inputs, which takes most of the sampling error away.

Not here: what the noise of a finite width makes of it (`noise`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse.linalg import eigs

from ..kernels.errors import InputError
from .gram import mapped, refuse_scale
from .gram_mixture import (
    Mixture,
    mixture,
    overlap,
    overlap_slopes,
    row_covariance,
    slopes,
    square_root,
)
from .gram_sampled import POINTS, REPLICATES, mean_and_error, normal_points
from .gram_symmetric import is_symmetric
from .layers import LayerSpec, centred, checked_gram, count

Array = NDArray[np.float64]

EXACT_BATCH, SAMPLED_BATCH = 64, 32  # at most: 134 MB, and as much for all replicates
EDGE = 2  # E[1/chi^2] of that many degrees of freedom is infinite
DENSE = 16  # a larger batch has its rates by Arnoldi's method
_NO_RANK = 1e-9  # of a root, whose square is cut at 1e-13


@dataclass(frozen=True)
class Jacobian:
    """matrix (B^2, B^2): J on row-major entries; standard_error likewise, 0 where exact."""

    matrix: Array
    standard_error: Array


def jacobian(
    spec: LayerSpec, gram: ArrayLike, *, unit_trace: bool = False, points: int = POINTS
) -> Jacobian:
    """J = dT(G); with unit_trace of the map that divides by the trace over B after the layer.

    Raises InputError where the map cannot be taken there.
    """
    g = checked_gram(spec, gram)
    if unit_trace:
        refuse_scale(spec)
    replicates = jacobians(spec, g, points)
    if unit_trace:
        image = mapped(spec, g, points=points).gram
        replicates = np.array([_trace_divided(each, image) for each in replicates])
    if len(replicates) == 1:
        return Jacobian(replicates[0], np.zeros_like(replicates[0]))
    return Jacobian(*mean_and_error(replicates))


def jacobian_spectrum(
    spec: LayerSpec,
    gram: ArrayLike,
    rates: int = 6,
    *,
    unit_trace: bool = False,
    points: int = POINTS,
) -> Array:
    """(rates,): the largest |eigenvalues| of J on symmetric matrices, descending.

    The first is kappa. They are repeated with their multiplicities. The derivative has B^4 entries:
    seconds and half a gigabyte at a batch of 64.

    >>> float(jacobian_spectrum(LayerSpec("linear", recenter=False), np.eye(6))[0].round(12))
    0.75
    """
    rates = count("rates", rates)
    found = jacobian(spec, gram, unit_trace=unit_trace, points=points)
    return spectrum_of(found.matrix, rates)


def spectrum_of(matrix: Array, rates: int) -> Array:
    """(rates,): largest |eigenvalues| of a (B^2, B^2) map on symmetric matrices, descending."""
    batch = int(np.sqrt(len(matrix)))
    rates = min(rates, batch * (batch + 1) // 2)
    if batch <= DENSE:  # it takes antisymmetric matrices to 0, which adds no more than zeros
        found = np.linalg.eigvals(matrix)
    else:
        start = np.random.Generator(np.random.Philox(0)).standard_normal(len(matrix))
        found = eigs(matrix, rates, v0=start, return_eigenvectors=False)
    return np.sort(np.abs(found))[::-1][:rates]


def jacobians(spec: LayerSpec, gram: Array, points: int) -> Array:
    """(R, B^2, B^2): of independent replicates; one where J is exact."""
    refuse_large(len(gram), EXACT_BATCH if slopes(spec) else SAMPLED_BATCH)
    if slopes(spec) is None:
        return _sampled_jacobians(spec, gram, points)
    return _exact_jacobian(spec, gram)[None]


def refuse_large(batch: int, largest: int) -> None:
    """Raise InputError where matrices of B^4 numbers would fill the memory."""
    if batch > largest:
        raise InputError(
            f"a batch of {batch} has a derivative of {8e-9 * batch**4:.1f} GB; "
            f"give {largest} inputs at most"
        )


def _exact_jacobian(spec: LayerSpec, gram: Array) -> Array:
    """From dC = K dS K^T and d log det(I + 2sSD)^(-1/2) = -s tr(D K dS)."""
    found, mixed = slopes(spec), mixture(spec, gram)
    assert found is not None
    _refuse_edge(spec, mixed)
    batch, (carriers, divided) = len(gram), mixed.carriers
    by_own, by_first = overlap_slopes(*found, mixed.covariances)
    by_size = overlap(*found, mixed.covariances) * mixed.s[:, None, None]
    values, own, first = (  # (B, B, K): sums over the mixture are products of matrices
        np.ascontiguousarray((mixed.weights[:, None, None] * each).transpose(1, 2, 0))
        for each in (by_size, by_own, by_first)
    )
    flat = (len(carriers), batch**2)
    total = -(values.reshape(batch**2, -1) @ divided.reshape(flat)).reshape((batch,) * 4)
    others = np.ascontiguousarray(carriers.transpose(1, 0, 2))  # [j, t, l]
    for i, k in enumerate(others):  # K_ik, (K, B)
        total[i] += (own[i][:, None] * k.T) @ others  # K_ik K_jl
        squares = (k[:, :, None] * k[:, None, :]).reshape(flat)  # K_ik K_il
        by_i = (first[i] @ squares).reshape(batch, batch, batch)
        total[i] += by_i
        total[:, i] += by_i
    return _through_covariance(spec, total.reshape(batch**2, batch**2))


def _refuse_edge(spec: LayerSpec, mixed: Mixture) -> None:
    """Raise InputError where what a row lacks, once there, would grow without bound."""
    rank = np.count_nonzero(mixed.rates)
    if spec.rescale and spec.eps == 0.0 and rank <= EDGE and not mixed.whole:
        raise InputError(
            f"the derivative is infinite: rows have rank {rank} at this Gram matrix, and RS "
            "stretches what is added to them; give another one, or eps > 0"
        )


def _through_covariance(spec: LayerSpec, matrix: Array) -> Array:
    """J in G of a derivative in the rows' covariance; symmetric in what it acts on."""
    batch = int(np.sqrt(len(matrix)))
    acted = matrix.reshape(-1, batch, batch)
    acted = 0.5 * (acted + acted.transpose(0, 2, 1))
    if spec.recenter:
        acted = centred(acted)
    return np.asarray(spec.sigma_w**2 * acted.reshape(len(matrix), -1))


def _sampled_jacobians(spec: LayerSpec, gram: Array, points: int) -> Array:
    """(R, B^2, B^2)."""
    root = square_root(row_covariance(spec, gram))
    inverse = np.linalg.pinv(root, rcond=_NO_RANK)
    found = []
    for x in normal_points(root.shape[1], points, REPLICATES, seed=1):
        features, score = outer_products(spec.rows(x @ root.T)), 0.5 * outer_products(x @ inverse.T)
        score -= score.mean(axis=0)
        found.append(_through_covariance(spec, features.T @ score / len(x)))
    return averaged(gram, np.array(found))


def outer_products(rows: Array) -> Array:
    """(N, B^2): h h^T of rows (N, B)."""
    return np.asarray((rows[:, :, None] * rows[:, None, :]).reshape(len(rows), -1))


def averaged(gram: Array, tensors: Array) -> Array:
    """Replicates (R, B^2, B^2) of a four-index tensor, averaged over permutations where G is."""
    if not is_symmetric(gram):
        return tensors
    label = patterns(len(gram))
    counts = np.bincount(label)
    return np.array([(np.bincount(label, t.ravel()) / counts)[label] for t in tensors]).reshape(
        tensors.shape
    )


def patterns(batch: int) -> NDArray[np.int64]:
    """(B^4,): which of the indices i, j, k, l are equal, all that permutations of inputs keep."""
    i, j, k, m = np.indices((batch,) * 4)
    equal = (i == j, i == k, i == m, j == k, j == m, k == m)
    code = sum((e.astype(np.int64) << bit for bit, e in enumerate(equal)), np.int64(0))
    return np.unique(np.asarray(code).ravel(), return_inverse=True)[1].ravel()


def _trace_divided(matrix: Array, image: Array) -> Array:
    """Derivative of B T/tr T, from that of T, where T(G) = image."""
    batch, trace = len(image), float(np.trace(image))
    traces = np.eye(batch).ravel() @ matrix
    return np.asarray(batch / trace * (matrix - np.outer(image.ravel() / trace, traces)))

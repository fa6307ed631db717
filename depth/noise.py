"""The noise of a finite width around a fixed point of the mean-field map: its covariance and size.

    Q = Cov vec(h h^T), so that n Cov(G_{l+1} | G_l) = Q
    n Cov(G_l) -> Sigma,   Sigma = J Sigma J^T + Q           (n large, l -> inf)

tr Sigma is the constant of the n^(-1/2) law, n E||G_l - G*||_F^2 -> tr Sigma (derived here;
Joudaki, Daneshmand, Bach, arXiv 2205.13076, have rapid mixing as their assumption). Linear layers:

    RS        tr Sigma = B (B - 1)(B + 2)^2/(4 (B + 1))
    RC + RS   the same with D = B - 1 in place of B, times (B/D)^2

Q is exact where phi is linear, by Isserlis' theorem; else it is sampled, as J is where phi has no
degree (`stability`).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..kernels.errors import InputError, Notice
from .gram import mapped
from .gram_mixture import mixture, row_covariance, slopes, square_root
from .gram_sampled import POINTS, REPLICATES, mean_and_error, normal_points
from .layers import LayerSpec, checked_gram
from .stability import (
    SAMPLED_BATCH,
    averaged,
    jacobians,
    outer_products,
    refuse_large,
    spectrum_of,
)

Array = NDArray[np.float64]

MOTION = 0.01  # of a layer, relative to the largest entry: less is taken for a fixed point
DOUBLINGS = 40  # Sigma after 2^40 layers
_SETTLED = 1e-14


@dataclass(frozen=True)
class Noise:
    """What width n adds to a Gram matrix, times n.

    one_layer : (B^2, B^2) Q
    stationary : (B^2, B^2) Sigma, deep in the network
    constant : tr Sigma = lim n E||G_l - G*||_F^2
    rate : kappa
    standard_error : of the constant, by sampling; 0 where exact
    """

    one_layer: Array
    stationary: Array
    constant: float
    rate: float
    standard_error: float


def noise_covariance(spec: LayerSpec, gram: ArrayLike, *, points: int = POINTS) -> Noise:
    """Q and Sigma at a fixed point G (B, B).

    Raises InputError where J does not contract, so that the noise grows for ever.
    """
    g = checked_gram(spec, gram)
    _tell_motion(spec, g, points)
    derivatives = jacobians(spec, g, points)
    j = np.asarray(derivatives.mean(axis=0))
    rate = float(spectrum_of(j, 1)[0])
    if rate >= 1.0 - 1e-9:
        raise InputError(
            f"the noise of this layer grows for ever: its rate is {rate:.6g} >= 1 at this Gram "
            "matrix; give a layer with RS, or see linear_error for linear networks"
        )
    layers = _noises(spec, g, points)
    q = np.asarray(layers.mean(axis=0))
    sigma = _summed(j, q)
    return Noise(q, sigma, float(np.trace(sigma)), rate, _error(j, sigma, derivatives, layers))


def _tell_motion(spec: LayerSpec, gram: Array, points: int) -> None:
    moved = float(np.abs(mapped(spec, gram, points=points).gram - gram).max() / np.abs(gram).max())
    if moved > MOTION:
        warnings.warn(
            f"a layer moves this Gram matrix by {100 * moved:.2g} % of its largest entry: it is no "
            "fixed point, and the stationary covariance is that of another one; see fixed_point",
            Notice,
            stacklevel=3,
        )


def _error(j: Array, sigma: Array, derivatives: Array, layers: Array) -> float:
    """Of tr Sigma: d tr Sigma = tr(gain (dQ + 2 dJ Sigma J^T)), gain = sum_k J^kT J^k."""
    gain = _summed(j.T, np.eye(len(j)))
    by_j = 2.0 * np.einsum("rij,ji->r", derivatives - j, sigma @ j.T @ gain)
    by_q = np.einsum("rij,ji->r", layers, gain)
    return float(mean_and_error(by_j + by_q)[1]) if len(layers) > 1 else 0.0


def _summed(j: Array, q: Array) -> Array:
    """sum_k J^k Q J^kT, by doubling the number of terms."""
    total, power = q, j
    for _ in range(DOUBLINGS):
        added = power @ total @ power.T
        total, power = total + added, power @ power
        if np.abs(added).max() <= _SETTLED * np.abs(total).max():
            break
    return np.asarray(total)


def _noises(spec: LayerSpec, gram: Array, points: int) -> Array:
    """(R, B^2, B^2): Q of independent replicates; one where it is exact."""
    refuse_large(len(gram), SAMPLED_BATCH)
    if slopes(spec) is None or spec.phi.parts:
        return _sampled_noises(spec, gram, points)
    return _linear_noise(spec, gram)[None]


def _linear_noise(spec: LayerSpec, gram: Array) -> Array:
    """Q by Isserlis: E[z_i z_j z_k z_l/m^2] = E[C_ij C_kl + C_ik C_jl + C_il C_jk]."""
    mixed, batch = mixture(spec, gram, power=2), len(gram)
    c, gain = mixed.covariances, (spec.gamma * spec.phi.linear) ** 2
    pairs = np.einsum("t,tij,tkl->ijkl", mixed.weights, c, c, optimize=True)
    fourth = pairs + pairs.transpose(0, 2, 1, 3) + pairs.transpose(0, 2, 3, 1)
    mean = mapped(spec, gram).gram.ravel()
    return np.asarray(gain**2 * fourth.reshape(batch**2, -1) - np.outer(mean, mean))


def _sampled_noises(spec: LayerSpec, gram: Array, points: int) -> Array:
    """(R, B^2, B^2): Q of each replicate."""
    root, found = square_root(row_covariance(spec, gram)), []
    for x in normal_points(root.shape[1], points, REPLICATES, seed=2):
        features = outer_products(spec.rows(x @ root.T))
        features -= features.mean(axis=0)
        found.append(features.T @ features / len(features))
    return averaged(gram, np.array(found))

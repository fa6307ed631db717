"""A row after RS as a mixture of Gaussian laws, for activations that scale with their input.

A positively homogeneous phi of degree one is phi(z) = p z + r |z|: linear, relu, abs, leaky. The
division of RS is a Laplace transform, 1/m = int_0^inf e^(-t m) dt, and tilts a Gaussian law into
another one. With z ~ N(0, S), m = z^T D z / B + eps (D = I, or P = I - 11^T/B), for f of degree 2p

    E[f(z)/m^p] = sum_k weight_k E_{N(0, C_k)}[f],     C(s) = (I + 2 s S D)^-1 S
    weight(s) ds = B^p s^(p-1)/Gamma(p) e^(-s B eps) det(I + 2 s S D)^(-1/2) ds

The device is that of Yang, Pennington, Rao, Sohl-Dickstein, Schoenholz (arXiv 1902.08129); this
form of it is derived here. s = e^t, trapezoid in t: the integrand is analytic for |Im t| < pi/2 (a
zero of C_ii C_jj - C_ij^2 needs terms that turn by more than pi against each other), so the error
falls as e^(-pi^2/STEP) and is rounding. Without RS the mixture is the one law N(0, S).

| symbol | name | shape |
|---|---|---|
| C_k | covariances | (K, B, B) |
| K_k = (I + 2 s S D)^-1, dC = K dS K^T | carriers | (K, B, B) |

With S = F F^T and F^T D F = diag(a), C = F diag(1/(1 + 2 s a)) F^T and K F = F diag(1/(1 + 2 s a)).
K is evaluated like that: I - 2 s C D has no digits left at large s, which matter at rank one.

Not here: activations of no degree (`gram_closed`, `gram_symmetric`, `gram_sampled`).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gamma as gamma_function

import numpy as np
from numpy.typing import NDArray

from ..kernels.errors import InputError
from .layers import LayerSpec, centred

Array = NDArray[np.float64]

STEP = 0.25  # of t = log s at rank 32 or less, where the integrand is no narrower than its strip
SPAN = 42.0  # t from -SPAN: e^-42 = 6e-19
TALL = 90.0  # .. to TALL: rank one decays as e^(-t/2)
NEGLIGIBLE = 1e-19  # of the largest contribution
_ROUNDING = 1e-14  # of the value of a piecewise-linear function at 0
_NO_RANK = 1e-13  # eigenvalues below it, relative to the largest, are rounding


@dataclass(frozen=True)
class Mixture:
    """Gaussian laws whose weighted sum is the law of a rescaled row, for one degree.

    weights, s : (K,)
    covariances : (K, B, B)
    factor, rates : (B, B) F, (B,) a
    divider : (B, B) D
    room : (B, B) projector on what a row may be: I, or P after RC
    """

    weights: Array
    s: Array
    covariances: Array
    factor: Array
    rates: Array
    divider: Array
    room: Array

    @property
    def whole(self) -> bool:
        """Whether S has full rank, as far as D sees."""
        seen = np.trace(self.room @ self.divider)
        return bool(np.count_nonzero(self.rates) == round(float(seen)))

    @property
    def carriers(self) -> tuple[Array, Array]:
        """K, and D K in d log det(I + 2 s S D) = 2 s tr(D K dS); both (K, B, B)."""
        seen = self.rates > 0.0
        f, a = self.factor[:, seen], self.rates[seen]
        back = (f.T @ self.divider) / a[:, None]
        spread = 1.0 / (1.0 + 2.0 * np.outer(self.s, a))
        carried = np.einsum("bk,tk,kc->tbc", f, spread, back, optimize=True)
        rest = self.room - f @ back
        if self.whole:  # D rest is 0 but for rounding, which large s multiply
            rest = rest - self.divider @ rest
            return carried + rest, self.divider @ carried
        return carried + rest, self.divider @ (carried + rest)


def mixture(spec: LayerSpec, gram: Array, power: int = 1) -> Mixture:
    """The mixture for functions of degree 2 power of a row, given G (B, B)."""
    s, batch = row_covariance(spec, gram), len(gram)
    divider, nothing = np.eye(batch), np.zeros((batch, batch))
    room = centred(divider) if spec.recenter else divider
    if not spec.rescale:
        one = np.ones(1)
        return Mixture(one, 0 * one, s[None], nothing, nothing[0], nothing, room)
    if spec.centred_scale and not spec.recenter:
        divider = centred(divider)
    factor, rates = _factor(s, divider)
    if spec.eps == 0.0:
        _refuse_divergence(factor, rates, power)
    at, log_weights = _nodes(rates, batch, spec.eps, power)
    spread = 1.0 / (1.0 + 2.0 * np.outer(at, rates))
    size = np.einsum("bk,tk->tb", factor**2, spread).max(axis=1)
    share = log_weights + power * np.log(size)
    kept = share > share.max() + np.log(NEGLIGIBLE)
    laws = np.einsum("bk,tk,ck->tbc", factor, spread[kept], factor, optimize=True)
    weights = np.exp(log_weights[kept]) / gamma_function(power)
    return Mixture(weights, at[kept], laws, factor, rates, divider, room)


def row_covariance(spec: LayerSpec, gram: Array) -> Array:
    """(.., B, B): of a row before RS: S, or P S P."""
    s = spec.covariance(gram)
    return centred(s) if spec.recenter else s


def _factor(s: Array, divider: Array) -> tuple[Array, Array]:
    """F (B, B) and rates a (B,) with S = F F^T and F^T D F = diag(a)."""
    root = square_root(s)
    rates, basis = np.linalg.eigh(root.T @ divider @ root)
    rates, factor = np.where(rates > _NO_RANK * rates[-1], rates, 0.0), root @ basis
    unseen = (rates == 0.0) & (np.abs(factor).max(axis=0) <= _NO_RANK * np.abs(factor).max())
    return np.where(unseen, 0.0, factor), rates  # else rounding would outlive C at large s


def square_root(s: Array) -> Array:
    """(.., B, B): the symmetric R with R R = S; negative eigenvalues, of rounding, are cut."""
    values, vectors = np.linalg.eigh(s)
    floor = _NO_RANK * values[..., -1:]
    roots = np.sqrt(np.where(values > floor, values, 0.0))[..., None, :]
    root: Array = (vectors * roots) @ np.swapaxes(vectors, -1, -2)
    return root


def _nodes(rates: Array, batch: int, eps: float, power: int) -> tuple[Array, Array]:
    """s (T,) and the logarithm of B^p s^p e^(-s B eps) det^(-1/2) dt."""
    rank = np.count_nonzero(rates)
    step = STEP * min(1.0, np.sqrt(32.0 / rank))
    t = np.arange(-SPAN, TALL, step) - np.log(2.0 * rates.sum())
    s = np.exp(t)
    log_det = np.log1p(2.0 * np.outer(s, rates)).sum(axis=1)
    return s, power * (t + np.log(batch)) + np.log(step) - s * batch * eps - 0.5 * log_det


def _refuse_divergence(factor: Array, rates: Array, power: int) -> None:
    """A part of the row that RS does not see is divided by chi^2 of the rest's freedom."""
    if factor[:, rates == 0.0].any() and np.count_nonzero(rates) <= 2 * power:
        raise InputError(
            f'variant = "std" with {np.count_nonzero(rates)} free differences over the batch: the '
            f'mean is infinite; give {2 * power + 2} inputs at least, or variant = "rms"'
        )


def slopes(spec: LayerSpec) -> tuple[float, float] | None:
    """(p, r) with phi(gamma z + beta) = p z + r |z|; None where phi is of no degree."""
    phi = spec.phi
    if spec.beta != 0.0 or abs(phi.constant) > _ROUNDING:
        return None
    if any(part.remainder.name != "abs" for part in phi.parts):
        return None
    r = sum(part.weight * phi.gain for part in phi.parts)
    return spec.gamma * phi.linear, spec.gamma * r


def overlap(p: float, r: float, c: Array) -> Array:
    """(.., B, B): E[h h^T], h = p z + r |z|, z ~ N(0, C); the arc-cosine map for relu.

    E|z_i z_j| = (2/pi) sqrt(C_ii C_jj) (sqrt(1 - rho^2) + rho asin rho)   (Cho and Saul 2009)
    """
    if r == 0.0:
        return np.asarray(p * p * c)
    scale, rho = _correlation(c)
    bend = np.sqrt(1.0 - rho * rho) + rho * np.arcsin(rho)
    return np.asarray(p * p * c + r * r * (2.0 / np.pi) * scale * bend)


def overlap_slopes(p: float, r: float, c: Array) -> tuple[Array, Array]:
    """V_c and V_1: dV_ij = V_c,ij dC_ij + V_1,ij dC_ii + V_1,ji dC_jj   (Price's theorem)."""
    if r == 0.0:
        return np.full(c.shape, p * p), np.zeros(c.shape)
    _, rho = _correlation(c)
    deviation = np.sqrt(np.maximum(np.diagonal(c, axis1=-2, axis2=-1), np.finfo(float).tiny))
    ratio = deviation[..., None, :] / deviation[..., :, None]
    return (
        np.asarray(p * p + r * r * (2.0 / np.pi) * np.arcsin(rho)),
        np.asarray(r * r / np.pi * ratio * np.sqrt(1.0 - rho * rho)),
    )


def _correlation(c: Array) -> tuple[Array, Array]:
    """sqrt(C_ii C_jj) and the correlations, 1 on the diagonal, both (.., B, B)."""
    deviation = np.sqrt(np.maximum(np.diagonal(c, axis1=-2, axis2=-1), np.finfo(float).tiny))
    scale = deviation[..., :, None] * deviation[..., None, :]
    rho = np.clip(c / scale, -1.0, 1.0)
    index = np.arange(c.shape[-1])
    rho[..., index, index] = 1.0
    return scale, rho


def homogeneous_map(spec: LayerSpec, gram: Array) -> Array | None:
    """(B, B): T(G), where phi has degree one; else None."""
    found = slopes(spec)
    if found is None:
        return None
    mixed = mixture(spec, gram)
    return np.asarray(np.tensordot(mixed.weights, overlap(*found, mixed.covariances), axes=1))

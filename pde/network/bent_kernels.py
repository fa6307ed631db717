"""Dual kernels of piecewise-linear functions and of step, by the bivariate normal law.

    sigma(z) = A + B z + sum_i jump_i (z - h_i)_+,   kappa(c) = E[sigma(z) tau(z')],  s^2 = 1 - c^2

    E[(z - h)_+ (z' - k)_+] = (c + h k) L - h phi(k) Q((h - c k)/s) - k phi(h) Q((k - c h)/s)
                              + s^2 phi_2(h, k; c),          d/dc of it = L(h, k; c)
    E[1(z > 0) (z' - k)_+]  = c phi(0) Q(k/s) + phi(k) Q(-c k/s) - k L(0, k; c)
                                                             d/dc of it = phi(0) Q(k/s)

with Q = 1 - Phi, phi_2 the bivariate density, and L = P(z > h, z' > k) from Owen's T function
(Owen, Ann. Math. Stat. 27, 1956). The arguments of T are written such that h = k and c near 1, or
h = -k and c near -1, lose no digits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, owens_t

from .activations import Activation

Array = NDArray[np.float64]
Function = Callable[[Array], Array]

_LEAST = 1e-150  # s at c = -1 and 1, so that x/s is 0 or as good as infinite
_ZERO = 1e-100  # a bend nearer to 0 is at 0: products of two must not underflow
_ROOT_TWO_PI = np.sqrt(2 * np.pi)


@dataclass(frozen=True)
class _Bent:
    """A, B and (h_i, jump_i); its expectation and that of z times it."""

    level: float
    slope: float
    bends: tuple[tuple[float, float], ...]

    @classmethod
    def of(cls, sigma: Activation) -> _Bent:
        assert sigma.bends is not None
        places = [(k / sigma.gain, jump * sigma.gain) for k, jump in sigma.bends]
        bends = tuple((k if abs(k) > _ZERO else 0.0, jump) for k, jump in places)
        return cls(
            sigma.constant + sum(0.5 * jump * k for k, jump in bends),
            sigma.linear - sum(0.5 * jump for _, jump in bends),
            bends,
        )

    @property
    def mean(self) -> float:
        return self.level + sum(jump * _hinge_mean(k) for k, jump in self.bends)

    @property
    def first(self) -> float:
        return self.slope + sum(jump * float(ndtr(-k)) for k, jump in self.bends)


def bent_pair(sigma: Activation, tau: Activation) -> tuple[Function, Function]:
    """Value and slope of the kernel of two piecewise-linear functions."""
    s, t = _Bent.of(sigma), _Bent.of(tau)
    rise = s.slope * t.first + t.slope * s.first - s.slope * t.slope
    level = s.level * t.mean + t.level * s.mean - s.level * t.level
    pairs = [(h, k, i * j) for h, i in s.bends for k, j in t.bends]

    def value(c: Array) -> Array:
        return np.asarray(level + rise * c + sum(x * _hinges(h, k, c) for h, k, x in pairs))

    def slope(c: Array) -> Array:
        return np.asarray(rise + 0 * c + sum(x * _tail(h, k, c) for h, k, x in pairs))

    return value, slope


def step_pair(tau: Activation) -> tuple[Function, Function]:
    """Value and slope of the kernel of step and a piecewise-linear function."""
    t = _Bent.of(tau)

    def value(c: Array) -> Array:
        s = _spread(c)
        total = 0.5 * t.level + t.slope * c / _ROOT_TWO_PI
        for k, jump in t.bends:
            hinge = c * ndtr(-k / s) / _ROOT_TWO_PI + _density(k) * ndtr(c * k / s)
            total = total + jump * (hinge - k * _tail(0.0, k, c))
        return np.asarray(total)

    def slope(c: Array) -> Array:
        s = _spread(c)
        total = t.slope + 0 * c + sum(jump * ndtr(-k / s) for k, jump in t.bends)
        return np.asarray(total / _ROOT_TWO_PI)

    return value, slope


def _hinges(h: float, k: float, c: Array) -> Array:
    """E[(z - h)_+ (z' - k)_+]."""
    s = _spread(c)
    here, there = _across(h, k, c, s), _across(k, h, c, s)  # (k - c h)/s, (h - c k)/s
    both = s * _density(h) * np.exp(-0.5 * here * here) / _ROOT_TWO_PI
    edges = h * _density(k) * ndtr(-there) + k * _density(h) * ndtr(-here)
    return np.asarray((c + h * k) * _tail(h, k, c) - edges + both)


def _tail(h: float, k: float, c: Array) -> Array:
    """P(z > h, z' > k)."""
    if h == 0.0 and k == 0.0:
        return np.asarray(0.25 + np.arcsin(c) / (2 * np.pi))
    s = _spread(c)
    apart = h * k < 0.0 or (h * k == 0.0 and h + k < 0.0)
    total = 0.5 * (ndtr(-h) + ndtr(-k)) - 0.5 * apart
    return np.asarray(total - _owen(h, k, c, s) - _owen(k, h, c, s))


def _owen(h: float, k: float, c: Array, s: Array) -> Array:
    """T(h, (k - c h)/(h s))."""
    if h == 0.0:
        return np.asarray(0.25 * np.sign(k) + 0 * c)
    with np.errstate(over="ignore"):  # T(h, inf) is meant
        return np.asarray(owens_t(h, _across(h, k, c, s) / h))


def _across(h: float, k: float, c: Array, s: Array) -> Array:
    """(k - c h)/s: k - h + h (1 - c), or k + h - h (1 + c), whichever has no cancellation."""
    near = (k - h) / s + h * s / (1 + np.abs(c))
    far = (k + h) / s - h * s / (1 + np.abs(c))
    return np.asarray(np.where(c > 0, near, far))


def _spread(c: Array) -> Array:
    return np.asarray(np.maximum(np.sqrt((1 - c) * (1 + c)), _LEAST))


def _density(z: float) -> float:
    return float(np.exp(-0.5 * z * z) / _ROOT_TWO_PI)


def _hinge_mean(k: float) -> float:
    """E(z - k)_+."""
    return _density(k) - k * float(ndtr(-k))

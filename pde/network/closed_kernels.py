"""Dual kernels with a formula: kappa(c) = E[sigma(z) tau(z')], cov(z, z') = c, and kappa'(c).

With gains a of sigma and b of tau:

| sigma, tau            | kappa(c)                                                                |
|-----------------------|-------------------------------------------------------------------------|
| affine p z + q, any   | p c E[z tau] + q E[tau]                                                 |
| (a z)^2, any          | a^2 (E[tau] + c^2 E[(z^2 - 1) tau])                                     |
| abs, abs              | (2/pi) (sqrt(1 - c^2) + c asin c)                                       |
| sign, sign            | (2/pi) asin c; so relu, abs and step, being sums of 1, z, abs and sign   |
| erf, erf              | (2/pi) asin(2 a b c / sqrt((1 + 2 a^2) (1 + 2 b^2)))                    |
| sin, sin              | exp(-(a^2 + b^2)/2) sinh(a b c)                                         |
| cos, cos              | exp(-(a^2 + b^2)/2) cosh(a b c)                                         |
| gelu, gelu            | a b [w (1 + c^2 (1 - A)) + c P]                                         |

    gelu:  D = (1 + a^2) (1 + b^2) - (a b c)^2,  w = a b / (2 pi sqrt D),
           A = a^2/(1 + a^2) + b^2/(1 + b^2),
           P = 1/4 + asin(a b c / sqrt((1 + a^2) (1 + b^2))) / (2 pi),   P' = w,  w' = w (a b)^2 c/D

Sources: Cho and Saul, NIPS 2009 (relu); Williams, NIPS 1996 (erf); gelu by Stein's identity. Every
other pair is `dual`'s; those of piecewise-linear functions are in `bent_kernels`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .activations import Activation
from .bent_kernels import bent_pair, step_pair
from .normal import features, normal_rule, panel_of

Array = NDArray[np.float64]
Function = Callable[[Array], Array]


class Pair(NamedTuple):
    """kappa and kappa'; `cheap` where they cost no more than a few elementary functions.

    jump : kappa has the part jump asin c, of two functions that jump
    """

    value: Function
    slope: Function
    cheap: bool = True
    jump: float = 0.0


_MEAN_ABS = np.sqrt(2 / np.pi)  # E|z|
_ENDS = 64 * np.finfo(float).eps  # 1 - c^2 of a neuron with itself, by rounding


def closed(sigma: Activation, tau: Activation) -> Pair | None:
    """Value and slope of the kernel of a pair, in either order; None where there is no formula."""
    for first, second in ((sigma, tau), (tau, sigma)):
        if not first.parts:
            return _affine(first, second)
        if first.name == "quadratic":
            return _quadratic(first, second)
    if sigma.name == tau.name and sigma.name in _SAME:
        return _SAME[sigma.name](sigma.gain, tau.gain)
    if sigma.name in _COMBINATIONS and tau.name in _COMBINATIONS:
        return _combined(_combination(sigma), _combination(tau))
    if sigma.bends is not None and tau.bends is not None:
        return Pair(*bent_pair(sigma, tau), cheap=False)
    for first, second in ((sigma, tau), (tau, sigma)):
        if first.name == "step" and second.bends is not None:
            return Pair(*step_pair(second), cheap=False)
    return None


def _moments(tau: Activation) -> tuple[float, float, float]:
    """E[tau], E[z tau], E[z^2 tau]."""
    z, weight = normal_rule(features(tau), panel_of(tau))
    weighted = weight * tau.value(z)
    return float(weighted.sum()), float(z @ weighted), float((z * z) @ weighted)


def _affine(sigma: Activation, tau: Activation) -> Pair:
    mean, first, _ = _moments(tau)
    rise, level = sigma.linear * first, sigma.constant * mean
    return Pair(lambda c: rise * c + level, lambda c: np.full_like(c, rise))


def _quadratic(sigma: Activation, tau: Activation) -> Pair:
    mean, _, second = _moments(tau)
    square, excess = sigma.gain**2, second - mean
    return Pair(lambda c: square * (mean + c * c * excess), lambda c: 2 * square * excess * c)


@dataclass(frozen=True)
class _Combination:
    """one + line z + fold |z| + jump sign z."""

    one: float = 0.0
    line: float = 0.0
    fold: float = 0.0
    jump: float = 0.0


_COMBINATIONS = {  # at gain 1
    "relu": _Combination(line=0.5, fold=0.5),
    "abs": _Combination(fold=1.0),
    "step": _Combination(one=0.5, jump=0.5),
}


def _combination(sigma: Activation) -> _Combination:
    form, k = _COMBINATIONS[sigma.name], sigma.gain
    return _Combination(form.one, k * form.line, k * form.fold, form.jump)


def _combined(s: _Combination, t: _Combination) -> Pair:
    level = s.one * t.one + _MEAN_ABS * (s.one * t.fold + s.fold * t.one)
    rise = s.line * t.line + _MEAN_ABS * (s.line * t.jump + s.jump * t.line)
    folds, jumps = 2 / np.pi * s.fold * t.fold, 2 / np.pi * s.jump * t.jump

    def value(c: Array) -> Array:
        square = (1 - c) * (1 + c)
        if jumps:  # asin would make 1e-8 of the rounding of c
            c = np.where(square > _ENDS, c, np.sign(c))
        turn, sine = np.arcsin(c), np.sqrt(square)
        return np.asarray(level + rise * c + folds * (sine + c * turn) + jumps * turn)

    def slope(c: Array) -> Array:
        total = rise + folds * np.arcsin(c)
        if jumps:
            square = (1 - c) * (1 + c)
            inside = square > _ENDS
            total = total + jumps * inside / np.sqrt(np.where(inside, square, 1.0))
        return np.asarray(total)

    return Pair(value, slope, jump=jumps)


def _relu(a: float, b: float) -> Pair:
    def value(c: Array) -> Array:
        turn = np.pi - np.arccos(c)
        return np.asarray(a * b / (2 * np.pi) * (np.sqrt((1 - c) * (1 + c)) + c * turn))

    return Pair(value, lambda c: np.asarray(a * b / (2 * np.pi) * (np.pi - np.arccos(c))))


def _erf(a: float, b: float) -> Pair:
    ratio = 2 * a * b / np.sqrt((1 + 2 * a * a) * (1 + 2 * b * b))
    return Pair(
        lambda c: np.asarray(2 / np.pi * np.arcsin(ratio * c)),
        lambda c: np.asarray(2 / np.pi * ratio / np.sqrt(1 - (ratio * c) ** 2)),
    )


def _wave(parity: int) -> Callable[[float, float], Pair]:
    """sin (parity -1) and cos (+1): sinh and cosh without overflow."""

    def pair(a: float, b: float) -> Pair:
        def exponential(c: Array) -> Array:
            return np.asarray(np.exp(-0.5 * (a - b) ** 2 - a * b * (1 - c)))

        def value(c: Array) -> Array:
            return 0.5 * (exponential(c) + parity * exponential(-c))

        def slope(c: Array) -> Array:
            return 0.5 * a * b * (exponential(c) - parity * exponential(-c))

        return Pair(value, slope)

    return pair


def _gelu(a: float, b: float) -> Pair:
    product, room = a * b, (1 + a * a) * (1 + b * b)
    shrink = 1 - a * a / (1 + a * a) - b * b / (1 + b * b)

    def terms(c: Array) -> tuple[Array, Array, Array]:
        space = room - (product * c) ** 2
        w = product / (2 * np.pi * np.sqrt(space))
        both = 0.25 + np.arcsin(product * c / np.sqrt(room)) / (2 * np.pi)
        return w, w * product**2 * c / space, both

    def value(c: Array) -> Array:
        w, _, both = terms(c)
        return np.asarray(product * (w * (1 + shrink * c * c) + c * both))

    def slope(c: Array) -> Array:
        w, w_slope, both = terms(c)
        return np.asarray(
            product * (w_slope * (1 + shrink * c * c) + (2 * shrink + 1) * c * w + both)
        )

    return Pair(value, slope)


_SAME: dict[str, Callable[[float, float], Pair]] = {
    "relu": _relu,
    "erf": _erf,
    "sin": _wave(-1),
    "cos": _wave(+1),
    "gelu": _gelu,
}

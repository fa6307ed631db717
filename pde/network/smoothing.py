"""Activations averaged over a normal argument: T(m, s) = E sigma(m + s y), y standard normal.

| sigma            | T(m, s), with p = Phi(m/s), q = s phi(m/s), w = 1 + s^2                       |
|------------------|-------------------------------------------------------------------------------|
| abs(z - k)       | m (2 p - 1) + 2 q at m - k: sums of it are the piecewise-linear functions     |
| step             | p                                                                             |
| quadratic        | m^2 + s^2                                                                     |
| sin, cos         | e^(-s^2/2) sin m, e^(-s^2/2) cos m                                            |
| erf              | erf(m / sqrt(1 + 2 s^2))                                                      |
| gelu             | m Phi(m / sqrt w) + s^2 phi(m / sqrt w) / sqrt w                              |
| tanh, softplus   | the trapezoidal rule in y, which converges spectrally; steep ones as custom   |
| custom           | Gauss-Legendre panels in y, graded towards the features of sigma (`normal`)   |

and the same for sigma'. A gain is a factor of both m and s. Arrays m, s broadcast against each
other; s >= 0.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.polynomial.legendre import leggauss
from numpy.typing import NDArray
from scipy.special import erf, ndtr

from .activations import Activation, Bends
from .normal import REACH, density, even_edges, features, graded_edges, panel_of

Array = NDArray[np.float64]
Smoothed = Callable[[Array, Array], Array]

STEEP = 6.0  # gain from which panels cost less than the trapezoidal rule
BLOCK = 256  # nodes in y that are averaged together
_LEAST = 1e-150  # a spread of zero, so that m / s is defined


def smoothed(sigma: Activation) -> tuple[Smoothed, Smoothed]:
    """E sigma(m + s y) and E sigma'(m + s y); not the second of step, whose slope is a measure."""
    if sigma.bends is not None:
        # linear, constant are those of sigma(gain z)
        value, slope = _of_bends(sigma.linear / sigma.gain, sigma.constant, sigma.bends)
    elif sigma.name in _CLOSED:
        value, slope = _CLOSED[sigma.name]
    elif sigma.name in ("tanh", "softplus") and sigma.gain <= STEEP:
        return _by_trapezoid(sigma.value, sigma.gain), _by_trapezoid(sigma.slope, sigma.gain)
    else:
        return _by_panels(sigma.value, sigma), _by_panels(sigma.slope, sigma)
    k = sigma.gain
    return lambda m, s: value(k * m, k * s), lambda m, s: k * slope(k * m, k * s)


def is_closed(sigma: Activation) -> bool:
    """Whether T is a formula."""
    return sigma.bends is not None or sigma.name in _CLOSED


def _of_bends(linear: float, constant: float, bends: Bends) -> tuple[Smoothed, Smoothed]:
    def value(m: Array, s: Array) -> Array:
        s = np.maximum(s, _LEAST)
        total = linear * m + constant + 0 * s
        for k, jump in bends:
            t = (m - k) / s
            total += 0.5 * jump * ((m - k) * (2 * ndtr(t) - 1) + 2 * s * density(t))
        return np.asarray(total)

    def slope(m: Array, s: Array) -> Array:
        s = np.maximum(s, _LEAST)
        total = linear + 0 * (m + s)
        for k, jump in bends:
            total += 0.5 * jump * (2 * ndtr((m - k) / s) - 1)
        return np.asarray(total)

    return value, slope


def _gelu(m: Array, s: Array) -> Array:
    root = np.sqrt(1 + s * s)
    return np.asarray(m * ndtr(m / root) + s * s / root * density(m / root))


def _gelu_slope(m: Array, s: Array) -> Array:
    square = 1 + s * s
    root = np.sqrt(square)
    return np.asarray(ndtr(m / root) + m / (root * square) * density(m / root))


def _erf_slope(m: Array, s: Array) -> Array:
    square = 1 + 2 * s * s
    return np.asarray(2 / np.sqrt(np.pi * square) * np.exp(-m * m / square))


def _no_slope(m: Array, s: Array) -> Array:
    raise AssertionError("the slope of step is a measure; dual kernels treat it apart")


_CLOSED: dict[str, tuple[Smoothed, Smoothed]] = {
    "step": (lambda m, s: np.asarray(ndtr(m / np.maximum(s, _LEAST))), _no_slope),
    "quadratic": (lambda m, s: m * m + s * s, lambda m, s: 2 * m + 0 * s),
    "sin": (
        lambda m, s: np.exp(-0.5 * s * s) * np.sin(m),
        lambda m, s: np.exp(-0.5 * s * s) * np.cos(m),
    ),
    "cos": (
        lambda m, s: np.exp(-0.5 * s * s) * np.cos(m),
        lambda m, s: -np.exp(-0.5 * s * s) * np.sin(m),
    ),
    "erf": (lambda m, s: np.asarray(erf(m / np.sqrt(1 + 2 * s * s))), _erf_slope),
    "gelu": (_gelu, _gelu_slope),
}


def _by_trapezoid(function: Callable[[Array], Array], gain: float) -> Smoothed:
    """For functions analytic up to a distance of pi/2 from the real axis, in gain z.

    With spacing h / (gain s) the error is about exp(-pi^2 / h): 1e-17 at h = 1/4.
    """

    def average(m: Array, s: Array) -> Array:
        m, s = np.broadcast_arrays(m, s)
        fine = max(gain * float(s.max(initial=0.0)), 0.5)
        y = np.linspace(-REACH, REACH, int(np.ceil(8 * REACH * fine)) + 1)
        weight = density(y) * (y[1] - y[0])
        total = np.zeros(m.shape)
        for block in range(0, len(y), BLOCK):
            nodes, shares = y[block : block + BLOCK], weight[block : block + BLOCK]
            total += function(m[..., None] + s[..., None] * nodes) @ shares
        return total

    return average


def _by_panels(function: Callable[[Array], Array], sigma: Activation) -> Smoothed:
    """For any function that is smooth between its features."""
    base, inner = even_edges(panel_of(sigma)), graded_edges(features(sigma))
    nodes, weights = leggauss(16)

    def average(m: Array, s: Array) -> Array:
        m, s = np.broadcast_arrays(m, np.maximum(s, _LEAST))
        moved = (inner - m[..., None]) / s[..., None]
        common = np.broadcast_to(base, (*m.shape, len(base)))
        ends = np.sort(np.concatenate([common, np.clip(moved, -REACH, REACH)], axis=-1), axis=-1)
        total = np.zeros(m.shape)
        for panel in range(ends.shape[-1] - 1):
            half = 0.5 * (ends[..., panel + 1] - ends[..., panel])[..., None]
            y = ends[..., panel, None] + half * (1 + nodes)
            total += (half * density(y) * function(m[..., None] + s[..., None] * y)) @ weights
        return total

    return average

"""Finite width without batch normalization: exact laws, against which the rest is read.

Relative to infinite width, layer by layer (derived here; sigma_b = beta = 0, no RC, no RS):

    linear, any G_0   E||G_l - Gbar_l||^2/g^(2l) = a (1 + 2/n)^l + b (1 - 1/n)^l - u
                      u = ||G_0||^2,  v = (tr G_0)^2,  a = (2u + v)/3,  b = (u - v)/3
                      g = (gamma sigma_w p)^2 the gain of a layer, Gbar_l = g^l G_0
    one input         E(G_l/Gbar_l - 1)^2 = (1 + (k - 1)/n)^l - 1
                      k = E phi^4/(E phi^2)^2, z ~ N(0, 1): 3 for linear, 6 for relu

so the error is sqrt(l/n) for l << n and exponential in l/n beyond. Few networks make the mean:
log(G_l/Gbar_l) of one input is a sum of l independent terms, close to a normal law, whose mean, the
typical network, falls as -(k - 1) l/(2n).

    linear   X = chi^2_n/n,          E log X = psi(n/2) - log(n/2),   Var log X = psi'(n/2)
    relu     X = 2 chi^2_K/n, K ~ Bin(n, 1/2), given K > 0: else the network is dead
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import polygamma, psi
from scipy.stats import binom

from ..kernels.errors import InputError
from ..pde.config.text import shown
from .gram_mixture import slopes
from .layers import LayerSpec, checked_gram, count

Array = NDArray[np.float64]


@dataclass(frozen=True)
class LogLaw:
    """log(G_l/Gbar_l) of one input: mean (D,) and variance (D,), given that no layer is dead."""

    depths: NDArray[np.int64]
    mean: Array
    variance: Array


def linear_error(spec: LayerSpec, gram: ArrayLike, width: int, depths: ArrayLike) -> Array:
    """(D,): E||G_l - Gbar_l||_F^2/g^(2l) of a linear network at the depths.

    Raises InputError unless the layer is linear, without bias, RC and RS.

    >>> plain = LayerSpec("linear", recenter=False, rescale=False)
    >>> linear_error(plain, np.eye(1), 100, [0, 1]).round(9).tolist()  # 2/n
    [0.0, 0.02]
    """
    p, r = _plain(spec)
    if r != 0.0 or p == 0.0:
        raise InputError(f'{spec.phi.label} is not linear; give "linear", or one_input_error')
    g, n = checked_gram(spec, gram), count("width", width)
    u, v = float(np.sum(g * g)), float(np.trace(g)) ** 2
    layers = _layers(depths)
    grown, shrunk = (1.0 + 2.0 / n) ** layers, (1.0 - 1.0 / n) ** layers
    return np.asarray((2 * u + v) / 3 * grown + (u - v) / 3 * shrunk - u)


def one_input_error(spec: LayerSpec, width: int, depths: ArrayLike) -> Array:
    """(D,): E(G_l/Gbar_l - 1)^2 of one input at the depths, phi of degree one.

    >>> plain = LayerSpec("relu", recenter=False, rescale=False)
    >>> one_input_error(plain, 100, [1]).round(9).tolist()  # 5/n
    [0.05]
    """
    p, r = _plain(spec)
    up, down = (r + p) ** 2, (r - p) ** 2
    kurtosis = 6.0 * (up * up + down * down) / (up + down) ** 2
    growth = 1.0 + (kurtosis - 1.0) / count("width", width)
    return np.asarray(growth ** _layers(depths) - 1.0)


def one_input_log(spec: LayerSpec, width: int, depths: ArrayLike) -> LogLaw:
    """The logarithm of one input's G_l/Gbar_l; linear, abs or relu."""
    p, r = _plain(spec)
    n, layers = count("width", width), _layers(depths)
    if p * r == 0.0:
        mean, variance = psi(n / 2) - np.log(n / 2), polygamma(1, n / 2)
    elif abs(p) == abs(r):
        active = np.arange(1, n + 1)
        share = binom.pmf(active, n, 0.5) / -np.expm1(-n * np.log(2.0))
        each = psi(active / 2) + np.log(4.0 / n)  # log of 2 chi^2_k/n
        mean = share @ each
        variance = share @ (polygamma(1, active / 2) + (each - mean) ** 2)
    else:
        raise InputError(f'{spec.phi.label} has no such formula; give "linear", "abs" or "relu"')
    return LogLaw(layers, np.asarray(layers * mean), np.asarray(layers * variance))


def _layers(depths: ArrayLike) -> NDArray[np.int64]:
    layers = np.asarray(depths)
    if layers.dtype.kind not in "iu" or (layers < 0).any():
        raise InputError(f"depths = {shown(depths)} must be integers >= 0; give depths = [1]")
    return layers.astype(np.int64)


def _plain(spec: LayerSpec) -> tuple[float, float]:
    """(p, r) of phi = p z + r |z| in a layer without RC, RS, bias and shift."""
    found = slopes(spec)
    if found is None or spec.recenter or spec.rescale or spec.sigma_b != 0.0:
        raise InputError(
            f"the exact laws are those of plain layers: {spec.phi.label} with recenter = "
            f"{spec.recenter}, rescale = {spec.rescale}, beta = {spec.beta:g}, sigma_b = "
            f"{spec.sigma_b:g}; give relu or linear, False, False, 0, 0"
        )
    return found

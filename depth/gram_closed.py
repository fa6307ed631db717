"""The mean-field map in closed form, for activations that no Gaussian mixture serves.

With s_i = k^2 S_ii, s_ij = k^2 S_ij and c = S_ij/sqrt(S_ii S_jj), k the gain times gamma:

| phi | E[phi(z_i) phi(z_j)], z ~ N(0, S) |
|---|---|
| erf | (2/pi) asin(2 s_ij / sqrt((1 + 2 s_i)(1 + 2 s_j)))  (Williams, NIPS 1996), beta = 0 |
| sin, cos | e^(-(s_i + s_j)/2) (e^(s_ij) -+ cos(2 beta k') e^(-s_ij)) / 2, k' the gain |
| quadratic | s_i s_j + 2 s_ij^2, beta = 0 |
| step | 1/4 + asin(c) / (2 pi), beta = 0; RS does not change it |

The others, and all but step after RS, are in `gram_symmetric` and `gram_sampled`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .gram_mixture import row_covariance
from .layers import LayerSpec

Array = NDArray[np.float64]

_LEAST = np.finfo(float).tiny


def closed_map(spec: LayerSpec, gram: Array) -> Array | None:
    """(B, B): T(G); None where there is no formula."""
    name, s = spec.phi.name, row_covariance(spec, gram)
    if name == "step" and spec.beta == 0.0:
        return _step(s)
    if spec.rescale or (spec.beta != 0.0 and name not in ("sin", "cos")):
        return None
    if name in _OF_NORMAL:
        return _OF_NORMAL[name]((spec.phi.gain * spec.gamma) ** 2 * s)
    if name in ("sin", "cos"):
        turned = np.cos(2.0 * spec.phi.gain * spec.beta) * (1.0 if name == "cos" else -1.0)
        return _wave((spec.phi.gain * spec.gamma) ** 2 * s, float(turned))
    return None


def _variances(s: Array) -> tuple[Array, Array]:
    own = np.diag(s)
    return own[:, None], own[None, :]


def _step(s: Array) -> Array:
    first, second = _variances(s)
    c = np.clip(s / np.sqrt(np.maximum(first * second, _LEAST)), -1.0, 1.0)
    np.fill_diagonal(c, np.sign(np.diag(s)))
    return np.asarray(0.25 + np.arcsin(c) / (2.0 * np.pi))


def _erf(s: Array) -> Array:
    first, second = _variances(s)
    return np.asarray(2 / np.pi * np.arcsin(2 * s / np.sqrt((1 + 2 * first) * (1 + 2 * second))))


def _quadratic(s: Array) -> Array:
    first, second = _variances(s)
    return np.asarray(first * second + 2.0 * s * s)


def _wave(s: Array, turned: float) -> Array:
    first, second = _variances(s)
    mean = -0.5 * (first + second)
    return np.asarray(0.5 * (np.exp(mean + s) + turned * np.exp(mean - s)))


_OF_NORMAL: dict[str, Callable[[Array], Array]] = {"erf": _erf, "quadratic": _quadratic}

"""The stationary state of noisy training of a linear network on the plane, by hand.

With activation and target linear on whitened normal inputs, y = b.xt, and m = int a v drho, the
field is h = (m - b).v, and the Gibbs state exp(-(a h + lambda a^2/2)/tau) is normal in a, of mean
-h/lambda. Integrated over a it leaves, of the directions,

    p(u) ~ exp(h^2/(2 lambda tau))   with respect to dS(u),   m = -int v (h/lambda) p

dS(u), of the raw directions: the volume of the metric, not dS(v). Two equations for m, solved by
Newton's method; the integrals by equal angles of u, which converge geometrically. R = |m - b|^2/2.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import root

Array = NDArray[np.float64]

ANGLES = 2000


def stationary_linear_risk(
    variances: Sequence[float], target: Sequence[float], ridge: float, temperature: float
) -> float:
    """R; variances : of the inputs; target : b, on whitened inputs.

    >>> round(stationary_linear_risk([10.0, 1.0], [1.0, -0.6], 0.5, 0.1), 4)
    0.1121
    """
    angle = (np.arange(ANGLES) + 0.5) * 2 * np.pi / ANGLES
    image = np.stack([np.cos(angle), np.sin(angle)], axis=1) * np.sqrt(variances)
    v = image / np.linalg.norm(image, axis=1, keepdims=True)
    b = np.asarray(target, float)

    def mismatch(m: Array) -> Array:
        h = v @ (m - b)
        share = np.exp((h**2 - (h**2).max()) / (2 * ridge * temperature))
        return np.asarray(m + (share / share.sum() * h / ridge) @ v)

    m = root(mismatch, 0.5 * b, tol=1e-13).x
    return float(0.5 * ((m - b) ** 2).sum())

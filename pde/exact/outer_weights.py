"""Outer weights alone trained, linear activation: the training is a linear ODE.

    f(x) = beta.xt,  beta = int a v drho;   y = c.xt;   a' = -h(v) = -(beta - c).v

    beta' = -C (beta - c),   C = int v v' drho,   R = |beta - c|^2/2

C is fixed, since no direction moves, and the law of a counts through its mean at the start alone
(a independent of v). So R(t) = |exp(-C t)(beta(0) - c)|^2/2. Here d = 2, u uniform, S diagonal;
the moments of v come from the periodic trapezoidal rule, exact to rounding.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import expm

Array = NDArray[np.float64]

NODES = 4096


def linear_risk(
    times: Sequence[float],
    variances: Sequence[float],
    weights: Sequence[float],
    angles: Sequence[float],
    mean_a: float,
) -> Array:
    """(times,): R, for a teacher of those weights and angles of whitened directions.

    mean_a : of the outer weights at the start

    >>> linear_risk([0.0], [1.0, 1.0], [2.0], [0.7], 0.3)
    array([2.])
    """
    angle = (np.arange(NODES) + 0.5) * 2 * np.pi / NODES
    v = np.stack([np.cos(angle), np.sin(angle)], axis=1) * np.sqrt(np.asarray(variances))
    v /= np.linalg.norm(v, axis=1, keepdims=True)
    second = v.T @ v / NODES
    teacher = np.asarray(weights) @ np.stack([np.cos(angles), np.sin(angles)], axis=1)
    start = mean_a * v.mean(axis=0) - teacher
    return np.array([0.5 * np.sum((expm(-second * t) @ start) ** 2) for t in times])

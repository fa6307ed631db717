"""The nonlinear remainder of every activation, and its derivative.

    sigma(z) = p z + q + remainder(z),   remainder even or odd

(p, q and the parity stand in `pde.network.activations`.) A remainder of definite parity is what
lets the sums over neurons run over half of the sphere. The derivative at a kink is 1[z > 0] minus
p, so that sigma'(0) = 0 for relu; the antipodal identity then gives 1[z >= 0] on the other half.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

Array = NDArray[np.float64]

TWO_OVER_SQRT_PI = 2.0 / np.sqrt(np.pi)


@dataclass(frozen=True)
class Remainder:
    """value(z) and slope(z), elementwise; `homogeneous`: value(z) = z slope(z)."""

    value: Callable[[Array], Array]
    slope: Callable[[Array], Array]
    homogeneous: bool = False


def _half_sign(z: Array) -> Array:
    return np.where(z > 0.0, 0.5, -0.5)


REMAINDERS: dict[str, Remainder] = {
    "relu": Remainder(lambda z: 0.5 * np.abs(z), _half_sign, homogeneous=True),
    "erf": Remainder(erf, lambda z: TWO_OVER_SQRT_PI * np.exp(-z * z)),
    "tanh": Remainder(np.tanh, lambda z: 1.0 - np.tanh(z) ** 2),
}

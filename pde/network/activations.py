"""Activations, each as a linear part and a remainder of definite parity.

    sigma(z) = p z + q + remainder(z),   remainder(-z) = parity * remainder(z)

| name   | sigma(z)                  | p   | q | parity |
|--------|---------------------------|-----|---|--------|
| relu   | max(z, 0), sigma'(0) = 0  | 1/2 | 0 | even   |
| linear | z                         | 1   | 0 | odd (no remainder) |
| erf    | erf(z)                    | 0   | 0 | odd    |
| tanh   | tanh(z)                   | 0   | 0 | odd    |

The remainders are defined with the kernels that sum them (`kernels.reference.activations`). Dual
kernels are in `dual`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...kernels.errors import InputError
from ...kernels.reference.activations import REMAINDERS

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Activation:
    """sigma(z) = linear * z + constant + remainder(z).

    parity : +1 (even) or -1 (odd), of the remainder
    """

    name: str
    linear: float
    constant: float
    parity: int

    @property
    def has_remainder(self) -> bool:
        """False for a linear activation: all sums are then matrix products of rank d."""
        return self.name in REMAINDERS

    def value(self, z: ArrayLike) -> Array:
        """sigma(z), elementwise."""
        z = np.asarray(z, float)
        affine = self.linear * z + self.constant
        return affine + REMAINDERS[self.name].value(z) if self.has_remainder else affine

    def slope(self, z: ArrayLike) -> Array:
        """sigma'(z), elementwise; at a kink the limit from the left."""
        z = np.asarray(z, float)
        affine = np.full(z.shape, self.linear)
        return affine + REMAINDERS[self.name].slope(z) if self.has_remainder else affine


ACTIVATIONS = {
    each.name: each
    for each in (
        Activation("relu", 0.5, 0.0, +1),
        Activation("linear", 1.0, 0.0, -1),
        Activation("erf", 0.0, 0.0, -1),
        Activation("tanh", 0.0, 0.0, -1),
    )
}


def activation(name: str) -> Activation:
    """The activation of that name. Raises InputError for an unknown one."""
    if name not in ACTIVATIONS:
        raise InputError(f'activation "{name}" is not known; choose from {", ".join(ACTIVATIONS)}')
    return ACTIVATIONS[name]

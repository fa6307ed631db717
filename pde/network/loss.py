"""Losses l(f, y) of a prediction f against a target y, both of shape (rows,).

    square   l = (f - y)^2 / 2,   dl/df = f - y

The risk is the mean of l over the training law, the 1/2 and the target's noise included.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ...kernels.errors import InputError

Array = NDArray[np.float64]


class Loss(Protocol):
    """A loss and its derivative in the prediction."""

    def value(self, prediction: Array, target: Array) -> Array:
        """(rows,): l(f, y)."""
        ...

    def slope(self, prediction: Array, target: Array) -> Array:
        """(rows,): dl/df."""
        ...


class SquareLoss:
    """l = (f - y)^2 / 2."""

    def value(self, prediction: Array, target: Array) -> Array:
        """(rows,): half the squared residual."""
        return 0.5 * (prediction - target) ** 2

    def slope(self, prediction: Array, target: Array) -> Array:
        """(rows,): the residual."""
        return prediction - target


LOSSES: dict[str, type[Loss]] = {"square": SquareLoss}


def loss(kind: str) -> Loss:
    """The loss of that name. Raises InputError for an unknown one."""
    if kind not in LOSSES:
        raise InputError(f'loss "{kind}" is not known; choose from {", ".join(LOSSES)}')
    return LOSSES[kind]()

"""Losses l(f, y) of a prediction f against a target y, both of shape (rows,).

| kind     | l(f, y)                                        | dl/df                 | d2l/df2 |
|----------|------------------------------------------------|-----------------------|---------|
| square   | (f - y)^2 / 2                                  | f - y                 | 1       |
| logistic | ln(1 + e^(-y f)), y = +-1                      | -y / (1 + e^(y f))    | p (1-p) |
| huber    | (f - y)^2 / 2, or delta (abs(f - y) - delta/2) | f - y, cut at +-delta | 1 or 0  |

The risk is the mean of l over the training law, the 1/2 and the target's noise included. All are
convex, so the risk is convex in the density. Elementwise, without overflow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ...kernels.errors import InputError
from ..config.network import Loss as LossTable

Array = NDArray[np.float64]


class Loss(Protocol):
    """A loss and its derivative in the prediction."""

    def value(self, prediction: Array, target: Array) -> Array:
        """(rows,): l(f, y)."""
        ...

    def slope(self, prediction: Array, target: Array) -> Array:
        """(rows,): dl/df."""
        ...

    def curvature(self, prediction: Array, target: Array) -> Array:
        """(rows,): d2l/df2, >= 0."""
        ...

    def check(self, target: Array) -> None:
        """Raise InputError where the loss is not meant for such targets."""
        ...


class SquareLoss:
    """l = (f - y)^2 / 2."""

    def value(self, prediction: Array, target: Array) -> Array:
        """(rows,): half the squared residual."""
        return 0.5 * (prediction - target) ** 2

    def slope(self, prediction: Array, target: Array) -> Array:
        """(rows,): the residual."""
        return prediction - target

    def curvature(self, prediction: Array, target: Array) -> Array:
        """(rows,): 1."""
        return np.ones_like(prediction)

    def check(self, target: Array) -> None:
        """Every target is right."""


class LogisticLoss:
    """l = ln(1 + exp(-y f)), for y = +-1."""

    def value(self, prediction: Array, target: Array) -> Array:
        """(rows,): the log-likelihood of the other class, negative."""
        return np.logaddexp(0.0, -target * prediction)

    def slope(self, prediction: Array, target: Array) -> Array:
        """(rows,): minus y times the probability of the wrong class."""
        wrong: Array = np.exp(-np.logaddexp(0.0, target * prediction))
        return -target * wrong

    def curvature(self, prediction: Array, target: Array) -> Array:
        """(rows,): the product of the probabilities of both classes."""
        both: Array = np.logaddexp(0.0, prediction) + np.logaddexp(0.0, -prediction)
        return np.exp(-both)

    def check(self, target: Array) -> None:
        """Raise InputError where a target is not +-1."""
        other = np.flatnonzero(np.abs(target) != 1.0)
        if len(other):
            raise InputError(
                f'loss.kind = "logistic": target {target[other[0]]:.6g} of row {other[0]} is no '
                'class +-1; give such classes, or target.label = "sign"'
            )


@dataclass(frozen=True)
class HuberLoss:
    """l = r^2 / 2 for |r| <= delta, else delta (|r| - delta / 2), r = f - y.

    delta : in the units of the targets as the network sees them
    """

    delta: float

    def value(self, prediction: Array, target: Array) -> Array:
        """(rows,): quadratic within delta, linear beyond, once differentiable."""
        residual = prediction - target
        inner = np.clip(residual, -self.delta, self.delta)
        cost: Array = inner * (residual - 0.5 * inner)
        return cost

    def slope(self, prediction: Array, target: Array) -> Array:
        """(rows,): the residual, cut."""
        return np.clip(prediction - target, -self.delta, self.delta)

    def curvature(self, prediction: Array, target: Array) -> Array:
        """(rows,): 1 within delta, 0 beyond."""
        return (np.abs(prediction - target) <= self.delta).astype(float)

    def check(self, target: Array) -> None:
        """Every target is right."""


def loss(table: LossTable) -> Loss:
    """The loss of a configuration."""
    if table.kind == "huber":
        assert table.delta is not None
        return HuberLoss(table.delta)
    return LogisticLoss() if table.kind == "logistic" else SquareLoss()

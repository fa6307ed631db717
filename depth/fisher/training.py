"""Training of finite networks by gradient descent with momentum (heavy ball).

    L(theta) = (1/2n) sum_x,k (f_k(x) - y_k(x))^2
    theta_{t+1} = theta_t - eta grad L(theta_t) + momentum (theta_t - theta_{t-1})

over all data, or over mini-batches. Batch normalization takes its statistics from the batch that it
sees, in a step and in the loss that is reported; a network with constants (`RandomNet.frozen`)
keeps those.

    theta : (P,);  x : (n, ..);  y : (n, outputs)

No schedules and no other optimisers. What eta is too large is found by `stability`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...kernels.errors import InputError
from ..layers import count, generator, is_number
from .linearization import Linearization
from .network import RandomNet

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Descent:
    """A training run.

    loss : (epochs done + 1,), L over all data at the start and after every epoch
    theta : (P,), where it ended
    """

    learning_rate: float
    momentum: float
    loss: Array
    theta: Array

    @property
    def growth(self) -> float:
        """The largest loss as a multiple of the first; infinite where it overflowed."""
        if not np.isfinite(self.loss).all():
            return float("inf")
        return float(self.loss.max() / max(self.loss[0], np.finfo(float).tiny))


def descend(
    net: RandomNet,
    theta: Array,
    x: ArrayLike,
    y: ArrayLike,
    learning_rate: float,
    *,
    epochs: int,
    momentum: float = 0.0,
    batch: int | None = None,
    rng: np.random.Generator | None = None,
    ceiling: float = float("inf"),
) -> Descent:
    """Train from theta. A full-batch epoch is one step.

    batch : data of a mini-batch; epochs are shuffled by rng, what is left over is not used
    ceiling : multiple of the first loss at which to stop; a loss that is not finite stops too

    Raises InputError for rates, momenta and batches out of range.
    """
    rows, wanted = net.architecture.arranged(x), _checked_targets(net, x, y)
    if not is_number(learning_rate) or not 0.0 < learning_rate < np.inf:
        raise InputError(f"learning_rate = {learning_rate} must be a number > 0; give 0.01, say")
    refuse_momentum(momentum)
    count("epochs", epochs)
    velocity, losses = np.zeros_like(theta), []
    with np.errstate(over="ignore", invalid="ignore"):
        for epoch in range(epochs + 1):
            at = net.at(theta, rows)
            losses.append(_loss(at, wanted))
            if epoch == epochs or not losses[-1] <= ceiling * losses[0]:
                break
            for part in _parts(len(rows), batch, rng):
                if part is not None:
                    at = net.at(theta, rows[part])
                slope = _gradient(at, wanted if part is None else wanted[part])
                velocity = momentum * velocity - learning_rate * slope
                theta = theta + velocity
    return Descent(learning_rate, momentum, np.array(losses), theta)


def _loss(at: Linearization, y: Array) -> float:
    residual = at.output - y
    return 0.5 * float(np.vdot(residual, residual)) / len(y)


def _gradient(at: Linearization, y: Array) -> Array:
    return at.vjp((at.output - y) / len(y))


def _parts(
    rows: int, batch: int | None, rng: np.random.Generator | None
) -> Iterator[NDArray[np.intp] | None]:
    """The rows of an epoch's mini-batches; None for all rows at once."""
    if batch is None:
        yield None
        return
    if rng is None:
        raise InputError(f"batch = {batch} shuffles; give rng = np.random.default_rng(seed)")
    generator(rng)
    if count("batch", batch) > rows:
        raise InputError(f"batch = {batch} is more than the {rows} data; give {rows} or less")
    order = rng.permutation(rows)
    for start in range(0, rows - batch + 1, batch):
        yield order[start : start + batch]


def _checked_targets(net: RandomNet, x: ArrayLike, y: ArrayLike) -> Array:
    """y as floats. Raises InputError where its shape is not (n, outputs)."""
    targets, shape = np.asarray(y, float), (len(np.asarray(x)), net.architecture.outputs)
    if targets.shape != shape:
        raise InputError(f"targets of shape {targets.shape} must be {shape}: data, outputs")
    if not np.isfinite(targets).all():
        raise InputError("targets have an entry that is not finite; leave out its row")
    return targets


def refuse_momentum(momentum: float) -> None:
    """Raise InputError for a momentum that is none."""
    if not is_number(momentum) or not 0.0 <= momentum < 1.0:
        raise InputError(f"momentum = {momentum} must be at least 0 and below 1; give 0.9, say")

"""At which learning rate the training of a finite network really becomes unstable.

- `critical_step`: the targets are y = f(theta*), and training starts at theta* + small noise. There
  the Hessian is the Fisher information, and the noise grows if and only if

      eta > eta* = 2 (1 + momentum)/lambda_max.

  The step at which growth begins is found by bisection of training runs; lambda_max only says where
  to start. This linear threshold is what Wei, Stokes and Schwab (arXiv 1903.02606) predict.
- `explosion_step`: from a start far from a minimum, the step at which the loss runs away. It may
  be several eta*, because beyond eta* training can first move to flatter places ("catapult"); a
  network whose normalization makes steps harmless may not explode at all. A second number, for
  which there is no theory here.

Full batches only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...kernels.errors import InputError
from ..layers import count
from .network import RandomNet
from .theory import max_learning_rate
from .training import Descent, descend

Array = NDArray[np.float64]

SHORTEST = 7  # epochs whose losses have quarters
_START = 0.8  # of eta*, where a search begins: at eta* itself a run would decide nothing
_DOUBLINGS = 12  # away from eta*, before the search for an end of the bracket gives up
_RUNAWAY = 1e6  # growth of the loss, from noise of 1e-8: still linear, far above any transient


@dataclass(frozen=True, eq=False)
class Threshold:
    """A learning rate between `lower`, where nothing happens, and `upper`, where it does.

    upper : infinite, and lower : 0, where none was found within a factor of 3000 of eta*
    predicted : eta* of the measured lambda_max at the start
    tried, happened : (k,), the learning rates of the search and what came of them
    """

    lower: float
    upper: float
    predicted: float
    momentum: float
    tried: Array
    happened: NDArray[np.bool_]

    @property
    def value(self) -> float:
        """The middle of the bracket, geometrically."""
        return float(np.sqrt(self.lower * self.upper))


def grows(run: Descent) -> bool:
    """Whether a run near a minimum is unstable: it ran away, or its loss still rises at the end.

    Compared are the largest losses of the last two quarters, by when transients of the momentum
    are over.
    """
    if run.growth >= _RUNAWAY:
        return True
    quarter = len(run.loss) // 4
    return bool(run.loss[-quarter:].max() > run.loss[-2 * quarter : -quarter].max())


def critical_step(
    net: RandomNet,
    theta: Array,
    x: ArrayLike,
    rng: np.random.Generator,
    *,
    momentum: float = 0.0,
    epochs: int = 300,
    noise: float = 1e-8,
    tolerance: float = 0.01,
) -> Threshold:
    """Where noise about the minimum theta of y = f(theta) begins to grow.

    epochs : of each run. It tells apart what grows or shrinks by more than about 1/epochs a step
    noise : the disturbance is this multiple of another draw of the network's parameters
    tolerance : upper/lower - 1 of the bracket
    """
    if not 0.0 < noise < np.inf:
        raise InputError(f"noise = {noise} must be a number > 0; give 1e-8, say")
    count("epochs", epochs, SHORTEST)
    y, start = net.forward(theta, x), theta + noise * net.draw(rng)

    def unstable(rate: float) -> bool:
        run = descend(net, start, x, y, rate, epochs=epochs, momentum=momentum, ceiling=_RUNAWAY)
        return grows(run)

    return _bisected(unstable, net, theta, x, momentum, tolerance)


def explosion_step(
    net: RandomNet,
    theta: Array,
    x: ArrayLike,
    y: ArrayLike,
    *,
    momentum: float = 0.0,
    epochs: int = 100,
    ceiling: float = 1e3,
    tolerance: float = 0.05,
) -> Threshold:
    """Where training from theta on targets y runs away: the loss reaches ceiling x its first value.

    The search takes it that larger steps explode where smaller ones do.
    """

    if not ceiling >= 1.0:
        raise InputError(f"ceiling = {ceiling} must be at least 1; give 1000, say")

    def explodes(rate: float) -> bool:
        run = descend(net, theta, x, y, rate, epochs=epochs, momentum=momentum, ceiling=ceiling)
        return run.growth > ceiling

    return _bisected(explodes, net, theta, x, momentum, tolerance)


def _bisected(
    happens: Callable[[float], bool],
    net: RandomNet,
    theta: Array,
    x: ArrayLike,
    momentum: float,
    tolerance: float,
) -> Threshold:
    """A bracket found from eta* by doubling or halving, then halved in the logarithm."""
    if not 0.0 < tolerance < np.inf:
        raise InputError(f"tolerance = {tolerance} must be a number > 0; give 0.01, say")
    predicted = float(max_learning_rate(net.lambda_max(theta, x), momentum))
    trials: list[tuple[float, bool]] = []

    def tried(rate: float) -> bool:
        trials.append((rate, happens(rate)))
        return trials[-1][1]

    lower, upper = _bracket(tried, _START * predicted)
    while lower > 0.0 and upper < np.inf and upper > (1.0 + tolerance) * lower:
        middle = float(np.sqrt(lower * upper))
        lower, upper = (lower, middle) if tried(middle) else (middle, upper)
    rates, happened = zip(*trials, strict=True)
    return Threshold(lower, upper, predicted, momentum, np.array(rates), np.array(happened))


def _bracket(tried: Callable[[float], bool], start: float) -> tuple[float, float]:
    """Neighbouring powers of 2 times the start, one on each side of the threshold."""
    direction = 0.5 if tried(start) else 2.0
    rate = start
    for _ in range(_DOUBLINGS):
        beyond = rate * direction
        if tried(beyond) == (direction == 2.0):
            return min(rate, beyond), max(rate, beyond)
        rate = beyond
    return (0.0, rate) if direction < 1.0 else (rate, float("inf"))

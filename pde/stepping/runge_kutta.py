"""One step of a Runge-Kutta method, and how long the next one may be.

The state is a tuple of arrays ("point") of any shapes; F maps a point to its velocity. After the
step the point is led back onto its manifold, and F there is the last stage of a pair, so the first
stage of the next step is that of the point itself, bitwise.

    error = |local error estimate| / (tolerance * size of the state),   accepted where <= 1
    dt_next = dt * 0.9 error^(-0.7/q) error_before^(0.4/q),   q = order of the solution

within a factor of 0.2 to 5 (a proportional-integral control: Gustafsson, ACM TOMS 17 (1991) 533).
What "size" is, the caller decides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from .tableaux import Tableau

Array = NDArray[np.float64]
Point = tuple[Array, ...]
Slope = Callable[[Point], Point]

SAFETY, GROWTH, SHRINK = 0.9, 5.0, 0.2
SMALLEST, REMEMBERED = 1e-10, 1e-4  # smaller errors, now and before, count as these


def advanced(tableau: Tableau, slope: Slope, point: Point, first: Point, dt: float) -> list[Point]:
    """The new point, then all stages; `first` is F(point)."""
    stages = [first]
    for row in tableau.stages:
        stages.append(slope(_moved(point, stages, row, dt)))
    return [_moved(point, stages, tableau.weights, dt), *stages]


def estimated_error(tableau: Tableau, stages: list[Point], last: Point, dt: float) -> Point:
    """Local error of the step; `last` is F at the new point."""
    zero = tuple(np.zeros_like(part) for part in last)
    return _moved(zero, [*stages, last], tableau.defect, dt)


def _moved(point: Point, stages: list[Point], weights: tuple[float, ...], dt: float) -> Point:
    moved = tuple(part.copy() for part in point)
    for weight, stage in zip(weights, stages, strict=True):
        if weight:
            for part, velocity in zip(moved, stage, strict=True):
                part += (dt * weight) * velocity
    return moved


@dataclass(frozen=True)
class ErrorControl:
    """Control of an embedded pair. order : of the solution; tolerance : of a step, relative."""

    order: int
    tolerance: float

    def factor(self, error: float, before: float) -> float:
        """Length of the next step over that of this one; errors are in units of the tolerance."""
        if not np.isfinite(error):
            return SHRINK
        now, before = max(error, SMALLEST), max(before, REMEMBERED)
        wanted = SAFETY * now ** (-0.7 / self.order) * before ** (0.4 / self.order)
        return float(min(max(wanted, SHRINK), GROWTH))


def equal_steps(step: float, remaining: float) -> tuple[float, bool]:
    """Length of a fixed step, shortened so that whole ones fill the time; whether it is hit."""
    count = ceil(remaining / step * (1 - 1e-12))
    return (remaining, True) if count <= 1 else (remaining / count, False)

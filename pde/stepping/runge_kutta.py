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

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from ...kernels.reference.combination import combine
from .tableaux import Tableau

Array = NDArray[np.float64]
Point = tuple[Array, ...]
Slope = Callable[[Point], Point]
Combine = Callable[[Array, Sequence[Array], Sequence[float], float | Array, int], None]

SAFETY, GROWTH, SHRINK = 0.9, 5.0, 0.2
SMALLEST, REMEMBERED = 1e-10, 1e-4  # smaller errors, now and before, count as these


def advanced(
    tableau: Tableau,
    slope: Slope,
    point: Point,
    first: Point,
    dt: float | Array,
    combine: Combine = combine,
) -> list[Point]:
    """The new point, then all stages; `first` is F(point).

    dt : a number, or (1,) of the backend; combine : of the backend
    """
    stages = [first]
    for row in tableau.stages:
        stages.append(slope(_combined([point, *stages], [1.0, *row], dt, 1, combine)))
    return [_combined([point, *stages], [1.0, *tableau.weights], dt, 1, combine), *stages]


def estimated_error(
    tableau: Tableau,
    stages: list[Point],
    last: Point,
    dt: float | Array,
    combine: Combine = combine,
) -> Point:
    """Local error of the step; `last` is F at the new point."""
    return _combined([*stages, last], tableau.defect, dt, 0, combine)


def _combined(
    points: Sequence[Point],
    weights: Sequence[float],
    dt: float | Array,
    after: int,
    combine: Combine,
) -> Point:
    """The sum of points times weights, those of weight 0 left out; dt on the `after`th and on."""
    used = [(point, weight) for point, weight in zip(points, weights, strict=True) if weight]
    sums = []
    for parts in zip(*(point for point, _ in used), strict=True):
        sums.append(np.empty_like(parts[0]))
        combine(sums[-1], parts, [weight for _, weight in used], dt, after)
    return tuple(sums)


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

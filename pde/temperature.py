"""The temperature of the training: a number, or a table in time.

    tau(t) piecewise linear between the given times, constant before the first and after the last

A step of the flow uses the mean over its own length, exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Temperature:
    """times : growing; values : tau >= 0 at them.

    >>> Temperature.of([[0.0, 0.2], [2.0, 0.0]]).mean(1.0, 3.0)
    0.025
    """

    times: tuple[float, ...] = (0.0,)
    values: tuple[float, ...] = (0.0,)

    @classmethod
    def of(cls, given: float | Sequence[Sequence[float]]) -> Temperature:
        """From a number or pairs [t, tau]."""
        if isinstance(given, int | float):
            return cls((0.0,), (float(given),))
        times, values = zip(*given, strict=True)
        return cls(tuple(map(float, times)), tuple(map(float, values)))

    @property
    def zero(self) -> bool:
        """Whether there is no noise at any time."""
        return not any(self.values)

    @property
    def lowest(self) -> float:
        """The least positive value of the table; 0 where there is none."""
        return min((value for value in self.values if value > 0), default=0.0)

    def at(self, time: float) -> float:
        """tau(time)."""
        return float(np.interp(time, self.times, self.values))

    def highest(self, start: float, end: float) -> float:
        """The largest tau within [start, end]."""
        inner = (v for t, v in zip(self.times, self.values, strict=True) if start < t < end)
        return max(self.at(start), self.at(end), *inner)

    def mean(self, start: float, end: float) -> float:
        """The mean of tau over [start, end]; tau(start) where that is one time."""
        if len(self.values) == 1 or not end > start:
            return self.at(start)
        inner = [time for time in self.times if start < time < end]
        knots = np.array([start, *inner, end])
        values = np.interp(knots, self.times, self.values)
        return float((0.5 * (values[1:] + values[:-1]) * np.diff(knots)).sum() / (end - start))

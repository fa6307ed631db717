"""The clock of critical steps: how many gradient steps of the largest stable length there are.

    critical_steps(t) = int_0^t sharpness ds / 2

A gradient step of length dt contracts while dt x sharpness < 2 (see `sharpness`). The sharpness is
known at the saved times, between which the trapezoidal rule integrates it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass
class CriticalClock:
    """steps : so far; sharpness : at `time`, the last at which it is known."""

    steps: float = 0.0
    sharpness: float = float("nan")
    time: float = 0.0

    def advance(self, time: float, sharpness: float) -> None:
        """The sharpness at a later time, or at the same one."""
        if time > self.time:
            self.steps += 0.25 * (self.sharpness + sharpness) * (time - self.time)
        self.time, self.sharpness = time, sharpness

    def packed(self) -> NDArray[np.float64]:
        """(3,): for a checkpoint."""
        return np.array([self.steps, self.sharpness, self.time])

    @classmethod
    def unpacked(cls, stored: NDArray[Any] | None) -> CriticalClock:
        """The clock that `packed` gave; one that does not know where there was none."""
        return cls(float("nan")) if stored is None else cls(*(float(x) for x in stored))

"""How long the next step may be.

Limits. Stability: the share of any cell that leaves it stays below `cfl` (positive for muscl up
to 1/2, for upwind up to 1). Accuracy: the field h, as extrapolated from the two fields before, must
have met what came, to `tolerance` relative in the 2-norm over the sphere; the miss is O(dt^2), so

    dt_next = 0.9 dt sqrt(tolerance / miss),   at most twice dt

Noise: explicit stages damp the mode that alternates from cell to cell, which upwinding and
diffusion damp together, only for dt (2 drift + 2 diffusion) < 2. The stages of `stabilised` reach
dt (2 drift + 2 diffusion) = (s^2 + s - 2)/2, and look after positivity themselves: a margin of 1.25
there leaves drift numbers up to 0.94 stable from three stages on (centred slopes, any diffusion).
That long they also pass over what diffusion does at first to a narrow law, which h does not tell:
dt |change of D| over a step, D the dissipation, stays below a share `EVEN` of all that was
dissipated, and with it the error of the integrated energy balance.

A CFL number alone is no accuracy control: with only the outer weights trained it would allow steps
that are several per cent wrong. Before a save time the rest is spread over two steps, since a tiny
step would make the next extrapolation's weight dt/(2 dt_before) explode.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...kernels import Kernels
from ..rounding import ROUNDING

Array = NDArray[np.float64]

SAFETY = 0.9
DAMPED = 0.8  # of the step at which the mode that alternates from cell to cell would not decay
MOST_STAGES = 7  # nine are a third cheaper, and at 32 cells two thirds of the error in space off
MARGIN, DRIFT = 1.25, 0.9  # of stabilised stages: see the module
EVEN = 0.03  # of stabilised steps: see the module
GROWTH = 2.0
SHRINK = 0.2
FLOOR = 1e-3  # of the largest field so far: below it the field is not resolved relative to itself


@dataclass(frozen=True)
class StepControl:
    """cfl : of first-order upwind; tolerance : relative, of the field's extrapolation.

    room : kept below the bounds: at the bound itself a cell is emptied to -eps
    """

    cfl: float
    tolerance: float
    room: float = ROUNDING["float64"].room

    def stable(self, rate: float) -> float:
        """Largest stable step at that outflow rate."""
        return (1 - self.room) * self.cfl / rate if rate > 0 else float("inf")

    def damped(self, drift: float, diffusion: float) -> float:
        """Largest stable step with noise; `diffusion` is half of its fastest decay."""
        stable = self.stable(drift)
        return min(stable, min(2 * self.cfl, DAMPED) / (drift + diffusion)) if diffusion else stable

    def stabilised(self, drift: float, diffusion: float) -> float:
        """Largest step that stabilised stages take, as many as there may be."""
        share = min(2 * self.cfl, DRIFT)
        limits = [share / drift] if drift > 0 else []
        if drift + diffusion > 0:
            limits.append(share / DRIFT * _reach(MOST_STAGES) / (drift + diffusion))
        return (1 - self.room) * min(limits, default=float("inf"))

    def stages(self, dt: float, drift: float, diffusion: float) -> int:
        """How many of them a step takes: an odd number, at least three."""
        counts = range(3, MOST_STAGES, 2)
        return next((s for s in counts if _reach(s) >= dt * (drift + diffusion)), MOST_STAGES)

    def accurate(self, dt: float, miss: float) -> float:
        """The step after one of length `dt` whose extrapolation missed by `miss`, relative."""
        return _paced(dt, self.tolerance, miss)

    def even(self, dt: float, uneven: float) -> float:
        """The stabilised step after one of length `dt` over which D was so uneven."""
        return _paced(dt, EVEN, uneven)

    def first_change(self) -> float:
        """Relative change of the field over the first step for which it is accurate enough."""
        return float(self.tolerance**0.5)


def _paced(dt: float, allowed: float, seen: float) -> float:
    """The step after one of length `dt`, for a miss of the order of its square."""
    wanted = SAFETY * (allowed / seen) ** 0.5 if seen > 0 else GROWTH
    return float(dt * min(max(wanted, SHRINK), GROWTH))


def _reach(stages: int) -> float:
    """dt (drift + diffusion) that they bear."""
    return (stages * stages + stages - 2) / (4 * MARGIN)


def spread(dt: float, remaining: float) -> tuple[float, bool]:
    """Step length before a time to be hit, `remaining` ahead, and whether it is hit."""
    if dt >= remaining * (1 - 1e-12):
        return remaining, True
    return (remaining / 2, False) if dt > remaining / 2 else (dt, False)


def size(kernels: Kernels, h: Array, volume: Array) -> Array:
    """2-norm over the sphere, one number where h is."""
    root: Array = np.sqrt(kernels.totals((volume * h)[None], h)[0])
    return root


def norm(kernels: Kernels, h: Array, volume: Array) -> float:
    """2-norm over the sphere."""
    return float(size(kernels, h, volume))


def miss(kernels: Kernels, h: Array, predicted: Array, volume: Array, peak: float) -> float:
    """Relative distance of the field from its prediction."""
    off, own = (norm(kernels, field, volume) for field in (h - predicted, h))
    return relative(off, own, peak)


def relative(off: float, own: float, peak: float) -> float:
    """A distance from a field of that norm, where the largest so far was `peak`."""
    return off / max(own, FLOOR * peak, 1e-300)

"""The field of a density, and the velocities that it gives the parameters.

    h(v) = dR/dm(v),   da/dt = -k_a h(v),   dv/dt = -k_w a grad_g h(v)

A `Field` is all that the next step needs of the interaction: h and |grad h|^2 at the cell centres
and the velocity (per unit a) on every face. Fields are linear in time to second order, which is
what `extrapolated` uses. Shapes: (2d, n, .., n), faces (2d, n, .., n+1, .., n).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...kernels import Velocity

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Felt:
    """h : field; slope_square : |grad_g h|^2; velocity : with the rates k_a, k_w.

    source : of the field at any direction, see `network.interaction`
    """

    h: Array
    slope_square: Array
    velocity: Velocity
    source: Array

    def at_risk(self, risk: float) -> Field:
        """The field, with the risk that goes with it."""
        return Field(self.h, self.slope_square, self.velocity, self.source, risk)


@dataclass(frozen=True)
class Field(Felt):
    """risk : R."""

    risk: float


def extrapolated(now: Velocity, before: Velocity, weight: float | Array) -> Velocity:
    """now + weight (now - before): weight dt/(2 dt_before) gives the midpoint of the next step."""
    faces = [ahead(f, g, weight) for f, g in zip(now.faces, before.faces, strict=True)]
    moves = now.outer is not None and before.outer is not None
    return replace(
        now, faces=faces, outer=ahead(now.outer, before.outer, weight) if moves else None
    )


def ahead(now: Any, before: Any, weight: float | Array) -> Array:
    """The same of an array."""
    extrapolated: Array = now + weight * (now - before)
    return extrapolated

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
class Field:
    """risk : R; h : field; slope_square : |grad_g h|^2; velocity : with the rates k_a, k_w.

    source : of the field at any direction, see `network.interaction`
    """

    risk: float
    h: Array
    slope_square: Array
    velocity: Velocity
    source: Array


def extrapolated(now: Velocity, before: Velocity, weight: float) -> Velocity:
    """now + weight (now - before): weight dt/(2 dt_before) gives the midpoint of the next step."""
    faces = [f + weight * (f - g) for f, g in zip(now.faces, before.faces, strict=True)]
    return replace(now, faces=faces, outer=_ahead(now.outer, before.outer, weight))


def _ahead(now: Any, before: Any, weight: float) -> Any:
    return None if now is None else now + weight * (now - before)

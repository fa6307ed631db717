"""What a step on the grid looks at, as functions of arrays alone: what is the same at every step.

    density  ->  its moments over a, h, its velocities, and numbers:

        risk
        finite         1 where risk and h are numbers
        low, high      mass in the two outermost cells of a at either wall
        flux           mass that passes a = 0 in unit time, without noise
        outer, inner   mean squares of d_a Psi and grad_g Psi, without noise
        size, off      2-norms over the sphere of h, and of h less what was predicted of it
        rate           largest share of a cell that drift takes out of it in unit time

    two fields  ->  velocity and h in the middle of the next step, and that rate there

Nothing here looks at a number, so a device may do all of it at once (`Kernels.recorded`); the host
reads the numbers alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...kernels import Velocity
from ..density.field import Felt, ahead, extrapolated
from ..density.flow import Flow
from ..diagnostics import at_walls, mean_squares, passing
from ..geometry.axis import OuterAxis
from ..products import numbers
from .control import size

Array = NDArray[np.float64]
Span = tuple[float, float]


@dataclass(frozen=True)
class Observation:
    """moments (3, 2d, n, .., n); felt : the field; numbers : see the module"""

    moments: Array
    felt: Felt
    numbers: Array


@dataclass(frozen=True)
class Ahead:
    """velocity, h : in the middle of a step; rate : one number, where they are"""

    velocity: Velocity
    h: Array | None
    rate: Array


@dataclass(frozen=True)
class Observer:
    """The field of a density on a flow."""

    flow: Flow

    def seen(self, rho: Array, predicted: Array, axis: OuterAxis) -> Observation:
        """Of a density. predicted : of h; where nothing was, any such array"""
        flow = self.flow
        moments = flow.kernels.moments(rho, axis.values, axis.weight)
        risk, felt = flow.felt(moments)
        finite = (np.isfinite(risk) & np.isfinite(felt.h).all()).astype(float)
        squares = mean_squares(flow, felt, moments)
        off = felt.h - predicted
        sizes = [size(flow.kernels, h, flow.volume) for h in (felt.h, off)]
        rate = flow.fastest(felt.velocity, axis.span, axis.weight)
        walls, flux = at_walls(flow, rho, axis), passing(flow, rho, axis, felt.h)
        told = [risk, finite, *walls, flux, *squares, *sizes, rate]
        return Observation(moments, felt, numbers(told))

    def ahead(
        self,
        now: Velocity,
        before: Velocity,
        heights: tuple[Array, Array] | None,
        share: Array,
        span: Span,
        weight: float,
    ) -> Ahead:
        """Extrapolated.

        heights : h now and before, where it is wanted; share (1,) : of the step; span, weight : of
        the a axis
        """
        velocity = extrapolated(now, before, share)
        h = None if heights is None else ahead(*heights, share)
        return Ahead(velocity, h, self.flow.fastest(velocity, span, weight))

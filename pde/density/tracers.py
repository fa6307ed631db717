"""Passive tracers: points of the initial law that move with the density and act on nothing.

    a' = -k_a (h + lambda a),    p' = -k_w a grad_g h,    h of the density

the characteristics of the flow without noise, so that tracers stay a sample of rho. A step takes
the exact field (not its values on the grid) at both of its ends, by Heun's method:

    x* = x + dt V_n(x),    x_new = x + dt/2 (V_n(x) + V_(n+1)(x*)),    p led back to length one

of second order, the density's own. p : (k, d) the grid's directions, raw or whitened; a : (k,).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .field import Field

if TYPE_CHECKING:  # a flow makes states, which hold tracers
    from .flow import Flow

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Tracers:
    """p : (k, d) directions, of length one; a : (k,) outer weights."""

    p: Array
    a: Array

    def packed(self) -> dict[str, NDArray[Any]]:
        """For a checkpoint."""
        return {"tracer_p": self.p, "tracer_a": self.a}

    @classmethod
    def unpacked(cls, arrays: Mapping[str, NDArray[Any]]) -> Tracers | None:
        """The tracers that `packed` gave; None where there were none."""
        return cls(arrays["tracer_p"], arrays["tracer_a"]) if "tracer_p" in arrays else None

    def moved(self, flow: Flow, before: Field, after: Field, dt: float) -> Tracers:
        """A step between two fields."""
        p, a = self.velocity(flow, before)
        ahead = Tracers(_unit(self.p + dt * p), self.a + dt * a)
        p_ahead, a_ahead = ahead.velocity(flow, after)
        middle = 0.5 * dt
        return Tracers(_unit(self.p + middle * (p + p_ahead)), self.a + middle * (a + a_ahead))

    def velocity(self, flow: Flow, field: Field) -> tuple[Array, Array]:
        """(k, d) tangent, (k,)."""
        problem, chart = flow.problem, flow.chart
        v = chart.whitened(self.p)
        h, gradient = flow.interaction.at(v, field.source)
        p, a = np.zeros_like(self.p), np.zeros_like(self.a)
        if problem.trains_outer:
            a = -problem.rates.outer * (h + problem.ridge * self.a)
        if problem.trains_inner:
            raised = chart.raised(chart.gradient(gradient, self.p, v), self.p)
            p = -problem.rates.inner * self.a[:, None] * raised
        return p, a


def _unit(p: Array) -> Array:
    return np.asarray(p / np.linalg.norm(p, axis=-1, keepdims=True))

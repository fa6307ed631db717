"""How deep the potential is, in units of the temperature: what a density can follow, and what not.

    Psi(v, a) = a h(v) + lambda a^2/2,   Gibbs state ~ exp(-Psi/tau)

Densities are kept as they are, so an equilibrium that spans more than exp(650) underflows (in 32
bits, exp(60)), and its empty cells no longer balance. The range is taken over what noise mixes: all
of the grid where w and a are trained, the directions at one a where w alone is, a at one direction
where a alone is.
"""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from ...kernels.contract import Real
from ...kernels.errors import InputError, Notice
from ..geometry.axis import OuterAxis
from ..problem import Problem
from ..rounding import ROUNDING

Array = NDArray[np.float64]


def potential_range(problem: Problem, h: Array, axis: OuterAxis) -> float:
    """max Psi - min Psi over what noise mixes; h (2d, n, .., n)."""
    a = axis.values
    if not problem.trains_outer:
        return float(np.abs(a).max() * (h.max() - h.min())) if problem.trains_inner else 0.0
    penalty = 0.5 * problem.ridge * a**2
    if problem.trains_inner:
        ends = np.outer([float(h.min()), float(h.max())], a) + penalty
        return float(ends.max() - ends.min())
    lowest = np.minimum(h * a[0] + penalty[0], h * a[-1] + penalty[-1])
    highest = np.maximum(h * a[0] + penalty[0], h * a[-1] + penalty[-1])
    if problem.ridge:  # a parabola: least at the cells on either side of its vertex
        a, penalty = (np.asarray(x, like=h) for x in (a, penalty))
        above = np.clip(np.searchsorted(a, -h.ravel() / problem.ridge), 1, len(a) - 1)
        for place in (above - 1, above):
            value = h.ravel() * a[place] + penalty[place]
            lowest = np.minimum(lowest, value.reshape(h.shape))
    return float((highest - lowest).max())


def check_noise(problem: Problem, h: Array, axis: OuterAxis, real: Real = "float64") -> None:
    """Refuse a temperature too low for the potential at the start; tell of a spread without end."""
    tau = problem.temperature.lowest
    if not tau:
        return
    depth, deepest = potential_range(problem, h, axis), ROUNDING[real].deepest
    if depth > deepest * tau:
        instead = "" if real == "float64" else ', run.dtype = "float64"'
        raise InputError(
            f"training.temperature = {tau:g}: the potential spans {depth:.3g} on this grid, "
            f"{depth / tau:.3g} temperatures, and {real} densities underflow beyond {deepest:.0f}; "
            f"give at least {1.05 * depth / deepest:.2g}, a shorter solver.a_range{instead}, or 0"
        )
    tell_spread(problem)


def tell_spread(problem: Problem) -> None:
    """Give a notice of weights that noise spreads without end."""
    if not problem.temperature.values[-1]:  # none, or cooled to none: nothing spreads for ever
        return
    if problem.trains_outer and not problem.ridge:
        warnings.warn(
            "training.temperature > 0 spreads a for ever where training.ridge = 0.0: there is no "
            "stationary state",
            Notice,
            stacklevel=2,
        )
    affine = problem.affine
    free = [
        ("w", problem.trains_inner and not problem.normalised),
        ("gamma", affine is not None and affine.trains_gamma),
        ("beta", affine is not None and affine.trains_beta),
    ]
    if names := [name for name, spreads in free if spreads]:
        warnings.warn(
            f"training.temperature > 0 spreads {' and '.join(names)} for ever: nothing holds "
            "them, and there is no stationary state",
            Notice,
            stacklevel=2,
        )

"""Initial laws of the outer weight a, as cell averages on an axis or as atoms.

    normal (mean, std)   uniform (range)   constant (value)   two-point (values, 1/2 each)

An atom on a trained axis is deposited on the two nearest cells with the same mass and mean; the
variance that this adds is told in a notice. Laws of the direction are uniform in u = w/|w|, which
needs no function: the density is constant.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from ...kernels.errors import InputError, Notice
from ..geometry.axis import CellAxis

Array = NDArray[np.float64]

NORMAL_REACH = 6.0  # standard deviations that an automatic axis covers; 2e-9 of the mass is beyond


@dataclass(frozen=True)
class OuterLaw:
    """A law of the outer weight.

    kind : "normal", "uniform" or "atoms"
    parameters : (mean, std), (low, high), or the increasing values of equally likely atoms
    """

    kind: str
    parameters: tuple[float, ...]

    @classmethod
    def from_config(cls, law: Any) -> OuterLaw:
        """The law of `initial.a` in a configuration."""
        if law.kind == "normal":
            return cls("normal", (float(law.mean), float(law.std)))
        if law.kind == "uniform":
            return cls("uniform", (float(law.range[0]), float(law.range[1])))
        values = (law.value,) if law.kind == "constant" else law.values
        return cls("atoms", tuple(sorted({float(value) for value in values})))

    @property
    def mean(self) -> float:
        """E[a]."""
        return self.parameters[0] if self.kind == "normal" else float(np.mean(self.parameters))

    @property
    def atoms(self) -> tuple[float, ...] | None:
        """The finitely many values, or None for a law with a density."""
        return self.parameters if self.kind == "atoms" else None

    @property
    def reach(self) -> tuple[float, float]:
        """The interval that holds the law, to 2e-9 of the mass."""
        if self.kind == "normal":
            mean, std = self.parameters
            return mean - NORMAL_REACH * std, mean + NORMAL_REACH * std
        return self.parameters[0], self.parameters[-1]

    def on(self, axis: CellAxis) -> Array:
        """(n_a,): cell averages of the density on the axis; they integrate to 1."""
        mass = (
            self._deposit(axis) if self.kind == "atoms" else np.diff(self._cumulative(axis.faces))
        )
        return np.asarray(mass / (mass.sum() * axis.width))

    def _cumulative(self, a: Array) -> Array:
        if self.kind == "normal":
            mean, std = self.parameters
            return np.asarray(ndtr((a - mean) / std))
        low, high = self.parameters
        return np.clip((a - low) / (high - low), 0.0, 1.0)

    def _deposit(self, axis: CellAxis) -> Array:
        mass = np.zeros(axis.count)
        added = 0.0
        for value in self.parameters:
            position = float(round((value - axis.values[0]) / axis.width, 9))  # a centre is exact
            if not 0 <= position <= axis.count - 1:
                raise InputError(
                    f"initial.a: {value:g} is less than half a cell from a wall of solver.a_range "
                    f"({axis.span[0]:g} to {axis.span[1]:g}); widen it, or raise solver.a_cells"
                )
            cell = min(int(position), axis.count - 2)
            share = position - cell
            mass[cell] += 1 - share
            mass[cell + 1] += share
            added = max(added, share * (1 - share) * axis.width**2)
        warnings.warn(
            f"initial.a: an atom of a trained a is spread over cells of width {axis.width:.3g}, "
            f"same mass and mean, variance {added:.2g} added; more solver.a_cells reduce it",
            Notice,
            stacklevel=2,
        )
        return mass

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

CUT_OFF = 1e-6  # of the law, that a given axis may leave out
NORMAL_REACH = 6.0  # standard deviations that an automatic axis covers; 2e-9 of the mass is beyond


@dataclass(frozen=True)
class OuterLaw:
    """A law of the outer weight of a neuron, or of its scale or shift.

    kind : "normal", "uniform" or "atoms"
    parameters : (mean, std), (low, high), or the increasing values of equally likely atoms
    """

    kind: str
    parameters: tuple[float, ...]

    @classmethod
    def from_config(cls, law: Any) -> OuterLaw:
        """The law of `initial.a`, `gamma` or `beta` in a configuration."""
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
        """(n_a,): the density on the axis; it integrates to 1.

        Cell averages; where the law is narrower than a cell, its mass is shared between the
        nearest two cell centres, which keeps the mean exactly and is told in a notice.
        Raises InputError where such a law is less than half a cell from a wall.
        """
        if self._spread() >= 0.5 * axis.width:
            mass = np.diff(self._cumulative(axis.faces))
        else:
            mass = self._shared(axis)
        return np.asarray(mass / (mass.sum() * axis.width))

    def refuse_outside(self, low: float, high: float) -> None:
        """Raise InputError where the axis [low, high] would cut off part of the law."""
        if self.kind == "atoms":
            outside = float(np.mean([not low < value < high for value in self.parameters]))
        else:
            inside = np.diff(self._cumulative(np.array([low, high])))[0]
            outside = 1.0 - float(inside)
        if outside > CUT_OFF:
            start, end = self.reach
            room = 0.25 * (end - start) + 0.1
            raise InputError(
                f"solver.a_range = [{low:g}, {high:g}] leaves out {outside:.2g} of the initial law "
                f'of a; give at least [{start - room:.4g}, {end + room:.4g}], or "auto"'
            )

    def _variance(self) -> float:
        if self.kind == "normal":
            return self.parameters[1] ** 2
        if self.kind == "uniform":
            return (self.parameters[1] - self.parameters[0]) ** 2 / 12
        return float(np.var(self.parameters))

    def _spread(self) -> float:
        """A width that a cell must resolve: the standard deviation, half the interval, or 0."""
        if self.kind == "normal":
            return self.parameters[1]
        return 0.5 * (self.parameters[1] - self.parameters[0]) if self.kind == "uniform" else 0.0

    def _cumulative(self, a: Array) -> Array:
        if self.kind == "normal":
            mean, std = self.parameters
            return np.asarray(ndtr((a - mean) / std))
        low, high = self.parameters
        return np.clip((a - low) / (high - low), 0.0, 1.0)

    def _ramp(self, a: Array) -> Array:
        """E max(a - A, 0), the integral of the distribution function."""
        if self.kind == "normal":
            mean, std = self.parameters
            z = (a - mean) / std
            return np.asarray(std * (np.exp(-z * z / 2) / np.sqrt(2 * np.pi) + z * ndtr(z)))
        if self.kind == "uniform":
            low, high = self.parameters
            above = np.maximum(a - low, 0) ** 2 - np.maximum(a - high, 0) ** 2
            return np.asarray(above / (2 * (high - low)))
        ramps = [np.maximum(a - value, 0) for value in self.parameters]
        return np.asarray(np.mean(ramps, axis=0))

    def _shared(self, axis: CellAxis) -> Array:
        """Mass of each cell, by hat functions on the cell centres: E hat((A - a_i)/width)."""
        nodes = axis.extended(1, 1).values
        ramp = self._ramp(nodes)
        mass = np.maximum(ramp[2:] - 2 * ramp[1:-1] + ramp[:-2], 0.0) / axis.width
        mass[mass < 1e-9] = 0.0  # rounding: a value on a cell centre stays on that cell
        beyond = self.mean - mass @ axis.values  # 0 unless a hat reaches over a wall
        if abs(mass.sum() - 1) + abs(beyond) / axis.width > CUT_OFF:
            raise InputError(
                f"initial.a: a law narrower than a cell is less than half a cell from a wall of "
                f"solver.a_range ({axis.span[0]:g} to {axis.span[1]:g}); widen it, or raise "
                "solver.a_cells"
            )
        centred = axis.values - self.mean
        added = max(round(float(mass @ centred**2) - self._variance(), 12), 0.0)
        warnings.warn(
            f"initial.a: a law narrower than a cell is shared between cells of width "
            f"{axis.width:.3g}: same mass and mean, variance {added:.2g} added; "
            "more solver.a_cells reduce it",
            Notice,
            stacklevel=2,
        )
        return mass

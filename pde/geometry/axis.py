"""The axis of the outer weight a: uniform cells that may be extended, or a list of fixed values.

Cells are counted by integers from the first cell at the start, so an extended axis has bitwise the
same cells: centre(i) = origin + (i + 1/2) width, i = first, .., first + count - 1. A list carries
weights instead of cells (its measure is counting, `weight` = 1). Laws of a are in
`pde.network.initial`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class CellAxis:
    """Uniform cells of a.

    origin : low end of cell 0; width : > 0; first, count : the cells that exist
    """

    origin: float
    width: float
    first: int
    count: int

    @classmethod
    def covering(cls, low: float, high: float, count: int) -> CellAxis:
        """`count` cells over [low, high]."""
        return cls(low, (high - low) / count, 0, count)

    @property
    def values(self) -> Array:
        """(n_a,): cell centres."""
        return np.asarray(self.origin + (self.first + np.arange(self.count) + 0.5) * self.width)

    @property
    def faces(self) -> Array:
        """(n_a + 1,): cell ends."""
        return np.asarray(self.origin + (self.first + np.arange(self.count + 1)) * self.width)

    @property
    def cell_width(self) -> float | None:
        """The width of a cell; None would say that a is a list."""
        return self.width

    @property
    def weight(self) -> float:
        """Measure of a cell."""
        return self.width

    @property
    def span(self) -> tuple[float, float]:
        """The two walls."""
        return float(self.faces[0]), float(self.faces[-1])

    def extended(self, below: int, above: int) -> CellAxis:
        """The axis with cells added at both ends."""
        return replace(self, first=self.first - below, count=self.count + below + above)


@dataclass(frozen=True)
class ListAxis:
    """Finitely many values of a that never change."""

    fixed: tuple[float, ...]
    first: int = 0

    @property
    def count(self) -> int:
        """Number of values."""
        return len(self.fixed)

    @property
    def values(self) -> Array:
        """(n_a,): the values, increasing."""
        return np.array(self.fixed)

    @property
    def cell_width(self) -> float | None:
        """None: a list has no cells."""
        return None

    @property
    def weight(self) -> float:
        """Counting measure."""
        return 1.0

    @property
    def span(self) -> tuple[float, float]:
        """Smallest and largest value."""
        return self.fixed[0], self.fixed[-1]


OuterAxis = CellAxis | ListAxis

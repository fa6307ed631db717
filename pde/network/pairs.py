"""How the sums over pairs of directions and rows run: all pairs in tiles, or along grid lines.

    direct   any activation, N^(d-1) n pairs of direction and row
    lines    |z| and sign z: along a grid line such a function of v.x bends or jumps once, at a
             place that is known; N^(d-2) n pairs of line and row, the same sums to rounding

relu, abs, step, and piecewise-linear with its only knot at 0 have no other parts, beside an affine
one. "auto" takes lines where the kernels say that they pay. Kernels: `kernels.contract`; tables of
the lines: `geometry.lines`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from ...kernels import Kernels
from ...kernels.errors import InputError
from ...kernels.reference.activations import Remainder
from ..geometry import Chart, Stations
from ..geometry.lines import station_lines
from .activations import Activation

Array = NDArray[np.float64]
Way = Literal["auto", "direct", "lines", "transform"]

BENT_AT_ZERO = ("abs", "sign")


class PairSums(Protocol):
    """Sums over pairs of stations and rows; see `contract.LineSums`."""

    @property
    def table_bytes(self) -> int:
        """Of what is kept from step to step."""
        ...

    def forward(self, weights: Array) -> Array:
        """(rows,): of the neurons' weights."""
        ...

    def backward(self, residual: Array) -> tuple[Array, Array]:
        """(m,), (m, d): at the stations, of (rows,)."""
        ...


@dataclass(frozen=True)
class DirectSums:
    """All pairs. points (m, d), of which the first `neurons` carry weights; rows (n, d)."""

    kernels: Kernels
    remainder: Remainder
    points: Array
    neurons: int
    rows: Array
    table_bytes: int = 0

    def forward(self, weights: Array) -> Array:
        """(rows,): of the neurons' weights."""
        points = self.points[: self.neurons]
        return self.kernels.pair_forward(self.remainder, points, self.rows, weights)

    def backward(self, residual: Array) -> tuple[Array, Array]:
        """(m,), (m, d): at the stations, of (rows,)."""
        return self.kernels.pair_backward(self.remainder, self.points, self.rows, residual)


class Pairs:
    """The sums of a network on a grid, for any rows.

    points : (m, d) whitened half stations times the gain; rows : of the training data
    """

    def __init__(
        self,
        activation: Activation,
        chart: Chart,
        stations: Stations,
        points: Array,
        rows: int,
        kernels: Kernels,
        way: Way = "auto",
    ) -> None:
        self.points, self.neurons, self.kernels = points, len(stations.half_centres), kernels
        if way == "lines":
            _refuse_other_bends(activation)
        if way == "auto":
            pay = kernels.lines_pay(chart.dimension, len(points), rows)
            way = "lines" if pay and bends_at_zero(activation) else "direct"
        on_host = kernels.host(points)
        self.lines = station_lines(stations, on_host, chart.matrix) if way == "lines" else None
        count = f"{rows} rows x {len(points)} directions"
        self.description = f"{'line' if self.lines else 'direct'} sums over {count}"

    @property
    def line_count(self) -> int:
        """How many lines meet every row; 0 where all directions do."""
        return sum(len(each.stations) for each in self.lines.bundles) if self.lines else 0

    def of(self, remainder: Remainder, rows: Array, *, keep: bool = False) -> PairSums:
        """The sums with these whitened rows (n, d); keep : whether the rows come again."""
        if self.lines is not None:
            return self.kernels.line_sums(remainder, self.lines, rows, keep=keep)
        return DirectSums(self.kernels, remainder, self.points, self.neurons, rows)


def bends_at_zero(activation: Activation) -> bool:
    """Whether an activation is affine on either side of zero."""
    return all(part.remainder.name in BENT_AT_ZERO for part in activation.parts)


def _refuse_other_bends(activation: Activation) -> None:
    if not bends_at_zero(activation):
        raise InputError(
            f'solver.interaction = "lines" with network.activation = "{activation.name}": lines '
            "take what is affine on either side of 0 (relu, abs, step, linear, piecewise-linear "
            'with its only knot at 0); give "direct" or "auto"'
        )

"""Launches of the sums along lines; see nodes.cu, line_forward.cu, line_backward.cu.

Shared memory of a block holds one table of its lines: at most what every GPU has, so that windows
of long lines, like the parts of the rows, depend on the sizes alone, and results not on the GPU.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..contract import Lines
from ..reference.activations import Remainder
from .device import Device
from .grid import WARP, threads
from .line_tables import LineTables, cells_of, tabulate
from .pairs import MODULES, REMAINDERS

# Points, by d, as of 32 and 16 cells a panel edge; from counts of instructions, never yet measured.
PAY_FROM = {2: 0, 3: 3 * 32**2, 4: 4 * 16**3}
LINE_THREADS = 256  # as in nodes.cu
WARPS = LINE_THREADS // WARP
SHARED = 64 << 10  # bytes of a block
BLOCKS = 264  # wanted; two a multiprocessor of the largest GPUs
KEPT = 1 << 28  # bytes of the sums over parts, at most
MOST = 65_535  # parts of a launch, its blocks along y
PART = 1024  # rows, at most: their low words add up to no more than 2^32
MANY = 2048  # neurons, of which each weighs so little that its kink may be rounded to a near node

Spans = list[tuple[int, int]]  # first and last rows


def part_length(groups: int, rows: int) -> int:
    """How many rows a part has, whole blocks of threads, where each takes `groups` blocks."""
    tiles = max(1, -(-rows // LINE_THREADS))
    wanted = max(-(-BLOCKS // max(groups, 1)), -(-rows // PART))
    return max(1, tiles // wanted) * LINE_THREADS


def spans(rows: int, length: int, bytes_each: int) -> Spans:
    """First and last rows of so many parts that what they leave fits into `KEPT`, `MOST` a span."""
    size = length * max(1, min(MOST, KEPT // max(bytes_each, 1)))
    return [(first, min(rows, first + size)) for first in range(0, max(rows, 1), size)]


@dataclass(frozen=True)
class Block:
    """Shared memory of a block, in bytes: of the whole, and of every node of its lines."""

    fixed: int
    node: int

    @property
    def longest(self) -> int:
        """How many nodes a window may have; there is one more of their sums."""
        return (SHARED - self.fixed) // self.node - 1

    def bytes(self, nodes: int) -> int:
        """For windows of that many nodes."""
        return self.fixed + (nodes + 1) * self.node


def forward_block(dimension: int, size: int, width: int) -> Block:
    """Weights, Row and Pair of line_forward.cu; size : of `real`; width : lines of a lane."""
    row = 8 if dimension <= 3 else 16 * -(-(dimension - 1) // 4)
    return Block(LINE_THREADS * (2 * 8 * width + row), 2 * size * WARP * width)


def backward_block(dimension: int, size: int, sums: int) -> Block:
    """Rows, sums and bins of line_backward.cu and bins.cu; sums : of a point."""
    row = 4 * dimension + 2 * sums * size
    return Block(LINE_THREADS * row + WARPS * 8, sums * size * WARP + 4)


@dataclass(frozen=True)
class Side:
    """Tables of one direction of the sums, on the device.

    width : lines of a lane; arrays : groups, nodes, cells and bases, stations and sizes
    """

    tables: LineTables
    block: Block
    width: int
    arrays: tuple[Any, ...]

    @classmethod
    def of(
        cls, device: Device, lines: Lines, block: Block, width: int = 1, *, weighted: bool = False
    ) -> Side:
        """The tables of these lines."""
        made = tabulate(lines, block.longest, WARP * width, weighted=weighted)
        doubles = (device.array(x) for x in (made.nodes, made.cells, made.bases))
        groups, stations = (device.array(x, np.int32) for x in (made.groups, made.stations))
        return cls(made, block, width, (groups, *doubles, stations, device.array(made.sizes)))

    @property
    def groups(self) -> int:
        """Of lines: blocks of one part of the rows."""
        return len(self.tables.groups)

    @property
    def shared(self) -> int:
        """Bytes of a block."""
        return self.block.bytes(self.tables.longest)


@dataclass(frozen=True)
class Sides:
    """All that depends on the lines, the type and whether slopes are summed.

    rounded : of line_forward.cu; frames (bundles, d, d) and points (m, d) : on the device
    """

    ahead: Side
    back: Side
    rounded: int
    frames: Any
    points: Any

    @classmethod
    def of(cls, device: Device, lines: Lines, size: int, *, slopes: bool) -> Sides:
        """Made once for every object of lines; size : of `real`."""

        def make() -> Sides:
            d, n = lines.points.shape[1], cells_of(lines)
            narrow = slopes and size == 4 and lines.neurons >= MANY
            rounded = narrow and 0 < n <= forward_block(d, size, 1).longest
            many = max(len(each.stations) for each in lines.bundles) > WARP
            two = rounded and many and n <= forward_block(d, size, 2).longest
            block = forward_block(d, size, 1 + two)
            return cls(
                Side.of(device, lines, block, 1 + two, weighted=True),
                Side.of(device, lines, backward_block(d, size, d if slopes else 1)),
                rounded * (2 - n % 2),
                device.array(np.array([each.frame for each in lines.bundles])),
                device.array(lines.points),
            )

        sides: Sides = device.derived(f"lines {size} {slopes}", lines, make)
        return sides


class LineSums:
    """The sums between the points of `lines` and the rows `data` for "abs" or "sign".

    modules : gives a family's, for definitions; real : the type of tables and sums
    """

    def __init__(
        self,
        modules: MODULES,
        device: Device,
        real: str,
        remainder: Remainder,
        lines: Lines,
        data: Any,
        *,
        keep: bool,
    ) -> None:
        slopes, self.size = remainder.name == "abs", np.dtype(real).itemsize
        self.device, self.data, (self.rows, d) = device, data, data.shape
        self.neurons, self.sums = lines.neurons, d if slopes else 1
        sides = Sides.of(device, lines, self.size, slopes=slopes)
        self.ahead, self.back, self.points = sides.ahead, sides.back, sides.points
        code = {"DIMENSION": d, "REMAINDER": REMAINDERS[remainder.name]}
        terms = {"TERMS": self.ahead.tables.degree}
        lanes = {"GROUPS": self.ahead.width, "ROUNDED": sides.rounded}
        self.forwards = modules("line_forward", {**code, **terms, **lanes})
        self.backwards = modules("line_backward", {**code, "TERMS": self.back.tables.degree})
        self.finish = modules("sums", {"DIMENSION": 2})
        self.reach, self.pulls = self._met(sides.frames)
        self.table_bytes = int(self.reach.nbytes + self.pulls.nbytes) + self._left() if keep else 0

    def _spans_ahead(self) -> tuple[int, Spans]:
        """Length of a part, and the spans, of forward sums."""
        length = part_length(self.ahead.groups, self.rows)
        return length, spans(self.rows, length, 8 * self.ahead.groups * length)

    def _spans_back(self) -> tuple[int, Spans]:
        """The same of backward sums."""
        length = part_length(self.back.groups, self.rows)
        return length, spans(self.rows, length, self._bins())

    def _bins(self) -> int:
        """Bytes of the bins of all points, in a part."""
        return self.sums * len(self.points) * self.size

    def _left(self) -> int:
        """Bytes that the parts of a span leave, which are kept too."""
        _, ahead = self._spans_ahead()
        length, back = self._spans_back()
        return 8 * self.ahead.groups * ahead[0][1] - (-back[0][1] // length) * (self._bins() + 8)

    def _met(self, frames: Any) -> tuple[Any, Any]:
        """(bundles, rows, d) and (bundles, rows): where the rows meet the lines."""
        device, count = self.device, len(frames)
        reach = device.xp.empty((count, *self.data.shape))
        pulls = device.xp.empty((count, self.rows))
        grid = threads(count * self.rows)
        self.backwards("line_rows", *grid, self.data, self.rows, frames, count, reach, pulls)
        return reach, pulls

    def forward(self, weights: Any) -> Any:
        """(rows,): sum_j weights_j remainder(points_j . data_k) over the neurons."""
        side, device, weights = self.ahead, self.device, self.device.array(weights)
        out = device.xp.empty(self.rows)
        length, several = self._spans_ahead()
        held = device.scratch("lines", (side.groups * several[0][1],))
        for first, last in several:
            partial = held[: side.groups * (last - first)]
            self.forwards(
                "line_forward",
                (side.groups, -(-(last - first) // length)),
                (LINE_THREADS,),
                *side.arrays,
                weights,
                self.neurons,
                self.reach,
                self.pulls,
                self.rows,
                *(first, last, length),
                partial,
                shared=side.shared,
            )
            words = (partial, side.groups, last - first, out[first:last])
            self.finish("finish_forward", *threads(last - first), *words)
        return out

    def backward(self, residual: Any) -> tuple[Any, Any]:
        """(m,) and (m, d): sums over the data of residual x {remainder, remainder' x}."""
        side, device, points = self.back, self.device, len(self.points)
        groups, nodes, cells, bases, stations, _ = side.arrays
        residual = device.array(residual)
        out, gradients = device.xp.empty(points), device.xp.empty(self.points.shape)
        length, several = self._spans_back()
        most = -(-several[0][1] // length)
        scales = device.scratch("scales of lines", (most,))
        bins = device.scratch("bins of lines", (most, self.sums, points), f"int{8 * self.size}")
        for first, last in several:
            count = -(-(last - first) // length)
            self.backwards(
                "line_backward",
                (side.groups, count),
                (LINE_THREADS,),
                *(groups, nodes, cells, bases),
                self.reach,
                self.pulls,
                self.data,
                residual,
                self.rows,
                *(first, length, points),
                bins,
                scales,
                shared=side.shared,
            )
            where = (first, stations, self.points, points, out, gradients)
            self.backwards("finish_lines", *threads(points), bins, scales, count, *where)
        return out, gradients

"""Sums over all pairs of points and rows where the points lie on lines: N^(d-2) n, not N^(d-1) n.

    f_k = sum_j c_j |v_j.x_k|,   h_j = sum_k e_k |v_j.x_k|,   g_j = sum_k e_k sign(v_j.x_k) x_k

Along a line v = X/|X|, X = p + t q, so v.x has the sign of q.x (t - tau), tau = -p.x / q.x: it
changes once, at a node that one look into a table finds. With r[l, k] the number of nodes of line l
up to the threshold of row k, P the sums of c_j v_j up to a node and T over all of the line,

    f_k  = sum_l sign(q.x_k) x_k . (T - 2 P)[l, r[l, k]]
    g_li = 2 sum_(r <= i) D[l, r] - sum_r D[l, r],   D[l, r[l, k]] += sign(q.x_k) e_k x_k

Both are products with one sparse matrix, rows x (line, count), that has a one at every
(l, r[l, k]), and with its transpose. It depends on rows and grid alone and is kept, up to
`KEPT_BYTES`; beyond, its tiles are made again. For sign(z) the sums are those of c_j and of e_k.

A pair with |v.x| <= TIE |v| |x| is on the kink (slope -1 of |z|, value 0 of the sign): thresholds
are moved by as much, so that ties, which are exact but for rounding, all fall on one side. The move
is that of the line's longer end; in between, where pair sums may decide otherwise, nothing lies but
rows whose own entries differ by 1 / TIE.
Worked out here. Shapes: see `contract.Lines`; inside, points are in the order of the lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array, csr_array

from ..contract import TIE, LineBundle, Lines
from .activations import Remainder
from .interaction import tiles, unit

Array = NDArray[np.float64]
Tile = tuple[slice, csr_array, csc_array]  # rows, the matrix and its transpose

ROWS = 4096  # a tile: rows x lines counts of 4 bytes each
ENTRIES = 1 << 17
KEPT_BYTES = 1 << 30
PAY_FROM = {2: 20_000, 3: 150_000, 4: 600_000}  # pairs, by d: see benchmarks/interaction.py
SMALLEST = 1e-30  # |q.x| of a unit row; below, the sign of p.x decides for the whole line


def lines_pay(dimension: int, points: int, rows: int) -> bool:
    """Whether sums along lines were measured to be faster than over all pairs."""
    return points * rows >= PAY_FROM[min(dimension, 4)]


class LineSums:
    """The sums between the points of `lines` and the rows `data` for "abs" or "sign"."""

    def __init__(self, remainder: Remainder, lines: Lines, data: Array, *, keep: bool) -> None:
        self.slopes, ties = (True, (TIE,)) if remainder.name == "abs" else (False, (TIE, -TIE))
        self.dimension, self.share = data.shape[1], 1.0 / len(ties)
        self.order = np.concatenate([each.stations.ravel() for each in lines.bundles])
        self.place = np.argsort(self.order)
        self.points = np.ascontiguousarray(lines.points[self.order].T)
        self.factors = np.ascontiguousarray(data.T)
        if not self.slopes:  # the sums of c_j and e_k alone
            self.points, self.factors = np.ones((1, len(self.order))), np.ones((1, len(data)))
        entries = len(ties) * len(data) * sum(len(each.stations) for each in lines.bundles)
        keep = keep and 4 * entries <= KEPT_BYTES
        self.table_bytes = 4 * entries if keep else 0
        rows = unit(data)
        parts = _parts([each.stations.size for each in lines.bundles])
        self.bundles = [
            _Bundle(bundle, part, rows, tie, keep)
            for bundle, part in zip(lines.bundles, parts, strict=True)
            for tie in ties
        ]
        self.weighted = [
            bundle for bundle in self.bundles if self.order[bundle.part].min() < lines.neurons
        ]

    def forward(self, weights: Array) -> Array:
        """(rows,): sum_j weights_j remainder(points_j . data_k) over the neurons."""
        padded = np.zeros(len(self.order))
        padded[: len(weights)] = weights
        moved = self.points * padded.take(self.order)
        total = np.zeros(self.factors.shape[1])
        for bundle in self.weighted:
            total += bundle.forward(moved[:, bundle.part], self.factors)
        return self.share * total

    def backward(self, residual: Array) -> tuple[Array, Array]:
        """(m,) and (m, d): sums over the data of residual x {remainder, remainder' x}."""
        moved, signed = self.share * residual * self.factors, np.zeros(self.points.shape)
        for bundle in self.bundles:
            signed[:, bundle.part] += bundle.backward(moved)
        sums = np.einsum("cj,cj->j", self.points, signed).take(self.place)
        if not self.slopes:
            return sums, np.zeros((len(sums), self.dimension))
        return sums, np.stack([each.take(self.place) for each in signed], axis=1)


class _Bundle:
    """One bundle, with its thresholds moved by the tie of one side.

    part : where its points are among all, in the order of the lines; rows (n, d) of length one
    """

    def __init__(self, lines: LineBundle, part: slice, rows: Array, tie: float, keep: bool) -> None:
        self.part, self.rows = part, len(rows)
        self.lines, self.length = lines.stations.shape
        seen = rows @ lines.frame.T
        slope = np.where(np.abs(seen[:, 1]) < SMALLEST, SMALLEST, seen[:, 1])
        self.sign = np.sign(slope)
        ties = np.full((len(rows), 1), tie)
        self.reach = np.hstack([-seen[:, :1], -seen[:, 2:], ties]) / slope[:, None]
        base = np.hstack([np.ones((self.lines, 1)), lines.coordinates])
        centre, along = base @ np.delete(lines.frame, 1, axis=0), lines.frame[1]
        size = np.maximum(*(np.linalg.norm(centre + s * along, axis=1) for s in (1, -1)))
        self.base = np.ascontiguousarray(np.column_stack([base, size]).T)
        self.counter = _Counter(lines.nodes)
        width = max(1, ENTRIES // max(1, min(ROWS, len(rows))))
        self.blocks = list(tiles(self.lines, width))
        self.kept = [list(self._made(block)) for block in self.blocks] if keep else None

    def forward(self, moved: Array, factors: Array) -> Array:
        """(rows,): of weighted points (c, lines x length) and factors (c, rows)."""
        along = moved.reshape(len(moved), self.lines, self.length)
        total = np.zeros(self.rows)
        for k, block in enumerate(self.blocks):
            table = np.zeros((len(moved), block.stop - block.start, self.length + 1))
            np.cumsum(along[:, block], axis=2, out=table[..., 1:])
            np.subtract(table[..., -1:], 2.0 * table, out=table)
            for rows, tile, _ in self._tiles(k):
                for column, factor in zip(table, factors, strict=True):
                    total[rows] += factor[rows] * (tile @ column.ravel())
        return np.asarray(self.sign * total)

    def backward(self, moved: Array) -> Array:
        """(c, lines x length): of moved residuals (c, rows)."""
        moved = self.sign * moved
        sums = np.empty((len(moved), self.lines, self.length))
        for k, block in enumerate(self.blocks):
            bins = np.zeros((len(moved), block.stop - block.start, self.length + 1))
            for rows, _, transpose in self._tiles(k):
                for column, weights in zip(bins, moved, strict=True):
                    column += (transpose @ weights[rows]).reshape(column.shape)
            np.cumsum(bins, axis=2, out=bins)
            np.subtract(2.0 * bins[..., :-1], bins[..., -1:], out=sums[:, block])
        return sums.reshape(len(moved), -1)

    def _tiles(self, block: int) -> Iterable[Tile]:
        return self._made(self.blocks[block]) if self.kept is None else self.kept[block]

    def _made(self, block: slice) -> Iterator[Tile]:
        """Blocks of rows, and there a one at (row, line, count of nodes up to the threshold)."""
        for rows in tiles(self.rows, ROWS):
            columns = self.counter(self.reach[rows] @ self.base[:, block])
            height, width = columns.shape
            size = width * (self.length + 1)
            columns += np.arange(0, size, self.length + 1, dtype=np.int32)
            starts = np.arange(0, columns.size + 1, width, dtype=np.int32)
            entries = _ones(columns.size), columns.ravel(), starts
            yield rows, csr_array(entries, (height, size)), csc_array(entries, (size, height))


class _Counter:
    """The number of ascending nodes <= tau, by cells so narrow that none holds two nodes."""

    def __init__(self, nodes: Array) -> None:
        self.per_unit = 1.5 / np.diff(nodes).min()
        self.low = nodes[0] - 1.0 / self.per_unit
        cells = self._cell(nodes).astype(np.intp)
        self.last = cells[-1] + 1
        self.below = np.searchsorted(cells, np.arange(self.last + 1)).astype(np.int32)
        self.node = np.full(self.last + 1, np.inf)
        self.node[cells] = nodes

    def __call__(self, tau: Array) -> NDArray[np.int32]:
        """Counts, of the shape of tau."""
        cell = self._cell(tau)
        index = np.clip(cell, 0, self.last, out=cell).astype(np.intp)
        count = self.below.take(index)
        count += tau >= self.node.take(index)
        return count

    def _cell(self, tau: Array) -> Array:
        return np.asarray((tau - self.low) * self.per_unit)


def _ones(count: int) -> Array:
    """(count,): a part of one array that all tiles share."""
    return _shared_ones(count.bit_length())[:count]


@cache
def _shared_ones(bits: int) -> Array:
    return np.ones(1 << bits)


def _parts(sizes: Sequence[int]) -> list[slice]:
    ends = np.cumsum(sizes)
    return [slice(end - size, end) for end, size in zip(ends, sizes, strict=True)]

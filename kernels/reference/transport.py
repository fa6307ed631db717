"""Finite-volume transport of a density on (panels of the cubed sphere) x (the a axis).

    rho_new = w0 base + w1 (rho - dt [ sum over sphere faces of a U_f q_f / V  +  d_a(u q) ])

U_f is the integral of the unit velocity over a face, u = da/dt of a column. Face states q_f come
from the upwind cell, along lines of its own panel: its value (`upwind`), its value +- half an
MC-limited slope (`muscl`), or a limited WENO value (`weno`). On a panel edge each panel gives its
own inside state, so both see one flux and the mass is kept to rounding. Along a the departures from
the cells' values are balanced (see `limiter`); the walls are closed, and beyond them is nothing.

Work goes in blocks of rows that stay in cache; no temporary is larger than a block. It is in the
type of the density; what is known per direction, and sums over cells, are in 64 bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contract import Connectivity, Grid, Scheme, Stage, Velocity
from .halo import edge_layer, exchange, ghost_layer
from .limiter import balanced, balanced_half_slopes, mc_states
from .outer import outer_flux, outer_speed, vacuum
from .weno import weno_states

Array = NDArray[np.float64]

BLOCK_CELLS = 32_768  # 256 KiB a temporary
REACH: dict[Scheme, int] = {"upwind": 0, "muscl": 1, "weno": 2}  # neighbours that a state reads
SLABS: dict[Scheme, int] = {"upwind": 3, "muscl": 11, "weno": 23}  # alive while `_Slabs` are made
STATES: dict[Scheme, Callable[[Array, int], tuple[Array, Array]]] = {
    "upwind": lambda cells, axis: (cells, cells),
    "muscl": mc_states,
    "weno": weno_states,
}


def transport(out: Array, rho: Array, stage: Stage, velocity: Velocity, grid: Grid) -> None:
    """One Runge-Kutta stage: out = weights[0] base + weights[1] (rho - dt div(velocity rho))."""
    scheme, a_values, a_width = stage.scheme, grid.a_values, grid.a_width
    slabs = _Slabs.of(rho, len(velocity.faces), scheme, grid.connectivity)
    all_faces, own_a, volume = _as(rho, *velocity.faces), *_as(rho, a_values, grid.volume)
    for panels, rows in _blocks(rho.shape):
        part = rho[panels, rows]
        change = np.zeros_like(part)
        for axis, faces in enumerate(all_faces):
            lines = _Lines.through(rho, panels, rows, axis, slabs, scheme)
            flux = _upwind(*lines.face_states(), lines.own(faces, panels, rows), own_a)
            along = np.moveaxis(change, 1 + axis, 1)
            along += flux[:, 1:]
            along -= flux[:, :-1]
        change /= volume[panels, rows][..., None]
        if velocity.outer is not None and a_width is not None:
            outer = velocity.outer[panels, rows]
            if velocity.ridge:
                columns, target = (x.reshape(-1, len(a_values)) for x in (part, change))
                speed = outer_speed(velocity, outer.ravel(), columns, a_values)
                carry(target, outer_flux(columns, speed, scheme), -1 / a_width)
            else:
                (speed,) = _as(rho, outer / a_width)
                _outer_flux(change, part, speed, scheme)
        staged(change, -stage.dt, part, stage, (panels, rows))
        flush_subnormal(change)
        out[panels, rows] = change


def staged(
    change: Array,
    factor: float | Array,
    rho: Array,
    stage: Stage,
    where: tuple[Any, ...],
) -> None:
    """The new density of a stage, in the place of `change`: w0 base + w1 (rho + factor change).

    where : the part of the density that `rho` is
    """
    change *= factor
    change += rho
    change *= stage.weights[1]
    if stage.base is not None and stage.weights[0]:
        change += stage.weights[0] * stage.base[where]


def carry(columns: Array, flux: Array, factor: float) -> None:
    """Take factor x the flux through the faces of a out of the cells below, into those above."""
    flux *= factor
    columns[:, :-1] -= flux
    columns[:, 1:] += flux


def flush_subnormal(values: Array) -> None:
    """Set to 0 what has decayed below all precision: it may round to below 0, and it is slow."""
    least = vacuum(values)
    if values.min() < least:
        values[np.abs(values) < least] = 0.0


def _as(rho: Array, *arrays: Array) -> list[Array]:
    """Arrays in the type of a density, in which all that is one number a cell is computed."""
    return [array.astype(rho.dtype, copy=False) for array in arrays]


def _blocks(shape: tuple[int, ...]) -> Iterator[tuple[slice, slice]]:
    """Blocks of whole panels, or of rows of one panel where a panel is larger than a block."""
    panels, rows = shape[0], shape[1]
    row_cells = int(np.prod(shape[2:]))
    at_once = max(1, BLOCK_CELLS // (rows * row_cells))
    height = max(1, min(rows, BLOCK_CELLS // row_cells))
    for p in range(0, panels, at_once):
        for i in range(0, rows, height):
            yield slice(p, min(p + at_once, panels)), slice(i, min(i + height, rows))


@dataclass(frozen=True)
class _Slabs:
    """What lies beyond every panel edge: layers of the neighbours' cells on one's own lines, as
    many as a state reads, and the neighbours' own states on the shared faces.
    """

    layers: list[Array]
    states: Array

    @classmethod
    def of(cls, rho: Array, axes: int, scheme: Scheme, connectivity: Connectivity) -> _Slabs:
        if not axes:
            return cls([], np.empty(0))
        reach = REACH[scheme]
        inside = [edge_layer(rho, depth, axes) for depth in range(reach, -1, -1)]
        layers = [ghost_layer(rho, axes, connectivity, depth) for depth in range(reach)]
        _, outermost = STATES[scheme](np.stack([*inside, *layers], axis=1), 1)  # towards the edge
        return cls(layers, exchange(outermost[:, 0], connectivity))


@dataclass(frozen=True)
class _Lines:
    """The coordinate lines of one axis through a block, as the second axis of `cells`.

    start, stop : the part of the lines that the block has; whole lines but along its own rows
    low, high : (layers of ghost cells, states) beyond the two ends of the lines
    """

    axis: int
    scheme: Scheme
    cells: Array
    start: int
    stop: int
    low: tuple[list[Array], Array]
    high: tuple[list[Array], Array]

    @classmethod
    def through(
        cls, rho: Array, panels: slice, rows: slice, axis: int, slabs: _Slabs, scheme: Scheme
    ) -> _Lines:
        cut = (panels,) if axis == 0 else (panels, rows)  # the rows are the first tangential axis
        ends = []
        for side in range(2):
            layers = [layer[:, axis, side][cut] for layer in slabs.layers]
            ends.append((layers, slabs.states[:, axis, side][cut]))
        cells = np.moveaxis(rho[cut], 1 + axis, 1)
        span = (rows.start, rows.stop) if axis == 0 else (0, cells.shape[1])
        return cls(axis, scheme, cells, *span, *ends)

    def own(self, faces: Array, panels: slice, rows: slice) -> Array:
        """The block's part of an array on the faces of this axis, along the second axis."""
        if self.axis == 0:
            return faces[panels, rows.start : rows.stop + 1]
        return np.moveaxis(faces[panels, rows], 1 + self.axis, 1)

    def face_states(self) -> tuple[Array, Array]:
        """States left and right of the faces start .. stop."""
        n = self.cells.shape[1]
        first, last = max(self.start - 1, 0), min(self.stop + 1, n)  # cells that the faces need
        below, above = self._states(first, last)
        left, right = above[:, : self.stop - first], below[:, self.start - first :]
        if self.start == 0:
            left = np.concatenate([self.low[1][:, None], left], axis=1)
        if self.stop == n:
            right = np.concatenate([right, self.high[1][:, None]], axis=1)
        return left, right

    def _states(self, first: int, last: int) -> tuple[Array, Array]:
        """States of the cells first .. last - 1 on their low and high faces."""
        reach, n = REACH[self.scheme], self.cells.shape[1]
        parts = [
            *(layer[:, None] for layer in reversed(self.low[0][: max(reach - first, 0)])),
            self.cells[:, max(first - reach, 0) : min(last + reach, n)],
            *(layer[:, None] for layer in self.high[0][: max(last + reach - n, 0)]),
        ]
        return STATES[self.scheme](np.concatenate(parts, axis=1) if reach else parts[0], 1)


def _upwind(left: Array, right: Array, measure: Array, a_values: Array) -> Array:
    """a U times the state that the flow comes from; a grows along the last axis."""
    outward = np.greater(measure, 0.0)[..., None]
    state = np.where(outward != (a_values < 0.0), left, right)
    state *= measure[..., None]
    state *= a_values
    return state


def _outer_flux(change: Array, rho: Array, speed: Array, scheme: Scheme) -> None:
    """Add d_a(speed rho) to `change`, speed in cells; no flux through the walls.

    Arrays are contiguous: flux and next cell of all columns in one are those of each but at walls.
    """
    rising = np.greater(speed, 0.0)[..., None]
    below = above = rho
    if scheme != "upwind":
        lean = _lean(rho, rising, scheme)
        below, above = rho - lean, rho + lean
    flux = np.where(rising, above, np.roll(below, -1))
    flux *= speed[..., None]
    flux[..., -1] = 0.0
    change += flux
    change.reshape(-1)[1:] -= flux.reshape(-1)[:-1]


def _lean(rho: Array, rising: Array, scheme: Scheme) -> Array:
    """By how much a cell's state on the face ahead exceeds its value (falls short of it, where the
    flow goes down); 0 at the walls, and in sum.
    """
    if scheme == "muscl":
        return balanced_half_slopes(rho)
    padded = np.pad(rho, [(0, 0)] * (rho.ndim - 1) + [(2, 2)])
    below, above = weno_states(padded, -1)
    lean = np.where(rising, above - rho, rho - below)
    lean[..., 0] = lean[..., -1] = 0.0
    return balanced(lean)

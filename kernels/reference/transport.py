"""Finite-volume transport of a density on (panels of the cubed sphere) x (the a axis).

    rho_new = w0 base + w1 (rho - dt [ sum over sphere faces of a U_f q_f / V  +  d_a(u q) ])

U_f is the integral of the unit velocity over a face, u = da/dt of a column. Face states q_f come
from the upwind cell: its value (`upwind`), or value +- half an MC-limited slope (`muscl`), taken in
the cell's own panel; on a panel edge each panel gives its own inside state, so both see one flux
and the mass is kept to rounding. Along a the slopes are balanced (see `limiter`) and the walls are
closed.

Work goes in blocks of rows that stay in cache; no temporary is larger than a block.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..contract import Connectivity, Scheme, Velocity
from .halo import edge_layer, exchange, ghost_layer
from .limiter import balanced_slopes, mc_slope

Array = NDArray[np.float64]

BLOCK_CELLS = 32_768  # 256 KiB a temporary
SUBNORMAL = 1e-300  # far tails decay into numbers that have no relative precision


def transport(
    out: Array,
    rho: Array,
    base: Array | None,
    weights: tuple[float, float],
    dt: float,
    velocity: Velocity,
    volume: Array,
    a_values: Array,
    a_width: float | None,
    scheme: Scheme,
    connectivity: Connectivity,
) -> None:
    """One Runge-Kutta stage: out = weights[0] base + weights[1] (rho - dt div(velocity rho))."""
    axes = len(velocity.faces)
    ghosts = outer_states = None
    if axes:
        ghosts = ghost_layer(rho, axes, connectivity) if scheme == "muscl" else None
        outer_states = exchange(_edge_states(rho, ghosts, axes), connectivity)
    for panels, rows in _blocks(rho.shape):
        block = rho[panels, rows]
        change = np.zeros_like(block)
        for axis in range(axes):
            _sphere_flux(
                change, rho, panels, rows, axis, velocity.faces[axis], a_values, ghosts,
                outer_states,
            )  # fmt: skip
        change /= volume[panels, rows][..., None]
        if velocity.outer is not None and a_width is not None:
            _outer_flux(change, block, velocity.outer[panels, rows], a_width, scheme)
        change *= -dt
        change += block
        change *= weights[1]
        if base is not None and weights[0]:
            change += weights[0] * base[panels, rows]
        _lift_subnormal(change)
        out[panels, rows] = change


def _lift_subnormal(values: Array) -> None:
    """Set to 0 what rounding of subnormal numbers left below; a larger negative stays in sight."""
    if -SUBNORMAL < values.min() < 0.0:
        values[values < 0.0] = 0.0


def _blocks(shape: tuple[int, ...]) -> Iterator[tuple[slice, slice]]:
    """Blocks of whole panels, or of rows of one panel where a panel is larger than a block."""
    panels, rows = shape[0], shape[1]
    row_cells = int(np.prod(shape[2:]))
    at_once = max(1, BLOCK_CELLS // (rows * row_cells))
    height = max(1, min(rows, BLOCK_CELLS // row_cells))
    for p in range(0, panels, at_once):
        for i in range(0, rows, height):
            yield slice(p, min(p + at_once, panels)), slice(i, min(i + height, rows))


def _edge_states(rho: Array, ghosts: Array | None, axes: int) -> Array:
    """Slabs: every panel's own inside state on its edge faces."""
    first = edge_layer(rho, 0, axes)
    if ghosts is None:
        return first
    second = edge_layer(rho, 1, axes)
    return first + 0.5 * mc_slope(first - second, ghosts - first)  # slope towards the edge


def _sphere_flux(
    change: Array,
    rho: Array,
    panels: slice,
    rows: slice,
    axis: int,
    faces: Array,
    a_values: Array,
    ghosts: Array | None,
    outer_states: Array | None,
) -> None:
    """Add the outgoing fluxes through the faces normal to `axis` to `change`."""
    assert outer_states is not None
    lines = np.moveaxis(rho[panels], 1 + axis, 1)
    flux_measure = np.moveaxis(faces[panels], 1 + axis, 1)
    low_edge, high_edge = outer_states[panels, axis, 0], outer_states[panels, axis, 1]
    if axis == 0:
        start, stop = rows.start, rows.stop
        own_ghosts = None if ghosts is None else (ghosts[panels, 0, 0], ghosts[panels, 0, 1])
        flux_measure = flux_measure[:, start : stop + 1]
    else:
        start, stop = 0, lines.shape[1]
        lines = lines[:, :, rows]  # the rows are the first of the other axes
        flux_measure = flux_measure[:, :, rows]
        low_edge, high_edge = low_edge[:, rows], high_edge[:, rows]
        own_ghosts = None
        if ghosts is not None:
            own_ghosts = (ghosts[panels, axis, 0][:, rows], ghosts[panels, axis, 1][:, rows])
    left, right = _face_states(lines, start, stop, own_ghosts, low_edge, high_edge)
    flux = _upwind(left, right, flux_measure, a_values)
    out = np.moveaxis(change, 1 + axis, 1)
    out += flux[:, 1:]
    out -= flux[:, :-1]


def _face_states(
    lines: Array,
    start: int,
    stop: int,
    ghosts: tuple[Array, Array] | None,
    low_edge: Array,
    high_edge: Array,
) -> tuple[Array, Array]:
    """States left and right of the faces start .. stop of cells along axis 1 of `lines`."""
    n = lines.shape[1]
    first, last = max(start - 1, 0), min(stop + 1, n)  # the cells whose states the faces need
    cells = lines[:, first:last]
    if ghosts is None:
        below = above = cells
    else:
        reach = [lines[:, max(first - 1, 0) : min(last + 1, n)]]
        if first == 0:
            reach.insert(0, ghosts[0][:, None])
        if last == n:
            reach.append(ghosts[1][:, None])
        difference = np.diff(np.concatenate(reach, axis=1), axis=1)
        half = mc_slope(difference[:, :-1], difference[:, 1:])
        half *= 0.5
        above, below = cells + half, cells - half
    left, right = above[:, : stop - first], below[:, start - first :]
    if start == 0:
        left = np.concatenate([low_edge[:, None], left], axis=1)
    if stop == n:
        right = np.concatenate([right, high_edge[:, None]], axis=1)
    return left, right


def _upwind(left: Array, right: Array, measure: Array, a_values: Array) -> Array:
    """a U times the state that the flow comes from; a grows along the last axis."""
    from_left = np.greater(measure, 0.0)[..., None]
    negative = int(np.searchsorted(a_values, 0.0))
    state = np.empty_like(left)
    state[..., :negative] = np.where(from_left, right[..., :negative], left[..., :negative])
    state[..., negative:] = np.where(from_left, left[..., negative:], right[..., negative:])
    state *= measure[..., None]
    state *= a_values
    return state


def _outer_flux(change: Array, rho: Array, speed: Array, width: float, scheme: Scheme) -> None:
    """Add d_a(speed rho) to `change`; no flux through the walls."""
    rising = np.greater(speed, 0.0)[..., None]
    if scheme == "muscl":
        half = balanced_slopes(rho)
        half *= 0.5
        flux = np.where(rising, rho[..., :-1] + half[..., :-1], rho[..., 1:] - half[..., 1:])
    else:
        flux = np.where(rising, rho[..., :-1], rho[..., 1:])
    flux *= (speed / width)[..., None]
    change[..., :-1] += flux
    change[..., 1:] -= flux

"""Finite-volume transport at a temperature: one flux for drift and diffusion.

    rho_t = div(rho grad mu),   mu = Psi + tau log rho,   Psi = a h(v) + ridge a^2/2

The velocity on a face is that of the whole gradient of mu, and the flux takes the upwind cell's own
state, limited as in `transport`:

    u[mu] = -(N.g + K (mu_R - mu_L - g.(v_R - v_L))),   g = mean of the two cells' gradients
    |u| <= |u[Psi]| + 2 tau K

N is the face's measure times the mobility times its covector, K = N.covector/h. Gradients at cell
centres are ambient vectors, from the two neighbours along each axis, those across a panel edge
included; the second term makes the flux exact for linear functions on the stencil's kink there, and
one number from either side. Where mu is constant u = 0: the discrete Gibbs state exp(-Psi/tau) is
kept exactly. The bound concerns vacuum, whose logarithm would empty a cell in no time; it holds the
step without losing positivity (a bound that leaves out u[Psi] would cut the cross-metric drift).

Source: the upwind flux of a free energy's gradient by Carrillo, Chertock, Huang, Commun. Comput.
Phys. 17 (2015) 233, on a non-orthogonal grid and with the bound. Along a: see `outer`.

Work goes in blocks of a (on all directions), then of directions (all of a).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ..contract import Connectivity, Grid, Heat, Scheme, Stage, Stencil, Velocity
from .halo import edge_layer, exchange, ghost_layer
from .outer import bounded, logarithm, outer_flux, outer_speed, vacuum
from .transport import BLOCK_CELLS, REACH, STATES, carry, flush_subnormal, staged

Array = NDArray[np.float64]

TRACE = 1e-12  # of the largest density: below it, the dissipation does not resolve a logarithm


def thermal_transport(out: Array, rho: Array, stage: Stage, velocity: Velocity, grid: Grid) -> None:
    """One Runge-Kutta stage: out = weights[0] base + weights[1] (rho - dt div(velocity rho))."""
    drift, dt, a_width = _drift(velocity, grid), stage.dt, grid.a_width
    for part in _parts(rho):
        cells = np.ascontiguousarray(rho[..., part])
        change = np.zeros_like(cells)
        if drift:
            speeds = _speeds(cells, drift, velocity, grid.a_values[part], grid.connectivity)
            _subtract_flux(change, cells, speeds, stage.scheme, grid.connectivity)
        staged(change, (dt / grid.volume)[..., None], cells, stage, (..., part))
        out[..., part] = change
    columns, target = _columns(rho), _columns(out)
    for rows in _row_blocks(rho):
        if velocity.outer is not None and a_width is not None:
            outer = velocity.outer.ravel()[rows]
            speed = outer_speed(velocity, outer, columns[rows], grid.a_values)
            flux = outer_flux(columns[rows], speed, stage.scheme)
            carry(target[rows], flux, stage.weights[1] * dt / a_width)
        flush_subnormal(target[rows])


def thermal_outflow(out: Array, rho: Array, velocity: Velocity, grid: Grid) -> float:
    """Largest share of a cell that leaves it in unit time (first-order upwind); `out` is filled."""
    drift, a_width = _drift(velocity, grid), grid.a_width
    for part in _parts(rho):
        cells = np.ascontiguousarray(rho[..., part])
        leaving = np.zeros_like(cells)
        if drift:
            speeds = _speeds(cells, drift, velocity, grid.a_values[part], grid.connectivity)
            for axis, speed in enumerate(speeds):
                lines, through = np.moveaxis(leaving, 1 + axis, 1), np.moveaxis(speed, 1 + axis, 1)
                lines += np.maximum(through[:, 1:], 0.0)
                lines -= np.minimum(through[:, :-1], 0.0)
            leaving /= grid.volume[..., None]
        out[..., part] = leaving
    if velocity.outer is not None and a_width is not None:
        columns, target = _columns(rho), _columns(out)
        for rows in _row_blocks(rho):
            outer = velocity.outer.ravel()[rows]
            speed = outer_speed(velocity, outer, columns[rows], grid.a_values)
            speed /= a_width
            target[rows, :-1] += np.maximum(speed, 0.0)
            target[rows, 1:] -= np.minimum(speed, 0.0)
    return float(out.max())


def thermal_dissipation(rho: Array, velocity: Velocity, grid: Grid) -> Array:
    """(2d, n, .., n): sum over a of rho |grad mu|^2, mobilities inside.

    By central differences; along a, whose law may start with jumps, on the faces with the mean
    density that makes tau^2 rho |grad log rho|^2 four times that of (tau grad root rho)^2, which is
    finite beside vacuum. A logarithm there is no number: densities below a trace of the largest
    count as that.
    """
    heat, a_values, a_width = _heat(velocity), grid.a_values, grid.a_width
    total, least = np.zeros(rho.shape[:-1]), max(TRACE * float(rho.max()), vacuum(rho))
    for part in _parts(rho):
        if not len(velocity.faces):
            break
        cells = np.ascontiguousarray(rho[..., part])
        mu = heat.temperature * logarithm(cells, least)
        mu += heat.h[..., None] * a_values[part]
        slope = _gradient(mu, heat.stencil.speed, grid.connectivity)
        total += np.einsum("...i,c...i,c...i->...", cells, slope, slope)
    if velocity.outer is not None and a_width is not None:
        columns, flat = _columns(rho), total.reshape(-1)
        for rows in _row_blocks(rho):
            cells, h = np.asarray(columns[rows], float), heat.h.ravel()[rows, None]
            mu = heat.temperature * logarithm(cells, least)
            mu += (h + 0.5 * velocity.ridge * a_values) * a_values
            slope = np.diff(mu, axis=1) / a_width
            between = _between(np.maximum(cells, least))
            flat[rows] += velocity.outer_rate * np.einsum("ri,ri,ri->r", between, slope, slope)
    return total


def _between(q: Array) -> Array:
    """((root q+ - root q)/log(root(q+/q)))^2 of neighbours in a row, (rows, n_a - 1)."""
    root = np.sqrt(q)
    rise, ratio = np.diff(root, axis=1), np.diff(np.log(root), axis=1)
    close = np.abs(ratio) < 1e-4  # where the mean of the two is as good
    middle = 0.5 * (root[:, 1:] + root[:, :-1])
    return np.asarray(np.where(close, middle, rise / np.where(close, 1.0, ratio)) ** 2)


def _heat(velocity: Velocity) -> Heat:
    assert velocity.heat is not None
    return velocity.heat


def _drift(velocity: Velocity, grid: Grid) -> list[Array]:
    """u[h] on the faces of every axis, (2d, n, .., n+1, .., n, 1); none where directions rest."""
    if not velocity.faces:
        return []
    heat = _heat(velocity)
    return _normal_speeds(heat.h[..., None], grid.connectivity, heat.stencil)


def _speeds(
    cells: Array,
    drift: Sequence[Array],
    velocity: Velocity,
    a_values: Array,
    connectivity: Connectivity,
) -> list[Array]:
    """u[mu], bounded, on the faces of every axis."""
    tau, stencil = _heat(velocity).temperature, _heat(velocity).stencil
    speeds = _normal_speeds(tau * logarithm(cells, vacuum(cells)), connectivity, stencil)
    for speed, unit, compact in zip(speeds, drift, stencil.compact, strict=True):
        carried = unit * a_values
        speed += carried
        bounded(speed, np.abs(carried) + 2.0 * tau * compact[..., None])
    return speeds


def _normal_speeds(x: Array, connectivity: Connectivity, stencil: Stencil) -> list[Array]:
    """u[x] of values at the cell centres, (2d, n, .., n, k), on the faces of every axis."""
    axes = len(stencil.compact)
    beyond = exchange(edge_layer(x, 0, axes), connectivity)
    gradient = _gradient(x, stencil.dual, connectivity, beyond)
    across = [exchange(edge_layer(part, 0, axes), connectivity) for part in gradient]
    speeds = []
    for axis in range(axes):
        lines = _extended(x, beyond, axis)
        speed = _on_lines(stencil.compact[axis], axis) * (lines[:, :-1] - lines[:, 1:])
        for weight, part, part_beyond in zip(stencil.cross[axis], gradient, across, strict=True):
            lines = _extended(part, part_beyond, axis)
            speed -= _on_lines(weight, axis) * (lines[:, :-1] + lines[:, 1:])
        speeds.append(np.moveaxis(speed, 1, 1 + axis))
    return speeds


def _gradient(
    x: Array, dual: Array, connectivity: Connectivity, beyond: Array | None = None
) -> Array:
    """(d, 2d, n, .., n, k): sum over the axes of dual times the neighbours' difference."""
    if beyond is None:
        beyond = exchange(edge_layer(x, 0, len(dual)), connectivity)
    gradient = np.zeros((dual.shape[1], *x.shape))
    for axis, vector in enumerate(dual):
        lines = _extended(x, beyond, axis)
        difference = np.moveaxis(lines[:, 2:] - lines[:, :-2], 1, 1 + axis)
        gradient += vector[..., None] * difference
    return gradient


def _on_lines(faces: Array, axis: int) -> Array:
    """Coefficients (2d, n, .., n+1, .., n) with their axis second, beside values (.., k)."""
    return np.moveaxis(faces, 1 + axis, 1)[..., None]


def _extended(x: Array, beyond: Array, axis: int) -> Array:
    """The lines of an axis as the second axis, with the neighbours' cells at both ends."""
    low, high = beyond[:, axis, 0], beyond[:, axis, 1]
    return np.concatenate([low[:, None], np.moveaxis(x, 1 + axis, 1), high[:, None]], axis=1)


def _subtract_flux(
    change: Array,
    cells: Array,
    speeds: Sequence[Array],
    scheme: Scheme,
    connectivity: Connectivity,
) -> None:
    """Subtract the flux out of every cell from `change`."""
    axes, reach = len(speeds), REACH[scheme]
    layers = [ghost_layer(cells, axes, connectivity, depth) for depth in range(reach)]
    states = [_states(cells, layers, axis, scheme) for axis in range(axes)]
    ends = np.stack([np.stack([low[:, 0], high[:, -1]], 1) for low, high in states], 1)
    beyond = exchange(ends, connectivity)
    for axis, (speed, (low, high)) in enumerate(zip(speeds, states, strict=True)):
        through = np.moveaxis(speed, 1 + axis, 1)
        flux = np.maximum(through, 0.0)
        flux[:, 0] *= beyond[:, axis, 0]
        flux[:, 1:] *= high
        back = np.minimum(through, 0.0)
        back[:, :-1] *= low
        back[:, -1] *= beyond[:, axis, 1]
        flux += back
        along = np.moveaxis(change, 1 + axis, 1)
        along -= flux[:, 1:]
        along += flux[:, :-1]


def _states(
    cells: Array, layers: Sequence[Array], axis: int, scheme: Scheme
) -> tuple[Array, Array]:
    """States of all cells on their low and high faces along an axis, which stands second."""
    lines = [
        *(layer[:, axis, 0][:, None] for layer in reversed(layers)),
        np.moveaxis(cells, 1 + axis, 1),
        *(layer[:, axis, 1][:, None] for layer in layers),
    ]
    return STATES[scheme](np.concatenate(lines, axis=1), 1)


def _parts(rho: Array) -> Iterator[slice]:
    """Blocks of a, on all directions."""
    count, directions = rho.shape[-1], rho[..., 0].size
    step = max(1, BLOCK_CELLS // directions)
    return (slice(i, min(i + step, count)) for i in range(0, count, step))


def _row_blocks(rho: Array) -> Iterator[slice]:
    """Blocks of directions, with all of a."""
    count, directions = rho.shape[-1], rho[..., 0].size
    step = max(1, BLOCK_CELLS // count)
    return (slice(i, min(i + step, directions)) for i in range(0, directions, step))


def _columns(rho: Array) -> Array:
    """(directions, n_a): a view."""
    return rho.reshape(-1, rho.shape[-1])

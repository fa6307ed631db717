"""Cells as meshes in space, for programs that draw surfaces and volumes.

    d = 3   the cubed sphere of raw directions: quadrilaterals that meet in shared corners
    d = 3   the same times the a axis: hexahedra in the shell 1 <= |x| <= 2, |x| - 1 the share of
            the way from the lowest to the highest a
    d = 2   the cylinder of raw direction and a: (cos phi, sin phi, a)
    neurons points on the same sphere or cylinder

Corners are numbered on the lattice of the cube's surface, in integers, so that panels close up
exactly. A list of fixed a has bands of unit height, as in the figures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...pde.frame import Array, Layout
from ..figures.subject import a_edges, circle, raw

if TYPE_CHECKING:
    from ..neuronrun import NeuronRun
    from ..run import Run

Cells = NDArray[np.intp]


@dataclass(frozen=True)
class Mesh:
    """points : (points, 3); cells : (cells, corners) indices of points."""

    points: Array
    cells: Cells


def sphere(layout: Layout) -> Mesh:
    """d = 3: a quadrilateral a cell, in their order, counter-clockwise as seen from outside."""
    n = len(layout.xi)
    lattice = _cube_lattice(n)
    corners, numbers = np.unique(lattice.reshape(-1, 3), axis=0, return_inverse=True)
    grid = numbers.reshape(6, n + 1, n + 1)
    ring = (grid[:, :-1, :-1], grid[:, 1:, :-1], grid[:, 1:, 1:], grid[:, :-1, 1:])
    cells = np.stack(ring, axis=-1).reshape(-1, 4)
    points = _unit(np.tan(corners * np.pi / (4 * n)))
    points = raw(layout, points) if layout.coordinates == "whitened" else points
    one, two, _, four = np.moveaxis(points[cells], 1, 0)
    inwards = np.sum(np.cross(two - one, four - one) * one, axis=-1) < 0
    cells[inwards] = cells[inwards][:, ::-1]
    return Mesh(points, cells)


def _cube_lattice(n: int) -> NDArray[np.int64]:
    """Corners of all panels (6, n + 1, n + 1, 3), as odd or even numbers from -n to n."""
    ticks = np.arange(-n, n + 1, 2)
    tangents = np.stack(np.meshgrid(ticks, ticks, indexing="ij"), axis=-1)
    panels = [np.insert(tangents, p // 2, n if p % 2 else -n, axis=-1) for p in range(6)]
    return np.stack(panels)


def shell(run: Run) -> Mesh:
    """d = 3: a hexahedron a cell of direction and a, a running fastest."""
    surface, edges = sphere(run.layout), a_edges(run)
    radii = 1 + (edges - edges[0]) / (edges[-1] - edges[0])
    points = (surface.points[:, None] * radii[:, None]).reshape(-1, 3)
    levels = np.arange(len(radii) - 1)
    inner = surface.cells[:, None, :] * len(radii) + levels[:, None]
    return Mesh(points, np.concatenate([inner, inner + 1], axis=-1).reshape(-1, 8))


def cylinder(run: Run) -> tuple[Mesh, NDArray[np.intp]]:
    """d = 2: a quadrilateral a cell, a running fastest; and the order of the direction cells."""
    order, angles = circle(run.layout)
    edges, around = a_edges(run), len(order)
    corner = np.arange(around * len(edges)).reshape(around, len(edges))
    following = np.roll(corner, -1, axis=0)
    ring = (corner[:, :-1], following[:, :-1], following[:, 1:], corner[:, 1:])
    phi, a = np.repeat(angles[:-1], len(edges)), np.tile(edges, around)
    points = np.stack([np.cos(phi), np.sin(phi), a], axis=-1)
    return Mesh(points, np.stack(ring, axis=-1).reshape(-1, 4)), order


def neurons(run: NeuronRun, t: float) -> Mesh:
    """A point a neuron, replica by replica: (u1, u2, a) for d = 2, u for d = 3."""
    direction, a, _ = run.particles(t)
    flat = direction.reshape(-1, run.layout.dimension)
    points = np.column_stack([flat, a.ravel()]) if run.layout.dimension == 2 else flat
    return Mesh(points, np.arange(len(points))[:, None])


def _unit(vectors: Array) -> Array:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))

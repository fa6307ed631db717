"""Bytes that the kernels keep on a device beside their arguments, by shapes alone.

Kept memory (`Device.scratch`, `Device.derived`) of the largest calls of a run: ghost layers and
edge states of a density, what is one number a face, and partial results of pair sums; at a
temperature the logarithms of a density on a padded grid, and the gradient's tables.
"""

from __future__ import annotations

import numpy as np

from ..contract import Real, Scheme
from .grid import NODES, SCHEMES, Shape
from .pairs import BLOCKS, PAIR_THREADS
from .thermal import PARTS

LAYERS = 2  # that the halo has tables of
PER_THREAD = 4  # values of a thread of the pair sums, at most


def held(shape: tuple[int, ...], real: Real, scheme: Scheme, noise: bool) -> int:
    """Bytes for a density of that shape."""
    grid = Shape(len(shape) - 1, shape[1], shape[-1])
    axes, each = grid.dimension - 1, np.dtype(real).itemsize
    slabs = (SCHEMES[scheme] + 1) * grid.slab_cells * grid.count
    per_direction = 4 * grid.directions + axes * grid.axis_faces
    columns = grid.directions + BLOCKS * PAIR_THREADS * PER_THREAD
    total = each * (slabs + per_direction) + 8 * (grid.dimension + 1) * columns
    return total + _tables(grid) + (_warm(grid, each) if noise else 0)


def recorded(shape: tuple[int, ...]) -> int:
    """Bytes of the graphs of a step: their results, and what is alive in them at once."""
    grid = Shape(len(shape) - 1, shape[1], shape[-1])
    d = grid.dimension
    return 8 * grid.directions * (34 + 14 * d + 3 * d * d)


def _tables(grid: Shape) -> int:
    """Of the halo: a number a slot, and four nodes' first and weights a cell of a line."""
    slots = 4 * grid.dimension * (grid.dimension - 1)
    return 4 * slots + LAYERS * max(grid.cells, NODES) * (4 + 8 * NODES)


def _warm(grid: Shape, each: int) -> int:
    """Of a temperature: on the padded grid logarithms, h, and which cells these are; neighbours;
    shares and drifts of faces; their weights.
    """
    axes, sides = grid.dimension - 1, 2 * (grid.dimension - 1)
    fields = grid.padded * (each * grid.count + 8 + 4)
    shares = axes * grid.axis_faces * each * (2 + sides) + 4 * grid.directions * sides
    weights = 8 * axes * (grid.dimension + 1) * grid.axis_faces
    speeds = 8 * (axes**2 * grid.directions + PARTS + 1)
    return fields + shares + weights + speeds

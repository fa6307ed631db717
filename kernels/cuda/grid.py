"""What kernels on the grid of directions are told: tables of the halo, blocks, slabs of a density.

    across  (slots,)        the neighbour's slot beside each panel edge
    first   (layers, n)     first of the four cells that a ghost cell is interpolated from
    share   (layers, n, 4)  their weights

A slot is [panel, axis, side], flat. See halo.cu.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contract import Connectivity, Scheme
from .device import Device
from .module import Module

THREADS = 128  # as in common.cu
WARP = 32
NODES = 4
PAD = 2  # as in gradient.cu
SCHEMES: dict[Scheme, int] = {"upwind": 0, "muscl": 1, "weno": 2}  # and the layers that they read


@dataclass(frozen=True)
class Tables:
    """The connectivity, as the kernels read it."""

    across: Any
    first: Any
    share: Any

    @classmethod
    def of(cls, connectivity: Connectivity, device: Device) -> Tables:
        """The tables on a device, made once."""

        def make() -> Tables:
            panel, axis, side = connectivity.panel, connectivity.axis, connectivity.side
            across = (panel * panel.shape[1] + axis) * 2 + side
            first, share = interpolation(connectivity.ghost_weights)
            return cls(
                device.array(across.ravel(), np.int32),
                device.array(first, np.int32),
                device.array(share),
            )

        tables: Tables = device.derived("tables", connectivity, make)
        return tables


def interpolation(weights: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """First nodes (layers, n) and weights (layers, n, 4) of a banded matrix (layers, n, n)."""
    n = weights.shape[-1]
    first = np.minimum(np.argmax(weights != 0.0, axis=-1), n - NODES)
    nodes = first[..., None] + np.arange(NODES)
    share = np.take_along_axis(weights, nodes, axis=-1)
    assert np.count_nonzero(share) == np.count_nonzero(weights), "ghosts read more than four cells"
    return first, share


@dataclass(frozen=True)
class Shape:
    """Sizes of a density (2d, n, .., n, count)."""

    dimension: int
    cells: int
    count: int

    @classmethod
    def of(cls, rho: Any) -> Shape:
        """The sizes of that array."""
        return cls(rho.ndim - 1, rho.shape[1], rho.shape[-1])

    @property
    def directions(self) -> int:
        """2d n^(d-1)."""
        return int(2 * self.dimension * self.cells ** (self.dimension - 1))

    @property
    def slab_cells(self) -> int:
        """Cells of one layer beside every panel edge."""
        slots = 4 * self.dimension * (self.dimension - 1)
        return int(slots * self.cells ** (self.dimension - 2))

    @property
    def padded(self) -> int:
        """Cells of the directions with two layers more on all sides of every panel."""
        return int(2 * self.dimension * (self.cells + 2 * PAD) ** (self.dimension - 1))

    @property
    def axis_faces(self) -> int:
        """Faces of one axis."""
        return self.directions // self.cells * (self.cells + 1)


def lanes(items: int, count: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Grid and block for `items` columns of `count` values, lanes along the values."""
    width = min(THREADS, 1 << max(count - 1, 0).bit_length())
    height = THREADS // width
    return (-(-items // height), 1), (width, height)


def warps(items: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Grid and block for one warp an item."""
    height = THREADS // WARP
    return (-(-items // height), 1), (WARP, height)


def threads(items: int) -> tuple[tuple[int], tuple[int]]:
    """Grid and block for one thread an item."""
    return (-(-items // THREADS),), (THREADS,)


def slabs(module: Module, rho: Any, scheme: Scheme, tables: Tables, shape: Shape) -> Any:
    """(layers + 1, slots, n^(d-2), count): what lies beyond every panel edge; see lines.cu."""
    reach, count = SCHEMES[scheme], shape.count
    beyond = module.device.scratch("slabs", (reach + 1, shape.slab_cells, count), rho.dtype)
    (blocks, _), block = lanes(shape.slab_cells, count)
    sizes = (shape.cells, count)
    module(
        "ghost_layers",
        (blocks, reach),
        block,
        rho,
        tables.across,
        tables.first,
        tables.share,
        *sizes,
        beyond,
    )
    module("edge_states", (blocks, 1), block, rho, tables.across, *sizes, beyond)
    return beyond


def stacked(device: Device, name: str, arrays: Any, dtype: Any) -> Any:
    """Arrays of one size under one another, in kept memory of that type."""
    size = prod(arrays[0].shape)
    held = device.scratch(name, (len(arrays), size), dtype)
    for row, values in zip(held, arrays, strict=True):
        row[...] = values.reshape(-1)
    return held

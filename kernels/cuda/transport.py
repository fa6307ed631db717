"""Launches of the transport of a density; see transport.cu, march.cu, columns.cu and outer.cu.

Densities are of the backend's type; velocities, volumes and all else that is one number a direction
are float64, and what a kernel reads once a cell is converted here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..contract import Grid, Scheme, Stage, Velocity
from .device import Device
from .grid import SCHEMES, THREADS, WARP, Shape, Tables, slabs, stacked, warps
from .module import Module

MODULES = Callable[[str, dict[str, int], str], Module]  # of a family, by definitions and type
WANTED = 1 << 18  # threads of a stage, where the grid has work for them
SHORTEST, LONGEST = 4, 32  # cells of a march


@dataclass(frozen=True)
class Outer:
    """Transport along a, as kernels are told; values None: a rests.

    values : (directions,) da/dt over the width of a cell, of the density's type
    pull : outer_rate ridge over that width; varied : whether the speed is not one a column
    """

    values: Any
    width: float
    pull: float
    varied: bool

    @classmethod
    def of(cls, device: Device, velocity: Velocity, a_width: float | None, real: Any) -> Outer:
        """Of a velocity on cells of that width; None is a list, on which a rests."""
        if velocity.outer is None or a_width is None:
            return cls(None, 1.0, 0.0, False)
        values = device.scratch("outer", (velocity.outer.size,), real)
        values[...] = velocity.outer.reshape(-1) / a_width
        pull = velocity.outer_rate * velocity.ridge / a_width
        return cls(values, a_width, pull, bool(velocity.ridge))


def transport(
    modules: MODULES, out: Any, rho: Any, stage: Stage, velocity: Velocity, grid: Grid
) -> None:
    """One Runge-Kutta stage: out = weights[0] base + weights[1] (rho - dt div(velocity rho))."""
    defined = definitions(rho, stage.scheme, bool(velocity.faces))
    module = modules("transport", defined, rho.dtype.name)
    device, shape, real = module.device, Shape.of(rho), rho.dtype
    outer = Outer.of(device, velocity, grid.a_width, real)
    chunk, blocks, block = march(shape, defined["PACK"], defined["ROWS"])
    faces = beyond = None
    if velocity.faces:
        faces = stacked(device, "faces", velocity.faces, real)
        beyond = slabs(module, rho, stage.scheme, Tables.of(grid.connectivity, device), shape)
    module(
        "transport_stage",
        blocks,
        block,
        rho,
        stage.base if stage.weights[0] else rho,
        out,
        beyond,
        faces,
        per_volume(device, grid.volume, real),
        outer.values,
        None if defined["LANES"] else balance(module, rho, outer, shape),
        device.constant(grid.a_values, real),
        0.5 * outer.width,
        outer.pull,
        outer.varied,
        *stage.weights,
        stage.dt,
        shape.cells,
        shape.count,
        chunk,
    )


def march(shape: Shape, pack: int, rows: int) -> tuple[int, tuple[int, int, int], tuple[int, int]]:
    """Cells that a thread takes along the first axis, and the grid and block of its launch.

    Short marches where there would be too few threads otherwise; of the sizes alone.
    """
    packs, lines = shape.count // pack, shape.directions // shape.cells // rows
    width = min(THREADS, 1 << max(packs - 1, 0).bit_length())
    height = THREADS // width
    chunk = max(SHORTEST, min(LONGEST, packs * lines * shape.cells // WANTED))
    blocks = (-(-lines // height), -(-shape.cells // chunk), -(-packs // width))
    return chunk, blocks, (width, height)


def per_volume(device: Device, volume: Any, real: Any) -> Any:
    """(directions,): one over the volume of every direction's cell."""
    made = f"volume {np.dtype(real).name}"
    return device.derived(made, volume, lambda: device.array(1.0 / volume, real).reshape(-1))


def packed(count: int, real: str) -> int:
    """Values of a that fit 16 bytes and divide their number, or one."""
    width = 16 // np.dtype(real).itemsize
    return width if count % width == 0 else 1


def abreast(shape: Shape) -> int:
    """Cells beside each other along the last axis that a thread takes: they share a face."""
    return 2 if shape.dimension > 2 and shape.cells % 2 == 0 else 1


def together(packs: int) -> int:
    """Lanes, a power of two, that have a whole column of so many packs; 0: more than a warp has."""
    lanes = 1 << max(packs - 1, 0).bit_length()
    return lanes if lanes <= WARP else 0


def balance(module: Module, rho: Any, outer: Outer, shape: Shape) -> Any:
    """(directions, 2): factors of the rising and the falling departures of every column."""
    if outer.values is None:
        return None
    factors = module.device.scratch("balance", (shape.directions, 2), rho.dtype)
    sizes = (shape.directions, shape.count)
    module("outer_balance", *warps(shape.directions), rho, outer.values, *sizes, factors)
    return factors


def definitions(rho: Any, scheme: Scheme, moves: bool) -> dict[str, int]:
    """Of the modules that these launches take; moves : whether directions do."""
    shape = Shape.of(rho)
    pack = packed(shape.count, rho.dtype.name)
    return {
        "DIMENSION": shape.dimension,
        "SCHEME": SCHEMES[scheme],
        "PACK": pack,
        "ROWS": abreast(shape),
        "LANES": together(shape.count // pack),
        "MOVES": int(moves),
    }

"""Launches of the transport of a density at a temperature; see gradient.cu, driven.cu, heat.cu,
thermal.cu and outflow.cu.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..contract import Grid, Heat, Scheme, Stage, Stencil, Velocity
from ..reference.diffusion import TRACE
from .grid import Shape, Tables, lanes, slabs, stacked, threads, warps
from .module import Module
from .transport import MODULES, Outer, balance, definitions, march, per_volume, together

PARTS = 1024  # partial results of a maximum
WIDE = 3  # largest d in which a tile may have two rows, and full vectors in WENO; doubles: less


@dataclass(frozen=True)
class Warm:
    """Constant tables of the gradient on a grid; see gradient.cu and heat.cu.

    near : the cells next to each; source : which cells those of the padded grid are; share : of
    every face; speed : the stencil's own
    """

    near: Any
    source: Any
    share: Any
    speed: Any

    @classmethod
    def of(cls, heat: Module, stencil: Stencil, tables: Tables, shape: Shape, real: Any) -> Warm:
        """The tables of a stencil, made once."""
        device = heat.device

        def make() -> Warm:
            sides, directions, n = 2 * (shape.dimension - 1), shape.directions, shape.cells
            near = device.xp.empty((directions, sides), np.int32)
            source = device.xp.empty(shape.padded, np.int32)
            share = device.xp.empty((shape.dimension - 1, shape.axis_faces, 1 + sides), real)
            heat("neighbours", *threads(directions), tables.across, n, near)
            heat("padded_cells", *threads(shape.padded), tables.across, n, source)
            heat(
                "face_shares",
                *threads(directions * sides),
                device.array(stencil.dual),
                stacked(device, "cross", stencil.cross, np.float64),
                stacked(device, "compact", stencil.compact, np.float64),
                tables.across,
                n,
                share,
            )
            return cls(near, source, share, device.array(stencil.speed))

        warm: Warm = device.derived("warm", stencil, make)
        return warm


@dataclass(frozen=True)
class Driven:
    """What drives a density at a temperature, as driven.cu is told.

    x : its logarithm times tau on the padded grid; drift : u[h] through all faces, None where
    directions rest; twice : 2 tau; per_rise : of the speed along a, over the width of a cell
    """

    x: Any
    share: Any
    drift: Any
    outer: Outer
    twice: float
    per_rise: float

    @classmethod
    def of(cls, modules: MODULES, rho: Any, velocity: Velocity, grid: Grid) -> Driven:
        """Fill the field and the drift."""
        shape, heat, real = Shape.of(rho), _heat(velocity), rho.dtype
        module = modules("heat", {"DIMENSION": shape.dimension}, real.name)
        tables = Tables.of(grid.connectivity, module.device)
        warm = Warm.of(module, heat.stencil, tables, shape, real)
        fields = modules("outflow", flowing(rho, bool(velocity.faces)), real.name)
        x = potential(fields, rho, warm, heat.temperature)
        drift = drift_of(module, heat, warm, shape, real) if velocity.faces else None
        outer = Outer.of(module.device, velocity, grid.a_width, real)
        per_rise = velocity.outer_rate / outer.width**2
        return cls(x, warm.share, drift, outer, 2 * heat.temperature, per_rise)


def potential(module: Module, rho: Any, warm: Warm, temperature: float) -> Any:
    """(padded directions, n_a): tau log rho."""
    shape, device = Shape.of(rho), module.device
    x = device.scratch("potential", (shape.padded, shape.count), rho.dtype)
    blocks = lanes(shape.padded, shape.count // module.definitions["PACK"])
    sizes = (shape.padded, shape.count)
    module("potentials", *blocks, rho, warm.source, temperature, *sizes, x)
    return x


def drift_of(module: Module, heat: Heat, warm: Warm, shape: Shape, real: Any) -> Any:
    """(d-1, faces of an axis): u[h]."""
    device, sides = module.device, 2 * (shape.dimension - 1)
    h = device.scratch("padded", (shape.padded,))
    drift = device.scratch("drift", (shape.dimension - 1, shape.axis_faces), real)
    known = (device.array(heat.h), warm.source, shape.padded)
    module("padded_field", *threads(shape.padded), *known, h)
    module("drifts", *threads(shape.directions * sides), h, warm.share, shape.cells, drift)
    return drift


def tile(rho: Any, scheme: Scheme, moves: bool) -> dict[str, int]:
    """Definitions of a stage: a thread's tile is smaller where its registers would not do."""
    defined = definitions(rho, scheme, moves)
    if defined["DIMENSION"] > WIDE:
        defined["ROWS"] = 1
    doubled = int(rho.dtype.itemsize == 8)
    if scheme == "weno" and defined["DIMENSION"] + doubled > WIDE and defined["PACK"] > 1:
        pack = defined["PACK"] // 2
        defined |= {"PACK": pack, "LANES": together(rho.shape[-1] // pack)}
    return defined


def flowing(rho: Any, moves: bool) -> dict[str, int]:
    """Of what leaves a density: there are no states, and columns are not looked after."""
    defined = tile(rho, "upwind", moves) | {"LANES": 0}
    del defined["SCHEME"]
    return defined


def transport(
    modules: MODULES, out: Any, rho: Any, stage: Stage, velocity: Velocity, grid: Grid
) -> None:
    """One stage along -grad(a h + ridge a^2/2 + tau log rho)."""
    shape, moves = Shape.of(rho), bool(velocity.faces)
    defined, real = tile(rho, stage.scheme, moves), rho.dtype
    module = modules("thermal", defined, real.name)
    device = module.device
    tables = Tables.of(grid.connectivity, device)
    told = Driven.of(modules, rho, velocity, grid)
    chunk, blocks, block = march(shape, defined["PACK"], defined["ROWS"])
    module(
        "thermal_stage",
        blocks,
        block,
        rho,
        stage.base if stage.weights[0] else rho,
        out,
        told.x,
        slabs(module, rho, stage.scheme, tables, shape) if moves else None,
        told.share,
        told.drift,
        per_volume(device, grid.volume, real),
        told.outer.values,
        None if defined["LANES"] else balance(module, rho, told.outer, shape),
        device.constant(grid.a_values, real),
        0.5 * told.outer.width,
        told.outer.pull,
        told.twice,
        told.per_rise,
        *stage.weights,
        stage.dt,
        shape.cells,
        shape.count,
        chunk,
    )


def thermal_outflow(modules: MODULES, out: Any, rho: Any, velocity: Velocity, grid: Grid) -> float:
    """Largest share of a cell that leaves it in unit time; `out`, of rho's shape, is filled."""
    shape, moves, real = Shape.of(rho), bool(velocity.faces), rho.dtype
    defined = flowing(rho, moves)
    module = modules("outflow", defined, real.name)
    device = module.device
    told = Driven.of(modules, rho, velocity, grid)
    chunk, blocks, block = march(shape, defined["PACK"], defined["ROWS"])
    module(
        "thermal_outflow",
        blocks,
        block,
        told.x,
        told.share,
        told.drift,
        per_volume(device, grid.volume, real),
        told.outer.values,
        device.constant(grid.a_values, real),
        0.5 * told.outer.width,
        told.outer.pull,
        told.twice,
        told.per_rise,
        shape.cells,
        shape.count,
        chunk,
        out,
    )
    return float(peak(modules("heat", {"DIMENSION": shape.dimension}, real.name), out)[0])


def peak(module: Module, values: Any) -> Any:
    """(1,): the largest of non-negative numbers, on the device."""
    parts = module.device.scratch("parts", (PARTS,))
    found = module.device.scratch("peak", (1,))
    module("largest", (PARTS,), (32,), values, values.size, parts)
    module("largest_part", (1,), (32,), parts, PARTS, found)
    return found


def thermal_dissipation(modules: MODULES, rho: Any, velocity: Velocity, grid: Grid) -> Any:
    """(2d, n, .., n): sum over a of rho |grad(a h + ridge a^2/2 + tau log rho)|^2."""
    shape, heat = Shape.of(rho), _heat(velocity)
    module = modules("heat", {"DIMENSION": shape.dimension}, rho.dtype.name)
    device = module.device
    tables = Tables.of(grid.connectivity, device)
    warm = Warm.of(module, heat.stencil, tables, shape, rho.dtype)
    outer = Outer.of(device, velocity, grid.a_width, rho.dtype)
    out = device.xp.empty(rho.shape[:-1])
    module(
        "thermal_dissipation",
        *warps(shape.directions),
        rho,
        peak(module, rho),
        warm.near,
        warm.speed if velocity.faces else None,
        device.array(heat.h),
        device.constant(grid.a_values),
        outer.width,
        0.5 * velocity.ridge,
        velocity.outer_rate if outer.values is not None else 0.0,
        heat.temperature,
        TRACE,
        shape.directions,
        shape.count,
        out,
    )
    return out


def _heat(velocity: Velocity) -> Heat:
    assert velocity.heat is not None
    return velocity.heat

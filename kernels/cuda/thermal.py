"""Launches of the transport of a density at a temperature; see gradient.cu, heat.cu, thermal.cu."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..contract import Connectivity, Scheme, Stencil, Velocity
from ..reference.diffusion import TRACE
from .grid import Shape, Tables, lanes, slabs, stacked, threads, warps
from .module import Module
from .transport import Outer, balance, per_volume

PARTS = 1024  # partial results of a maximum


@dataclass(frozen=True)
class Warm:
    """Constant tables of the gradient on a grid, (near, share) of thermal.cu, and (dual, speed)."""

    near: Any
    share: Any
    speed: Any

    @classmethod
    def of(cls, module: Module, stencil: Stencil, tables: Tables, shape: Shape, real: Any) -> Warm:
        """The tables of a stencil, made once."""
        device = module.device

        def make() -> Warm:
            sides, directions = 2 * (shape.dimension - 1), shape.directions
            near = device.xp.empty((directions, sides), np.int32)
            share = device.xp.empty((directions, sides, 1 + sides), real)
            module("neighbours", *threads(directions), tables.across, shape.cells, near)
            cross = stacked(device, "cross", stencil.cross, np.float64)
            compact = stacked(device, "compact", stencil.compact, np.float64)
            module(
                "face_shares",
                *threads(directions * sides),
                device.array(stencil.dual),
                cross,
                compact,
                near,
                shape.cells,
                share,
            )
            return cls(near, share, device.array(stencil.speed))

        warm: Warm = device.derived("warm", stencil, make)
        return warm


@dataclass(frozen=True)
class Thermal:
    """What every kernel at a temperature is told of a density and its velocity."""

    warm: Warm
    drift: Any
    log_rho: Any
    outer: Outer
    tau: float
    per_difference: float

    @classmethod
    def of(
        cls,
        module: Module,
        rho: Any,
        velocity: Velocity,
        a_width: float | None,
        tables: Tables,
        stencil: Stencil,
    ) -> Thermal:
        """Fill the logarithms and the drift, u[h] through all faces."""
        device, shape, heat = module.device, Shape.of(rho), velocity.heat
        assert heat is not None
        warm = Warm.of(module, stencil, tables, shape, rho.dtype)
        log_rho = device.scratch("log", rho.shape, rho.dtype)
        module("logarithms", *threads(rho.size), rho, rho.size, log_rho)
        drift = None
        if velocity.faces:
            sides = 2 * (shape.dimension - 1)
            drift = device.scratch("drift", (shape.directions, sides), rho.dtype)
            field = (device.array(heat.h), warm.near, warm.share, shape.directions)
            module("drifts", *threads(shape.directions * sides), *field, drift)
        outer = Outer.of(device, velocity, a_width, rho.dtype)
        per_difference = velocity.outer_rate * heat.temperature / outer.width**2
        return cls(warm, drift, log_rho, outer, heat.temperature, per_difference)


def thermal_transport(
    module: Module,
    heat: Module,
    out: Any,
    rho: Any,
    base: Any,
    weights: tuple[float, float],
    dt: float,
    velocity: Velocity,
    volume: Any,
    a_values: Any,
    a_width: float | None,
    scheme: Scheme,
    connectivity: Connectivity,
    stencil: Stencil,
) -> None:
    """The same stage at a temperature > 0: along -grad(a h + ridge a^2/2 + tau log rho)."""
    device, shape = module.device, Shape.of(rho)
    tables = Tables.of(connectivity, device)
    told = Thermal.of(heat, rho, velocity, a_width, tables, stencil)
    module(
        "thermal_stage",
        *lanes(shape.directions, shape.count),
        rho,
        base if weights[0] else None,
        out,
        told.log_rho,
        slabs(module, rho, scheme, tables, shape),
        told.warm.near,
        told.warm.share,
        told.drift,
        per_volume(device, volume, rho.dtype),
        told.outer.values,
        balance(module, rho, told.outer, shape),
        device.constant(a_values, rho.dtype),
        told.outer.pull,
        told.tau,
        told.per_difference,
        *weights,
        dt,
        shape.cells,
        shape.count,
    )


def thermal_outflow(
    module: Module,
    out: Any,
    rho: Any,
    velocity: Velocity,
    volume: Any,
    a_values: Any,
    a_width: float | None,
    connectivity: Connectivity,
    stencil: Stencil,
) -> float:
    """Largest share of a cell that leaves it in unit time; `out`, of rho's shape, is filled."""
    device, shape = module.device, Shape.of(rho)
    told = Thermal.of(module, rho, velocity, a_width, Tables.of(connectivity, device), stencil)
    module(
        "thermal_outflow",
        *lanes(shape.directions, shape.count),
        told.log_rho,
        told.warm.near,
        told.warm.share,
        told.drift,
        per_volume(device, volume, rho.dtype),
        told.outer.values,
        device.constant(a_values, rho.dtype),
        told.outer.pull,
        told.tau,
        told.per_difference,
        shape.cells,
        shape.count,
        out,
    )
    return float(peak(module, out)[0])


def peak(module: Module, values: Any) -> Any:
    """(1,): the largest of non-negative numbers, on the device."""
    parts = module.device.scratch("parts", (PARTS,))
    found = module.device.scratch("peak", (1,))
    module("largest", (PARTS,), (32,), values, values.size, parts)
    module("largest_part", (1,), (32,), parts, PARTS, found)
    return found


def thermal_dissipation(
    module: Module,
    rho: Any,
    velocity: Velocity,
    a_values: Any,
    a_width: float | None,
    connectivity: Connectivity,
    stencil: Stencil,
) -> Any:
    """(2d, n, .., n): sum over a of rho |grad(a h + ridge a^2/2 + tau log rho)|^2."""
    device, shape, heat = module.device, Shape.of(rho), velocity.heat
    assert heat is not None
    warm = Warm.of(module, stencil, Tables.of(connectivity, device), shape, rho.dtype)
    outer = Outer.of(device, velocity, a_width, rho.dtype)
    out = device.xp.empty(rho.shape[:-1])
    module(
        "thermal_dissipation",
        *warps(shape.directions),
        rho,
        peak(module, rho),
        warm.near,
        warm.speed if velocity.faces else None,
        device.array(heat.h),
        device.constant(a_values),
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

"""The object with every function of `contract.Kernels`, on a GPU.

Densities are of the backend's type, float64 or float32. What is one number a direction, a neuron or
a row is float64 always: it costs next to nothing, and sums in it keep 32-bit runs accurate.
Not yet done here: sums along lines, and ties in pair sums, which go by the rounded sign of p.x.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..contract import Array, Connectivity, Lines, LineSums, Scheme, Stencil, Velocity
from ..errors import InputError
from ..reference.activations import Remainder
from . import thermal, transport
from .device import Device
from .grid import SCHEMES, Shape, threads, warps
from .module import Module
from .pairs import PairSums

Real = Literal["float32", "float64"]


class CudaKernels:
    """The kernels on a device, compiled when they are first called."""

    name = "cuda"
    has_lines = False

    def __init__(self, device: Device, real: Real = "float64") -> None:
        self.device, self.real = device, real
        self._modules: dict[tuple[Any, ...], Module] = {}
        self._pairs: dict[tuple[Remainder, int], PairSums] = {}

    def module(self, family: str, definitions: dict[str, int]) -> Module:
        """The module of a family under definitions."""
        key = (family, *sorted(definitions.items()))
        if key not in self._modules:
            self._modules[key] = Module(self.device, family, self.real, definitions)
        return self._modules[key]

    def _heat(self, dimension: int) -> Module:
        return self.module("heat", {"DIMENSION": dimension})

    def array(self, values: Any, dtype: DTypeLike = np.float64) -> Array:
        """Values of the host on the device, contiguous; float64 unless said."""
        on_device: Array = self.device.array(values, dtype)
        return on_device

    def host(self, values: Array) -> NDArray[Any]:
        """Values of the device as an array of NumPy; what is one already stays."""
        if isinstance(values, np.ndarray):
            return values
        return np.asarray(self.device.xp.asnumpy(values))

    def memory(self) -> int:
        """Bytes of memory that the device has, in all."""
        return self.device.memory()

    def moments(self, rho: Array, a_values: Array, a_weight: float) -> Array:
        """(3, 2d, n, .., n): moments of order 0, 1 and 2 over a."""
        shape = Shape.of(rho)
        out: Array = self.device.xp.empty((3, *rho.shape[:-1]))
        self.module("directions", {"DIMENSION": shape.dimension})(
            "moments",
            *warps(shape.directions),
            rho,
            self.device.constant(a_values),
            a_weight,
            shape.directions,
            shape.count,
            out,
        )
        return out

    def pair_forward(
        self, remainder: Remainder, points: Array, data: Array, weights: Array
    ) -> Array:
        """(rows,): sum_j weights_j remainder(points_j . data_k)."""
        arrays = (self.device.array(x) for x in (points, data, weights))
        rows: Array = self._pair_sums(remainder, points).forward(*arrays)
        return rows

    def pair_backward(
        self, remainder: Remainder, points: Array, data: Array, residual: Array
    ) -> tuple[Array, Array]:
        """(m,) and (m, d): sums over the data of residual x {remainder, remainder' x}."""
        arrays = (self.device.array(x) for x in (points, data, residual))
        return self._pair_sums(remainder, points).backward(*arrays)

    def _pair_sums(self, remainder: Remainder, points: Array) -> PairSums:
        key = (remainder, points.shape[1])
        if key not in self._pairs:
            self._pairs[key] = PairSums(self.module, self.real, *key)
        return self._pairs[key]

    def line_sums(self, remainder: Remainder, lines: Lines, data: Array, *, keep: bool) -> LineSums:
        """None on a device."""
        raise InputError(
            'solver.interaction = "lines" with run.backend = "cuda": no line sums run there; '
            'give "direct" or "auto", or run.backend = "numpy"'
        )

    def face_velocities(
        self, gradient: Array, edge_gradient: Array, face_weights: Sequence[Array]
    ) -> list[Array]:
        """One array an axis, (2d, n, .., n+1, .., n): covector x measure . interpolated field."""
        module = self.module("directions", {"DIMENSION": gradient.shape[-1]})
        field = (self.device.array(gradient), self.device.array(edge_gradient))
        faces: list[Array] = []
        for axis, weights in enumerate(face_weights):
            out = self.device.xp.empty(weights.shape[:-1])
            sizes = (axis, gradient.shape[1])
            module(
                "face_velocities",
                *threads(out.size),
                *field,
                self.device.array(weights),
                *sizes,
                out,
            )
            faces.append(out)
        return faces

    def outflow(self, faces: Sequence[Array], volume: Array) -> Array:
        """(2, 2d, n, .., n): rate at which a cell empties, for a = +1 and for a = -1."""
        module = self.module("directions", {"DIMENSION": volume.ndim})
        out: Array = self.device.xp.empty((2, *volume.shape))
        for axis, through in enumerate(faces):
            module(
                "outflow",
                *threads(volume.size),
                self.device.array(through),
                self.device.array(volume),
                axis,
                volume.shape[1],
                axis == 0,
                out,
            )
        return out

    def transport(
        self,
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
        """One stage: out = weights[0] base + weights[1] (rho - dt div(velocity rho))."""
        defined = transport.definitions(rho, scheme, bool(velocity.faces))
        module = self.module("transport", defined)
        grid = (volume, a_values, a_width, scheme, connectivity)
        transport.transport(module, out, rho, base, weights, dt, velocity, *grid)

    def thermal_transport(
        self,
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
        stencil: Stencil,
    ) -> None:
        """The same stage at a temperature > 0: along -grad(a h + ridge a^2/2 + tau log rho)."""
        module = self.module("thermal", {"DIMENSION": volume.ndim, "SCHEME": SCHEMES[scheme]})
        grid = (volume, a_values, a_width, scheme, connectivity, stencil)
        thermal.thermal_transport(
            module, self._heat(volume.ndim), out, rho, base, weights, dt, velocity, *grid
        )

    def thermal_outflow(
        self,
        out: Array,
        rho: Array,
        velocity: Velocity,
        volume: Array,
        a_values: Array,
        a_width: float | None,
        connectivity: Connectivity,
        stencil: Stencil,
    ) -> float:
        """Largest share of a cell that leaves it in unit time; `out`, of rho's shape, is filled."""
        module = self._heat(volume.ndim)
        grid = (volume, a_values, a_width, connectivity, stencil)
        return thermal.thermal_outflow(module, out, rho, velocity, *grid)

    def thermal_dissipation(
        self,
        rho: Array,
        velocity: Velocity,
        a_values: Array,
        a_width: float | None,
        connectivity: Connectivity,
        stencil: Stencil,
    ) -> Array:
        """(2d, n, .., n): sum over a of rho |grad(a h + ridge a^2/2 + tau log rho)|^2."""
        module = self._heat(rho.ndim - 1)
        grid = (a_values, a_width, connectivity, stencil)
        density: Array = thermal.thermal_dissipation(module, rho, velocity, *grid)
        return density

"""The object with every function of `contract.Kernels`, on a GPU.

Densities are of the backend's type, float64 or float32. What is one number a direction, a neuron or
a row is float64 always: it costs next to nothing, and sums in it keep 32-bit runs accurate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..contract import (
    Array,
    Given,
    Grid,
    Lines,
    LineSums,
    Overlap,
    Real,
    Result,
    Scheme,
    Stage,
    Velocity,
)
from ..meter import Call
from ..reference.activations import Remainder
from ..reference.roots import LEAST_PIVOT, pivots_suffice
from . import line_sums, memory, overlaps, thermal, transport
from .device import Device
from .elementwise import Elementwise
from .graphs import Recorded
from .grid import Shape, lanes, threads, warps
from .module import Module
from .pairs import PairSums

COMBINED = 8  # arrays, as in combination.cu
SUMMED = 256  # entries of a block, as in totals.cu


class CudaKernels:
    """The kernels on a device, compiled when they are first called."""

    name = "cuda"
    on_host = keeps_overlaps = False
    sorts_from = 1 << 13  # before, a graph of all pairs is less than 180 launches; never measured
    chunk = 1 << 23  # 64 MiB

    def __init__(self, device: Device, real: Real = "float64") -> None:
        self.device, self.real = device, real
        self._modules: dict[tuple[Any, ...], Module] = {}
        self._remainders: dict[Remainder, Elementwise] = {}
        self._pairs: dict[tuple[Remainder, int], PairSums] = {}
        self._overlaps: dict[Overlap, overlaps.OverlapSums | None] = {}

    def module(self, family: str, definitions: dict[str, int], real: str | None = None) -> Module:
        """The module of a family under definitions, for the backend's type unless one is given."""
        real = real or self.real
        key = (family, real, *sorted(definitions.items()))
        if key not in self._modules:
            self._modules[key] = Module(self.device, family, real, definitions)
        return self._modules[key]

    def typed(self, real: Real) -> CudaKernels:
        """The same device, for densities of a type."""
        return CudaKernels(self.device, real)

    def array(self, values: Any, dtype: DTypeLike = np.float64) -> Array:
        """Values of the host on the device, contiguous; float64 unless said."""
        on_device: Array = self.device.array(values, dtype)
        return on_device

    def host(self, values: Array) -> NDArray[Any]:
        """Values of the device as an array of NumPy; what is one already stays."""
        if isinstance(values, np.ndarray):
            return values
        return np.asarray(self.device.xp.asnumpy(values))

    def seconds(self, call: Call, loops: int = 1) -> float:
        """Of one call, the mean of `loops` of them in a row."""
        return self.device.seconds(call, loops)

    def peak_bytes(self, call: Call) -> int:
        """Most memory that arrays made in a call take together."""
        return self.device.peak_bytes(call)

    def about(self) -> dict[str, str]:
        """The device and what drives it, by name."""
        return self.device.about()

    def recorded(
        self, function: Callable[Given, Result], still: int = 0
    ) -> Callable[Given, Result]:
        """The function, replayed as a CUDA graph from its fourth call on."""
        return cast("Callable[Given, Result]", Recorded(self.device, function, still))

    def memory(self) -> int:
        """Bytes of memory that the device has, in all."""
        return self.device.memory()

    def held(self, shape: tuple[int, ...], scheme: Scheme, noise: bool) -> int:
        """Bytes that kernels keep beside their arguments."""
        graph = memory.recorded(shape) if self.device.recorder is not None else 0
        return memory.held(shape, self.real, scheme, noise) + graph

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

    def column_audits(self, rho: Array, a_values: Array) -> Array:
        """(4, 2d, n, .., n): least value, sums of rho log rho and of |a| rho, bad entries."""
        shape = Shape.of(rho)
        out: Array = self.device.xp.empty((4, *rho.shape[:-1]))
        self.module("audits", {"DIMENSION": shape.dimension})(
            "column_audits",
            *warps(shape.directions),
            rho,
            self.device.constant(a_values),
            shape.directions,
            shape.count,
            out,
        )
        return out

    def narrow_columns(self, rho: Array, share: float, *, along_a: bool) -> Array:
        """(2d, n, .., n): sum over a of the cells that stand out along an axis."""
        shape = Shape.of(rho)
        out: Array = self.device.xp.empty(rho.shape[:-1])
        self.module("audits", {"DIMENSION": shape.dimension})(
            "narrow_columns",
            *warps(shape.directions),
            rho,
            share,
            along_a,
            shape.cells,
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

    def remainder(self, remainder: Remainder, z: Array) -> Array:
        """remainder(z), elementwise, in the backend's type."""
        if remainder not in self._remainders:
            self._remainders[remainder] = Elementwise(self.module, self.real, remainder)
        values: Array = self._remainders[remainder](z)
        return values

    def cholesky(self, s: Array) -> tuple[Array, Array]:
        """L (E, r, r), L L^T = s, and whether s is regular (E,).

        The device's does not say where it failed; L L^T does.
        """
        lower = self.device.xp.linalg.cholesky(s)
        off = np.abs(lower @ lower.transpose(0, 2, 1) - s).max(axis=(1, 2))
        near = off <= LEAST_PIVOT * np.abs(s).max(axis=(1, 2))  # False where it is NaN
        regular: Array = pivots_suffice(lower, s) & near
        return lower, regular

    def overlap_sums(self, overlap: Overlap) -> overlaps.OverlapSums | None:
        """The sums of an overlap; None where its series in the angle is too long."""
        if overlap not in self._overlaps:
            parts = overlaps.series(overlap)
            made = None if parts is None else overlaps.OverlapSums(parts, self._overlap_pairs)
            self._overlaps[overlap] = made
        return self._overlaps[overlap]

    def _overlap_pairs(self, part: Remainder, dimension: int) -> PairSums:
        key = (part, dimension)
        if key not in self._pairs:
            double = partial(self.module, real="float64")
            self._pairs[key] = PairSums(double, "float64", *key)
        return self._pairs[key]

    def combine(
        self,
        out: Array,
        arrays: Sequence[Array],
        weights: Sequence[float],
        scale: float | Array = 1.0,
        after: int = 0,
    ) -> None:
        """out = sum_i weights_i arrays_i, from the first on; `out` may be one of them.

        Weights from the `after`th on are times `scale`, a number or (1,).
        """
        times = scale if isinstance(scale, float | int) else 1.0
        weights = [*weights[:after], *(times * weight for weight in weights[after:])]
        kernel = "combine" if out.dtype == self.real else "combine_doubles"
        empty = COMBINED - len(arrays)
        self.module("combination", {"DIMENSION": 2})(
            kernel,
            *threads(out.size),
            *(*arrays, *[None] * empty),
            *(*weights, *[0.0] * empty),
            None if isinstance(scale, float | int) else scale,
            after,
            out.size,
            out,
        )

    def regrid(self, rho: Array, below: int, above: int) -> Array:
        """(2d, n, .., n, n_a + below + above): the density with so many more cells of a."""
        shape = Shape.of(rho)
        after = shape.count + below + above
        out: Array = self.device.xp.empty((*rho.shape[:-1], after), rho.dtype)
        self.module("regrid", {"DIMENSION": 2}, rho.dtype.name)(
            "regrid",
            *lanes(shape.directions, after),
            rho,
            below,
            shape.count,
            after,
            shape.directions,
            out,
        )
        return out

    def totals(self, values: Array, weights: Array | None = None) -> Array:
        """(k,): sums of values (k, ..) with weights (..) or 1."""
        module = self.module("totals", {"DIMENSION": 2}, "float64")
        rows, weights = len(values), None if weights is None else self.device.array(weights)
        sums = self.device.array(values).reshape(rows, -1)
        while True:
            count = sums.shape[1]
            blocks = max(1, -(-count // SUMMED))
            out = self.device.xp.empty((rows, blocks))
            module("block_totals", *warps(rows * blocks), sums, weights, count, blocks, rows, out)
            if blocks == 1:
                total: Array = out.reshape(rows)
                return total
            sums, weights = out, None

    def lines_pay(self, dimension: int, points: int, rows: int) -> bool:
        """From so many points on; whatever the rows are, launches take most of the time before."""
        return points >= line_sums.PAY_FROM[min(dimension, 4)]

    def line_sums(self, remainder: Remainder, lines: Lines, data: Array, *, keep: bool) -> LineSums:
        """The same sums for "abs" and "sign" where the points lie on lines."""
        data = self.device.array(data)
        return line_sums.LineSums(
            self.module, self.device, self.real, remainder, lines, data, keep=keep
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
        self, out: Array, rho: Array, stage: Stage, velocity: Velocity, grid: Grid
    ) -> None:
        """One stage: out = weights[0] base + weights[1] (rho - dt div(velocity rho))."""
        move = transport.transport if velocity.heat is None else thermal.transport
        move(self.module, out, rho, stage, velocity, grid)

    def thermal_outflow(self, out: Array, rho: Array, velocity: Velocity, grid: Grid) -> float:
        """Largest share of a cell that leaves it in unit time; `out`, of rho's shape, is filled."""
        return thermal.thermal_outflow(self.module, out, rho, velocity, grid)

    def thermal_dissipation(self, rho: Array, velocity: Velocity, grid: Grid) -> Array:
        """(2d, n, .., n): sum over a of rho |grad(a h + ridge a^2/2 + tau log rho)|^2."""
        density: Array = thermal.thermal_dissipation(self.module, rho, velocity, grid)
        return density

"""Sums over neurons with a dual kernel: sum_j c_j k(v_i.v_j) at the stations, and its gradient.

    MatrixSums  the matrix of k and of k', kept
    TileSums    tiles of the same, computed again at every step
    CircleSums  d = 2, whitened centres at equal angles: a convolution, by FFT
    SphereSums  d = 3, any directions: k = sum_l k_l P_l (Funk and Hecke), by spherical harmonics;
                for kernels whose series ends, to `ACCURATE`, by degree `DEGREES[-1]`: those of
                smooth activations, not of kinked ones

Matrices, of kernels or of harmonics, are kept up to `KERNEL_BYTES`; beyond, their tiles are
computed again at every step, as kernels are at any size where the backend would rather do that.
"auto" takes the convolution where there is one, then matrices while they fit, then harmonics; of
harmonics that do not fit, a backend that keeps no matrices takes its tiles instead.
Kernels are of definite parity, so sums over all neurons run over half of them, with folded weights.
Shapes: half (m, d) whitened half stations, neurons (m_c, d) those at the centres; both the host's.
The sums are of the backend's arrays.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.polynomial.legendre import legder, legval
from numpy.typing import NDArray

from ...kernels import Kernels
from ...kernels.contract import Overlap, OverlapSums
from ...kernels.errors import InputError, Notice
from ..config.text import size
from ..geometry import Chart
from .activations import Activation
from .dual import DualKernel
from .harmonics import Order, harmonics, legendre_series, orders, real_gradients
from .pairs import Way

Array = NDArray[np.float64]

KERNEL_BYTES = 1 << 30  # matrices kept in memory, of all kernels together
TILE_ROWS = 512
DEGREES = (8, 12, 16, 24, 32, 48, 64)
ACCURATE = (1e-11, 2e-9)  # of a series: value and slope, relative to the largest


class KernelSums(Protocol):
    """The sums with one kernel, of a parity.

    description : one phrase; table_bytes : of what is kept from step to step
    replayable : whether a device may record them, see `Kernels.recorded`
    """

    parity: int
    description: str
    table_bytes: int
    replayable: bool

    def __call__(self, folded: Array) -> tuple[Array, Array]:
        """(m,), (m, d) at the half stations, of folded outer weights."""
        ...


class MatrixSums:
    """By matrices, which are kept."""

    replayable = False

    def __init__(
        self, kernel: RemainderKernel, half: Array, neurons: Array, kernels: Kernels
    ) -> None:
        self.parity, self.neurons = kernel.parity, kernels.array(neurons)
        self.table_bytes = matrix_bytes(half, neurons)
        self.description = f"kernel matrices of {size(self.table_bytes)}, kept"
        made = (kernel(half[rows] @ neurons.T) for rows in _tiles(half))
        self.tiles = [(kernels.array(value), kernels.array(slope)) for value, slope in made]

    def __call__(self, folded: Array) -> tuple[Array, Array]:
        """(m,), (m, d) at the half stations, of folded outer weights."""
        moved = folded[:, None] * self.neurons
        parts = [(value @ folded, slope @ moved) for value, slope in self.tiles]
        return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])


class TileSums:
    """By tiles of the matrices, computed again at every step. sums : over all pairs."""

    table_bytes, replayable = 0, True

    def __init__(
        self, sums: OverlapSums, parity: int, half: Array, neurons: Array, kernels: Kernels
    ) -> None:
        self.sums, self.parity = sums, parity
        self.half, self.neurons = kernels.array(half), kernels.array(neurons)
        count = matrix_bytes(half, neurons)
        self.description = f"kernel tiles, computed again every step ({size(count)})"
        if kernels.keeps_overlaps:
            _say_computed_again("kernel matrices", count)

    def __call__(self, folded: Array) -> tuple[Array, Array]:
        """(m,), (m, d) at the half stations, of folded outer weights."""
        return self.sums(self.half, self.neurons, folded)


class CircleSums:
    """On a circle of equal whitened angles: the sum over centres is a convolution."""

    description, replayable = "FFT on the circle", False

    def __init__(
        self, kernel: RemainderKernel, half: Array, neurons: Array, kernels: Kernels
    ) -> None:
        array = kernels.array
        angle = np.arctan2(neurons[:, 1], neurons[:, 0])  # a half circle, from -pi/4
        self.order, self.parity = array(np.argsort(angle), np.intp), kernel.parity
        self.tangents = array(np.stack([-neurons[:, 1], neurons[:, 0]], axis=1))
        self.neurons = array(neurons)
        lag = np.arange(2 * len(neurons)) * np.pi / len(neurons)
        value, slope = kernel(np.cos(lag))
        halves = np.fft.rfft(value) / 2, np.fft.rfft(-np.sin(lag) * slope) / 2
        self.value_hat, self.slope_hat = (array(x, complex) for x in halves)  # both are summed
        edges = half[len(neurons) :]
        self.edge_value, self.edge_slope = map(array, kernel(edges @ neurons.T))
        self.table_bytes = 0  # of the order of a vector

    def __call__(self, folded: Array) -> tuple[Array, Array]:
        """(m,), (m, d) at the half stations, of folded outer weights."""
        half = folded[self.order]
        circle = np.fft.rfft(np.concatenate([half, self.parity * half]))
        sums, turns = np.empty_like(half), np.empty_like(half)
        sums[self.order] = np.fft.irfft(circle * self.value_hat)[: len(half)]
        turns[self.order] = np.fft.irfft(circle * self.slope_hat)[: len(half)]
        return (
            np.concatenate([sums, self.edge_value @ folded]),
            np.concatenate(
                [
                    turns[:, None] * self.tangents,
                    self.edge_slope @ (folded[:, None] * self.neurons),
                ]
            ),
        )


class SphereSums:
    """On S^2, by spherical harmonics, the neurons first among the half stations.

    series : k_l of the kernel, and the error of its value; budget : bytes that may be kept
    """

    replayable = False

    def __init__(
        self,
        parity: int,
        series: tuple[Array, float],
        half: Array,
        budget: float,
        kernels: Kernels,
    ) -> None:
        self.array, self.parity = kernels.array, parity
        coefficients, error = series
        self.half, degree = half, len(coefficients) - 1
        self.order, self.lower = _columns(degree, parity)
        factors = coefficients[[n for n, _ in self.order]]
        self.factors = self.array(np.concatenate([factors, factors]))
        places, weights = real_gradients(self.order, self.lower)
        self.places, self.weights = self.array(places, np.intp), self.array(weights)
        count = harmonics_bytes(degree, parity, half)
        self.table_bytes = count if count <= budget else 0
        self.kept: list[tuple[Array, Array]] | None = None
        self.description = f"spherical harmonics to degree {degree}, accurate to {error:.0e}"
        if count <= budget:
            self.kept = [self._tile(tile) for tile in _tiles(half)]
        else:
            self.description += ", computed again every step"
            _say_computed_again("spherical harmonics", count)

    def __call__(self, folded: Array) -> tuple[Array, Array]:
        """(m,), (m, d) at the half stations, of folded outer weights."""
        moments = np.zeros_like(self.factors)
        for tile, (values, _) in self._made(len(folded)):
            own = folded[tile]
            moments += own @ values[: len(own)]
        moments *= self.factors
        columns = (moments[self.places] * self.weights).sum(axis=-1)
        made = self._made(len(self.half))
        parts = [(values @ moments, slopes @ columns) for _, (values, slopes) in made]
        sums, gradients = (np.concatenate(each) for each in zip(*parts, strict=True))
        return sums, gradients

    def _made(self, count: int) -> Iterator[tuple[slice, tuple[Array, Array]]]:
        """The tiles that hold the first so many stations."""
        for k, tile in enumerate(_tiles(self.half[:count])):
            yield tile, self._tile(tile) if self.kept is None else self.kept[k]

    def _tile(self, rows: slice) -> tuple[Array, Array]:
        v = self.half[rows]
        values, slopes = (_real(harmonics(v, order)) for order in (self.order, self.lower))
        return self.array(values), self.array(slopes)


def harmonics_bytes(degree: int, parity: int, half: Array) -> int:
    """Of the matrices of harmonics, for the value and for its gradient."""
    return 2 * 8 * len(half) * sum(map(len, _columns(degree, parity)))


def _columns(degree: int, parity: int) -> tuple[Order, Order]:
    return orders(degree, parity), orders(degree - 1, -parity)


def _say_computed_again(what: str, count: int) -> None:
    warnings.warn(
        f"population data on such a grid: {what} of {size(count)} are computed again at every "
        'step; data.kind = "sampled" costs less',
        Notice,
        stacklevel=4,
    )


def _tiles(points: Array) -> list[slice]:
    return [slice(i, i + TILE_ROWS) for i in range(0, len(points), TILE_ROWS)]


def _real(values: NDArray[np.complex128]) -> Array:
    """(points, 2 columns): real parts, then imaginary ones."""
    return np.concatenate([values.real, values.imag], axis=1)


def short_series(kernel: RemainderKernel) -> tuple[Array, float] | None:
    """k_l up to the degree where the series is `ACCURATE`, and its error; None where none is."""
    c = np.cos(np.linspace(0.0, np.pi, 801))
    value, slope = kernel(c)
    for degree in DEGREES:
        series = legendre_series(lambda x: kernel(x)[0], degree)
        error = float(np.abs(legval(c, series) - value).max())
        slope_error = float(np.abs(legval(c, legder(series)) - slope).max())
        scales = max(1.0, float(np.abs(value).max())), max(1.0, float(np.abs(slope).max()))
        if error <= ACCURATE[0] * scales[0] and slope_error <= ACCURATE[1] * scales[1]:
            return series, error
    return None


@dataclass(frozen=True)
class RemainderKernel:
    """kappa(c) - linear^2 c - constant^2 of an activation, its even or odd part, and the slope.

    whole : where all of it has that parity
    """

    activation: Activation
    kernel: DualKernel
    parity: int
    whole: bool

    def __call__(self, c: Array) -> tuple[Array, Array]:
        """Value and slope at correlations c."""
        value, slope = self._remainder(c)
        if self.whole:
            return value, slope
        mirrored, mirrored_slope = self._remainder(-c)
        return (
            0.5 * (value + self.parity * mirrored),
            0.5 * (slope - self.parity * mirrored_slope),
        )

    @property
    def overlap(self) -> Overlap:
        """Itself, for sums that compute it again."""
        return Overlap(self, self.kernel.overlap.jump if self.parity < 0 else 0.0)

    def _remainder(self, c: Array) -> tuple[Array, Array]:
        sigma = self.activation
        value = self.kernel.value(c) - sigma.linear**2 * c - sigma.constant**2
        return value, self.kernel.slope(c) - sigma.linear**2


def remainder_kernels(sigma: Activation) -> list[RemainderKernel]:
    """One for every parity that the parts of an activation have."""
    parities = sorted({part.parity for part in sigma.parts})
    kernel = DualKernel(sigma)
    return [RemainderKernel(sigma, kernel, parity, len(parities) == 1) for parity in parities]


def matrix_bytes(half: Array, neurons: Array) -> int:
    """Of the matrices of a kernel and its slope."""
    return 2 * 8 * len(half) * len(neurons)


def kernel_sums(
    activation: Activation,
    chart: Chart,
    half: Array,
    neurons: Array,
    way: Way,
    kernels: Kernels,
) -> list[KernelSums]:
    """The sums for every kernel of an activation. way : "auto", "direct" or "transform"."""
    made = remainder_kernels(activation)
    if not made:
        return []
    budget = KERNEL_BYTES / len(made)
    if way != "direct" and chart.dimension == 2 and chart.keeps_angles:
        return [CircleSums(kernel, half, neurons, kernels) for kernel in made]
    fits = matrix_bytes(half, neurons) <= budget
    if chart.dimension == 3 and (way == "transform" or (way == "auto" and not fits)):
        series = [short_series(kernel) for kernel in made]
        found = [(k.parity, each) for k, each in zip(made, series, strict=True) if each]
        kept = all(harmonics_bytes(len(s) - 1, p, half) <= budget for p, (s, _) in found)
        if len(found) == len(made) and (kept or kernels.keeps_overlaps or way == "transform"):
            return [SphereSums(*each, half, budget, kernels) for each in found]
    if way == "transform":
        raise InputError(
            f'solver.interaction = "transform" with network.activation = "{activation.name}", '
            f"d = {chart.dimension}: it takes d = 2 with isotropic data or "
            'solver.coordinates = "whitened", and smooth activations in d = 3; give "auto"'
        )
    if fits and kernels.keeps_overlaps:
        return [MatrixSums(kernel, half, neurons, kernels) for kernel in made]
    return [_again(kernel, half, neurons, fits, kernels) for kernel in made]


def _again(
    kernel: RemainderKernel, half: Array, neurons: Array, fits: bool, kernels: Kernels
) -> KernelSums:
    """Tiles that are computed again; where the backend has none for a kernel, its matrices."""
    sums = kernels.overlap_sums(kernel.overlap)
    if sums is not None:
        return TileSums(sums, kernel.parity, half, neurons, kernels)
    if not fits:
        raise InputError(_too_sharp(kernels, kernel.activation.label))
    return MatrixSums(kernel, half, neurons, kernels)


def whole_sums(
    kernels: Kernels, first: Activation, second: Activation | None = None
) -> OverlapSums:
    """Sums over neurons with all of the dual kernel of two activations, or of one with itself.

    Raises InputError where the backend has none for that kernel.
    """
    sums = kernels.overlap_sums(DualKernel(first, second).overlap)
    if sums is None:
        labels = {first.label, (second or first).label}
        raise InputError(_too_sharp(kernels, " and ".join(sorted(labels))))
    return sums


def _too_sharp(kernels: Kernels, label: str) -> str:
    return (
        f'run.backend = "{kernels.name}": the dual kernel of {label} bends too sharply for it; '
        'give data.kind = "sampled", or run.backend = "numpy"'
    )

"""Sums along lines beside their twin, and ties in pair sums: cases of exercise.py.

Lines are those of grids, rows of every awkward kind: exact ties, twelve decades, zeros. Nothing is
left out near the kink: ties are decided alike in all sums and both types. Rounding:

    backward   half a unit a row, at random, and as many for two ties; a unit is 2^-51 (in float
               2^-29) of the sum of |e| max|x|; of a sign 2^-50 (2^-29) of twice that of |e|
    forward    the sum of the sizes; where nodes are rounded, |z| may err by 2 |z| within `MOVED`
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from bnflow.kernels import select
from bnflow.kernels.contract import Lines
from bnflow.kernels.cuda import CudaKernels
from bnflow.kernels.cuda import line_sums as launches
from bnflow.kernels.cuda.line_tables import LineTables, tabulate
from bnflow.kernels.reference.activations import REMAINDERS
from bnflow.pde.geometry import BatchNormMetric, Chart, CubedSphere, Stations
from bnflow.pde.geometry.chart import Coordinates
from bnflow.pde.geometry.lines import station_lines

Array = Any
TWIN = select("numpy")
MOVED = 1.8e-4  # of the thresholds, by the polynomial of line_forward.cu
COVARIANCE = (4.0, 1.0, 2.0, 3.0)


@dataclass(frozen=True)
class Setting:
    """A grid, rows, and constants of the launches that force what small sizes do not need."""

    cells: int
    rows: int
    kind: str
    coordinates: Coordinates = "raw"
    longest: int = 0  # nodes of a window
    blocks: int = 264
    kept: int = 1 << 28
    many: int = 2048


SETTINGS = {
    2: [
        Setting(33, 257, "lattice", many=0),
        Setting(64, 600, "scaled", blocks=1, longest=20),
        Setting(5, 1, "normal", "whitened"),
    ],
    3: [
        Setting(4, 33, "scaled", "whitened"),
        Setting(5, 521, "lattice", longest=3, kept=1),
        Setting(34, 31, "lattice", many=0),
        Setting(7, 600, "normal", "whitened", blocks=1, many=0),
    ],
    4: [Setting(4, 97, "lattice"), Setting(5, 32, "normal", many=0), Setting(4, 1, "scaled")],
}


def lines(kernels: CudaKernels, name: str, d: int) -> float:
    """Forward and backward sums in every setting, in units of what rounding allows."""
    return max(_compared(kernels, name, d, setting) for setting in SETTINGS[d])


def _compared(kernels: CudaKernels, name: str, d: int, setting: Setting) -> float:
    here, data = made(d, setting)
    random, remainder, eps = np.random.default_rng(d), REMAINDERS[name], _eps(kernels)
    weights, residual = random.normal(size=here.neurons), random.normal(size=len(data))
    twin = TWIN.line_sums(remainder, here, data, keep=True)
    with forced(setting):
        sums = kernels.line_sums(remainder, here, data, keep=True)
        got, (h, g) = sums.forward(weights), sums.backward(residual)
    size = np.linalg.norm(data, axis=1) if name == "abs" else np.ones(len(data))
    length = np.linalg.norm(here.points, axis=1) if name == "abs" else np.ones(len(here.points))
    z = np.abs(here.points[: here.neurons] @ data.T) * (name == "abs")
    moved = 2 * np.abs(weights) @ np.where(z <= 4 * MOVED * size, z, 0.0)
    scale = 8 * eps * (length[: here.neurons] @ np.abs(weights)) * size + moved
    worst = _share(got, twin.forward(weights), scale + 1e-300)
    unit = (2.0**-51 if name == "abs" else 2.0**-50) if kernels.real == "float64" else 2.0**-29
    unit *= 4 * np.sqrt(len(data) / 12 + 1) * (1 if name == "abs" else 2)
    h_twin, g_twin = twin.backward(residual)
    scale = unit * (size @ np.abs(residual)) + 1e-300
    worst = max(worst, _share(h, h_twin, scale * length), _share(g, g_twin, scale))
    if setting.kind == "lattice":  # ties of all kinds, and nothing else within 2^-20
        h_pairs, g_pairs = kernels.pair_backward(remainder, here.points, data, residual)
        scale = scale + 16 * eps * (size @ np.abs(residual))
        worst = max(worst, _share(h_pairs, h_twin, scale * length), _share(g_pairs, g_twin, scale))
    return worst


def ties(kernels: CudaKernels, name: str, d: int) -> float:
    """Pair sums where many pairs are on the kink, but for the rounding of scales."""
    random, remainder, eps = np.random.default_rng(d), REMAINDERS[name], _eps(kernels)
    scales = np.exp(random.uniform(-0.7, 0.7, d))
    points = random.integers(-1, 2, (70, d)) * scales
    data = random.integers(-1, 2, (90, d)) / scales
    weights, residual = random.normal(size=len(points)), random.normal(size=len(data))
    size = np.ones((len(points), len(data)))
    if name == "abs":
        size = np.linalg.norm(points, axis=1)[:, None] * np.linalg.norm(data, axis=1)
    pulls = np.linalg.norm(data, axis=1) @ np.abs(residual)
    got = kernels.pair_forward(remainder, points, data, weights)
    f_twin = TWIN.pair_forward(remainder, points, data, weights)
    worst = _share(got, f_twin, np.abs(weights) @ size + 1e-300)
    h, g = kernels.pair_backward(remainder, points, data, residual)
    h_twin, g_twin = TWIN.pair_backward(remainder, points, data, residual)
    worst = max(
        worst, _share(h, h_twin, size @ np.abs(residual) + 1e-300), _share(g, g_twin, pulls)
    )
    return worst / (8 * eps)


def made(d: int, setting: Setting) -> tuple[Lines, Array]:
    """Lines of a grid, with a gain; whitened rows."""
    chart = Chart(BatchNormMetric(np.diag(COVARIANCE[:d])), setting.coordinates)
    stations = Stations(CubedSphere(d, setting.cells))
    points = 1.5 * chart.whitened(stations.half)
    random = np.random.default_rng(setting.rows)
    x = random.normal(size=(setting.rows, d))
    if setting.kind == "lattice":
        x = random.integers(-2, 3, x.shape) / np.sqrt(COVARIANCE[:d])  # whitened, of raw integers
    if setting.kind == "scaled":
        x *= 10.0 ** random.uniform(-6, 6, x.shape) * (random.random(x.shape) > 0.1)
        x[::5] = 0.0
    return station_lines(stations, points, chart.matrix), x


@contextmanager
def forced(setting: Setting) -> Iterator[None]:
    """The setting's constants."""
    names = {"BLOCKS": setting.blocks, "KEPT": setting.kept, "MANY": setting.many}
    kept = {name: getattr(launches, name) for name in names} | {"tabulate": tabulate}

    def cut(lines: Lines, most: int, width: int, **how: bool) -> LineTables:
        return tabulate(lines, setting.longest or most, width, **how)

    try:
        for name, value in {**names, "tabulate": cut}.items():
            setattr(launches, name, value)
        yield
    finally:
        for name, value in kept.items():
            setattr(launches, name, value)


def _eps(kernels: CudaKernels) -> float:
    return float(np.finfo(kernels.real).eps)


def _share(got: Array, wanted: Array, scale: Array) -> float:
    worst = (np.abs(np.asarray(got, float) - wanted).T / scale).T
    return float(worst.max()) if np.isfinite(worst).all() else np.inf

"""What `kernels` times: one case a kernel, size and type. See there."""

from __future__ import annotations

import csv
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from bnflow.benchmarks.interaction import Setting, ours
from bnflow.benchmarks.throughput import Case
from bnflow.kernels import Kernels, Velocity
from bnflow.kernels.contract import Grid, Heat, Scheme, Stage, Stencil
from bnflow.kernels.cuda import CudaKernels
from bnflow.kernels.cuda.pairs import REMAINDERS as CODES
from bnflow.kernels.cuda.thermal import flowing, tile
from bnflow.kernels.cuda.transport import definitions
from bnflow.kernels.reference.activations import REMAINDERS
from bnflow.pde.density.stencil import stencil
from bnflow.pde.geometry import CubedSphere
from bnflow.pde.geometry.lines import station_lines

SEED = 0
THREADS, CHAINS = 256, 16  # of limits.cu
REMAINDER_OF = {"relu": "abs", "tanh": "tanh", "erf": "erf"}  # its part that is no affine function
BUDGETS = Path(__file__).parents[1] / "tests" / "kernels" / "cuda" / "budgets.csv"


@cache
def counted() -> dict[tuple[str, str], float]:
    """Instructions a unit by (instance, kernel), for sm_90; none without the source tree."""
    if not BUDGETS.is_file():
        return {}
    with BUDGETS.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        return {(row["instance"], row["kernel"]): float(row["instructions"]) for row in rows}


def instructions(kernels: Kernels, instance: str, kernel: str) -> float:
    """Of a unit, where they have been counted and one limit holds for all: in 32-bit arithmetic."""
    known = counted() if isinstance(kernels, CudaKernels) and "float32" in instance else {}
    return known.get((instance, kernel), float("nan"))


def pair_type(kernels: Kernels, dtype: str) -> str:
    """In which pairs are summed: NumPy takes 64 bits whatever the density."""
    return dtype if isinstance(kernels, CudaKernels) else "float64"


def limit_cases(kernels: Kernels, dtype: str, entries: int, multiply_adds: int) -> list[Case]:
    """What the device allows: bytes of a copy, flop of so many multiply-adds as pairs take."""
    x, y = kernels.array(np.ones(entries), dtype), kernels.array(np.zeros(entries), dtype)
    moved = partial(np.copyto, y, x)
    copied = Case("limit", "copy", f"{entries:,}", 2 * x.nbytes, moved, dtype=dtype)
    real = pair_type(kernels, dtype)
    if isinstance(kernels, CudaKernels):
        blocks = max(1, multiply_adds // (THREADS * CHAINS) // 4096)
        turns = max(1, multiply_adds // (blocks * THREADS * CHAINS))
        module = kernels.module("limits", {"DIMENSION": 2})
        out = kernels.array(np.zeros(blocks * THREADS), real)
        call = partial(module, "multiply_adds", (blocks,), (THREADS,), turns, 0.5, 1.0, out)
        done = blocks * turns * THREADS * CHAINS
    else:
        edge = max(1, round(multiply_adds ** (1 / 3)))
        a, b = np.random.default_rng(SEED).random((2, edge, edge))
        call, done = partial(np.matmul, a, b, out=np.empty_like(a)), edge**3
    return [copied, Case("limit", "fma", f"{done:,}", 2 * done, call, dtype=real)]


def pair_cases(
    kernels: Kernels, dtype: str, name: str, d: int, points: int, rows: int
) -> list[Case]:
    """Both sums of an activation between so many unit directions and rows."""
    rng, remainder = np.random.default_rng(SEED), REMAINDERS[REMAINDER_OF[name]]
    w = rng.standard_normal((points, d))
    w /= np.linalg.norm(w, axis=1, keepdims=True)
    drawn = (w, rng.standard_normal((rows, d)), rng.random(points), rng.standard_normal(rows))
    w, x, c, e = (kernels.array(each) for each in drawn)
    size, work, dtype = f"{points:,} x {rows:,}", points * rows, pair_type(kernels, dtype)
    instance = f"pairs {dtype} DIMENSION={d} REMAINDER={CODES[remainder.name]}"
    return [
        Case(group, f"{name} d={d}", size, work, call, "fma", flop, dtype, own)
        for group, call, flop in (
            ("forward", partial(kernels.pair_forward, remainder, w, x, c), 2 * (d + 1)),
            ("backward", partial(kernels.pair_backward, remainder, w, x, e), 4 * d),
        )
        for own in (instructions(kernels, instance, f"pair_{group}"),)
    ]


def sum_cases(kernels: Kernels, dtype: str, s: Setting) -> list[Case]:
    """|z| at the stations of a grid: along its lines, where there are line sums, and all pairs."""
    met = {"lines": (line_count(s) * len(s.clouds.x),) * 2, "direct": s.pairs}
    cases = []
    for way, works in met.items():
        sums = ours(way, kernels)(s)
        cases += [
            Case(
                group, f"{way} d={s.dimension}", s.name, work, call, dtype=pair_type(kernels, dtype)
            )
            for group, work, call in zip(
                ("sums forward", "sums backward"), works, sums, strict=True
            )
        ]
    return cases


def line_count(s: Setting) -> int:
    """Lines of a grid that meet every row."""
    lines = station_lines(s.stations, s.clouds.v, s.chart.matrix)
    return sum(len(each.stations) for each in lines.bundles)


def stage_cases(
    kernels: Kernels, dtype: str, scheme: Scheme, d: int, cells: int, count: int, *, noisy: bool
) -> list[Case]:
    """The first stage of a step and a later one, of a density in the flow of a linear potential.

    noisy : at a temperature; three numbers a cell more are moved, for its logarithms
    """
    sphere, a = CubedSphere(d, cells), np.linspace(-2.0, 2.0, count)
    height = np.arange(1.0, d + 1)
    faces = [kernels.array(weights @ height) for weights in sphere.face_weights]
    h = kernels.array(sphere.centres @ height)
    heat = Heat(0.05, h, gradient(kernels, sphere)) if noisy else None
    velocity = Velocity(faces, h, heat=heat)
    along = np.exp(-(a**2)) * (2.0 + np.sin(sphere.centres[..., :1]))
    rho, out = kernels.array(along, dtype), kernels.array(along, dtype)
    volume, dt = kernels.array(sphere.volume), 0.05 / (d * cells)
    size, item = " x ".join(map(str, rho.shape)), rho.dtype.itemsize
    more, kind = (3, "noisy") if noisy else (0, "stage")
    own = stage_instructions(kernels, dtype, scheme, rho, noisy=noisy)

    def stage(base: Any, weights: tuple[float, float]) -> None:
        grid = Grid(volume, a, a[1] - a[0], sphere.connectivity)
        kernels.transport(out, rho, Stage(scheme, dt, weights, base), velocity, grid)

    return [
        Case(
            f"{which} {kind}", f"{scheme} d={d}", size, rho.size, call,
            "copy", (arrays + more) * item, dtype, own,
        )
        for which, arrays, call in (
            ("first", 2, partial(stage, None, (0.0, 1.0))),
            ("later", 3, partial(stage, out, (0.5, 0.5))),
        )
    ]  # fmt: skip


def stage_instructions(
    kernels: Kernels, dtype: str, scheme: Scheme, rho: Any, *, noisy: bool
) -> float:
    """Of a cell in a stage; with noise, those of its logarithm too."""

    def known(family: str, kernel: str, defined: dict[str, int]) -> float:
        words = " ".join(f"{k}={v}" for k, v in defined.items())
        return instructions(kernels, f"{family} {dtype} {words}", kernel)

    if not noisy:
        return known("transport", "transport_stage", definitions(rho, scheme, moves=True))
    logarithms = known("outflow", "potentials", flowing(rho, moves=True))
    return logarithms + known("thermal", "thermal_stage", tile(rho, scheme, moves=True))


def gradient(kernels: Kernels, sphere: CubedSphere) -> Stencil:
    """Of the round sphere, on the device."""
    made = stencil(sphere, sphere.face_weights, lambda covector, _: covector)
    faces = ([kernels.array(x) for x in each] for each in (made.cross, made.compact))
    return Stencil(kernels.array(made.dual), kernels.array(made.speed), *faces)

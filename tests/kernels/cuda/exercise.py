"""Every CUDA kernel beside its NumPy twin, on small, odd and awkward sizes.

    python tests/kernels/cuda/exercise.py --sanitize address,undefined [--fault NAME] [CASE ..]

A case gives the worst error in units of what rounding allows: `factor` eps of the type, relative to
the sum of the sizes of all summands. Twins run in float64, on numbers that the type can hold. As a
program it runs the cases with g++'s sanitizers in the libraries, which must then be preloaded:
tests start it so. FAULTS are edits of the kernels' text that something must notice.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np

from bnflow.kernels import Velocity, select
from bnflow.kernels.contract import Heat, Scheme
from bnflow.kernels.cuda import CudaKernels, Device
from bnflow.kernels.cuda import pairs as launches
from bnflow.kernels.cuda.module import source
from bnflow.kernels.reference.activations import REMAINDERS, Remainder, bent, clipped
from bnflow.pde.density.stencil import stencil
from bnflow.pde.geometry import BatchNormMetric, Chart, CubedSphere

Array = Any
TWIN = select("numpy")
# cells x values of a: vectors, a column longer than a warp; single cells and single values, with a
# lane too many; pairs of cells, and vectors with a lane too many
TILES = {2: [(9, 8), (4, 33)], 3: [(5, 7), (6, 12)], 4: [(4, 4)]}
SIZES = [(1, 33), (31, 1), (257, 97), (521, 600)]  # neurons x rows: one, a tile and a bit, primes
BENDS = [bent((0.0, 0.7), (1.0, -0.4)), clipped((0.5, 2.0), (1.0, 0.3))]
NAMES: dict[str, Remainder] = REMAINDERS | {each.name: each for each in BENDS}


@dataclass(frozen=True)
class Case:
    """name : family, then what varies; check : of a backend, the error in units of the bound."""

    name: str
    check: Callable[[CudaKernels], float]


@dataclass(frozen=True)
class Fault:
    """An edit of the kernels' text, and the case that shows it."""

    old: str
    new: str
    case: str

    def __call__(self, code: str) -> str:
        return code.replace(self.old, self.new)


def cases() -> Iterator[Case]:
    """All of them."""
    for d, n, count in ((2, 5, 13), (3, 4, 7), (4, 4, 5)):
        yield Case(f"directions d={d}", partial(directions, d=d, n=n, count=count))
    schemes: tuple[Scheme, ...] = ("upwind", "muscl", "weno")
    for scheme in schemes:
        for d, sizes in TILES.items():
            for n, count in sizes:
                how = partial(transport, scheme=scheme, d=d, n=n, count=count)
                yield Case(f"transport {scheme} d={d} {n}x{count}", how)
        for d, n, count in ((2, 9, 8), (3, 5, 7), (4, 4, 4)):
            how = partial(thermal, scheme=scheme, d=d, n=n, count=count)
            yield Case(f"thermal {scheme} d={d}", how)
    for name in NAMES:
        yield Case(f"pairs {name}", partial(pairs, name=name, d=3))
        yield Case(f"tiles {name}", partial(pairs, name=name, d=19))


# -- inputs ------------------------------------------------------------------------------------


def held(kernels: CudaKernels, values: Array) -> Array:
    """Values as the backend's type has them."""
    return np.ascontiguousarray(values.astype(kernels.real))


def rough(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """A density with jumps and empty cells."""
    rho = rng.random(shape) ** 3
    rho[rng.random(shape) < 0.2] = 0.0
    return rho


def error(kernels: CudaKernels, got: Array, wanted: Array, scale: Array, factor: float) -> float:
    """The largest error in units of factor x eps x scale; NaN where a number is none."""
    eps = np.finfo(kernels.real).eps
    worst = np.abs(np.asarray(got, float) - wanted) / (factor * eps * scale)
    return float(worst.max()) if np.isfinite(worst).all() else np.inf


# -- one family each ---------------------------------------------------------------------------


def directions(kernels: CudaKernels, d: int, n: int, count: int) -> float:
    """Moments, face velocities and outflow."""
    rng, sphere = np.random.default_rng(d), CubedSphere(d, n)
    rho, a = held(kernels, rough(rng, (*sphere.shape, count))), np.linspace(-1.3, 1.1, count)
    size = TWIN.moments(rho.astype(float), np.abs(a), 0.3)
    wanted = TWIN.moments(rho.astype(float), a, 0.3)
    eps = np.finfo(float).eps  # one number a direction: double in either type
    worst = np.abs(kernels.moments(rho, a, 0.3) - wanted).max() / (2 * eps * size.max())
    gradient = rng.normal(size=(*sphere.shape, d))
    edge = rng.normal(size=(2 * d, d - 1, 2, *[n] * (d - 2), d))
    weights = [rng.normal(size=w.shape) for w in sphere.face_weights]
    faces = kernels.face_velocities(gradient, edge, weights)
    for got, exact in zip(faces, TWIN.face_velocities(gradient, edge, weights), strict=True):
        worst = max(worst, np.abs(got - exact).max() / (2 * eps * d * np.abs(exact).max()))
    out, exact = (k.outflow(faces, sphere.volume) for k in (kernels, TWIN))
    return float(max(worst, np.abs(out - exact).max() / (2 * eps * d * exact.max())))


def transport(kernels: CudaKernels, scheme: Scheme, d: int, n: int, count: int) -> float:
    """A stage with each part of it: a base, a ridge, a list of a, resting directions."""
    rng, sphere = np.random.default_rng(d), CubedSphere(d, n)
    rho, base = (held(kernels, rough(rng, (*sphere.shape, count))) for _ in range(2))
    a = held(kernels, np.linspace(-1.3, 1.1, count)).astype(float)
    faces = [0.1 * rng.normal(size=w.shape[:-1]) for w in sphere.face_weights]
    moves = rng.normal(size=sphere.shape)
    worst = 0.0
    for velocity, weights, width in (
        (Velocity(faces, moves), (0.5, 0.5), a[1] - a[0]),
        (Velocity(faces, moves, ridge=0.3, outer_rate=1.5), (0.0, 1.0), a[1] - a[0]),
        (Velocity(faces, None), (0.0, 1.0), None),
        (Velocity([], moves), (1 / 3, 2 / 3), a[1] - a[0]),
    ):
        got, wanted = np.empty_like(rho), np.empty(rho.shape)
        rest = (weights, 0.05, velocity, sphere.volume, a, width, scheme, sphere.connectivity)
        kernels.transport(got, rho, base, *rest)
        TWIN.transport(wanted, rho.astype(float), base.astype(float), *rest)
        worst = max(worst, error(kernels, got, wanted, np.abs(wanted).max(), 4))
    return worst


def thermal(kernels: CudaKernels, scheme: Scheme, d: int, n: int, count: int) -> float:
    """A stage, the outflow and the dissipation at a temperature."""
    rng, sphere = np.random.default_rng(d), CubedSphere(d, n)
    chart = Chart(BatchNormMetric(np.diag(np.arange(1.0, d + 1)), 1.3), "whitened")
    gradient = stencil(sphere, chart.face_weights(sphere), chart.raised)
    volume, a = chart.volume(sphere), held(kernels, np.linspace(-1.3, 1.1, count)).astype(float)
    rho, base = (held(kernels, 0.01 + rng.random((*sphere.shape, count))) for _ in range(2))
    if kernels.real == "float64":
        rho[rng.random(rho.shape) < 0.1] = 0.0  # vacuum, which each type has at a depth of its own
    still, h, moves = [w[..., 0] for w in sphere.face_weights], *rng.normal(size=(2, *sphere.shape))
    exact, worst = rho.astype(float), 0.0
    for velocity, width in (
        (Velocity(still, moves, 0.3, 1.5, Heat(0.07, h)), a[1] - a[0]),
        (Velocity(still, None, heat=Heat(0.07, h)), None),
        (Velocity([], moves, heat=Heat(0.07, h)), a[1] - a[0]),
    ):
        rest = (sphere.connectivity, gradient)
        grid = ((0.5, 0.5), 0.002, velocity, volume, a, width, scheme, *rest)
        got, wanted, shares, exact_shares = (np.empty_like(x) for x in (rho, exact) * 2)
        kernels.thermal_transport(got, rho, base, *grid)
        TWIN.thermal_transport(wanted, exact, base.astype(float), *grid)
        worst = max(worst, error(kernels, got, wanted, np.abs(wanted).max(), 8))
        told = (velocity, volume, a, width, *rest)
        most = TWIN.thermal_outflow(exact_shares, exact, *told)
        off = abs(kernels.thermal_outflow(shares, rho, *told) - most)
        worst = max(worst, float(off / (8 * np.finfo(kernels.real).eps * most)))
        worst = max(worst, error(kernels, shares, exact_shares, most, 8))
        loss = TWIN.thermal_dissipation(exact, velocity, a, width, *rest)
        lost = kernels.thermal_dissipation(rho, velocity, a, width, *rest)
        lost = np.abs(lost - loss).max() / (8 * np.finfo(float).eps * loss.max())
        worst = max(worst, float(lost))
    return worst


def pairs(kernels: CudaKernels, name: str, d: int) -> float:
    """Forward and backward sums; kinks are met exactly where data and points are integers."""
    rng, remainder, worst = np.random.default_rng(d), NAMES[name], 0.0
    for neurons, rows in SIZES:
        launches.BLOCKS = 1 if rows > 512 else 528  # one part of several tiles, or parts of one
        points, data = rng.normal(size=(neurons, d)) / np.sqrt(d), rng.normal(size=(rows, d))
        if neurons == 1:
            points, data = np.sign(points), np.round(data)
        points, data = (held(kernels, x).astype(float) for x in (points, data))
        while neurons > 1 and (near := nearly_met(remainder, points @ data.T)).any():
            data[near] = held(kernels, rng.normal(size=(near.sum(), d)))
        weights, residual = rng.normal(size=neurons), rng.normal(size=rows)
        size, slope = (np.abs(f(points @ data.T)) for f in (remainder.value, remainder.slope))
        # rounding of z moves a value by slope eps |z|; a few ulp of the functions themselves
        size = size + (1 + slope) * (np.abs(points) @ np.abs(data).T + 1)
        slope = slope + np.abs(points) @ np.abs(data).T + 1
        got = kernels.pair_forward(remainder, points, data, weights)
        wanted = TWIN.pair_forward(remainder, points, data, weights)
        worst = max(worst, error(kernels, got, wanted, np.abs(weights) @ size, 2))
        sums, pulls = kernels.pair_backward(remainder, points, data, residual)
        exact, pulled = TWIN.pair_backward(remainder, points, data, residual)
        worst = max(worst, error(kernels, sums, exact, size @ np.abs(residual), 2))
        scale = slope @ (np.abs(residual)[:, None] * np.abs(data))
        worst = max(worst, error(kernels, pulls, pulled, scale + scale.mean(), 2))
    return worst


def nearly_met(remainder: Remainder, z: Array) -> Array:
    """(rows,): whether a kink is so close that rounding decides on which side of it z is."""
    bounds = remainder.parameters[: len(remainder.parameters) // 2]
    kinks = (0.0,) if remainder.name in ("abs", "sign") else bounds
    off = np.array([np.abs(np.abs(z) - kink) for kink in kinks]).reshape(-1, *z.shape)
    return (off < 1e-5).any(axis=(0, 1))


# -- faults ------------------------------------------------------------------------------------

FAULTS = {
    "a tile one item too long": Fault(
        "tile[TILE / WIDTH * (DIMENSION + 1)]",
        "tile[TILE / WIDTH * DIMENSION]",
        "pairs abs",
    ),
    "a row beyond the last": Fault("rows - 1)", "rows)", "pairs abs"),
    "the wrong stride": Fault(
        "panel * cells + place + k * stride",
        "panel * cells + place + k * n",
        "transport muscl d=3 5x7",
    ),
    "a face too far": Fault("~negative(at + HAD - n)", "0", "transport muscl d=3 6x12"),
    "a lane too far": Fault("1 + k / PACK", "2 + k / PACK", "transport muscl d=2 9x8"),
    "half of a column": Fault("(HALVES ? 4 : 2)", "(HALVES ? 8 : 4)", "transport muscl d=2 9x8"),
    "an unaligned vector": Fault(
        "return *reinterpret_cast<const Cells *>(x);",
        "return *reinterpret_cast<const Cells *>(x + 1);",
        "transport muscl d=2 9x8",
    ),
}


def without_barriers(family: str) -> list[Callable[[str], str]]:
    """For each barrier of a family, the edit that takes it away."""
    whole = source(family)
    pieces = whole.split("__syncthreads();")

    def edit(number: int, code: str) -> str:
        before, after = pieces[: number + 1], pieces[number + 1 :]
        cut = "__syncthreads();".join(before) + ";" + "__syncthreads();".join(after)
        return cut if code == whole else code

    return [partial(edit, number) for number in range(len(pieces) - 1)]


def on_host(folder: Path, real: Any, **how: Any) -> CudaKernels:
    """A CUDA backend on the CPU."""
    path = Path(__file__).with_name("host_module.py")
    spec = spec_from_file_location("cuda_host_module", path)
    assert spec is not None
    assert spec.loader is not None
    loaded = module_from_spec(spec)
    spec.loader.exec_module(loaded)
    compiler = partial(loaded.HostModule, folder=folder, **how)
    return CudaKernels(Device(np, compiler, lambda: 1 << 34), real)


def main() -> int:
    """Exit code 1 where a case is beyond its bound; sanitizers stop the program themselves."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("case", nargs="*")
    parser.add_argument("--sanitize", default="")
    parser.add_argument("--real", default="float32")
    parser.add_argument("--fault", choices=FAULTS)
    asked = parser.parse_args()
    edit = FAULTS[asked.fault] if asked.fault else str
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        for order in (7,) if asked.sanitize else (0, 1, 7):
            kernels = on_host(
                Path(folder), asked.real, sanitize=asked.sanitize, order=order, edit=edit
            )
            for case in cases():
                if not asked.case or case.name in asked.case:
                    worst = case.check(kernels)
                    bad += not worst <= 1
                    print(f"{case.name:24} order {order}: {worst:.3g} of the bound", flush=True)
    return min(bad, 1)


if __name__ == "__main__":
    sys.exit(main())

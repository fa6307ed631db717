"""Every CUDA kernel beside its NumPy twin, on small, odd and awkward sizes.

    python tests/kernels/cuda/exercise.py --sanitize address,undefined [--fault NAME] [CASE ..]
    python tests/kernels/cuda/exercise.py --gpu [--real float64] [CASE ..]

A case gives the worst error in units of what rounding allows: `factor` eps of the type, relative to
the sum of the sizes of all summands. Twins run in float64, on numbers that the type can hold. As a
program it runs the cases with g++'s sanitizers in the libraries, which must then be preloaded:
tests start it so. FAULTS are edits of the kernels' text that something must notice.
"""

from __future__ import annotations

import argparse
import re
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
from bnflow.kernels.contract import Grid, Heat, Scheme, Stage
from bnflow.kernels.cuda import CudaKernels, Device
from bnflow.kernels.cuda import pairs as launches
from bnflow.kernels.cuda.module import source
from bnflow.kernels.errors import InputError
from bnflow.kernels.reference.activations import REMAINDERS, Remainder, bent, clipped
from bnflow.kernels.reference.interaction import unit
from bnflow.pde.density.stencil import stencil
from bnflow.pde.geometry import BatchNormMetric, Chart, CubedSphere
from bnflow.pde.network.dual import DualKernel

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
    """An edit of the kernels' text, and the case that shows it, in a type."""

    old: str
    new: str
    case: str
    real: str = "float64"

    def __call__(self, code: str) -> str:
        return code.replace(self.old, self.new)


def cases() -> Iterator[Case]:
    """All of them."""
    for d, n, count in ((2, 5, 13), (3, 4, 7), (4, 4, 5)):
        yield Case(f"directions d={d}", partial(directions, d=d, n=n, count=count))
    for d, n, count in ((2, 5, 33), (3, 4, 97), (4, 4, 5)):  # columns longer than a warp, and not
        yield Case(f"audits d={d}", partial(audits, d=d, n=n, count=count))
    yield Case("combination", combination)
    whole = sibling("exercise_wholes")
    yield Case("regrid", whole.regrid)
    yield Case("totals", whole.totals)
    schemes: tuple[Scheme, ...] = ("upwind", "muscl", "weno")
    for scheme in schemes:
        for d, sizes in TILES.items():
            for n, count in sizes:
                how = partial(transport, scheme=scheme, d=d, n=n, count=count)
                yield Case(f"transport {scheme} d={d} {n}x{count}", how)
                how = partial(thermal, scheme=scheme, d=d, n=n, count=count)
                yield Case(f"thermal {scheme} d={d} {n}x{count}", how)
    for d, n, count in ((2, 41, 31), (3, 4, 1), (3, 4, 32), (3, 7, 13), (5, 4, 2)):
        how = partial(thermal, scheme="muscl", d=d, n=n, count=count)
        yield Case(f"thermal muscl d={d} {n}x{count}", how)
    for name in NAMES:
        yield Case(f"pairs {name}", partial(pairs, name=name, d=3))
        yield Case(f"tiles {name}", partial(pairs, name=name, d=19))
        yield Case(f"elementwise {name}", partial(elementwise, name=name))
    for name in ("relu", "step", "erf", "tanh"):
        yield Case(f"overlaps {name}", partial(overlaps, name=name))
    along = sibling("exercise_lines")
    for name in ("abs", "sign"):
        for d in (2, 3, 4):
            yield Case(f"lines {name} d={d}", partial(along.lines, name=name, d=d))
        for d in (3, 19):
            yield Case(f"ties {name} d={d}", partial(along.ties, name=name, d=d))


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


def audits(kernels: CudaKernels, d: int, n: int, count: int) -> float:
    """All of them, on a density with ridges; then with numbers that are none."""
    rng = np.random.default_rng(d)
    rho = held(kernels, rough(rng, (2 * d, *[n] * (d - 1), count)))
    a, exact, worst = np.linspace(-1.3, 1.1, count), rho.astype(float), 0.0
    size = np.stack([0 * exact, np.abs(exact * np.log(exact + (exact == 0))), exact, 0 * exact])
    found, wanted = kernels.column_audits(rho, a), TWIN.column_audits(exact, a)
    worst = error(kernels, found, wanted, size.sum(axis=-1) + (wanted[3:] + 1) * 1e-30, 4)
    for along_a in (False, True):
        got = kernels.narrow_columns(rho, 0.73, along_a=along_a)
        told = TWIN.narrow_columns(exact, 0.73, along_a=along_a)
        worst = max(worst, error(kernels, got, told, exact.sum(axis=-1), 4))
        assert told.any()
    rho[1, 0, ..., 2], rho[-1, ..., -1] = np.nan, np.inf
    found, wanted = kernels.column_audits(rho, a), TWIN.column_audits(rho.astype(float), a)
    same = [np.array_equal(found[k], wanted[k], equal_nan=True) for k in (0, 3)]
    return worst if all(same) else np.inf


def combination(kernels: CudaKernels) -> float:
    """One array to eight, of either type, one of them overwritten."""
    rng, worst = np.random.default_rng(1), 0.0
    for size in (1, 31, 32, 33, 521):
        for count, dtype in ((1, kernels.real), (3, "float64"), (8, kernels.real)):
            arrays = [rng.normal(size=(size, 1)).astype(dtype) for _ in range(count)]
            weights = rng.normal(size=count)
            exact = np.tensordot(weights, np.array(arrays, float), 1)
            scale = np.tensordot(np.abs(weights), np.abs(np.array(arrays, float)), 1)
            first, after = np.empty_like(arrays[0]), count // 2
            kernels.combine(first, arrays, weights.tolist())
            off = np.abs(first - exact) / (count * np.finfo(dtype).eps * scale)
            unscaled = [w if k < after else 4 * w for k, w in enumerate(weights.tolist())]
            kernels.combine(arrays[-1], arrays, unscaled, np.array([0.25]), after)
            same = np.array_equal(first, arrays[-1])  # a power of two does not round
            worst = max(worst, float(off.max()) if same else np.inf)
    return worst


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
        told = (velocity, Grid(sphere.volume, a, width, sphere.connectivity))
        kernels.transport(got, rho, Stage(scheme, 0.05, weights, base), *told)
        exact = Stage(scheme, 0.05, weights, base.astype(float))
        TWIN.transport(wanted, rho.astype(float), exact, *told)
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
    exact, worst, heat = rho.astype(float), 0.0, Heat(0.07, h, gradient)
    parts: list[tuple[Velocity, float | None]] = [(Velocity(still, None, heat=heat), None)]
    if count > 1:
        parts.append((Velocity(still, moves, 0.3, 1.5, heat), a[1] - a[0]))
        parts.append((Velocity([], moves, heat=heat), a[1] - a[0]))
    for velocity, width in parts:
        told = (velocity, Grid(volume, a, width, sphere.connectivity))
        got, wanted, shares, exact_shares = (np.empty_like(x) for x in (rho, exact) * 2)
        kernels.transport(got, rho, Stage(scheme, 0.002, (0.5, 0.5), base), *told)
        half = Stage(scheme, 0.002, (0.5, 0.5), base.astype(float))
        TWIN.transport(wanted, exact, half, *told)
        worst = max(worst, error(kernels, got, wanted, np.abs(wanted).max(), 8))
        most = TWIN.thermal_outflow(exact_shares, exact, *told)
        off = abs(kernels.thermal_outflow(shares, rho, *told) - most)
        worst = max(worst, float(off / (8 * np.finfo(kernels.real).eps * most)))
        worst = max(worst, error(kernels, shares, exact_shares, most, 8))
        loss = TWIN.thermal_dissipation(exact, *told)
        lost = kernels.thermal_dissipation(rho, *told)
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


def elementwise(kernels: CudaKernels, name: str) -> float:
    """An activation by itself; rounding of z moves a value by slope eps |z|."""
    remainder, worst = NAMES[name], 0.0
    for count in (1, 31, 32, 33, 129, 1009):
        z = held(kernels, np.linspace(-6.0, 6.0, count))
        exact = z.astype(float)
        size = np.abs(remainder.value(exact)) + (1 + np.abs(remainder.slope(exact))) * np.abs(exact)
        got, wanted = kernels.remainder(remainder, z), remainder.value(exact)
        worst = max(worst, error(kernels, got, wanted, size + 1, 2))
    return worst


def overlaps(kernels: CudaKernels, name: str) -> float:
    """Sums with a dual kernel; neurons at the points themselves, at antipodes, and anywhere.

    A series of some twenty terms is good to 16 eps. A cosine known to eps is an angle known to
    eps / sin, and a slope that bends there one known to eps / sin^2. A neuron on the line of a
    point pulls along that line, which rounding decides, so gradients are compared across it.
    """
    rng, overlap, worst = np.random.default_rng(1), DualKernel(name).overlap, 0.0
    eps = np.finfo(float).eps  # in double in either type
    sums, twin = kernels.overlap_sums(overlap), TWIN.overlap_sums(overlap)
    assert sums is not None
    assert twin is not None
    for d in (2, 3, 19):
        for count, neurons in SIZES:
            launches.BLOCKS = 1 if neurons > 512 else 528
            p, q = (unit(rng.normal(size=(n, d))) for n in (count, neurons))
            both = min(count, neurons)
            q[:both] = p[:both] * rng.choice([-1.0, 1.0, 0.0], size=(both, 1)) + 0.0
            q = unit(np.where(q.any(axis=1, keepdims=True), q, rng.normal(size=q.shape)))
            weights = rng.normal(size=neurons)
            (got, pulls), (wanted, pulled) = (each(p, q, weights) for each in (sums, twin))
            if not (np.isfinite(got).all() and np.isfinite(pulls).all()):
                return np.inf
            c = p @ q.T
            value, slope = (np.abs(each) for each in overlap.both(c))
            square = np.where(1 - c * c > 1e-12, 1 - c * c, np.inf)
            size = (1 + value + slope) @ np.abs(weights)
            worst = max(worst, float((np.abs(got - wanted) / (16 * eps * size)).max()))
            off = pulls - pulled
            off = off - p * (off * p).sum(axis=1, keepdims=True)
            scale = (1 + slope + (1 + slope) / square) @ np.abs(weights)
            worst = max(worst, float((np.abs(off).max(axis=1) / (16 * eps * scale)).max()))
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
    "a corner of three panels missed": Fault(
        "crosses && s.at[k] == 0 ? 0 : off", "off", "thermal muscl d=3 6x12"
    ),
    "an axis not turned across an edge": Fault(
        "side == slot % 2 ? -1 : 1", "side == slot % 2 ? 1 : 1", "thermal muscl d=2 9x8"
    ),
    "a lane too far in a speed": Fault("own.at[0], 1)", "own.at[0], 2)", "thermal muscl d=2 9x8"),
    "an unaligned vector": Fault(
        "return *reinterpret_cast<const Cells *>(x);",
        "return *reinterpret_cast<const Cells *>(x + 1);",
        "transport muscl d=2 9x8",
    ),
    "ties of pairs by rounding": Fault("? (real)TIE : (real)0x1p-20", "? 0 : 0", "ties abs d=19"),
    "ties of lines on the other side": Fault(
        "tau + side * tie", "tau - side * tie", "lines abs d=2"
    ),
    "the rounding of thresholds forgotten": Fault(
        "most * 0x1p-24", "0 * most", "lines abs d=3", "float32"
    ),
    "bins of one bit too many": Fault(
        "BITS = NARROW ? 30", "BITS = NARROW ? 33", "lines abs d=3", "float32"
    ),
}


# A case that misses each barrier of a family, and how many there are.
BARRIERS = {
    "pairs": ("pairs tanh", 4),
    "tiles": ("tiles tanh", 4),
    "line_forward": ("lines abs d=3", 4),
    "line_backward": ("lines abs d=3", 5),
}
# Not missed: the sums across lanes, which wait for all of a warp, come before it as well.
COVERED = {("line_forward", 2)}


def without_barriers(family: str) -> list[Callable[[str], str]]:
    """For each barrier of a family, of a block or a warp, the edit that takes it away."""
    whole = source(family)
    places = [found.span() for found in re.finditer(r"__sync(threads|warp)\(\);", whole)]

    def edit(place: tuple[int, int], code: str) -> str:
        return whole[: place[0]] + ";" + whole[place[1] :] if code == whole else code

    return [partial(edit, place) for place in places]


def sibling(name: str) -> Any:
    """Another program of this folder."""
    spec = spec_from_file_location(f"cuda_{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    if spec.name not in sys.modules:
        sys.modules[spec.name] = loaded = module_from_spec(spec)
        spec.loader.exec_module(loaded)
    return sys.modules[spec.name]


def on_host(folder: Path, real: Any, **how: Any) -> CudaKernels:
    """A CUDA backend on the CPU."""
    compiler = partial(sibling("host_module").HostModule, folder=folder, **how)
    return CudaKernels(Device(np, compiler, lambda: 1 << 34), real)


def on_gpu(real: Any) -> Any:
    """The GPU's, for arrays of NumPy; InputError where there is none.

    Every array is an allocation of its own, so that a sanitizer sees where it ends.
    """
    device = select("cuda").device  # type: ignore[attr-defined]
    device.xp.cuda.set_allocator(None)
    kernels = CudaKernels(device, real)
    return sibling("carried").Carried(kernels, kernels)


def main() -> int:
    """Exit code 1 where a case is beyond its bound; sanitizers stop the program themselves."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("case", nargs="*")
    parser.add_argument("--sanitize", default="")
    parser.add_argument("--real", default="float32")
    parser.add_argument("--fault", choices=FAULTS)
    parser.add_argument("--gpu", action="store_true", help="on a GPU, by CuPy")
    asked = parser.parse_args()
    if asked.gpu:
        try:
            kernels = on_gpu(asked.real)
        except InputError as error:
            parser.error(str(error))
        return checked(kernels, asked.case, "on the GPU")
    edit = FAULTS[asked.fault] if asked.fault else str
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        for order in (7,) if asked.sanitize else (0, 1, 7):
            kernels = on_host(
                Path(folder), asked.real, sanitize=asked.sanitize, order=order, edit=edit
            )
            bad |= checked(kernels, asked.case, f"order {order}")
    return bad


def checked(kernels: CudaKernels, names: list[str], where: str) -> int:
    """1 where one of these cases, or of all, is beyond its bound."""
    bad = 0
    for case in cases():
        if not names or case.name in names:
            worst = case.check(kernels)
            bad += not worst <= 1
            print(f"{case.name:24} {where}: {worst:.3g} of the bound", flush=True)
    return min(bad, 1)


if __name__ == "__main__":
    sys.exit(main())

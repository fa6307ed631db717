"""Densities of more than 2^31 cells: wherever a kernel counts cells, it counts in 64 bits.

Such arrays are reserved and never filled: memory costs what is touched, and of each launch only the
last blocks run. The last eight columns of a circle of half a million hold numbers, all others are
empty, so what happens there is what the twins find on a circle of 64 columns with the same ones.
"""

import mmap
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from math import prod
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bnflow.kernels import Kernels, Velocity, select
from bnflow.kernels.contract import Grid, Heat, Stage, Stencil
from bnflow.kernels.cuda import CudaKernels, Device
from bnflow.kernels.cuda.grid import Shape, Tables, slabs
from bnflow.kernels.cuda.module import source
from bnflow.kernels.cuda.transport import definitions, march
from bnflow.pde.geometry import CubedSphere

TWIN = select("numpy")
COUNT = 4096  # values of a
SMALL, LARGE = 16, 131_088  # cells of a panel; 4 x LARGE x COUNT is 2^31 and 64 columns
CORNER = 8  # columns
EPS = float(np.finfo(np.float32).eps)
NORESERVE = 0x4000  # of mmap, on Linux
BLOCKS = {"potentials": 2 * CORNER, "combine": CORNER * COUNT // 128, "largest": 1}
LANES = slice(-512, None)  # what the last blocks of a march have of a
WIDTH = 2.0**-11  # centres of cells are numbers of 32 bits
A = WIDTH * (np.arange(COUNT) + 0.5) - 1.0

Case = Callable[[Kernels, int], list[Any]]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory that is only reserved")


def reserved(shape: Any, dtype: Any = np.float64) -> Any:
    """Zeros. Large ones are only reserved, and as much before them: a number of cells that has
    passed 2^31 in 32 bits leads there, to zeros, and to no other array.
    """
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    size, each = prod(shape), np.dtype(dtype).itemsize
    if size < 1 << 28:
        return np.zeros(shape, dtype)
    front = each << 31
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | NORESERVE
    try:
        room = mmap.mmap(-1, front + size * each, flags=flags)
    except OSError:
        pytest.skip("NOT CHECKED, indices of 64 bits: the system reserves no memory")
    return np.frombuffer(room, dtype, size, front).reshape(shape)


@pytest.fixture
def on_host(host_module: Any) -> Callable[..., CudaKernels]:
    """A CUDA backend on the CPU, of 32 bits, that runs the last blocks of each launch."""
    xp = SimpleNamespace(**{n: getattr(np, n) for n in ("ndarray", "asarray", "ascontiguousarray")})
    xp.empty = reserved

    def make(**how: Any) -> CudaKernels:
        compiler = partial(host_module, last=lambda name: BLOCKS.get(name, CORNER), **how)
        return CudaKernels(Device(xp, compiler, lambda: 1 << 40), "float32")

    return make


def columns(n: int, seed: int = 0) -> Any:
    """(4, n, COUNT): a density in the corner, its largest value in the last cell."""
    rho = reserved((4, n, COUNT), np.float32 if n == LARGE else np.float64)
    rho[3, -CORNER:] = 0.01 + np.random.default_rng(seed).random((CORNER, COUNT), np.float32)
    rho[3, -1, -1] = 2.0
    return rho


def numbers(n: int, seed: int, *shape: int, faces: bool = False) -> Any:
    """(*shape, 4, n), or n + 1 faces: numbers in the corner."""
    out = np.zeros((*shape, 4, n + faces))
    corner = np.random.default_rng(seed).random((*shape, CORNER + faces), np.float32)
    out[..., 3, -CORNER - faces :] = corner
    return out


def grid(n: int) -> Grid:
    return Grid(np.ones((4, n)), A, WIDTH, CubedSphere(2, n).connectivity)


def gradient(n: int) -> Stencil:
    cross, compact = numbers(n, 5, 2, faces=True), 1 + numbers(n, 6, faces=True)
    return Stencil(numbers(n, 7, 1, 2), numbers(n, 8, 1, 1), [cross], [compact])


def velocity(n: int, heat: bool = False) -> Velocity:
    through, moves = numbers(n, 2, faces=True) - 0.5, numbers(n, 3) - 0.5
    warm = Heat(0.07, numbers(n, 4), gradient(n)) if heat else None
    return Velocity([through], moves, 0.3, 1.5, warm)


def stage(n: int, dt: float) -> Stage:
    return Stage("muscl", dt, (0.5, 0.5), columns(n, 1))


def regrid(kernels: Kernels, n: int) -> list[Any]:
    return [kernels.regrid(columns(n), 3, 2)[3, -CORNER:]]


def combine(kernels: Kernels, n: int) -> list[Any]:
    out, other = columns(n), columns(n, 1)
    kernels.combine(out, [out, other], [0.3, 0.7])
    return [out[3, -CORNER:]]


def moments(kernels: Kernels, n: int) -> list[Any]:
    return list(kernels.moments(columns(n), A, 0.3)[:, 3, -CORNER:])


def audits(kernels: Kernels, n: int) -> list[Any]:
    narrow = kernels.narrow_columns(columns(n), 0.73, along_a=True)
    return [each[3, -CORNER:] for each in (*kernels.column_audits(columns(n), A)[:3], narrow)]


def transport(kernels: Kernels, n: int) -> list[Any]:
    rho = columns(n)
    out = reserved(rho.shape, rho.dtype)
    kernels.transport(out, rho, stage(n, 1e-4), velocity(n), grid(n))
    return [out[3, -CORNER:, LANES]]


def halo(kernels: CudaKernels, n: int) -> list[Any]:
    """What lies beyond every edge: of one panel it is the corner."""
    rho = columns(n).astype(np.float32, copy=False)
    edges = Tables.of(CubedSphere(2, n).connectivity, kernels.device)
    module = kernels.module("transport", definitions(rho, "muscl", True), rho.dtype.name)
    return list(slabs(module, rho, "muscl", edges, Shape.of(rho)))


INNER = slice(-5, -2)  # whose neighbours' neighbours are of the corner


def parts(n: int) -> list[tuple[float, Velocity]]:
    """Steps, along the directions alone and along a alone."""
    whole = velocity(n, heat=True)
    return [(1e-2, replace(whole, outer=None)), (1e-6, replace(whole, faces=[]))]


def thermal(kernels: Kernels, n: int) -> list[Any]:
    rho, found = columns(n), []
    for dt, moves in parts(n):
        out = reserved(rho.shape, rho.dtype)
        kernels.transport(out, rho, stage(n, dt), moves, grid(n))
        found.append(out[3, INNER, LANES])
    return found


def outflow(kernels: Kernels, n: int) -> list[Any]:
    rho, found = columns(n), []
    for _, moves in parts(n):
        out = reserved(rho.shape, rho.dtype)
        kernels.thermal_outflow(out, rho, moves, grid(n))
        found.append(out[3, INNER, LANES])
    return found


def heat(kernels: Kernels, n: int) -> list[Any]:
    """What is dissipated: an empty cell counts as a trace of the largest."""
    rho = columns(n)
    rho[3, -4, -1] = 0.0
    lost = [kernels.thermal_dissipation(rho, moves, grid(n)) for _, moves in parts(n)]
    return [each[3, INNER] for each in lost]


QUICK: dict[str, Case] = {"regrid": regrid, "transport": transport}
CASES: dict[str, Case] = {
    **QUICK,
    "heat": heat,
    "outflow": outflow,
    "combination": combine,
    "directions": moments,
    "audits": audits,
    "thermal": thermal,
}
slower = [pytest.param(name, marks=pytest.mark.slow) for name in CASES if name not in QUICK]
families = pytest.mark.parametrize("family", [*QUICK, *slower])


def off(found: list[Any], wanted: list[Any]) -> float:
    """Largest error, in units of eps of 32 bits and the largest number of an array."""
    pairs = zip(found, wanted, strict=True)
    return max(float(np.abs(x - y).max() / np.abs(y).max()) for x, y in pairs) / EPS


@families
def test_cells_beyond_two_to_the_31_are_found(family: str, on_host: Any) -> None:
    case = CASES[family]
    assert off(case(on_host(), LARGE), case(TWIN, SMALL)) <= 8


def test_so_are_they_across_an_edge(on_host: Any) -> None:
    """Beside the same kernels on the small circle."""
    assert off(halo(on_host(), LARGE), halo(on_host(), SMALL)) == 0


WIDE = re.compile(
    r"\(size_t\)|\bsize_t (?=cell|column)|"
    r"\(long long\)blockIdx.x \* blockDim.x \+ threadIdx.x|"
    r"blockIdx.x \* \(long long\)blockDim.x \+ threadIdx.x|"
    r"\bx\[i\]"  # of largest.cu, whose loop would not end with an i of 32 bits
)
WRAPS = "-fwrapv"  # else g++ may take an index that overflows for one that does not


def sites(family: str, slabs: bool = False) -> list[int]:
    """Where the text of a family has an index of 64 bits into a density: from an entry's number, or
    a column's by the length of one. slabs : on the way to the edges instead
    """
    whole, found = source(family), list[int]()
    for each in WIDE.finditer(whole):
        line = whole[whole.rfind("\n", 0, each.start()) : whole.index("\n", each.end())]
        dense = re.search(r"threadIdx|count|pitch|before|after|x\[i\]", line)
        beside = re.search("ghosts|slabs|SLOTS|edge", line)
        if dense and not beside and slabs == ("inside(" in line):
            found.append(each.start())
    return found


def narrowed(family: str, starts: list[int]) -> Callable[[str], str]:
    """The edit that makes these of 32 bits."""

    def narrow(found: re.Match[str]) -> str:
        if found.start() not in starts:
            return found[0]
        if "blockIdx" in found[0]:
            return "(int)(blockIdx.x * blockDim.x + threadIdx.x)"
        return found[0].replace("size_t", "int").replace("[i]", "[(int)i]")

    return lambda code: WIDE.sub(narrow, code) if code == source(family) else code


@families
def test_indices_of_32_bits_are_seen(family: str, on_host: Any) -> None:
    kernels = on_host(edit=narrowed(family, sites(family)), optimise=WRAPS)
    assert not off(CASES[family](kernels, LARGE), CASES[family](TWIN, SMALL)) <= 1000


@pytest.mark.slow
@pytest.mark.parametrize("family", CASES)
def test_each_of_them_is_seen_alone(family: str, on_host: Any) -> None:
    wanted = CASES[family](TWIN, SMALL)
    for start in sites(family):
        kernels = on_host(edit=narrowed(family, [start]), optimise=WRAPS)
        assert not off(CASES[family](kernels, LARGE), wanted) <= 1000, source(family)[start:][:80]


@pytest.mark.slow
def test_each_across_an_edge_is_seen_alone(on_host: Any) -> None:
    wanted, found = halo(on_host(), SMALL), sites("transport", slabs=True)
    assert len(found) == 2
    for start in found:
        kernels = on_host(edit=narrowed("transport", [start]), optimise=WRAPS)
        assert not off(halo(kernels, LARGE), wanted) <= 1000


def layers(kernels: CudaKernels, count: int) -> Any:
    """The last values of a of a stage in d = 5 whose ghosts are numbers there, and no others."""
    shape, rng = Shape(5, 4, count), np.random.default_rng(0)
    full = (shape.directions, shape.count), (2, shape.slab_cells, shape.count)
    rho, slabs = (reserved(size, np.float32) for size in full)
    for each in (rho, slabs):
        each[..., -COUNT // 8 :] = rng.random((*each.shape[:-1], COUNT // 8), np.float32)
    faces = rng.random((4, shape.axis_faces), np.float32) - np.float32(0.5)
    volume, a = np.ones(shape.directions, np.float32), np.zeros(count, np.float32)
    a[-COUNT // 8 :] = np.linspace(-1, 1, COUNT // 8, dtype=np.float32)
    out = reserved(rho.shape, rho.dtype)
    defined = definitions(rho.reshape(10, 4, 4, 4, 4, count), "muscl", True) | {"LANES": 0}
    chunk, *launch = march(shape, defined["PACK"], defined["ROWS"])
    arrays = (rho, rho, out, slabs, faces, volume, None, None, a)
    numbers = (0.0, 0.0, False, 0.0, 1.0, 0.01, 4, count, chunk)
    kernels.module("transport", defined)("transport_stage", *launch, *arrays, *numbers)
    return out[-2 * CORNER :, -CORNER:]


@pytest.mark.slow
def test_layers_of_more_than_two_to_the_31_are_found(on_host: Any) -> None:
    """Beside the same launch for fewer values of a: 2^30 cells in d = 5 have such layers."""
    kernels = on_host()
    found, wanted = layers(kernels, 419_840), layers(kernels, COUNT // 8)
    assert np.abs(wanted).min() > 0
    np.testing.assert_array_equal(found, wanted)

"""How fast the kernels are, beside what the device allows.

    python benchmarks/kernels.py [--backend cuda|numpy] [--dtype float32] [--quick] [--csv FILE]

    forward, backward   pairs/s: f_k = sum_j c_j s(w_j.x_k);  h_j, g_j = sum_k e_k {s, s' x_k}
    sums                the same for |z| at the stations of a grid: all pairs of direction and row,
                        all of line and row, and KeOps, JAX, torch, numba where they are installed
    stage               cells/s of the transport: the first stage of a step moves two numbers a
                        cell, a later one three; noisy ones three more, for the logarithms
    step                a whole step of a run beside its cost model; time and memory as cells grow;
                        on a GPU also launch by launch and as CUDA graphs, see graphs.py

Two limits are measured in the same rounds: `copy`, bytes read and written by one, and `fma`, flop
of multiply-adds alone (on NumPy, of a matrix product); a pair needs d + 1 multiply-adds forward and
2 d backward, the activation not counted. `of limit` is the share of that; `of issue` the share of
what the instructions in the machine code (32 bits, sm_90) allow at the measured rate of
multiply-adds; `x` the time in that of the first of its kind. Every round times every case of a
group once; shown are the best and the median round. A GPU is timed by its own events; NumPy runs in
one thread.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from bnflow.benchmarks import graphs, steps
from bnflow.benchmarks.interaction import Setting, setting
from bnflow.benchmarks.kernel_cases import (
    limit_cases,
    pair_cases,
    pair_type,
    stage_cases,
    sum_cases,
)
from bnflow.benchmarks.peers import PEERS, Clouds, Pair
from bnflow.benchmarks.steps import Size
from bnflow.benchmarks.throughput import (
    Case,
    Timing,
    machine,
    measure,
    refuse_no_folder,
    row_of,
    write_rows,
)
from bnflow.kernels import Kernels, select
from bnflow.kernels.contract import Real, Scheme
from bnflow.kernels.cuda import CudaKernels
from bnflow.kernels.errors import InputError

ROUNDS = 5
DTYPES: tuple[Real, ...] = ("float32", "float64")
DRIVER = Path("/proc/driver/nvidia/version")
PEERS_COME_IN = ("jax", "numba", "pykeops", "torch")


@dataclass(frozen=True)
class Sizes:
    """entries : of a copy; multiply_adds : of a limit; pairs : d, directions, rows
    sums : d, cells, rows; peers : the same, where they take part; stages, steps : of grids
    grids, widths : of grids and networks whose steps are compared with CUDA graphs and without
    """

    entries: int
    multiply_adds: int
    pairs: tuple[tuple[int, int, int], ...]
    sums: tuple[tuple[int, int, int], ...]
    peers: tuple[tuple[int, int, int], ...]
    stages: tuple[tuple[int, int, int], ...]
    steps: tuple[Size, ...]
    counted: int = 5  # steps
    rounds: int = ROUNDS
    activations: tuple[str, ...] = ("relu", "tanh", "erf")
    schemes: tuple[Scheme, ...] = ("muscl", "weno")
    grids: tuple[Size, ...] = ()
    widths: tuple[int, ...] = ()


QUICK = Sizes(
    1 << 22,
    1 << 27,
    ((3, 1_000, 2_000), (4, 1_000, 2_000)),
    ((3, 16, 1_000),),
    ((3, 16, 1_000),),
    ((2, 64, 64), (3, 12, 32)),
    (Size(3, 8, 24, 500), Size(3, 12, 24, 500), Size(3, 16, 24, 500)),
    rounds=2,
    grids=(Size(2, 64, 64, 500), Size(3, 16, 24, 500)),
    widths=(1_000,),
)
HOST = Sizes(
    1 << 23,
    1 << 30,
    ((3, 4_096, 6_000), (4, 4_096, 6_000)),
    ((3, 32, 4_096), (3, 64, 4_096), (4, 12, 4_096)),
    ((3, 32, 4_096),),
    ((2, 256, 64), (3, 32, 64), (4, 12, 32)),
    (*(Size(3, n, 64, 2_000) for n in (16, 24, 32)), *(Size(4, n, 24, 1_000) for n in (6, 8, 12))),
)
GPU = Sizes(
    1 << 27,
    1 << 37,
    ((3, 49_152, 10_000), (3, 196_608, 10_000), (4, 442_368, 10_000)),
    (*((3, n, 10_000) for n in (32, 64, 128, 256)), *((4, n, 10_000) for n in (16, 32, 48))),
    ((3, 64, 10_000), (4, 16, 10_000)),
    ((2, 4_096, 512), (3, 64, 64), (3, 256, 128), (4, 48, 64)),
    (
        *(Size(3, n, 128, 10_000) for n in (32, 64, 128, 256)),
        *(Size(4, n, 64, 10_000) for n in (16, 24, 32, 48)),
    ),
    counted=20,
    grids=(Size(2, 64, 64, 1_000), *(Size(3, n, 64, 1_000) for n in (16, 32, 64, 128))),
    widths=(100, 1_000, 10_000, 100_000),
)


@dataclass(frozen=True)
class Row:
    """A timing with what its table says of it."""

    timing: Timing
    limit: float = np.nan
    issue: float = np.nan

    @classmethod
    def of(cls, timing: Timing, limits: dict[str, float]) -> Row:
        """Beside limits, in bytes and flop a second."""
        case = timing.case
        limit = limits[case.limit] / case.needs if case.limit else np.nan
        return cls(timing, limit, limits["fma"] / 2 / case.instructions)

    def csv(self) -> dict[str, object]:
        """For the table in a file."""
        return {**row_of(self.timing, self.limit), "issue_per_second": self.issue}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--backend",
        default="auto",
        choices=("auto", "numpy", "cuda"),
        help="auto is numpy; cuda must be there [auto]",
    )
    parser.add_argument("--dtype", choices=DTYPES, help="[both on a GPU, float64 on NumPy]")
    parser.add_argument("--quick", action="store_true", help="small sizes, few rounds")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write every timing to FILE")


def run(arguments: argparse.Namespace) -> None:
    """Measure and print; InputError where the backend, or the folder of the table, is not there."""
    kernels = select(arguments.backend)
    refuse_no_folder(arguments.csv)
    on_gpu = isinstance(kernels, CudaKernels)
    sizes = QUICK if arguments.quick else GPU if on_gpu else HOST
    own = DTYPES if on_gpu else ("float64",)
    dtypes = (arguments.dtype,) if arguments.dtype else own
    about, rows = described(kernels), list[dict[str, object]]()
    print("\n".join(f"{name:<14}{value}" for name, value in about.items()))
    try:
        with threadpool_limits(limits=1):
            for each, dtype in [(kernels.typed(dtype), dtype) for dtype in dtypes]:
                for row in measured(each, dtype, sizes):
                    rows.append(row)
    finally:  # what was measured is kept, whatever comes after it
        if arguments.csv is not None and rows:
            write_rows(arguments.csv, rows, about)


def described(kernels: Kernels) -> dict[str, object]:
    """Where and with what it is measured."""
    found = re.search(r"\d+\.\d+(\.\d+)?", DRIVER.read_text()) if DRIVER.exists() else None
    driver = {"driver": found[0]} if found else {}
    device = {"backend": kernels.name, **kernels.about()}
    peers = {name: version(name) for name in PEERS_COME_IN if find_spec(name)}
    return {**device, **(driver if kernels.about() else {}), **machine(), **peers}


def measured(kernels: Kernels, dtype: str, sizes: Sizes) -> Iterator[dict[str, object]]:
    """Group after group: print its table, and give its rows for a file."""
    limits = limit_cases(kernels, dtype, sizes.entries, sizes.multiply_adds)
    rows: list[Row] = []
    for title, unit, cases in groups(kernels, dtype, sizes):
        timings = measure([*limits, *cases], sizes.rounds, kernels.seconds)
        known = {t.case.name: t.rate for t in timings[:2]}
        told = [Row.of(t, known) for t in timings[2:]]
        print_rates(f"{title}, {dtype}", unit, known, told)
        told += [Row(t) for t in timings[:2]]
        rows += told
        yield from (row.csv() for row in told)
    yield from whole_steps(kernels, dtype, sizes, rows)
    if isinstance(kernels, CudaKernels):
        yield from both_ways(kernels, dtype, sizes)


def both_ways(kernels: CudaKernels, dtype: str, sizes: Sizes) -> Iterator[dict[str, object]]:
    """Steps launch by launch and as CUDA graphs, with their table; neurons in 64 bits alone."""
    widths = sizes.widths if dtype == "float64" else ()
    for number, each in enumerate(
        graphs.compared(kernels, dtype, sizes.grids, widths, sizes.counted)
    ):
        print(f"{graphs.HEAD}\n{each}" if number == 0 else each)
        yield from (row_of(timing, np.nan) for timing in (each.alone, each.recorded))


def groups(kernels: Kernels, dtype: str, sizes: Sizes) -> Iterator[tuple[str, str, list[Case]]]:
    """Title, unit, and the cases that are timed in turn; made when it is their turn."""
    for d, points, rows in sizes.pairs:
        size = (d, points, rows)
        cases = [c for name in sizes.activations for c in pair_cases(kernels, dtype, name, *size)]
        yield f"pairs, d = {d}, {points:,} directions x {rows:,} rows", "Gpairs/s", cases
    for size in sizes.sums:
        cases = contest(kernels, dtype, size, size in sizes.peers)
        yield "sums of |z|, d = {}, {} cells an edge, {:,} rows".format(*size), "Gpairs/s", cases
    for size in sizes.stages:
        cases = [
            case
            for scheme, noisy in product(sizes.schemes, (False, True))
            for case in stage_cases(kernels, dtype, scheme, *size, noisy=noisy)
        ]
        yield "stages, d = {}, {} cells an edge x {}".format(*size), "Gcells/s", cases


def contest(kernels: Kernels, dtype: str, size: tuple[int, int, int], peers: bool) -> list[Case]:
    """bnflow's sums of |z|, and those of others, after a look at their results."""
    s, dtype = setting(*size, threads=1), pair_type(kernels, dtype)
    cases = sum_cases(kernels, dtype, s)
    if peers:
        exact = [np.asarray(kernels.host(case.call())) for case in cases[-2:]]
        for name in PEERS:
            try:
                sums = peer(name, kernels, dtype, s, exact)
            except Exception as error:  # of whatever kind, it is not to end the others' race
                print(f"SKIPPED  {name}: {type(error).__name__}: {error}")
                continue
            cases += [
                Case(f"sums {way}", f"{name} d={s.dimension}", s.name, work, call, dtype=dtype)
                for way, work, call in zip(("forward", "backward"), s.pairs, sums, strict=True)
            ]
    return cases


def peer(name: str, kernels: Kernels, dtype: str, s: Setting, exact: Sequence[Any]) -> Pair:
    """Sums of another library, equal to ours to half of the type's digits; else AssertionError."""
    c = s.clouds
    v, x, weights, e = (each.astype(dtype) for each in (c.v, c.x, c.c, c.e))
    device = "cuda" if isinstance(kernels, CudaKernels) else "cpu"
    sums = PEERS[name](Clouds(v, x, weights, e, c.threads, device))
    for own, right in zip(sums, exact, strict=True):
        found = own()
        off = np.asarray(found.cpu() if hasattr(found, "cpu") else found) - right
        allowed = np.sqrt(np.finfo(dtype).eps) * np.linalg.norm(right)
        assert np.linalg.norm(off) <= allowed, f"{name} sums something else"
    return sums


def whole_steps(
    kernels: Kernels, dtype: str, sizes: Sizes, rows: Sequence[Row]
) -> Iterator[dict[str, object]]:
    """Steps of runs, with their table; what cannot run here is told."""
    copy = max(row.timing.rate for row in rows if row.timing.case.name == "copy")
    found, rates, fixed = [], [], dict[int, float]()
    for size in sizes.steps:
        try:
            if size.d not in fixed:
                fixed[size.d] = steps.fixed(kernels, size.d, dtype, sizes.counted)
            found.append(steps.measured(kernels, size, dtype, sizes.counted))
        except (InputError, MemoryError) as error:
            print(f"\nSKIPPED  steps of {size}, {dtype}: {error}")
            continue
        rates.append(steps.Rates(copy, sum_rates(rows, size.d), fixed[size.d]))
    if found:
        steps.print_steps(found, rates)
    for step, known in zip(found, rates, strict=True):
        limit = step.work.cells / sum(known.parts(step.work).values())
        yield {**row_of(step.timing, limit), "peak_bytes": step.peak_bytes}


def sum_rates(rows: Sequence[Row], d: int) -> dict[tuple[str, str], float]:
    """Best pairs a second of (forward or backward, lines or direct), for relu in d dimensions."""
    best: dict[tuple[str, str], float] = {}
    for row in rows:
        case = row.timing.case
        group, way = case.group.removeprefix("sums "), case.name.partition(" ")[0]
        way = "direct" if way == "relu" else way
        if case.name.endswith(f" d={d}") and group in ("forward", "backward"):
            best[group, way] = max(best.get((group, way), 0.0), row.timing.rate)
    return best


def print_rates(title: str, unit: str, limits: dict[str, float], rows: Sequence[Row]) -> None:
    """Rates, shares, and how many times as long the others of a group take as its first."""
    print(
        f"\n{title}  (copy {limits['copy'] / 1e9:.1f} GB/s, fma {limits['fma'] / 1e9:.1f} GFLOP/s)"
    )
    print(f"{'':<28}{'ms':>10}{unit:>12}{'median':>10}{'of limit':>10}{'of issue':>10}{'x':>8}")
    first = {row.timing.case.group: row.timing.best for row in reversed(rows)}
    for row in rows:
        t = row.timing
        share, issue = (
            f"{t.rate / most:.1%}" if np.isfinite(most) else "" for most in (row.limit, row.issue)
        )
        print(
            f"{t.case.group:<14}{t.case.name:<14}{1e3 * t.best:>10.3f}{t.rate / 1e9:>12.3f}"
            f"{t.case.work / t.median / 1e9:>10.3f}{share:>10}{issue:>10}"
            f"{t.best / first[t.case.group]:>8.2f}"
        )


def main() -> int:
    """Exit code 2 where the backend or the type is not there."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add_arguments(parser)
    try:
        run(parser.parse_args())
    except InputError as error:
        print(f"kernels.py: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

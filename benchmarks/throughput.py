"""How fast the kernels are on this machine, beside what the machine allows: one thread, float64.

    python benchmarks/throughput.py [--quick] [--csv FILE]

    transport   cells a second; a step is two Runge-Kutta stages, each counts every cell once
    forward     pairs a second: f_k = sum_j c_j s(w_j.x_k)              (w: directions, x: rows)
    backward    pairs a second: h_j, g_j = sum_k e_k s(w_j.x_k), .. s'(w_j.x_k) x_k
    step        a whole step on sampled data (transport, field, stable step) as the cells double:
                its cost is linear in them, so the ratio of times comes up to 2, the exponent to 1

Limits are measured in the same rounds: `copy` and `triad` (y += s x) move 16 and 24 bytes an entry,
as the first and the second stage do for a cell, 20 on the average; `fma` is a large matrix product,
and a pair needs d + 1 multiply-adds forward, 2 d backward, the activation not counted. Every round
times every case once, so that a slow minute of the machine falls on all of them; shown are the best
and the median round.
"""

from __future__ import annotations

import argparse
import csv
import math
import os
import platform
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray
from scipy.linalg.blas import daxpy
from threadpoolctl import threadpool_info, threadpool_limits

import bnflow
from bnflow.kernels import select
from bnflow.kernels.errors import InputError
from bnflow.kernels.meter import Call, seconds
from bnflow.pde.network.activations import activation
from bnflow.pde.session import Session

Array = NDArray[np.float64]

ROUNDS, QUICK_ROUNDS = 7, 3
SHORTEST = 0.01  # seconds of a timing; a faster case is called several times
ENTRIES = 1 << 23  # of the arrays that are streamed: 64 MiB each, beyond any cache
MATRIX = 1024
SEED = 0


@dataclass(frozen=True)
class Case:
    """What is timed: `call` does `work` units of something, of which a limit allows only so many.

    needs : what one unit takes from the limit, bytes or floating-point operations
    dtype : of the density, or in which pairs are summed
    instructions : machine instructions that one unit is, where they have been counted
    """

    group: str
    name: str
    size: str
    work: float
    call: Callable[[], Any]
    limit: str = ""
    needs: float = 0.0
    dtype: str = "float64"
    instructions: float = math.nan


@dataclass(frozen=True)
class Timing:
    """The seconds that a case took."""

    case: Case
    best: float
    median: float

    @property
    def rate(self) -> float:
        """Units a second, at best."""
        return self.case.work / self.best


def main() -> None:
    parser = argparse.ArgumentParser(description="Cells and pairs a second, beside the limits.")
    parser.add_argument("--quick", action="store_true", help="small sizes, few rounds")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write every timing to FILE")
    arguments = parser.parse_args()
    with threadpool_limits(limits=1):
        about = machine()
        print("\n".join(f"{name:<9}{value}" for name, value in about.items()))
        timings = measure(all_cases(arguments.quick), QUICK_ROUNDS if arguments.quick else ROUNDS)
    limits = {t.case.name: t.rate for t in timings if t.case.group == "limit"}
    print_limits(limits)
    for group, unit in (
        ("transport", "Mcells/s"),
        ("forward", "Mpairs/s"),
        ("backward", "Mpairs/s"),
    ):
        print_rates([t for t in timings if t.case.group == group], unit, limits)
    print_scaling([t for t in timings if t.case.group == "step"])
    if arguments.csv is not None:
        write_csv(arguments.csv, timings, limits, about)


def machine() -> dict[str, object]:
    """Where and with what it was measured."""
    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    return {
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "threads": max((pool["num_threads"] for pool in pools), default=1),
        "blas": ", ".join(
            sorted({f"{p['internal_api']} {p['version']} {p.get('architecture')}" for p in pools})
        ),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "bnflow": bnflow.__version__,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def cpu_model() -> str:
    """The processor's name, as the system tells it."""
    known = Path("/proc/cpuinfo")
    lines = known.read_text().splitlines() if known.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def measure(
    cases: Sequence[Case], rounds: int, clock: Callable[[Call, int], float] = seconds
) -> list[Timing]:
    """Time all cases in turn, round after round, after a call of each that compiles what it needs.

    clock : of where they run
    """
    for case in cases:
        case.call()
    loops = [max(1, math.ceil(SHORTEST / clock(case.call, 1))) for case in cases]
    table = np.array(
        [[clock(case.call, n) for case, n in zip(cases, loops, strict=True)] for _ in range(rounds)]
    )
    return [
        Timing(case, float(column.min()), float(np.median(column)))
        for case, column in zip(cases, table.T, strict=True)
    ]


def all_cases(quick: bool) -> list[Case]:
    """Every case, small ones only where it must be quick."""
    keep = 2 if quick else 4
    sizes = {2: [(64, 64), (256, 256), (1024, 256)], 3: [(16, 32), (32, 64), (64, 64)]}
    pairs = [(1_000, 1_000), (1_000, 6_000), (10_000, 6_000)]
    doubling = {2: [128, 256, 512, 1024, 2048], 3: [17, 24, 34, 48, 68]}
    return [
        *limit_cases(),
        *(
            transport_case(scheme, d, n, n_a)
            for d in (2, 3)
            for scheme in ("upwind", "muscl")
            for n, n_a in sizes[d][: keep - 1]
        ),
        *(
            case
            for name in ("relu", "tanh")
            for rows, points in pairs[: keep - 1]
            for case in pair_cases(name, points, rows, 3)
        ),
        *(step_case(d, n) for d in (2, 3) for n in doubling[d][: keep + 1]),
    ]


def limit_cases() -> list[Case]:
    """Memory bandwidth and floating-point peak of one thread."""
    x, y = np.ones(ENTRIES), np.zeros(ENTRIES)
    a, b = np.random.default_rng(SEED).random((2, MATRIX, MATRIX))
    product = np.empty_like(a)
    entries, matrix = f"{ENTRIES:,} float64", f"{MATRIX} x {MATRIX} float64"
    return [
        Case("limit", "copy", entries, 16 * ENTRIES, lambda: np.copyto(y, x)),
        Case("limit", "triad", entries, 24 * ENTRIES, lambda: daxpy(x, y, a=1e-9)),
        Case("limit", "fma", matrix, 2 * MATRIX**3, lambda: np.matmul(a, b, out=product)),
    ]


def session(d: int, n: int, n_a: int, rows: int, scheme: str) -> Session:
    """A network on sampled data, both layers trained."""
    directions = np.eye(d)[:2].tolist()
    settings: dict[str, Any] = {
        "data": {
            "kind": "sampled",
            "covariance": np.geomspace(10.0, 1.0, d).tolist(),
            "samples": rows,
            "seed": SEED,
        },
        "target": {"kind": "teacher", "weights": [1.0, -0.5], "directions": directions},
        "solver": {"cells": n, "a_cells": n_a, "scheme": scheme},
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bnflow.Notice)
        return Session.prepare(bnflow.load_config(settings))


def transport_case(scheme: str, d: int, n: int, n_a: int) -> Case:
    """Both stages of a step under a frozen velocity."""
    made = session(d, n, n_a, 100, scheme)
    flow, state = made.flow, made.initial_state()
    velocity = flow.field(state).velocity
    return Case(
        "transport",
        f"{scheme} d={d}",
        " x ".join(map(str, state.rho.shape)),
        2 * state.rho.size,
        lambda: flow.advance(state, velocity, 1e-6),
        "memory",
        20.0,
    )


def pair_cases(activation_name: str, points: int, rows: int, d: int) -> list[Case]:
    """Both sums between `points` directions and `rows` rows."""
    kernels, rng = select("numpy"), np.random.default_rng(SEED)
    w: Array = rng.standard_normal((points, d))
    w /= np.linalg.norm(w, axis=1, keepdims=True)
    x, c, e = rng.standard_normal((rows, d)), rng.random(points), rng.standard_normal(rows)
    name, size = f"{activation_name} d={d}", f"{points:,} x {rows:,}"
    remainder = activation(activation_name).parts[0].remainder
    return [
        Case(
            "forward", name, size, points * rows,
            lambda: kernels.pair_forward(remainder, w, x, c), "fma", 2 * (d + 1),
        ),
        Case(
            "backward", name, size, points * rows,
            lambda: kernels.pair_backward(remainder, w, x, e), "fma", 4 * d,
        ),
    ]  # fmt: skip


def step_case(d: int, n: int) -> Case:
    """A whole step, with a field from 1,000 rows."""
    made = session(d, n, 64, 1_000, "muscl")
    flow, state = made.flow, made.initial_state()
    velocity = flow.field(state).velocity

    def step() -> None:
        flow.advance(state, velocity, 1e-6)
        flow.rate(flow.field(state).velocity, state.axis)

    size = " x ".join(map(str, state.rho.shape))
    return Case("step", f"muscl relu d={d}", size, state.rho.size, step)


def allowed(case: Case, limits: dict[str, float]) -> float:
    """Units a second that the limits permit; NaN where none is named."""
    if not case.limit:
        return math.nan
    best = max(limits["copy"], limits["triad"]) if case.limit == "memory" else limits[case.limit]
    return best / case.needs


def print_limits(limits: dict[str, float]) -> None:
    print()
    for name, size in (("copy", 16), ("triad", 24)):
        cells = limits[name] / size / 1e6
        print(
            f"{name:<9}{limits[name] / 1e9:.1f} GB/s: {cells:.0f} Mcells/s at {size} bytes a cell"
        )
    print(f"{'fma':<9}{limits['fma'] / 1e9:.1f} GFLOP/s")


def print_rates(timings: Sequence[Timing], unit: str, limits: dict[str, float]) -> None:
    print(
        f"\n{timings[0].case.group:<14}{'size':>22}{unit:>12}{'median':>9}{'limit':>9}{'share':>8}"
    )
    for t in timings:
        limit, median = allowed(t.case, limits), t.case.work / t.median
        print(
            f"{t.case.name:<14}{t.case.size:>22}{t.rate / 1e6:>12.1f}{median / 1e6:>9.1f}"
            f"{limit / 1e6:>9.0f}{t.rate / limit:>8.1%}"
        )


def print_scaling(timings: Sequence[Timing]) -> None:
    print(f"\n{'step':<18}{'cells':>12}{'ms':>10}{'cells x':>9}{'time x':>8}{'Mcells/s':>10}")
    for name in dict.fromkeys(t.case.name for t in timings):
        ladder = [t for t in timings if t.case.name == name]
        for before, t in zip([None, *ladder], ladder, strict=False):
            ratios = f"{'':>17}"
            if before is not None:
                ratios = f"{t.case.work / before.case.work:>9.2f}{t.best / before.best:>8.2f}"
            rate = f"{t.rate / 1e6:>10.2f}"
            print(f"{name:<18}{t.case.work:>12,}{t.best * 1e3:>10.1f}{ratios}{rate}")
        print(f"{name:<18}time ~ cells^{exponent(ladder):.2f}")


def exponent(ladder: Sequence[Timing]) -> float:
    """Slope of log time against log cells, by least squares."""
    cells, times = [t.case.work for t in ladder], [t.best for t in ladder]
    return float(np.polyfit(np.log(cells), np.log(times), 1)[0])


def write_csv(
    path: Path, timings: Sequence[Timing], limits: dict[str, float], about: dict[str, object]
) -> None:
    """One row a case, each with the machine it was measured on."""
    write_rows(path, [row_of(t, allowed(t.case, limits)) for t in timings], about)


def row_of(t: Timing, limit: float) -> dict[str, object]:
    """What a table says of a timing; limit : units a second that are allowed."""
    return {
        "group": t.case.group,
        "name": t.case.name,
        "size": t.case.size,
        "dtype": t.case.dtype,
        "work": t.case.work,
        "seconds_best": t.best,
        "seconds_median": t.median,
        "per_second": t.rate,
        "limit_per_second": limit,
    }


def refuse_no_folder(table: Path | None) -> None:
    """Raise InputError, before anything is measured, where a table cannot be written."""
    if table is not None and not table.parent.is_dir():
        raise InputError(f"--csv {table}: there is no folder {table.parent}; make it first")


def write_rows(path: Path, rows: Sequence[dict[str, object]], about: dict[str, object]) -> None:
    """A table; every row says where and with what it was measured. "" for what is not known."""
    columns = dict.fromkeys(name for row in rows for name in row)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*columns, *about], restval="")
        writer.writeheader()
        for row in rows:
            known = {name: value for name, value in row.items() if value == value}  # no NaN
            writer.writerow({**known, **about})


if __name__ == "__main__":
    main()

"""The sums of the interaction: along grid lines, over all pairs, and as other libraries do them.

    python benchmarks/interaction.py [--quick] [--threads K] [--csv FILE]

    forward    f_k = sum_j c_j |w_j.x_k|
    backward   g_j = sum_k e_k sign(v_j.x_k) x_k

over the half stations v of a cubed sphere of n_cells an edge, of which the cell centres w carry
weights, and normal rows x, in 64-bit arithmetic: what relu and abs need at every step. Everyone
profits from the symmetry of the sphere. Rows stay from step to step, so lines keep a table of them;
`prepare` is its making, once a run.
numba, JAX, torch and KeOps (`peers`) take part where they are installed, with K threads; bnflow's
sums run on one. Results are compared first. Every round times all of them in turn; shown is the
best round. `of peak`: a pair is d + 1 multiply-adds forward and 2 d backward, against a large
matrix product with K threads.

At the end, from how many pairs on lines pay, and how time grows with cells and with rows:
t ~ cells^p rows^q, p = d - 1 and q = 1 over pairs, p = d - 2 and q = 1 along lines, where rows are
many more than the cells of a line (else the tables of the lines, cells^(d-1), count as well).
"""

from __future__ import annotations

import argparse
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from bnflow.benchmarks.peers import PEERS, Clouds, Pair
from bnflow.benchmarks.throughput import Case, Timing, limit_cases, machine, measure, write_csv
from bnflow.kernels import Kernels, select
from bnflow.kernels.reference.activations import REMAINDERS
from bnflow.pde.geometry import BatchNormMetric, Chart, CubedSphere, Stations
from bnflow.pde.geometry.lines import station_lines

Array = NDArray[np.float64]

SIZES = [
    (2, 256, 1024), (2, 1024, 4096), (2, 4096, 16384),
    (3, 16, 1000), (3, 32, 1000), (3, 64, 4096), (3, 128, 4096), (3, 256, 4096),
    (4, 8, 1000), (4, 16, 1000),
]  # fmt: skip
QUICK = [(2, 256, 1024), (3, 16, 1000), (3, 32, 1000)]
NEAR_CROSSOVER = [
    *[(2, cells, rows) for cells, rows in [(8, 100), (8, 1000), (64, 100), (512, 10), (512, 100)]],
    *[(3, cells, rows) for cells, rows in [(4, 1000), (8, 1000), (16, 100), (32, 10), (32, 100)]],
    *[(4, cells, rows) for cells, rows in [(4, 1000), (6, 1000), (8, 100), (12, 10), (12, 100)]],
]
GROWTH = {  # d, way -> ladder of cells, rows beside it; ladder of rows
    (3, "lines"): ((32, 64, 128), 20_000, (10_000, 20_000, 40_000)),
    (3, "direct"): ((32, 64, 128), 1_000, (1_000, 2_000, 4_000)),
    (4, "lines"): ((8, 16, 24), 10_000, (5_000, 10_000, 20_000)),
    (4, "direct"): ((8, 12, 16), 1_000, (1_000, 2_000, 4_000)),
}
ROUNDS, QUICK_ROUNDS = 5, 2


@dataclass(frozen=True)
class Setting:
    """Points of a grid, and rows."""

    name: str
    stations: Stations
    chart: Chart
    clouds: Clouds

    @property
    def dimension(self) -> int:
        return int(self.clouds.v.shape[1])

    @property
    def pairs(self) -> tuple[int, int]:
        """Forward and backward."""
        rows = len(self.clouds.x)
        return len(self.clouds.w) * rows, len(self.clouds.v) * rows


def setting(d: int, cells: int, rows: int, threads: int) -> Setting:
    """Normal rows, and a whitening of condition 10."""
    random = np.random.default_rng(0)
    chart, stations = (
        Chart(BatchNormMetric(np.geomspace(10, 1, d))),
        Stations(CubedSphere(d, cells)),
    )
    v, x = chart.whitened(stations.half), random.standard_normal((rows, d))
    c = random.standard_normal(len(stations.half_centres))  # faces on panel edges carry none
    e = random.standard_normal(rows)
    name = f"d={d} cells={cells} rows={rows}"
    return Setting(name, stations, chart, Clouds(v, x, c, e, threads))


def ours(way: str, kernels: Kernels, name: str = "abs") -> Callable[[Setting], Pair]:
    """bnflow's sums of a remainder, along lines or over all pairs."""
    remainder = REMAINDERS[name]

    def make(s: Setting) -> Pair:
        clouds, put = s.clouds, kernels.array
        points, neurons, x, c, e = map(put, (clouds.v, clouds.w, clouds.x, clouds.c, clouds.e))
        if way == "lines":
            lines = station_lines(s.stations, clouds.v, s.chart.matrix)
            made = kernels.line_sums(remainder, lines, x, keep=True)
            return lambda: made.forward(c), lambda: made.backward(e)[1]
        return (
            lambda: kernels.pair_forward(remainder, neurons, x, c),
            lambda: kernels.pair_backward(remainder, points, x, e)[1],
        )

    return make


def theirs(peer: Callable[[Clouds], Pair]) -> Callable[[Setting], Pair]:
    return lambda s: peer(s.clouds)


EVERYONE: dict[str, Callable[[Setting], Pair]] = {
    "lines": ours("lines", select("numpy")),
    "direct": ours("direct", select("numpy")),
    **{name: theirs(peer) for name, peer in PEERS.items()},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small sizes, few rounds")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), metavar="K")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write every timing to FILE")
    given = parser.parse_args()
    rounds = QUICK_ROUNDS if given.quick else ROUNDS
    warnings.simplefilter("ignore")
    with threadpool_limits(limits=1):
        about = {**machine(), "threads": given.threads}
        print("\n".join(f"{name:<9}{value}" for name, value in about.items()))
        timings = compare(QUICK if given.quick else SIZES, given.threads, rounds)
        if not given.quick:
            timings += crossover(rounds) + scaling(rounds)
    if given.csv is not None:
        peak = max(t.rate for t in timings if t.case.group == "limit")
        write_csv(given.csv, timings, {"fma": peak}, about)


def present() -> list[str]:
    """Those whose library is installed; who is absent is said."""
    smallest, there = setting(2, 4, 2, 1), []
    for name, make in EVERYONE.items():
        try:
            make(smallest)
            there.append(name)
        except ImportError as error:
            print(f"SKIPPED  {name}: {error}")
    return there


def compare(sizes: list[tuple[int, int, int]], threads: int, rounds: int) -> list[Timing]:
    """Everyone who is there, at every size."""
    names, peak = present(), fma(threads)
    timings: list[Timing] = []
    for size in sizes:
        s = setting(*size, threads)
        exact = EVERYONE["lines"](s)
        cases = [case for name in names for case in cases_of(name, s, exact)]
        found = measure([*cases, peak], rounds)
        timings += found
        print_comparison(s, found[:-1], found[-1].rate)
    return timings


def fma(threads: int) -> Case:
    """Multiply-adds a second of a matrix product with that many threads, in flop/s."""
    case = next(case for case in limit_cases() if case.name == "fma")

    def product() -> None:
        with threadpool_limits(limits=threads):
            case.call()

    return Case("limit", "fma", case.size, case.work, product)


def cases_of(name: str, s: Setting, exact: Pair) -> list[Case]:
    """Forward and backward of one of them, after a look at its results."""
    forward, backward = EVERYONE[name](s)
    check(name, s, (forward, backward), exact)
    d, (ahead, back) = s.dimension, s.pairs
    made = [
        Case("forward", name, s.name, ahead, forward, "fma", 2 * (d + 1)),
        Case("backward", name, s.name, back, backward, "fma", 4 * d),
    ]
    if name == "lines":
        made.append(Case("prepare", name, s.name, back, lambda: EVERYONE[name](s)))
    return made


def check(name: str, s: Setting, sums: Pair, exact: Pair) -> None:
    """Raise AssertionError where sums are not the exact ones; this also compiles them."""
    for own, right, weights in zip(sums, exact, (s.clouds.c, s.clouds.e), strict=True):
        atol = 1e-12 * np.abs(weights).sum()
        np.testing.assert_allclose(np.asarray(own()), right(), rtol=0, atol=atol, err_msg=name)


def print_comparison(s: Setting, timings: list[Timing], peak: float) -> None:
    best = {(t.case.name, t.case.group): t.best for t in timings}
    d, (ahead, back) = s.dimension, s.pairs
    work = 2 * (d + 1) * ahead + 4 * d * back
    print(f"\n{s.name}: {back:.3g} pairs; peak {peak / 1e9:.0f} GFLOP/s")
    print(f"{'':<8}{'forward ms':>11}{'backward ms':>12}{'both':>10}{'x lines':>9}{'of peak':>9}")
    lines = best["lines", "forward"] + best["lines", "backward"]
    for name in dict.fromkeys(name for name, _ in best):
        forward, backward = best[name, "forward"], best[name, "backward"]
        both = forward + backward
        share = "" if name == "lines" else f"{work / both / peak:>9.1%}"
        print(
            f"{name:<8}{1e3 * forward:>11.3f}{1e3 * backward:>12.3f}{1e3 * both:>10.3f}"
            f"{both / lines:>9.2f}{share}"
        )
    print(f"prepare lines {1e3 * best['lines', 'prepare']:.3f} ms")


def crossover(rounds: int) -> list[Timing]:
    """From how many pairs on lines are faster than all pairs, one thread each."""
    print(f"\n{'':<28}{'pairs':>12}{'pairs / lines':>15}")
    timings: list[Timing] = []
    for size in NEAR_CROSSOVER:
        both = [ladder_of(name, [size], rounds)[0] for name in ("lines", "direct")]
        ratio = both[1].best / both[0].best
        print(f"{both[0].case.size:<28}{both[0].case.work:>12,}{ratio:>15.2f}")
        timings += both
    return timings


def scaling(rounds: int) -> list[Timing]:
    """How lines and pairs grow: t ~ cells^p rows^q."""
    timings: list[Timing] = []
    print(f"\n{'':<18}{'cells^p':>9}{'rows^q':>9}")
    for (d, name), (cells, beside, rows) in GROWTH.items():
        by_cells = ladder_of(name, [(d, n, beside) for n in cells], rounds)
        by_rows = ladder_of(name, [(d, cells[1], n) for n in rows], rounds)
        p, q = slope(by_cells, cells), slope(by_rows, rows)
        print(f"{name + f' d={d}':<18}{p:>9.2f}{q:>9.2f}")
        timings += [*by_cells, *by_rows]
    return timings


def ladder_of(name: str, sizes: list[tuple[int, int, int]], rounds: int) -> list[Timing]:
    """Forward and backward together, from size to size."""
    cases = []
    for size in sizes:
        s = setting(*size, 1)
        cases.append(Case("both", name, s.name, s.pairs[1], both(EVERYONE[name](s))))
    return measure(cases, rounds)


def both(sums: Pair) -> Callable[[], object]:
    """Forward, then backward."""
    return lambda: [each() for each in sums]


def slope(timings: list[Timing], sizes: tuple[int, ...]) -> float:
    """Of log time against log size."""
    return float(np.polyfit(np.log(sizes), np.log([t.best for t in timings]), 1)[0])


if __name__ == "__main__":
    main()

"""Whole steps of a run beside their cost model, in seconds and in bytes.

    model = bytes / copy + pairs forward / their rate + pairs backward / their rate + fixed

bytes: each stage reads the density and, but for the first, a base, and writes one; moments read it
once more. pairs: of directions, or lines, and rows, at the best rates measured for them. fixed: a
step of the smallest grid with a handful of rows: launches and Python. What a step does beyond that
(velocities, audits, the length of the step) is in the ratio.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from bnflow.benchmarks.throughput import Case, Timing
from bnflow.kernels import Kernels
from bnflow.kernels.errors import WITHOUT, Notice
from bnflow.pde.config import load_config
from bnflow.pde.density.flow import STAGES, Flow
from bnflow.pde.network.interaction import SampledInteraction
from bnflow.pde.problem import Problem
from bnflow.pde.session import Session

SMALLEST = (4, 4, 8)  # cells, a_cells, rows
WARM = 2  # steps that are not counted: the first computes a midpoint, the second fills caches


@dataclass(frozen=True)
class Size:
    """A run on sampled data: dimension, cells an edge, cells of a, rows."""

    d: int
    cells: int
    a_cells: int
    rows: int

    def settings(self, dtype: str) -> dict[str, Any]:
        """Its configuration: relu, both layers trained, muscl."""
        return {
            "data": {
                "kind": "sampled",
                "covariance": np.geomspace(4.0, 1.0, self.d).tolist(),
                "samples": self.rows,
            },
            "target": {"weights": [1.0, -0.7], "directions": np.eye(self.d)[:2].tolist()},
            "solver": {"cells": self.cells, "a_cells": self.a_cells},
            "time": {"end": 100.0, "save": []},
            "run": {"dtype": dtype},
        }


@dataclass(frozen=True)
class Work:
    """What a step has to do: bytes to move, pairs to sum; along : pairs are of lines."""

    cells: int
    bytes: int
    forward: int
    backward: int
    along: bool


@dataclass(frozen=True)
class Rates:
    """Bytes a second of a copy; pairs a second by (group, way); seconds of the smallest step."""

    copy: float
    pairs: dict[tuple[str, str], float]
    fixed: float

    def parts(self, work: Work) -> dict[str, float]:
        """Seconds of the model, part by part; NaN for what was not measured."""
        way = "lines" if work.along else "direct"
        forward, backward = (self.pairs.get((g, way), np.nan) for g in ("forward", "backward"))
        return {
            "bytes": work.bytes / self.copy,
            "sums": work.forward / forward + work.backward / backward,
            "fixed": self.fixed,
        }


@dataclass(frozen=True)
class Step:
    """A measured step, what it had to do, and the most memory that its run took."""

    timing: Timing
    work: Work
    peak_bytes: int

    @property
    def densities(self) -> float:
        """That memory, in densities."""
        return self.peak_bytes / (self.work.cells * np.dtype(self.timing.case.dtype).itemsize)


def session(kernels: Kernels, size: Size, dtype: str) -> Session:
    """A run on these kernels, of their type."""
    config = load_config(size.settings(dtype))
    problem, solver = Problem.from_config(config, None, kernels.memory()), config.solver
    assert solver.coordinates != "ellipsoid"
    seen, way = solver.coordinates, solver.interaction
    flow = Flow(problem, solver.cells, solver.scheme, kernels, seen, way)
    return Session(config, problem, flow)


def work_of(made: Session, size: Size, dtype: str) -> Work:
    """Of a step."""
    flow, stages = made.flow, len(STAGES[made.flow.scheme])
    assert isinstance(flow.interaction, SampledInteraction)
    pairs, cells = flow.interaction.pairs, int(np.prod(flow.sphere.shape)) * size.a_cells
    arrays = 2 + 3 * (stages - 1) + 1  # the first stage, the others, the moments
    met = [pairs.line_count or count for count in (pairs.neurons, len(pairs.points))]
    return Work(
        cells,
        arrays * np.dtype(dtype).itemsize * cells,
        met[0] * size.rows,
        met[1] * size.rows,
        pairs.line_count > 0,
    )


def step_seconds(made: Session, steps: int) -> list[float]:
    """Of so many steps of a run, as its driver takes them, after the first ones."""
    times: list[float] = []
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", f"(?!{WITHOUT} )", Notice)
        driver = made.driver(report=lambda _: times.append(perf_counter()))
        driver.stop_when(lambda: len(times) > steps + WARM)
        for _ in driver.frames():
            pass
    between: list[float] = np.diff(times)[WARM:].tolist()
    return between


def measured(kernels: Kernels, size: Size, dtype: str, steps: int) -> Step:
    """See what memory a run takes, while nothing is kept that it needs; then time its steps."""
    peak = kernels.peak_bytes(lambda: step_seconds(session(kernels, size, dtype), 1))
    made = session(kernels, size, dtype)
    work, times = work_of(made, size, dtype), step_seconds(made, steps)
    shape = " x ".join(map(str, (*made.flow.sphere.shape, size.a_cells)))
    name = f"relu muscl d={size.d}, {size.rows:,} rows"
    case = Case("step", name, shape, work.cells, _no_call, dtype=dtype)
    return Step(Timing(case, min(times), float(np.median(times))), work, peak)


def _no_call() -> None:
    """A step is timed by the driver's reports."""


def fixed(kernels: Kernels, d: int, dtype: str, steps: int) -> float:
    """Seconds of a step of the smallest grid."""
    return float(np.median(step_seconds(session(kernels, Size(d, *SMALLEST), dtype), steps)))


def print_steps(steps: Sequence[Step], rates: Sequence[Rates]) -> None:
    """Time and memory, beside the parts of the model in ms; then how they grow with the cells."""
    print(
        f"\n{'step':<28}{'size':>24}{'dtype':>9}{'ms':>9}{'model':>9}{'x':>6}"
        f"{'bytes':>9}{'sums':>9}{'fixed':>8}{'MB':>9}{'densities':>11}"
    )
    for step, known in zip(steps, rates, strict=True):
        case, parts, taken = step.timing.case, known.parts(step.work), step.timing.median
        model = sum(parts.values())
        told = "".join(
            f"{1e3 * parts[name]:>{width}.3f}"
            for name, width in (("bytes", 9), ("sums", 9), ("fixed", 8))
        )
        print(
            f"{case.name:<28}{case.size:>24}{case.dtype:>9}{1e3 * taken:>9.3f}{1e3 * model:>9.3f}"
            f"{taken / model:>6.2f}{told}{step.peak_bytes / 1e6:>9.1f}{step.densities:>11.2f}"
        )
    for key in dict.fromkeys((s.timing.case.name, s.timing.case.dtype) for s in steps):
        ladder = [s for s in steps if (s.timing.case.name, s.timing.case.dtype) == key]
        if len(ladder) > 1:
            cells = np.log([s.work.cells for s in ladder])
            p, q = (
                np.polyfit(cells, np.log(values), 1)[0]
                for values in ([s.timing.median for s in ladder], [s.peak_bytes for s in ladder])
            )
            print(f"{key[0]:<28}{key[1]:>9}  time ~ cells^{p:.2f}, memory ~ cells^{q:.2f}")

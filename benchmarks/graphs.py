"""Whether a step is bound by its launches: the same steps launch by launch and as CUDA graphs.

    alone      every operation and kernel launched by itself (BNFLOW_GRAPHS=0)
    recorded   what repeats launched as one

Where both take the same time, the GPU is what a step waits for; where `alone` takes `x` times as
long, the host was. Of grids on sampled data, and of neurons on as many rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np

from bnflow.benchmarks import steps
from bnflow.benchmarks.steps import Size
from bnflow.benchmarks.throughput import Case, Timing
from bnflow.kernels.cuda import CudaKernels
from bnflow.pde.config import load_config
from bnflow.pde.particles.session import NeuronSession


@dataclass(frozen=True)
class Compared:
    """A step both ways."""

    alone: Timing
    recorded: Timing

    def __str__(self) -> str:
        case, (one, other) = self.alone.case, (self.alone.median, self.recorded.median)
        return (
            f"{case.name:<28}{case.size:>24}{case.dtype:>9}"
            f"{1e3 * one:>10.3f}{1e3 * other:>10.3f}{one / other:>8.2f}"
        )


HEAD = f"\n{'step':<28}{'size':>24}{'dtype':>9}{'alone':>10}{'recorded':>10}{'x':>8}"


def compared(
    kernels: CudaKernels, dtype: str, sizes: Sequence[Size], widths: Sequence[int], count: int
) -> Iterator[Compared]:
    """Of grids of these sizes, and of networks of these widths; none where graphs are off, and no
    more once a run has gone on without them: that is told.
    """
    if kernels.device.recorder is None:
        return
    for each in _each(kernels, dtype, sizes, widths, count):
        if not kernels.device.records:
            return
        yield each


def _each(
    kernels: CudaKernels, dtype: str, sizes: Sequence[Size], widths: Sequence[int], count: int
) -> Iterator[Compared]:
    alone = CudaKernels(replace(kernels.device, recorder=None), kernels.real)
    for size in sizes:
        ways = [steps.session(each, size, dtype) for each in (alone, kernels)]
        shape = (*ways[0].flow.sphere.shape, size.a_cells)
        name = f"relu muscl d={size.d}, {size.rows:,} rows"
        yield _both(ways, name, shape, dtype, count)
    for width in widths:
        made = neurons(width)
        name = f"relu neurons, {width:,} rows"
        yield _both([made.on(each) for each in (alone, kernels)], name, (width,), "float64", count)


def neurons(width: int) -> NeuronSession:
    """A network of that width on as many rows of three inputs, both layers trained."""
    config = {
        "data": {"kind": "sampled", "covariance": [4.0, 2.0, 1.0], "samples": width},
        "target": {"weights": [1.0, -0.7], "directions": np.eye(3)[:2].tolist()},
        "solver": {"method": "particles", "width": width},
        "time": {"end": 100.0, "save": []},
    }
    return NeuronSession.prepare(load_config(config))


def _both(
    ways: Sequence[Any], name: str, shape: tuple[int, ...], dtype: str, count: int
) -> Compared:
    timings = []
    for group, made in zip(("step alone", "step recorded"), ways, strict=True):
        case = Case(group, name, " x ".join(map(str, shape)), prod(shape), _no_call, dtype=dtype)
        times = steps.step_seconds(made, count)
        timings.append(Timing(case, min(times), float(np.median(times))))
    return Compared(*timings)


def _no_call() -> None:
    """A step is timed by the driver's reports."""

"""Runs whose launches are recorded and replayed are those whose launches are not, bit for bit.

On the CPU by a tape (tape.py), which knows addresses alone and poisons what is given back; on a GPU
by CuPy. What goes wrong with graphs elsewhere goes wrong here: see the faults at the end.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from bnflow.kernels.cuda import CudaKernels, Device
from bnflow.kernels.cuda import graphs as program
from bnflow.kernels.cuda.memory import recorded
from bnflow.kernels.errors import NumericalFailure
from bnflow.pde.config import load_config
from bnflow.pde.geometry.metric import beside
from bnflow.pde.session import prepare
from bnflow.pde.verification import backends

CIRCLE, SPHERE = {"data": backends.CIRCLE}, {"data": backends.SPHERE}
POPULATION = {"data": {"covariance": [4.0, 1.0]}}
ALONG = {"target": {"weights": [1.0], "directions": [[1.0, 0.2, 0.0]]}, "solver.cells": 4}
NEURONS = {"solver": {"method": "particles", "width": 40}, "time.end": 0.4, "time.save": [0.2]}
LISTED = {"kind": "two-point", "values": [-1.0, 1.0]}
GRIDS: dict[str, dict[str, Any]] = {
    "direct": {**CIRCLE, "solver.interaction": "direct"},
    "lines": {**CIRCLE, "solver.interaction": "lines", "solver.tracers": 4},
    "population": POPULATION,
    "round": {
        **CIRCLE,
        "solver.coordinates": "whitened",
        "network.metric": "round",
        "time.end": 0.6,
    },
    "noise": {**CIRCLE, **backends.NOISE, "time.end": 0.4},
    "list of a": {**CIRCLE, "network.train": ["w"], "initial.a": LISTED, "time.end": 0.6},
    "a alone": {**CIRCLE, "network.train": ["a"], "solver.a_range": [-8.0, 8.0], "time.end": 1.5},
    "a longer axis": {
        **{**CIRCLE, "solver.cells": 4, "solver.a_cells": 16, "time.end": 1.5},
        "initial.a": {"kind": "constant", "value": 0.0},
    },
    "sphere": {**SPHERE, **ALONG, "network.activation": "gelu"},
    "sphere by lines": {**SPHERE, **ALONG, "solver.interaction": "lines"},
    "32 bits": {**CIRCLE, "run.dtype": "float32"},
}
PARTICLES: dict[str, dict[str, Any]] = {
    "replicas": {**CIRCLE, "solver.replicas": 2},
    "ellipsoid": {**CIRCLE, "solver.coordinates": "ellipsoid", "loss.kind": "huber"},
    "plain": {**CIRCLE, "network.batch_norm": False},
    "affine": {**CIRCLE, "network.train": ["w", "a", "gamma", "beta"]},
    "walks": {**CIRCLE, **backends.NOISE, "time.end": 2.0},
    "pairs on a circle": {**POPULATION, "time.end": 1.0},
    "overlaps": {**POPULATION, "network.activation": "erf", "time.end": 1.0},
    "fixed steps": {**CIRCLE, "solver.integrator": "rk4", "solver.step": 0.04},
}
RUNS = {name: {**backends.SMALL, **keys} for name, keys in GRIDS.items()} | {
    name: {**NEURONS, **keys} for name, keys in PARTICLES.items()
}


@dataclass
class Watched:
    """A recorder that counts."""

    recorder: Any
    replays: int = 0

    def apart(self) -> Any:
        return self.recorder.apart()

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        launch = self.recorder.record(work)

        def counted() -> None:
            self.replays += 1
            launch()

        return counted


def kernels(on_device: CudaKernels, recorder: Any, real: Any = "float64") -> CudaKernels:
    """The backend with a device of its own."""
    return CudaKernels(fresh(on_device.device, recorder), real)


def frames(keys: dict[str, Any], backend: CudaKernels, report: Any = None) -> list[Any]:
    """A run, in which nobody tells of graphs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.filterwarnings("error", ".*CUDA graphs")
        session = prepare(load_config(None, {**keys, "run.backend": "numpy"}))
        return list(session.on(backend).driver(report=report).frames())  # type: ignore[attr-defined]


def differing(one: list[Any], other: list[Any]) -> set[str]:
    """Which of all that two runs give is not the same to the last bit."""
    found: set[str] = set()
    for a, b in zip(one, other, strict=True):
        found |= {"step"} if (a.step, a.time) != (b.step, b.time) else set()
        for kind in ("fields", "diagnostics", "log", "restart"):
            x, y = getattr(a, kind), getattr(b, kind)
            same = (np.array_equal(x[name], y[name], equal_nan=True) for name in y)
            found |= {name for name, equal in zip(y, same, strict=True) if not equal}
    return found


@pytest.mark.parametrize("name", RUNS)
def test_a_run_is_the_same_to_the_last_bit(name: str, on_device: CudaKernels) -> None:
    keys = RUNS[name]
    real = keys.get("run.dtype", "float64")
    watched = Watched(on_device.device.recorder)
    got = frames(keys, kernels(on_device, watched, real))
    assert watched.replays > 3
    if name == "a longer axis":
        assert got[0].fields["rho"].shape[-1] == 16 < got[-1].fields["rho"].shape[-1]
    assert differing(got, frames(keys, kernels(on_device, None, real))) == set()


@pytest.mark.parametrize(
    ("name", "least", "most", "reads"),
    [
        ("direct", 140, 28, 2),
        ("sphere", 148, 32, 2),
        ("overlaps", 440, 13, 2),
        ("plain", 470, 13, 2),
    ],
)
def test_a_step_is_a_few_launches(
    name: str, least: int, most: int, reads: int, on_device: CudaKernels
) -> None:
    """Operations, kernels and graphs; without graphs it is `least` of them and more."""
    xp = on_device.device.xp
    if not hasattr(xp, "launches"):
        pytest.skip("a GPU does not count its launches")
    counts = dict[str, list[tuple[int, int]]]()
    for kind, recorder in (("plain", None), ("graphs", on_device.device.recorder)):
        found = counts.setdefault(kind, [])
        keys = {**RUNS[name], "time.end": 1.0, "solver.tolerance": 1e-4, "time.save": []}
        keys |= {} if "solver" in keys else {"solver.a_range": [-4.0, 4.0]}
        frames(
            keys,
            kernels(on_device, recorder),
            lambda _, found=found: found.append((xp.launches, xp.reads)),
        )
    each = {kind: np.diff(np.array(found), axis=0) for kind, found in counts.items()}
    fewest = {kind: steps.min(axis=0) for kind, steps in each.items()}
    assert fewest["plain"][0] >= least
    assert fewest["graphs"][0] <= most
    assert fewest["graphs"][1] <= reads


def there(device: Device, *values: float) -> Any:
    return device.xp.asarray(np.array(values))


def numbers(values: Any) -> list[float]:
    return [float(x) for x in values]


@pytest.mark.parametrize(
    ("name", "cells", "end"),
    [("direct", 128, 0.02), ("sphere by lines", 12, 0.02), ("a longer axis", 64, 0.5)],
)
def test_graphs_take_the_memory_that_is_planned(
    name: str, cells: int, end: float, alone: Device
) -> None:
    """On so many directions that rows and rounding to whole blocks are little beside.

    An axis that has grown needs graphs of its own, and those before it are let go.
    """
    recorder: Any = alone.recorder
    keys = {**RUNS[name], "solver.cells": cells, "time.end": end, "time.save": []}
    made = frames(keys, CudaKernels(alone))
    taken = sum(block.size for block in recorder.pool.blocks)
    assert taken <= recorded(made[0].fields["rho"].shape) <= 2 * taken


@pytest.mark.parametrize("name", ["direct", "replicas"])
def test_what_others_keep_beside_takes_nothing_from_a_graph(name: str, alone: Device) -> None:
    """Other runs of this process: their constants, their scratch, and all that is free."""
    kept: list[Any] = []

    def others(_: Any) -> None:
        for k in range(40):
            matrix = np.full((2, 2), float(k))
            kept.append((matrix, beside(matrix, there(alone, 1.0))))
            alone.constant(np.full(3, float(k)))
            alone.derived("others", object(), lambda: there(alone, 1.0))
        for shape in ((700,), (2,)):
            alone.scratch("pairs", shape)
        kept.extend(there(alone, *np.full(size, 7.0)) for size in (4, 16, 64, 200) * 8)

    wanted = frames(RUNS[name], CudaKernels(fresh(alone, None)))
    got = frames(RUNS[name], CudaKernels(alone), others)
    assert differing(got, wanted) == set()
    assert all(numbers(x[:1]) == [7.0] for x in kept if isinstance(x, alone.xp.ndarray))


def stale(replayed: Any) -> Any:
    """A replay on the arguments that were there when it was recorded."""
    return lambda graph, leaves: replayed(graph, graph.inputs)


@pytest.mark.parametrize("fault", ["stale arguments", "memory of everyone"])
def test_a_fault_shows_in_a_run(fault: str, alone: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the check of the third call, which finds the first of them at once."""
    recorder: Any = alone.recorder
    wanted = frames(RUNS["direct"], CudaKernels(alone))
    if fault == "stale arguments":
        monkeypatch.setattr(program.Graph, "replayed", stale(program.Graph.replayed))
    else:
        recorder.pool = alone.xp.pool
    monkeypatch.setattr(program.Graph, "agrees", lambda *_: True)
    with np.errstate(all="ignore"):
        try:
            got = frames(RUNS["direct"], CudaKernels(fresh(alone, recorder)))
        except NumericalFailure:
            return
    assert differing(got, wanted)


def fresh(device: Device, recorder: Any) -> Device:
    """The device, with nothing kept."""
    return Device(device.xp, device.raw_module, device.memory, recorder=recorder)

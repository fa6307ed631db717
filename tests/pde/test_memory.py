"""What a run is planned to keep is what it keeps, and what does not fit is refused."""

import gc
import tracemalloc
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import pytest

from bnflow.kernels.errors import InputError, NumericalFailure
from bnflow.kernels.reference.transport import BLOCK_CELLS
from bnflow.kernels.registry import TEMPORARIES, NumpyKernels
from bnflow.pde import memory as module
from bnflow.pde.precision import measured
from bnflow.pde.session import Session, plan

Make = Callable[..., Session]
NOISE: dict[str, Any] = {"training__temperature": 0.3, "training__ridge": 0.1}
LONG: dict[str, Any] = {
    "solver__cells": 12,
    "solver__a_cells": 6000,
    "solver__a_range": [-4.0, 4.0],
    "time__end": 2e-6,
    "time__save": [1e-6],
}
CASES: dict[str, dict[str, Any]] = {
    "muscl": {},
    "weno": {"solver__scheme": "weno"},
    "noise": NOISE,
    "float32": {"run__dtype": "float32"},
    "float32, weno, noise": {"run__dtype": "float32", "solver__scheme": "weno", **NOISE},
}


@pytest.fixture
def traced() -> Iterator[Callable[[], int]]:
    """Bytes that NumPy holds at most, from here on."""
    gc.collect()
    tracemalloc.start()
    start = tracemalloc.get_traced_memory()[0]
    yield lambda: tracemalloc.get_traced_memory()[1] - start
    tracemalloc.stop()


@pytest.mark.parametrize("name", CASES)
def test_the_peak_of_a_run_is_within_its_plan(
    name: str, session: Make, traced: Callable[[], int]
) -> None:
    """288,000 cells. Two frames wait, as for the writer: with the one that is made, `SAVED`."""
    made = session(**LONG, **CASES[name])
    gc.collect()
    tracemalloc.reset_peak()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        deque(made.driver().frames(), maxlen=2)
    peak, held = traced(), made.memory
    blocks = sum(item.bytes for item in held.items if item.what == module.KERNELS)
    assert peak <= held.total
    assert peak >= 0.75 * (held.total - blocks)


@pytest.mark.parametrize("kind", ["float64", "float32"])
def test_three_copies_wait_around_a_save(
    kind: str, session: Make, traced: Callable[[], int]
) -> None:
    """1.2 million cells, beside which blocks are small: a density less would not be enough."""
    made = session(**{**LONG, "solver__a_cells": 24_000}, run__dtype=kind)
    tracemalloc.reset_peak()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        deque(made.driver().frames(), maxlen=2)
    field, held = module.field_bytes(made.config, made.problem), made.memory
    blocks = next(item.bytes for item in held.items if item.what == module.KERNELS)
    assert 5 * field <= traced() <= held.total - blocks


@pytest.mark.parametrize("name", ["muscl", "weno", "noise"])
def test_the_peak_of_measuring_32_bits_beside_64_is_within_what_is_said(
    name: str, session: Make, traced: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """288,000 cells; without blocks, which do not grow. Two thirds of its densities are there.

    What is kept free for blocks is memory that nobody touches, and no part of it.
    """
    monkeypatch.setattr("bnflow.kernels.registry.KEPT_FREE", 0)
    made = session(**LONG, **CASES[name], run__dtype="float32")
    said = module.beside(made.config, made.problem, made.memory) - 2 * 8 * TEMPORARIES * BLOCK_CELLS
    shared = (module.DIRECTIONS, module.KERNELS, module.TABLES)
    counted = sum(item.bytes for item in made.memory.items if item.what in shared)
    densities = module.beside(made.config, made.problem, made.memory) - 2 * counted
    tracemalloc.reset_peak()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert measured(made, 2) is not None
    assert 2 / 3 * densities <= traced() <= said


@pytest.mark.parametrize("name", CASES)
def test_a_step_holds_at_most_six_fields_of_its_cells(
    name: str, session: Make, traced: Callable[[], int]
) -> None:
    """Densities and stages, and blocks that do not grow with the grid."""
    made = session(**LONG, **CASES[name])
    driver = made.driver()
    tracemalloc.reset_peak()
    driver.walk(3)
    field = driver.state.rho.nbytes
    count = next(item for item in made.memory.items if "densities" in item.what).bytes / field
    assert count in (2, 3, 4)
    blocks = 8 * 32 * 32_768
    assert count * field <= traced() <= min(6, count + 0.5) * field + blocks


@pytest.mark.parametrize("kind", ["float64", "float32"])
@pytest.mark.parametrize("scheme", ["upwind", "muscl", "weno"])
def test_what_lies_beyond_the_edges_is_counted(
    scheme: str, kind: str, session: Make, traced: Callable[[], int]
) -> None:
    """Few cells an edge, where it is more than the densities: a slab is a half of one, here."""
    keys = {**LONG, "solver__cells": 4, "solver__a_cells": 9000}
    made = session(3, **keys, solver__scheme=scheme, run__dtype=kind)
    driver = made.driver()
    tracemalloc.reset_peak()
    driver.walk(1)
    named = {item.what: item.bytes for item in made.memory.items}
    densities = next(each for name, each in named.items() if "densities" in name)
    assert traced() <= densities + named[module.KERNELS] + named[module.DIRECTIONS]


def test_32_bits_halve_what_the_cells_take(session: Make) -> None:
    double, single = (plan(session(run__dtype=name)) for name in ("float64", "float32"))
    assert double.field_bytes == 2 * single.field_bytes
    text = "\n".join(single.lines())
    assert "2 densities of 1.12 KiB, float32: its own and the stages'" in text


def test_every_part_of_a_run_is_counted(session: Make) -> None:
    """Each item is there where the run has what it is of, and the lines are all of them."""
    plain, full = session().memory, session(solver__tracers=50).memory
    names = [item.what for item in full.items]
    for word in ("densities", "copies", "directions", "kernels", "sums", "tracers", "Krylov"):
        assert any(word in name for name in names), word
    assert not any("tracers" in item.what for item in plain.items)
    assert full.total > plain.total
    assert session(**NOISE).memory.total > plain.total
    assert len(full.lines()) == 1 + len(full.items)
    assert "at most, of" in full.lines()[0]


def test_the_krylov_space_is_as_large_as_it_says(
    session: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The vectors of one dimension of it, by what the search keeps."""
    from bnflow.pde import sharpness

    made = session(3)
    tangent = sharpness.GridTangent(made.flow, made.flow.moments(made.initial_state()))
    load = tangent.start()
    vector = load.nbytes + tangent.field(load).nbytes
    item = next(item for item in made.memory.items if "Krylov" in item.what)
    assert item.bytes == sharpness.MOST * vector


def test_a_run_that_does_not_fit_is_refused_in_one_line_before_anything_is_made(
    session: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names 32 bits where half of its size would fit, and not where no type would."""
    monkeypatch.setattr("bnflow.pde.session.Flow", None)  # which would be made next
    monkeypatch.setattr(NumpyKernels, "memory", lambda self: 1 << 31)
    keys = {"solver__cells": 64, "solver__a_cells": 2000, "solver__scheme": "weno"}
    with pytest.raises(InputError) as told:
        session(3, **keys)
    text = str(told.value)
    assert "\n" not in text
    assert "24,576 directions need" in text
    assert "of 3 densities of 375 MiB, float64" in text
    assert text.endswith('there are 2 GiB; give fewer cells, or run.dtype = "float32"')
    monkeypatch.setattr(NumpyKernels, "memory", lambda self: 1 << 30)
    for kind in ("float32", "float64"):
        with pytest.raises(InputError, match=r"give fewer cells$"):
            session(3, **keys, run__dtype=kind)


def test_tables_count_too(session: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Known once the sums are made, and before any density is."""
    held = session().memory
    small = held.total - next(item for item in held.items if item.what == module.TABLES).bytes
    monkeypatch.setattr(NumpyKernels, "memory", lambda self: small)
    with pytest.raises(InputError, match="24 directions need"):
        session()


def test_an_axis_that_grows_out_of_memory_stops_the_run(
    session: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = session(solver__a_cells=8, time__end=30.0).driver()
    field = driver.state.rho.nbytes
    monkeypatch.setattr(NumpyKernels, "memory", lambda self: int(3.5 * field))
    with pytest.raises(NumericalFailure, match="more do not fit in memory"):
        list(islice(driver.frames(), 20))


def test_a_density_given_in_python_is_counted(session: Make) -> None:
    """It is averaged in 64 bits, whatever the run's type."""
    made = session(run__dtype="float32")
    problem = replace(made.problem, density=lambda v, a: 1.0)
    items = module.memory(made.config, problem, made.flow.kernels).items
    cells = int(np.prod(made.flow.sphere.shape)) * 12
    assert next(item for item in items if "given" in item.what).bytes == 3 * 8 * cells

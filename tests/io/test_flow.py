"""Tracers, stationary states and diagnostics of the flow, in the hands of a user."""

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray

import bnflow
from bnflow.io.report import FLOW
from bnflow.io.schema import DIAGNOSTICS
from bnflow.kernels.errors import InputError, Notice

SMALL: dict[str, Any] = {
    "solver": {"cells": 5, "a_cells": 10, "tracers": 7},
    "time": {"end": 0.4, "save": [0.1, 0.2]},
}
NOISY: dict[str, Any] = {
    "solver": {"cells": 5, "a_cells": 12},
    "training": {"temperature": 0.1, "ridge": 0.5},
    "time": {"end": 0.1, "save": [0.1]},
}


def refused(match: str) -> "pytest.RaisesExc[InputError]":
    return pytest.RaisesExc(InputError, match=match, check=lambda error: "\n" not in str(error))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("flow") / "run"
    bnflow.solve(SMALL, path)
    return path


def test_tracers_are_stored_and_are_those_of_memory(folder: Path) -> None:
    stored, memory = bnflow.open(folder), bnflow.solve(SMALL)
    for one, two in zip(stored.trajectories(), memory.trajectories(), strict=True):
        assert (one == two).all()
    u, a = stored.trajectories(3)
    assert u.shape == (4, 3, 2)
    assert a.shape == (4, 3)
    assert (u == stored.trajectories()[0][:, :3]).all()
    with xarray.open_dataset(folder / "trajectory.h5", engine="h5netcdf") as data:
        assert data.tracer_direction.dims == ("time", "tracer", "axis")
        assert (data.tracer_a.values[:, :3] == a).all()


def test_a_run_that_goes_on_has_the_same_tracers(folder: Path, tmp_path: Path) -> None:
    whole = bnflow.open(folder)
    short = {**SMALL, "time": {"end": 0.2, "save": [0.1, 0.2]}}
    bnflow.solve(short, tmp_path / "run")
    parts = bnflow.solve(SMALL, tmp_path / "run")
    for one, two in zip(parts.trajectories(), whole.trajectories(), strict=True):
        assert (one == two).all()
    for name in FLOW:
        assert (parts.diagnostics[name] == whole.diagnostics[name]).all()


def test_how_many_tracers_is_checked(folder: Path) -> None:
    run = bnflow.open(folder)
    wrong: list[Any] = [0, 8, 2.5, "3"]
    for count in wrong:
        with refused(f"k = {count!r}: this run has 7 tracers; give 1 to 7"):
            run.trajectories(count)
    without = bnflow.solve({**SMALL, "solver": {"cells": 5, "a_cells": 10}})
    with refused("has no tracers; run it with solver.tracers"):
        without.trajectories()


def test_trajectories_of_neurons_are_their_own() -> None:
    run = bnflow.solve({"solver": {"method": "particles", "width": 9}, "time": SMALL["time"]})
    w, a = run.trajectories(4)
    for row, t in enumerate(run.time):
        direction, outer, _ = run.particles(t)
        assert (w[row] == direction[0, :4]).all()
        assert (a[row] == outer[0, :4]).all()
    with refused("this run has 9 neurons"):
        run.trajectories(10)
    with refused("has no stationary density"):
        run.stationary(0.1)


@pytest.mark.parametrize("figure", ["density", "diagnostics", "overview"])
@pytest.mark.parametrize("d", [2, 3])
def test_figures_of_tracers_and_of_the_flow(d: int, figure: str, tmp_path: Path) -> None:
    tables = {}
    if d == 3:
        data = {"kind": "sampled", "covariance": [3.0, 1.0, 2.0], "samples": 20}
        tables = {"data": data, "target": {"weights": [1], "directions": [[1, 0, 1]]}}
    run = bnflow.solve({**SMALL, **tables})
    drawn = run.plot(tmp_path / "f.png", figure)
    lines = [len(item.get_segments()) for ax in drawn.axes for item in ax.collections
             if hasattr(item, "get_segments")]  # fmt: skip
    if figure == "diagnostics":
        assert sum(len(ax.lines) for ax in drawn.axes) == 7
    elif (d, figure) != (3, "overview"):
        assert 7 in lines


def test_the_flow_is_told_with_what_each_number_needs(folder: Path) -> None:
    run = bnflow.open(folder)
    told = run.summary().split("the flow at t = 0.4\n")[1].splitlines()
    assert [line.split()[0] for line in told] == list(FLOW)
    for line, name in zip(told, FLOW, strict=True):
        assert line.endswith(DIAGNOSTICS[name].needs)
        assert float(line.split()[1]) == pytest.approx(run.diagnostics[name][-1], rel=1e-4)
    assert set(FLOW) <= json.loads(json.dumps(run.to_info())).keys()
    with h5py.File(folder / "trajectory.h5") as file:
        assert file["certificate"].attrs["comment"] == DIAGNOSTICS["certificate"].needs


def test_a_stationary_state_is_that_of_the_runs_problem_and_temperature() -> None:
    run = bnflow.solve(NOISY)
    found = run.stationary()
    assert found.temperature == 0.1
    assert found.residual <= 1e-12
    cells = run.layout.cell_volume[..., None] * (found.a[1] - found.a[0])
    assert (found.density * cells).sum() == pytest.approx(1, abs=1e-12)
    mass = found.density * cells
    energy = (
        found.risk + 0.25 * (mass * found.a**2).sum() + 0.1 * (mass * np.log(found.density)).sum()
    )
    assert found.free_energy == pytest.approx(energy, rel=1e-12)
    assert found.free_energy < run.free_energy[-1]  # the least of all
    assert run.stationary(0.3).temperature == 0.3
    assert len(repr(found)) < 200  # without the numbers of the density


@pytest.mark.filterwarnings("ignore::bnflow.kernels.errors.Notice")
def test_what_only_python_knows_is_known_to_the_run_that_it_solved(tmp_path: Path) -> None:
    x = np.random.default_rng(0).standard_normal((30, 2))
    run = bnflow.solve(NOISY, tmp_path / "run", data=(x, x[:, 0]))
    assert run.stationary().residual <= 1e-12
    again = bnflow.solve(NOISY, tmp_path / "run", data=(x, x[:, 0]))  # already complete
    assert again.stationary().risk == run.stationary().risk
    with refused(r"only Python can give its data \(arrays\)"):
        bnflow.open(tmp_path / "run").stationary()


@pytest.mark.filterwarnings("ignore::bnflow.kernels.errors.Notice")
def test_rows_of_a_file_are_read_again_and_must_be_the_same(tmp_path: Path) -> None:
    x = np.random.default_rng(0).standard_normal((30, 2))
    table = tmp_path / "rows.npz"
    np.savez(table, x=x, y=x[:, 0])
    data = {"kind": "file", "path": str(table), "inputs": "x", "targets": "y"}
    run = bnflow.solve({**NOISY, "data": data}, tmp_path / "run")
    opened = bnflow.open(tmp_path / "run")
    assert opened.stationary().risk == run.stationary().risk
    np.savez(table, x=2 * x + x**2, y=x[:, 0])
    with refused("has changed since the run was made"):
        opened.stationary()
    table.unlink()
    with refused("rows.npz"):  # a complete run is opened without its rows
        bnflow.solve({**NOISY, "data": data}, tmp_path / "run").stationary()


def test_what_has_no_stationary_state_is_one_line() -> None:
    run = bnflow.solve(SMALL)
    with refused("has no Gibbs state"):
        run.stationary()
    with refused("give a ridge > 0"):
        run.stationary(0.1)
    assert issubclass(Notice, Warning)

"""A run of neurons is stored, resumed, read and asked like every run."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray

from bnflow.api import solve
from bnflow.io.neuronrun import NeuronRun
from bnflow.io.run import Run
from bnflow.io.snapshot import read_record
from bnflow.io.view import rebuild_view
from bnflow.kernels.errors import InputError
from bnflow.pde.frame import Frame

CONFIG: dict[str, Any] = {
    "network": {"activation": "tanh"},
    "data": {"kind": "sampled", "covariance": [4.0, 1.0, 2.0], "samples": 40, "test_fraction": 0.2},
    "target": {"weights": [1.0, -0.5], "directions": [[1, 0.2, 0], [0, -1.0, 0.5]], "noise": 0.1},
    "solver": {"method": "particles", "width": 12, "replicas": 2},
    "time": {"end": 1.0, "save": [0.25, 0.5]},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("neurons") / "run"
    solve(CONFIG, out=path)
    return path


RESCALED: dict[str, Any] = {
    "network.train": ["w", "a", "gamma", "beta"],
    "initial.gamma": {"kind": "uniform", "range": [0.5, 1.5]},
    "initial.beta": {"kind": "normal", "std": 0.3},
}


@pytest.fixture(scope="module")
def rescaled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rescaled") / "run"
    solve(CONFIG, out=path, **RESCALED)
    return path


@pytest.fixture(scope="module")
def memory() -> Run:
    return solve(CONFIG)


def refused(match: str) -> "pytest.RaisesExc[InputError]":
    return pytest.RaisesExc(InputError, match=match, check=lambda error: "\n" not in str(error))


def test_folder_and_memory_agree(folder: Path, memory: Run) -> None:
    stored = Run.from_directory(folder)
    assert isinstance(stored, NeuronRun)
    assert isinstance(memory, NeuronRun)
    ours, theirs = memory.to_info(), stored.to_info()
    for info in (ours, theirs):
        del info["provenance"]
    assert ours == theirs
    json.dumps(theirs, allow_nan=False)
    for t in memory.time:
        for one, other in zip(memory.particles(t), stored.particles(t), strict=True):
            np.testing.assert_array_equal(one, other)
    for name in ("dt", "risk"):
        np.testing.assert_array_equal(stored.log[name], memory.log[name])


def test_shapes_and_means(memory: Run) -> None:
    direction, a, mass = memory.particles(0.5)
    assert (direction.shape, a.shape, mass.shape) == ((2, 12, 3), (2, 12), (12,))
    np.testing.assert_allclose(np.linalg.norm(direction, axis=-1), 1.0)
    assert memory.risk_replicas.shape == (4, 2)
    np.testing.assert_allclose(memory.risk, memory.risk_replicas.mean(axis=1))
    np.testing.assert_allclose(memory.test_risk, memory.test_risk_replicas.mean(axis=1))
    assert memory.a_mean[2] == pytest.approx(a.mean())


@pytest.mark.parametrize("batch_norm", [True, False])
def test_predict_is_the_sum_of_its_formula(batch_norm: bool) -> None:
    """f(x) = mean over replicas of sum_j mass_j a_j tanh(z_j), z by the moments, or w.x."""
    config = {**CONFIG, "network": {"activation": "tanh", "batch_norm": batch_norm}}
    run = solve(config, **{"data.mean": [1.0, 2.0, -1.0]})
    direction, a, mass = run.particles(1.0)
    x = np.random.default_rng(0).normal([1.0, 2.0, -1.0], size=(5, 3))
    mean, covariance = run.layout.data_mean, run.layout.data_covariance
    each = []
    for w, outer in zip(direction, a, strict=True):
        z = x @ w.T
        if batch_norm:
            z = (x - mean) @ w.T / np.sqrt(np.einsum("ji,ik,jk->j", w, covariance, w))
        each.append(np.tanh(z) @ (mass * outer))
    np.testing.assert_allclose(run.predict(x, 1.0), np.mean(each, axis=0), rtol=1e-10)
    np.testing.assert_allclose(run.predict(x, 1.0, replica=1), each[1], rtol=1e-10)


def test_the_risk_is_that_of_the_prediction() -> None:
    """On the training rows, which are drawn again: risk = mean of (f - y)^2 / 2 of each replica."""
    from bnflow.pde.config import load_config
    from bnflow.pde.problem import Problem

    run = solve(CONFIG)
    rows = Problem.from_config(load_config(CONFIG)).data
    for k in range(2):
        off = run.network(rows.inputs, 1.0, k) - rows.targets
        assert run.risk_replicas[-1, k] == pytest.approx(0.5 * (off**2).mean(), rel=1e-10)


def test_mistakes_are_one_line(folder: Path) -> None:
    run = Run.from_directory(folder)
    for name in ("density", "signed_measure", "marginal", "outer_weights"):
        with refused("this run is of neurons and has no"):
            getattr(run, name)(1.0)
    with refused("replica = 2: this run has replicas 0 to 1"):
        run.predict(np.zeros((1, 3)), 1.0, replica=2)
    with refused("t = 0.3 was not saved; the nearest saved time is 0.25"):
        run.particles(0.3)
    with refused("no figure 'density' of a run of neurons"):
        run.plot(None, "density")


@pytest.mark.filterwarnings("ignore::bnflow.kernels.errors.Notice")
def test_a_run_on_a_grid_has_no_neurons() -> None:
    grid = solve(None, **{"solver.cells": 4, "solver.a_cells": 8, "time.end": 0.01})
    with refused("has no neurons; use density"):
        grid.particles(0.0)
    for name in ("scales", "shifts"):
        with refused("has no neurons; use density"):
            getattr(grid, name)(0.0)
    with refused("has no replicas"):
        grid.predict(np.zeros((1, 2)), 0.0, replica=0)
    with refused("no neurons to draw over this density"):
        grid.plot(None, "neurons")


def test_an_interrupted_run_goes_on_bitwise(tmp_path: Path, folder: Path) -> None:
    class Interrupt(Exception):
        pass

    def stop(frame: Frame) -> None:
        if frame.time >= 0.5:
            raise Interrupt

    with pytest.raises(Interrupt):
        solve(CONFIG, out=tmp_path / "run", callback=stop)
    assert Run.from_directory(tmp_path / "run").status == "stopped"
    resumed, whole = solve(CONFIG, out=tmp_path / "run"), Run.from_directory(folder)
    assert resumed.status == "complete"
    np.testing.assert_array_equal(resumed.risk_replicas, whole.risk_replicas)
    np.testing.assert_array_equal(resumed.particles(1.0)[0], whole.particles(1.0)[0])
    np.testing.assert_array_equal(resumed.step, whole.step)


def test_a_finished_run_can_be_made_longer(tmp_path: Path) -> None:
    solve(CONFIG, out=tmp_path / "run")
    longer = solve(CONFIG, out=tmp_path / "run", **{"time.end": 1.5})
    assert longer.time.tolist() == [0.0, 0.25, 0.5, 1.0, 1.5]


def test_xarray_reads_named_dimensions(folder: Path, memory: Run) -> None:
    with xarray.open_dataset(folder / "trajectory.h5", engine="h5netcdf") as data:
        sizes = {name: data.sizes[name] for name in ("time", "replica", "neuron", "axis")}
        assert sizes == {"time": 4, "replica": 2, "neuron": 12, "axis": 3}
        assert data["direction"].dims == ("time", "replica", "neuron", "axis")
        assert data["a"].dims == ("time", "replica", "neuron")
        assert data["risk_replicas"].dims == ("time", "replica")
        assert float(data["neuron_mass"].sum()) == pytest.approx(1.0)
        np.testing.assert_array_equal(data["a"][-1], memory.particles(1.0)[1])


def test_a_lost_view_is_rebuilt_from_the_snapshots(tmp_path: Path, memory: Run) -> None:
    solve(CONFIG, out=tmp_path / "run")
    (tmp_path / "run" / "trajectory.h5").unlink()
    rebuild_view(tmp_path / "run")
    again = Run.from_directory(tmp_path / "run")
    np.testing.assert_array_equal(again.risk, memory.risk)
    np.testing.assert_array_equal(again.particles(1.0)[1], memory.particles(1.0)[1])
    for path in (tmp_path / "run" / "snap").glob("*.h5"):
        assert read_record(path)[1].a_count == 0


def test_it_is_told_in_words(folder: Path, config_text: Callable[[int], str]) -> None:
    run = Run.from_directory(folder)
    assert "d = 3, 2 x 12 neurons, 4 saved times, t = 0 .. 1" in repr(run)
    table, flow = run.summary().split("\n\nthe flow at t = 1\n")
    assert len(table.splitlines()) == 4 + 4
    assert "sharpness" in flow


# -- scales and shifts -----------------------------------------------------------------------------


def test_scales_and_shifts_are_stored_and_are_one_and_zero_elsewhere(
    rescaled: Path, memory: Run
) -> None:
    stored, again = Run.from_directory(rescaled), solve(CONFIG, **RESCALED)
    for t in stored.time:
        np.testing.assert_array_equal(stored.scales(t), again.scales(t))
        np.testing.assert_array_equal(stored.shifts(t), again.shifts(t))
    assert stored.scales(1.0).shape == stored.shifts(1.0).shape == (2, 12)
    assert np.abs(stored.scales(1.0) - stored.scales(0.0)).max() > 0.01
    assert len(stored.particles(1.0)) == 3
    np.testing.assert_array_equal(memory.scales(1.0), np.ones((2, 12)))
    np.testing.assert_array_equal(memory.shifts(1.0), np.zeros((2, 12)))
    with refused("t = 0.3 was not saved"):
        memory.scales(0.3)


def test_predict_scales_and_shifts(rescaled: Path) -> None:
    """f(x) = mean over replicas of sum_j mass_j a_j tanh(gamma_j z_j + beta_j); the risk is its."""
    from bnflow.pde.config import load_config
    from bnflow.pde.problem import Problem

    run = Run.from_directory(rescaled)
    (direction, a, mass), gamma, beta = run.particles(1.0), run.scales(1.0), run.shifts(1.0)
    x, each = np.random.default_rng(0).standard_normal((5, 3)), []
    for k in range(2):
        variance = np.einsum("ji,ik,jk->j", direction[k], run.layout.data_covariance, direction[k])
        z = (x - run.layout.data_mean) @ direction[k].T / np.sqrt(variance)
        each.append(np.tanh(gamma[k] * z + beta[k]) @ (mass * a[k]))
    np.testing.assert_allclose(run.predict(x, 1.0, replica=1), each[1], rtol=1e-10)
    np.testing.assert_allclose(run.predict(x, 1.0), np.mean(each, axis=0), rtol=1e-10)
    rows = Problem.from_config(load_config(CONFIG)).data
    off = run.network(rows.inputs, 1.0, 1) - rows.targets
    assert run.risk_replicas[-1, 1] == pytest.approx(0.5 * (off**2).mean(), rel=1e-10)
    off = np.stack([run.network(rows.test_inputs, 1.0, k) - rows.test_targets for k in range(2)])
    assert run.test_risk[-1] == pytest.approx(0.5 * (off**2).mean(), rel=1e-10)


def test_a_rescaled_run_goes_on_bitwise_from_its_folder(tmp_path: Path, rescaled: Path) -> None:
    solve(CONFIG, out=tmp_path / "run", **RESCALED, **{"time.end": 0.5})
    resumed = solve(CONFIG, out=tmp_path / "run", **RESCALED)
    whole = Run.from_directory(rescaled)
    assert resumed.time.tolist() == whole.time.tolist()
    np.testing.assert_array_equal(resumed.risk_replicas, whole.risk_replicas)
    np.testing.assert_array_equal(resumed.scales(1.0), whole.scales(1.0))
    np.testing.assert_array_equal(resumed.shifts(1.0), whole.shifts(1.0))


def test_xarray_and_a_rebuilt_view_have_scales_and_shifts(tmp_path: Path) -> None:
    run = solve(CONFIG, out=tmp_path / "run", **RESCALED)
    (tmp_path / "run" / "trajectory.h5").unlink()
    rebuild_view(tmp_path / "run")
    with xarray.open_dataset(tmp_path / "run" / "trajectory.h5", engine="h5netcdf") as data:
        for name, values in (("gamma", run.scales(1.0)), ("beta", run.shifts(1.0))):
            assert data[name].dims == ("time", "replica", "neuron")
            np.testing.assert_array_equal(data[name][-1], values)


def test_a_rescaled_run_is_told_and_drawn(tmp_path: Path, rescaled: Path) -> None:
    run = Run.from_directory(rescaled)
    json.dumps(run.to_info(), allow_nan=False)
    assert "2 x 12 neurons" in repr(run)
    for what in ("overview", "function"):
        run.plot(tmp_path / f"{what}.png", what)
        assert (tmp_path / f"{what}.png").stat().st_size > 5000


def test_the_balance_of_a_homogeneous_rescaled_run_is_told() -> None:
    run = solve(CONFIG, **RESCALED, **{"network.activation": "relu", "solver.tolerance": 1e-7})
    assert 0 < run.balance_drift[-1] < 1e-7

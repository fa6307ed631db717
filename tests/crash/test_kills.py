"""SIGKILL at random times, SIGTERM and time limits: nothing is lost, and all goes on."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bnflow
from bnflow.pde.config import Config, load_config

Stop = Callable[..., bnflow.Run]


class Piped:
    """A progress display that passes on what is told as saved, and takes its time."""

    def __init__(self, pipe: Connection, pause: float) -> None:
        self.pipe, self.pause = pipe, pause

    def start(self, problem_text: str, t: float, end: float) -> None:
        self.pipe.send(-1.0)

    def step(self, t: float, step: int, dt: float, risk: float, defect: float) -> None:
        time.sleep(self.pause)

    def saved(self, t: float) -> None:
        self.pipe.send(t)

    def finish(self) -> None:
        pass


def work(config: Config, folder: Path, pipe: Connection, pause: float) -> None:
    bnflow.solve(config, folder, progress=Piped(pipe, pause), interrupt="raise")
    pipe.send(float("inf"))


def told(pipe: Connection) -> list[float]:
    """What has come through, and is not taken back by a kill."""
    found = []
    try:
        while pipe.poll():
            found.append(pipe.recv())
    except EOFError:
        pass
    return found


@pytest.mark.parametrize("kills", [6, pytest.param(210, marks=pytest.mark.slow)])
def test_sigkill_at_random_times(kills: int, truth: Any, counts: Any, tmp_path: Path) -> None:
    """Killed and continued again and again; where a run completes, the next one begins."""
    random, fork = np.random.default_rng(1), multiprocessing.get_context("fork")
    killed, number, committed = 0, 0, set[float]()
    while killed < kills:
        folder = tmp_path / f"run{number}"
        mine, theirs = fork.Pipe()
        pause = float(random.choice([0.0, 0.002]))
        child = fork.Process(target=work, args=(truth.config, folder, theirs, pause))
        child.start()
        theirs.close()
        assert mine.poll(60)
        child.join(float(random.uniform(0.0, 0.5)))
        child.kill()
        child.join()
        saved = told(mine)
        committed |= set(saved) - {-1.0}
        times = {frame.time for frame in truth.frames}
        done = len(committed & times)
        if child.exitcode == 0:
            truth.judge_continued(folder, counts)
            number, committed = number + 1, set()
            continue
        assert child.exitcode == -signal.SIGKILL
        killed += 1
        truth.judge(folder, done, counts)
    if (tmp_path / f"run{number}").exists():
        truth.judge_continued(tmp_path / f"run{number}", counts)
    assert counts["states"] >= kills


CASES: dict[str, dict[str, Any]] = {
    "grid, axis grows": {},
    "sampled rows": {"data": {"kind": "sampled", "samples": 20, "test_fraction": 0.2}},
    "whitened, upwind": {"solver.coordinates": "whitened", "solver.scheme": "upwind"},
    "weno, fixed range": {"solver.scheme": "weno", "solver.a_range": [-12.0, 12.0]},
    "noise": {"training.temperature": 0.02, "training.ridge": 0.5},
    "cooling": {"training.temperature": [[0.0, 0.05], [1.0, 0.0]], "training.ridge": 0.5},
    "list of fixed a": {
        "network.train": ["w"],
        "initial.a": {"kind": "two-point", "values": [-1.0, 1.0]},
    },
    "neurons": {"solver.method": "particles", "solver.width": 30},
    "replicas": {
        "solver.method": "particles",
        "solver.width": 12,
        "solver.replicas": 3,
        "solver.coordinates": "ellipsoid",
    },
    "neurons, fixed steps": {
        "solver.method": "particles",
        "solver.width": 12,
        "solver.integrator": "rk4",
        "solver.step": 0.04,
    },
    "trained scale and shift": {
        "solver.method": "particles",
        "solver.width": 12,
        "network.train": ["w", "a", "gamma", "beta"],
        "data": {"kind": "sampled", "samples": 20},
    },
}


def of_case(name: str) -> Config:
    changes = {"solver.cells": 5, "solver.a_cells": 10, "time.end": 1.0, "time.save": [0.4, 0.7]}
    if CASES[name].get("solver.method") == "particles":
        changes = {key: value for key, value in changes.items() if "cells" not in key}
    return load_config({}, {**changes, **CASES[name]})


def assert_same(one: bnflow.Run, other: bnflow.Run) -> None:
    """Bitwise, all that a user reads."""
    assert one.step.tolist() == other.step.tolist()
    assert one.time.tolist() == other.time.tolist()
    for parts in ((one.diagnostics, other.diagnostics), (one.log, other.log)):
        for name in parts[0]:
            np.testing.assert_array_equal(parts[0][name], parts[1][name], err_msg=name)
    for t in one.time:
        if one.config.solver.method == "grid":
            assert (one.density(t) == other.density(t)).all()
        else:
            for mine, yours in zip(one.particles(t), other.particles(t), strict=True):
                assert (mine == yours).all()


QUICK = ("grid, axis grows", "noise", "list of fixed a", "replicas")
cases = [case if case in QUICK else pytest.param(case, marks=pytest.mark.slow) for case in CASES]


@pytest.mark.parametrize("case", cases)
def test_stopped_at_random_steps_it_goes_on_bitwise(case: str, stop: Any, tmp_path: Path) -> None:
    """Sometimes between two saved times, sometimes at one: the stops leave no trace."""
    whole = bnflow.solve(of_case(case))
    random, folder = np.random.default_rng(len(case)), tmp_path / "run"
    sessions, status = 0, "stopped"
    while status == "stopped":
        after = int(random.integers(whole.step[-1] // 6 + 1, whole.step[-1] // 2 + 1))
        part = stop(folder, after, of_case(case))
        sessions, status = sessions + 1, part.status
    assert sessions > 1
    assert_same(part, whole)


@pytest.mark.slow
@pytest.mark.parametrize("case", QUICK)
def test_stopped_at_every_step_it_goes_on_bitwise(case: str, stop: Any, tmp_path: Path) -> None:
    whole = bnflow.solve(of_case(case))
    folder, count = tmp_path / "run", 0
    while (part := stop(folder, 1, of_case(case))).status == "stopped":
        count += 1
        assert part.step[-1] == count
    assert_same(part, whole)


def test_sigterm_ends_the_program_after_the_snapshot(truth: Any, tmp_path: Path) -> None:
    """Where nobody else handles it; its last state is stored, and the run goes on from there."""
    fork = multiprocessing.get_context("fork")
    mine, theirs = fork.Pipe()
    child = fork.Process(target=work, args=(truth.config, tmp_path / "run", theirs, 0.05))
    child.start()
    assert mine.poll(60)
    time.sleep(0.4)
    os.kill(child.pid or 0, signal.SIGTERM)
    child.join(60)
    assert child.exitcode not in (0, None)
    run = bnflow.open(tmp_path / "run")
    assert run.status == "stopped"
    assert run.step[-1] > 0
    assert bnflow.resume(tmp_path / "run").step.tolist() == truth.run.step.tolist()


def test_a_time_limit_stops_between_steps_and_the_run_goes_on(truth: Any, tmp_path: Path) -> None:
    run = bnflow.solve(truth.config, tmp_path / "run", max_minutes=1e-6)
    for step in (1, 2, 3):
        assert (run.status, run.step[-1]) == ("stopped", step)
        run = bnflow.resume(tmp_path / "run", max_minutes=1e-6 if step < 3 else 10.0)
    assert run.status == "complete"
    assert_same(run, truth.run)

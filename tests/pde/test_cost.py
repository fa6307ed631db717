"""The cost of a run, from a few steps of it."""

from pathlib import Path
from typing import Any

import pytest

from bnflow import api
from bnflow.pde.config import load_config
from bnflow.pde.cost import TRIAL_STEPS, cost, duration
from bnflow.pde.session import prepare

SMALL: dict[str, Any] = {"solver.cells": 6, "solver.a_cells": 12, "time.end": 1.0, "time.save": []}


def of(**changes: Any) -> Any:
    return cost(prepare(load_config(None, {**SMALL, **changes})))


@pytest.mark.parametrize("method", ["grid", "particles"])
def test_steps_are_estimated_from_those_that_were_tried(method: str) -> None:
    neurons = {"solver.width": 20} if method == "particles" else {}
    found = of(**{"solver.method": method, **neurons})
    taken = api.solve(None, **{**SMALL, "solver.method": method, **neurons}).step[-1]
    assert found.steps > 0
    assert found.steps == pytest.approx(int(taken), rel=1.0 if method == "particles" else 0.5)
    assert found.seconds == found.steps * found.step_seconds


def test_a_run_that_is_shorter_than_the_trial_is_counted_whole() -> None:
    found = of(**{"time.end": 1e-3})
    assert 1 <= found.steps < TRIAL_STEPS


def test_the_lines_hold_plan_step_and_time() -> None:
    text = "\n".join(of().lines())
    for word in ("cells", "memory", "disk", "step", "s, measured", "time       about"):
        assert word in text


def test_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    api.dry_run(None, **SMALL)
    assert list(tmp_path.iterdir()) == []


def test_durations_in_words() -> None:
    assert [duration(s) for s in (0.04, 59, 61, 7200, 2e6)] == [
        "0.04 s",
        "59 s",
        "1.0 min",
        "2.0 h",
        "23.1 days",
    ]

"""bnflow run: where it writes, what it says, and how it stops."""

import errno
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from bnflow.cli import main

STOPPED = 3


def test_the_default_is_the_packaged_example(api: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run"]) == 0
    ((_, config, out),) = api.calls
    assert out == Path("runs/circle-teacher")
    assert config.target.weights == (1.0, -0.5)
    text = capsys.readouterr().out
    assert "complete: t = 5, 83 steps" in text
    assert "5.0000e-01 -> 1.0000e-02" in text
    assert "mass drift          2.0e-15" in text
    assert "next: bnflow plot runs/circle-teacher" in text


def test_overrides_and_folder_reach_the_solver(api: Any, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("time.end = 2")
    assert main(["run", "mine.toml", "--set", "solver.cells=8", "run.seed=3"]) == 0
    assert main(["run", "mine.toml", "--out", "there", "--set", "a=1", "--set", "b=2"]) == 2
    assert (
        main(["run", "mine.toml", "--out=there", "--set=solver.cells=4", "--set=run.seed=1"]) == 0
    )
    (_, first, out), (_, second, there) = api.calls
    assert (first.time.end, first.solver.cells, first.run.seed, out) == (2, 8, 3, Path("runs/mine"))
    assert (second.solver.cells, second.run.seed, there) == (4, 1, Path("there"))


def test_quiet_prints_nothing(api: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_resumably(
    number: int, api: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    usual = signal.getsignal(signal.SIGTERM)

    def work(progress: Any) -> None:
        progress.start("", 0.0, 5.0)
        progress.step(1.25, 10, 0.1, 0.1, 0.0)
        os.kill(os.getpid(), number)

    api.work = work
    assert main(["run"]) == STOPPED
    told = "bnflow: interrupted at t = 1.25; continue: bnflow resume runs/circle-teacher\n"
    assert capsys.readouterr().err.endswith(told)
    assert signal.getsignal(signal.SIGTERM) is usual


def test_where_nothing_has_begun_there_is_nothing_to_resume(
    api: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """While a run sets up, or is measured beside 64 bits, it has no folder yet."""
    api.work = lambda progress: os.kill(os.getpid(), signal.SIGTERM)
    assert main(["run"]) == STOPPED
    told = "bnflow: interrupted, before the first step; continue: the same command\n"
    assert capsys.readouterr().err.endswith(told)


def test_a_full_disk_stops_resumably(api: Any, capsys: pytest.CaptureFixture[str]) -> None:
    def work(progress: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    api.work = work
    assert main(["run"]) == STOPPED
    assert "no space left" in capsys.readouterr().err


def test_a_dry_run_prints_plan_and_cost_and_solves_nothing(
    api: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "--dry-run", "--set", "solver.cells=8"]) == 0
    assert capsys.readouterr().out == "cells 8\nstep 1 s\n"
    assert api.calls == []
    assert not Path("runs").exists()


def test_bad_input_reaches_no_solver(api: Any) -> None:
    assert main(["run", "--set", "time.end=-1"]) == 2
    assert api.calls == []
    assert not Path("runs").exists()

"""The benchmark of the kernels counts right, says where it was measured, and is a verb."""

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bnflow.benchmarks import kernels as program
from bnflow.benchmarks import steps
from bnflow.benchmarks.interaction import setting
from bnflow.benchmarks.kernel_cases import line_count, pair_cases, stage_cases
from bnflow.benchmarks.steps import Rates, Size, Work
from bnflow.benchmarks.throughput import Case, Timing
from bnflow.cli import BAD_INPUT, DONE, main
from bnflow.kernels import select
from bnflow.pde.network.interaction import SampledInteraction

TINY = program.Sizes(
    entries=1000,
    multiply_adds=1000,
    pairs=((2, 5, 7),),
    sums=((2, 4, 6),),
    peers=(),
    stages=((2, 4, 12),),
    steps=(Size(2, 4, 12, 6), Size(2, 8, 12, 6)),
    counted=2,
    rounds=1,
)


def table(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "QUICK", TINY)


def test_every_row_says_what_it_is_and_where_it_was_measured(
    tiny: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "kernels.csv"
    assert main(["bench", "--quick", "--backend", "numpy", "--csv", str(file)]) == DONE
    rows, shown = table(file), capsys.readouterr().out
    assert "nan" not in file.read_text()
    groups = {row["group"] for row in rows}
    assert groups == {
        *("limit", "forward", "backward", "sums forward", "sums backward"),
        *("first stage", "later stage", "first noisy", "later noisy", "step"),
    }
    for row in rows:
        assert row["backend"] == "numpy"
        assert row["dtype"] == "float64"
        assert row["numpy"] == np.__version__
        assert float(row["per_second"]) == pytest.approx(
            float(row["work"]) / float(row["seconds_best"]), rel=1e-12
        )
        assert row["name"] in shown or row["group"] == "limit"
    steps_of = [row for row in rows if row["group"] == "step"]
    assert [int(row["work"]) for row in steps_of] == [4 * 4 * 12, 4 * 8 * 12]
    assert all(int(row["peak_bytes"]) > 8 * int(row["work"]) for row in steps_of)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--dtype", "float16"], "invalid choice: 'float16'"),
        (["--backend", "gpu"], "invalid choice: 'gpu'"),
        (["--csv", "nowhere/kernels.csv"], "there is no folder nowhere"),
    ],
)
def test_a_mistake_is_one_line(
    words: list[str], told: str, tiny: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "--quick", "--backend", "numpy", *words]) == BAD_INPUT
    assert told in capsys.readouterr().err


def test_work_is_what_the_names_say() -> None:
    kernels = select("numpy")
    forward, backward = pair_cases(kernels, "float64", "relu", 3, 10, 20)
    assert (forward.work, forward.needs) == (200, 8)  # w.x and one more: four multiply-adds
    assert (backward.work, backward.needs) == (200, 12)  # w.x and e s' x: six
    for noisy, needs in ((False, [16, 24]), (True, [40, 48])):  # and tau log rho: 3 numbers more
        stages = stage_cases(kernels, "float64", "muscl", 2, 4, 12, noisy=noisy)
        assert [case.work for case in stages] == [4 * 4 * 12, 4 * 4 * 12]
        assert [case.needs for case in stages] == needs
    # d = 3, half of a sphere: of each pair of axes' three panels the lines of one direction
    s = setting(3, 8, 5, 1)
    assert len(s.clouds.w) == 3 * 8 * 8
    assert 3 * 8 <= line_count(s) < len(s.clouds.v) / 4


def test_the_model_is_its_parts() -> None:
    rates = Rates(10.0, {("forward", "lines"): 4.0, ("backward", "lines"): 2.0}, 0.5)
    work = Work(cells=3, bytes=30, forward=8, backward=6, along=True)
    assert rates.parts(work) == {"bytes": 3.0, "sums": 2.0 + 3.0, "fixed": 0.5}
    assert np.isnan(rates.parts(replace(work, along=False))["sums"])


@pytest.mark.parametrize("way", ["direct", "lines"])
def test_a_step_has_the_work_of_its_run(way: str) -> None:
    """Two stages of muscl move 2 and 3 numbers a cell, the moments 1."""
    kernels, size = select("numpy"), Size(3, 8, 12, 6)
    made = steps.session(kernels, replace(size, rows=100_000 if way == "lines" else 6), "float64")
    assert isinstance(made.flow.interaction, SampledInteraction)
    pairs = made.flow.interaction.pairs
    work = steps.work_of(made, size, "float64")
    cells = 6 * 8 * 8 * 12
    assert (work.cells, work.bytes, work.along) == (cells, 6 * 8 * cells, way == "lines")
    assert work.forward == (pairs.line_count or 3 * 8 * 8) * 6
    assert work.backward == (pairs.line_count or len(pairs.points)) * 6


def test_the_best_rates_of_relu_are_the_model_s() -> None:
    def row(group: str, name: str, seconds: float) -> program.Row:
        return program.Row(Timing(Case(group, name, "", 12.0, int), seconds, seconds))

    rows = [
        row("forward", "relu d=3", 2.0),
        row("sums forward", "direct d=3", 1.0),
        row("sums backward", "lines d=3", 4.0),
        row("forward", "tanh d=3", 0.1),
        row("forward", "relu d=4", 0.1),
        row("first stage", "muscl d=3", 0.1),
    ]
    best = program.sum_rates(rows, 3)
    assert best["forward", "direct"] == 12.0
    assert best["backward", "lines"] == 3.0


def test_a_step_that_cannot_run_is_told_and_the_others_are_measured(
    tiny: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    measured = steps.measured

    def first_only(kernels: Any, size: Size, *rest: Any) -> Any:
        if size == TINY.steps[1]:
            raise MemoryError("no room")
        return measured(kernels, size, *rest)

    monkeypatch.setattr(steps, "measured", first_only)
    rows = list(program.measured(select("numpy"), "float64", replace(TINY, pairs=(), sums=())))
    assert [row["work"] for row in rows if row["group"] == "step"] == [4 * 4 * 12]
    assert "cells=8, a_cells=12, rows=6), float64: no room" in capsys.readouterr().out


def test_peers_take_part_where_they_are_and_only_with_the_same_results(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def absent(clouds: Any) -> Any:
        raise ImportError("not installed")

    def fair(clouds: Any) -> Any:
        signs = np.sign(clouds.v @ clouds.x.T) * clouds.e
        return lambda: clouds.c @ np.abs(clouds.w @ clouds.x.T), lambda: signs @ clouds.x

    def wrong(clouds: Any) -> Any:
        return fair(clouds)[0], lambda: 1.001 * fair(clouds)[1]()

    monkeypatch.setattr(program, "PEERS", {"absent": absent, "fair": fair})
    cases = program.contest(select("numpy"), "float64", (3, 4, 10), peers=True)
    assert "SKIPPED  absent: ImportError: not installed" in capsys.readouterr().out
    assert [case.name for case in cases[-2:]] == ["fair d=3"] * 2
    assert [case.work for case in cases[-2:]] == [case.work for case in cases[-4:-2]]  # of direct
    monkeypatch.setattr(program, "PEERS", {"wrong": wrong})
    assert len(program.contest(select("numpy"), "float64", (3, 4, 10), peers=True)) == 4
    assert "AssertionError: wrong sums something else" in capsys.readouterr().out


def test_what_was_measured_before_a_failure_is_kept(
    tiny: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("the device is gone")

    monkeypatch.setattr(program, "stage_cases", broken)
    file = tmp_path / "kernels.csv"
    with pytest.raises(RuntimeError, match="gone"):
        main(["bench", "--quick", "--csv", str(file)])
    assert {"limit", "forward", "sums backward"} <= {row["group"] for row in table(file)}


def test_the_driver_of_a_gpu_is_read_from_the_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  550.54.15  Release Build\n"
    file = tmp_path / "version"
    file.write_text(told + "GCC version:  gcc version 12.3.0\n")
    monkeypatch.setattr(program, "DRIVER", file)
    kernels = select("numpy")
    assert "driver" not in program.described(kernels)  # the host is no device
    monkeypatch.setattr(type(kernels), "about", lambda self: {"gpu": "Card 9"})
    assert program.described(kernels)["driver"] == "550.54.15"

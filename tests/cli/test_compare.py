"""compare: a table, a figure, one JSON object; and the shadow of `run`."""

import json
from pathlib import Path
from typing import Any

import pytest

from bnflow.api import solve
from bnflow.cli import BAD_INPUT, DONE, main

SMALL = ["solver.cells=4", "solver.a_cells=8", "time.end=0.2", "time.save=[0.1]"]
pytestmark = pytest.mark.filterwarnings("ignore::bnflow.kernels.errors.Notice")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    home = tmp_path_factory.mktemp("runs")
    end: dict[str, Any] = {"time.end": 0.2, "time.save": [0.1], "solver.cells": 4}
    solve(None, home / "a", **end, **{"solver.a_cells": 8})
    solve(None, home / "b", **end, **{"solver.a_cells": 16})
    return str(home / "a"), str(home / "b")


def test_a_table_names_both_runs(folders: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", *folders]) == DONE
    out = capsys.readouterr().out
    assert all(folder in out for folder in folders)
    assert out.splitlines()[3].split()[:3] == ["t", "risk", "A"]


def test_json_is_one_object(folders: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", *folders, "--json"]) == DONE
    info = json.loads(capsys.readouterr().out, parse_constant=lambda _: 1 / 0)
    assert (info["a"], info["b"], info["time"]) == (*folders, [0.0, 0.1, 0.2])
    assert info["rms_difference"]["mean"][-1] > 0


def test_a_figure_is_written(
    folders: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "new" / "c.svg"
    assert main(["compare", *folders, "-o", str(path), "--time", "0.1"]) == DONE
    assert path.stat().st_size > 5000
    assert capsys.readouterr().out.splitlines()[-1] == str(path)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["-o", "c.gif"], "-o c.gif: the name must end in .png, .pdf, .svg"),
        (["--time", "1"], "--time is of the figure; give -o FIGURE as well"),
        (["-o", "c.png", "--time", "7"], "t = 7 is no common time; the nearest is 0.2"),
    ],
)
def test_mistakes_are_one_line(
    folders: Any,
    more: list[str],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["compare", *folders, *more]) == BAD_INPUT
    err = capsys.readouterr().err
    assert told in err
    assert err.count("\n") == 1


def test_a_folder_that_is_not_there_is_one_line(
    folders: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", folders[0], "nowhere"]) == BAD_INPUT
    assert "nowhere does not exist" in capsys.readouterr().err


def test_run_prints_and_stores_how_its_shadow_compares(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    command = ["run", "--out", str(out), "--set", *SMALL, "--shadow-particles", "30"]
    assert main(command) == DONE
    told = capsys.readouterr().out
    assert f"beside particles, {out / 'shadow.json'}:" in told
    assert "rms |f_A - f_B|" in told
    assert json.loads((out / "shadow.json").read_text())["b"] == str(out / "shadow")
    assert main(command) == DONE  # already complete, both
    assert main(["compare", str(out), str(out / "shadow")]) == DONE


def test_a_dry_run_plans_the_shadow_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["run", "--set", *SMALL, "--shadow-particles", "30", "--dry-run"]) == DONE
    out = capsys.readouterr().out
    assert "cells " in out
    assert "neurons " in out
    assert list(tmp_path.iterdir()) == []


def test_particles_have_no_shadow(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["run", "--set", "solver.method=particles", "--shadow-particles", "30"]
    assert main([*command, "--dry-run"]) == BAD_INPUT
    assert "they accompany a run on a grid" in capsys.readouterr().err

"""`bnflow sweep`, `sweep-table`, `sweep-plot`, `cite`: arguments, exit codes, what is printed."""

import errno
import io
import json
from pathlib import Path

import pytest

from bnflow.cli import main

SMALL = ["--set", "time.end=0.1", "solver.a_cells=8"]
GRID = ["--grid", "solver.cells=[8, 12]"]


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> str:
    out = str(tmp_path_factory.mktemp("sweep") / "s")
    assert main(["sweep", "--out", out, *GRID, "--seeds", "2", *SMALL, "--quiet"]) == 0
    return out


def test_points_are_listed_and_nothing_is_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sweep", "--out", str(tmp_path / "s"), *GRID, "--list"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("   0  cells=8-")
    assert first.endswith("  solver.cells = 8")
    assert second.startswith("   1  cells=12-")
    assert not (tmp_path / "s").exists()


def test_a_job_array_works_on_its_own_points(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "s")
    assert main(["sweep", "--out", out, *GRID, *SMALL, "--index", "1"]) == 0
    told = capsys.readouterr()
    assert told.out.startswith("1 of 2 points: 1 complete\nnext: ")
    assert "[1/1] solver.cells = 12: complete after" in told.err
    assert main(["sweep", out, "--index", "0/2", "--quiet"]) == 0
    assert main(["sweep-table", out]) == 0
    assert "2 points: 2 complete" in capsys.readouterr().out


def test_a_later_end_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "s")
    assert main(["sweep", "--out", out, *GRID, *SMALL, "--quiet"]) == 0
    assert main(["sweep", out, "--until", "0.2", "--quiet"]) == 0
    assert main(["sweep-table", out, "--json"]) == 0
    assert [row["t"] for row in json.loads(capsys.readouterr().out)] == [0.2, 0.2]
    assert main(["sweep", out, "--until", "0.1"]) == 2
    assert "is a sweep to time.end = 0.2" in capsys.readouterr().err


def test_table_csv_and_figures(sweep: str, capsys: pytest.CaptureFixture[str]) -> None:
    csv, curves, phases = (str(Path(sweep) / name) for name in ("t.csv", "c.svg", "p.png"))
    assert main(["sweep-table", sweep, "--value", "risk", "sup_h", "--csv", csv, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) == 4
    assert rows[0]["solver.cells"] == 8
    assert rows[0]["sup_h"] > 0
    assert len(Path(csv).read_text().splitlines()) == 5
    assert main(["sweep-table", sweep, "--value", "risk,sup_h", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == rows
    assert main(["sweep-plot", sweep, "--x", "solver.cells", "-o", curves]) == 0
    also = ["--y", "run.seed", "--value", "sup_h", "--at", "0.1"]
    assert main(["sweep-plot", sweep, "--x", "solver.cells", *also, "-o", phases]) == 0
    assert Path(curves).stat().st_size
    assert Path(phases).read_bytes()[1:4] == b"PNG"


def test_what_was_used_is_cited(sweep: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cite", sweep]) == 0
    of_sweep = capsys.readouterr().out
    run = next(iter((Path(sweep) / "runs").iterdir()))
    file = Path(sweep) / "used.bib"
    assert main(["cite", str(run), "-o", str(file)]) == 0
    assert file.read_text() == of_sweep
    assert "ma2021riemannian" in of_sweep


def test_a_full_disk_stops_the_sweep_resumably(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*given: object, **more: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("bnflow.api.series.solve", full)
    out = str(tmp_path / "s s")
    assert main(["sweep", "--out", out, *GRID, *SMALL, "--index", "1/2"]) == 3
    told = capsys.readouterr().err
    assert f"no space left for snapshots; free some; continue: bnflow sweep '{out}'" in told
    assert told.endswith("--index 1/2\n")


def test_a_shadow_is_cited_with_its_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "r")
    small = ["--set", "time.end=0.1", "solver.a_cells=8", "solver.cells=8"]
    assert main(["run", "--out", out, "--quiet", "--shadow-particles", "40", *small]) == 0
    assert main(["cite", out]) == 0
    told = capsys.readouterr().out
    assert "dormand1980family" in told
    assert "vanleer1977towards" in told


def test_a_config_comes_from_standard_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def given(text: bytes) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text)))

    monkeypatch.chdir(tmp_path)
    given(b"[time]\nend = 0.1\n")
    assert main(["sweep", "-", *GRID, "--seeds", "2", "--list"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 4
    given(b"[time]\nend = 0.1\n")
    assert main(["run", "-", "--quiet", "--set", "solver.cells=8", "solver.a_cells=8"]) == 0
    assert (tmp_path / "runs" / "stdin" / "trajectory.h5").exists()
    given(b"[time")
    assert main(["run", "-"]) == 2
    assert "bnflow: standard input: " in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore::bnflow.Notice")
def test_a_failed_point_is_exit_code_4(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    walls = ["--grid", "solver.a_range=[[-1.0, 1.0], [-8.0, 8.0]]", "solver.cells=[8]"]
    assert main(["sweep", "--out", str(tmp_path / "s"), *walls, *SMALL]) == 4
    told = capsys.readouterr()
    assert "2 points: 1 complete, 1 failed" in told.out
    assert "failed: solver.a_range = [-1.0, 1.0]" in told.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["sweep"], "nothing to sweep"),
        (["sweep", "--grid", "solver.cells=8"], "values are a list"),
        (["sweep", *GRID, "--index", "two"], "--index two: give a number"),
        (["sweep", *GRID, "--index", "0/0"], "index 0 of every 0"),
        (["sweep", *GRID, "--jobs", "0", "--out", "x"], "jobs = 0"),
        (["sweep", *GRID, "--index", "2", "--out", "x"], "index 2 is none of this sweep"),
        (["sweep-table", "."], "holds no sweep"),
        (["sweep-plot", ".", "--x", "a"], "holds no sweep"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(
    arguments: list[str],
    words: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    told = capsys.readouterr().err
    assert words in told
    assert told.count("\n") == 1


def test_a_limit_of_time_is_exit_code_3_and_the_same_command_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "s")
    command = ["sweep", "--out", out, *GRID, *SMALL]
    assert main([*command, "--max-minutes", "1e-6"]) == 3
    assert f"stopped after 1e-06 minutes; continue: bnflow sweep {out}\n" in capsys.readouterr().err
    assert main([*command, "--max-minutes", "10"]) == 0
    assert main(["info", out]) == 2
    assert "holds a sweep, many runs: bnflow sweep-table" in capsys.readouterr().err

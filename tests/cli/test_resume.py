"""bnflow resume and time limits: what they pass on, and what they say."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bnflow.cli import main


def test_folder_end_and_limit_reach_the_solver(api: Any) -> None:
    assert main(["resume", "runs/a", "--until", "7.5", "--max-minutes", "30"]) == 0
    assert main(["resume", "runs/a"]) == 0
    assert api.calls == [("resume", Path("runs/a"), 7.5), ("resume", Path("runs/a"), None)]
    assert api.limits == [30.0, None]
    assert main(["run", "--max-minutes", "2"]) == 0
    assert api.limits[-1] == 2.0


@pytest.mark.parametrize("verb", [["run", "--out", "runs/my run"], ["resume", "runs/my run"]])
def test_a_run_that_was_stopped_says_what_goes_on_with_it(
    verb: list[str], api: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command is ready for a shell."""
    stopped = SimpleNamespace(status="stopped")
    monkeypatch.setattr(type(api), "solve", lambda *_, **options: stopped)
    monkeypatch.setattr(type(api), "resume", lambda *_, **options: stopped)
    assert main([*verb, "--max-minutes", "0.5"]) == 3
    told = capsys.readouterr().err
    assert (
        told
        == "bnflow: stopped after 0.5 minutes at t = 0; continue: bnflow resume 'runs/my run'\n"
    )


@pytest.mark.parametrize("limit", ["0", "-3", "soon"])
def test_a_limit_that_is_none_is_bad_input(limit: str, tmp_path: Path) -> None:
    assert main(["run", "--out", str(tmp_path / "run"), f"--max-minutes={limit}"]) == 2
    assert not (tmp_path / "run").exists()


def test_resume_and_pack_of_a_real_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "run")
    small = ["--set", "solver.cells=4", "solver.a_cells=8", "time.end=1"]
    assert main(["run", "--out", out, "--max-minutes", "1e-6", *small]) == 3
    assert main(["resume", out]) == 0
    assert "complete: t = 1" in capsys.readouterr().out
    assert main(["resume", out, "--until", "0.5"]) == 2
    assert "give a later time" in capsys.readouterr().err
    assert main(["resume", out, "--until", "1.5", "--quiet"]) == 0
    assert main(["pack", out, str(tmp_path / "one.h5")]) == 0
    assert "complete" in capsys.readouterr().out
    assert main(["pack", out, str(tmp_path / "one.h5")]) == 2
    assert main(["doctor", str(tmp_path / "one.h5")]) == 0
    assert main(["resume", str(tmp_path / "one.h5")]) == 2
    assert main(["resume", str(tmp_path / "none")]) == 2

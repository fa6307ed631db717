"""study and depth: list, run, figures, JSON, an interruption that can go on, one-line mistakes."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bnflow.cli import BAD_INPUT, DONE, STOPPED, main
from bnflow.depth.studies.registry import STUDIES
from bnflow.depth.studies.study import (
    Computation,
    Piece,
    Settings,
    Study,
    Verdict,
    exactly,
    variable,
)

SMALL = ["--quiet", "--set", "width=32", "nets=8", "depth=10"]


def pieces(settings: Settings) -> Mapping[str, Computation]:
    def compute(rng: np.random.Generator) -> Piece:
        return {"x": variable(rng.random(settings["nets"]), "net", "x")}

    return dict.fromkeys("ab", compute)


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A group of two studies."""
    settings = {"nets": 3, "seed": 0}
    for name, own in (("toy-first", {"rate": 0.5}), ("toy-second", {})):
        verdict = Verdict((exactly("x", 2.0, most=1.0),), {"nan": np.nan})
        study = Study(
            name,
            "toy",
            "a claim",
            "s",
            "k",
            settings | own,
            {"nets": 2},
            pieces,
            lambda *_, v=verdict: v,
        )
        monkeypatch.setitem(STUDIES, name, study)
    return ["toy-first", "toy-second"]


def strict(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text, parse_constant=lambda _: 1 / 0)
    return found


def test_list_names_every_study_and_its_claim(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["study", "list"]) == DONE
    out = capsys.readouterr().out
    assert all(f"{study.claim} ({study.source})" in out for study in STUDIES.values())
    assert main(["study", "list", "--json"]) == DONE
    listed = strict(capsys.readouterr().out)["studies"]
    assert [each["name"] for each in listed] == list(STUDIES)


def test_run_computes_draws_and_says_the_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figure = tmp_path / "new" / "g.svg"
    command = ["study", "run", "gram-gradient", "--quick", "--out", str(tmp_path), *SMALL]
    assert main([*command, "-o", str(figure)]) == DONE
    lines = capsys.readouterr().out.split("\n")
    assert any(line.startswith("verdict: the claim ") for line in lines)
    assert lines[-4:-2] == [str(tmp_path / "gram-gradient-quick.h5"), str(figure)]
    assert figure.stat().st_size > 5000
    assert main([*command, "--json"]) == DONE  # from the file
    info = strict(capsys.readouterr().out)
    assert (info["name"], info["status"]) == ("gram-gradient", "complete")
    assert info["settings"]["width"] == 32


def test_a_claim_that_fails_is_said_and_is_no_error(
    toys: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["study", "run", "toy-first", "--out", str(tmp_path)]) == DONE
    out = capsys.readouterr().out
    assert "NO  x 2, allowed <= 1" in out
    assert "verdict: the claim fails" in out


def test_depth_runs_a_group(
    toys: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["depth", "toy", "--out", str(tmp_path), "--quiet", "--json"]
    assert main([*command, "--set", "rate=0.25", "nets=4"]) == DONE
    first, second = strict(capsys.readouterr().out)["studies"]
    assert first["settings"] == {"nets": 4, "seed": 0, "rate": 0.25}
    assert second["settings"] == {"nets": 4, "seed": 0}  # it has no rate
    assert first["numbers"] == {"nan": None}
    assert {path.name for path in tmp_path.iterdir()} == {f"{name}.h5" for name in toys}


def test_quick_results_lie_beside_full_ones(toys: list[str], tmp_path: Path) -> None:
    for quick in ([], ["--quick"]):
        assert (
            main(["study", "run", "toy-first", "--out", str(tmp_path), "--quiet", *quick]) == DONE
        )
    assert {path.name for path in tmp_path.iterdir()} == {"toy-first.h5", "toy-first-quick.h5"}


def test_an_interruption_can_go_on(
    toys: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupt(self: object, study: str, name: str, done: int, pieces: int) -> None:
        if name == "b":
            raise KeyboardInterrupt

    command = ["study", "run", "toy-first", "--out", str(tmp_path)]
    with monkeypatch.context() as patch:
        patch.setattr("bnflow.cli.progress.Pieces.piece", interrupt)
        assert main(command) == STOPPED
    assert "the same command continues" in capsys.readouterr().err
    assert main(command) == DONE
    assert "toy-first  1/2  b" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["study", "run"], "study run needs a name: "),
        (["study", "list", "x"], "study list takes no name"),
        (["study", "go"], "invalid choice: 'go'"),
        (["study", "run", "gram-widht"], "did you mean gram-width?"),
        (["study", "run", "gram-width", "-o", "a.gif"], "-o a.gif: the name must end in"),
        (["study", "run", "gram-width", "--set", "widht=3"], "did you mean width"),
        (["study", "run", "gram-width", "--set", "nets=x"], "nets = "),
        (["study", "run", "gram-width", "--set", "nets"], "is no override; write key=value"),
        (["depth", "gramm"], "gramm is no group of studies; give "),
        (["depth"], "arguments are required: GROUP"),
        (["depth", "gram", "--set", "nothing=3"], "nothing is no setting of gram-"),
    ],
)
def test_mistakes_are_one_line(
    arguments: list[str],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == BAD_INPUT
    out, err = capsys.readouterr()
    assert out == ""
    assert told in err
    assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())

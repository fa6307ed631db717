"""converge: tables, figure, one JSON object; an interruption that can go on."""

import json
from pathlib import Path

import pytest

from bnflow.cli import BAD_INPUT, DONE, STOPPED, main

SMALL = ["--quiet", "--set", "solver.cells=16", "solver.a_cells=16", "time.end=0.2", "time.save=[]"]


def test_tables_and_figure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figure = tmp_path / "new" / "c.svg"
    assert main(["converge", *SMALL, "-o", str(figure)]) == DONE
    out = capsys.readouterr().out
    assert "order, max over t" in out
    assert out.splitlines()[-1] == str(figure)
    assert figure.stat().st_size > 5000


def test_json_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["converge", *SMALL, "--json"]) == DONE
    info = json.loads(capsys.readouterr().out, parse_constant=lambda _: 1 / 0)
    assert [level["cells"] for level in info["levels"]] == [4, 8, 16]


def test_an_interruption_with_a_folder_can_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    command = ["converge", *SMALL, "--out", str(tmp_path / "levels")]
    with monkeypatch.context() as patch:
        patch.setattr("bnflow.io.writer.Writer.save", interrupt)
        assert main(command) == STOPPED
    assert "the same command continues" in capsys.readouterr().err
    assert main(command) == DONE


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["-o", "c.gif"], "-o c.gif: the name must end in"),
        (["--levels", "2"], "levels = 2: an order needs at least 3"),
        (["--set", "solver.cells=30"], "solver.cells = 30 does not halve 2 times"),
        (["--set", "solver.cels=30"], "did you mean solver.cells?"),
    ],
)
def test_mistakes_are_one_line(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["converge", *arguments]) == BAD_INPUT
    err = capsys.readouterr().err
    assert told in err
    assert err.count("\n") == 1

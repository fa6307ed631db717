"""The command line as a whole: help that teaches, one-line mistakes, the exit codes."""

import subprocess
import sys
import warnings

import pytest

import bnflow
from bnflow.cli import BAD_INPUT, DONE, VERBS, main
from bnflow.kernels.errors import Notice, NumericalFailure


def test_opening_loads_no_library() -> None:
    look = "import sys, bnflow.cli; print(*{name.split('.')[0] for name in sys.modules})"
    found = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    heavy = {"numpy", "scipy", "h5py", "matplotlib", "pydantic", "tqdm", "threadpoolctl"}
    assert not heavy & set(found.stdout.split())


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"], ["help"]])
def test_help_shows_lines_to_type_and_every_verb(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == DONE
    text = capsys.readouterr().out
    assert "bnflow run --out" in text
    assert all(verb in text for verb in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--help"]) == DONE
    assert f"usage: bnflow {verb}" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == DONE
    assert capsys.readouterr().out == f"bnflow {bnflow.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["rnu"], "'rnu' is no verb; did you mean run?"),
        (["zzz"], f"verbs: {', '.join(VERBS)}"),
        (["info"], "the following arguments are required: DIR; see bnflow info --help"),
        (["run", "--typo"], "unrecognized arguments: --typo; see bnflow run --help"),
        (["run", "nowhere.toml"], "no config file nowhere.toml"),
        (["run", "--set", "solver.cell=3"], "did you mean solver.cells?"),
        (["run", "--set", "time.end=3", "x.toml"], '"x.toml" is no override'),
        (["plot", "x", "--what", "movie"], "invalid choice: 'movie'"),
    ],
)
def test_a_mistake_is_one_line_and_exit_2(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == BAD_INPUT
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("bnflow: ")
    assert err.count("\n") == 1
    assert told in err


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (NumericalFailure("rho is NaN at t = 1"), 4, "numerical failure: rho is NaN at t = 1"),
        (PermissionError(13, "Permission denied", "runs"), 2, "runs: Permission denied"),
        (MemoryError(), 2, "not enough memory; bnflow doctor CONFIG"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_exit_codes(
    error: BaseException,
    code: int,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object) -> int:
        raise error

    monkeypatch.setattr("bnflow.cli.schema.run", fail)
    assert main(["schema"]) == code
    assert told in capsys.readouterr().err


def test_a_notice_is_one_note_however_often_it_comes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def notice(*_: object) -> int:
        for _repeat in range(2):
            warnings.warn("mass near the wall", Notice, stacklevel=1)
        return DONE

    monkeypatch.setattr("bnflow.cli.schema.run", notice)
    assert main(["schema"]) == DONE
    assert capsys.readouterr().err == "note: mass near the wall\n"


def test_a_reader_that_leaves_early_is_no_error() -> None:
    command = f"{sys.executable} -m bnflow schema | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True, cwd="/")
    assert done.stdout.startswith("network.activation")
    assert done.stderr == ""

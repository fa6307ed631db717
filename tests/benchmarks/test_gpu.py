"""The one command for a machine with a GPU: no part stops another, and nothing passes unrun."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bnflow.benchmarks import gpu
from bnflow.pde.config import load_config

FINE, BROKEN = (sys.executable, "-c", ""), (sys.executable, "-c", "raise SystemExit(3)")
ABSENT = ("no-such-program-anywhere",)
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def in_the_source_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the program belongs; what is imported may be an installed copy."""
    monkeypatch.setattr(gpu, "ROOT", ROOT)
    monkeypatch.setattr(gpu, "CUDA_TESTS", ROOT / "tests" / "kernels" / "cuda")


def test_without_a_gpu_it_says_in_one_line_what_was_looked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gpu, "probe_cuda", lambda: (False, "CuPy finds no GPU"))
    assert gpu.main([]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith("CuPy finds no GPU\n")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("commands", "code"),
    [((FINE, FINE), 0), ((BROKEN, FINE), 1), ((FINE, ABSENT), 1), ((ABSENT, BROKEN), 1)],
)
def test_every_part_runs_and_the_exit_code_is_of_all(
    commands: tuple[tuple[str, ...], ...],
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(gpu, "probe_cuda", lambda: (True, "Card 9"))
    monkeypatch.setattr(gpu, "RESULTS", tmp_path / "results")
    made = [gpu.Part(name, (each,)) for name, each in zip(gpu.PARTS[:2], commands, strict=True)]
    monkeypatch.setattr(gpu, "parts", lambda *_: made)
    assert gpu.main([]) == code
    summary = capfd.readouterr().out.partition("=== summary\n")[2].splitlines()
    assert [line.split()[0] for line in summary] == list(gpu.PARTS[:2])
    for line, command in zip(summary, commands, strict=True):
        told = {FINE: "passed", BROKEN: "FAILED with exit code 3", ABSENT: "NOT RUN"}[command]
        assert told in line


def test_the_commands_are_ones_that_exist() -> None:
    """Each names files that are there and options that are known: all it lacks is a GPU."""
    made = {part.name: part.commands for part in gpu.parts("NVIDIA H200 (x)", False, Path())}
    assert tuple(made) == gpu.PARTS
    files = [Path(w) for each in made.values() for c in each for w in c if w.endswith(".py")]
    assert all(file.is_file() for file in files)
    assert len(made["memcheck"]) == len(made["racecheck"]) == 2
    assert made["racecheck"][0][:3] == ("compute-sanitizer", "--tool", "racecheck")
    watched = made["memcheck"][1]
    exercise = watched[watched.index(sys.executable) :]
    without = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    for command in (made["verify"][0], exercise, made["kernels"][0]):
        done = subprocess.run(command, capture_output=True, text=True, cwd="/", env=without)
        assert done.returncode == 2
        assert 'run.backend = "cuda": ' in done.stderr
    assert load_config(None, gpu.FEW).time.saves() == (0.0, 0.02)


def test_results_are_named_after_the_gpu_and_the_day() -> None:
    ((*_, file),) = gpu.parts("NVIDIA H200 (x)", False, Path())[-1].commands
    assert re.fullmatch(r"kernels-nvidia-h200-x-\d{4}-\d\d-\d\d\.csv", Path(file).name)

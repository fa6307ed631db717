"""verify: a line a finding, the verdict, exit 5 where a check is missed."""

import json
from typing import Any

import pytest

from bnflow.cli import BAD_INPUT, DONE, UNVERIFIED, main
from bnflow.pde.verification import Check, Skip, at_most


def passing(backend: str) -> list[Any]:
    return [at_most("error", 1e-3, 1e-2)]


def failing(backend: str) -> list[Any]:
    return [at_most("error", 1e-1, 1e-2)]


def skipping(backend: str) -> list[Any]:
    raise Skip("no GPU here")


def plant(monkeypatch: pytest.MonkeyPatch, *measures: Any) -> None:
    planted = [Check(m.__name__, "g", "a claim", "quick", m) for m in measures]
    monkeypatch.setattr("bnflow.api.checks.CHECKS", tuple(planted))


def test_a_pass_with_a_skip_told_aloud(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the check of stored runs, which is real."""
    plant(monkeypatch, passing, skipping)
    assert main(["verify", "--quick"]) == DONE
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:2] == ["pass", "passing"]
    assert lines[1].split()[:2] == ["skip", "skipping"]
    assert lines[2].split()[:2] == ["pass", "resume-stored"]
    last = "quick on numpy: 2 passed, 0 failed, 1 SKIPPED (skipping: no GPU here)"
    assert lines[-1] == last


def test_a_planted_failure_is_exit_5(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plant(monkeypatch, passing, failing)
    monkeypatch.setattr("bnflow.api.checks._STORED", Check("s", "g", "c", "quick", passing))
    assert main(["verify"]) == UNVERIFIED == 5
    out = capsys.readouterr().out
    assert "FAIL  failing" in out
    assert "NOT error 0.10 <= 1.0e-02" in out
    assert main(["verify", "--quick", "--json"]) == 5
    info = json.loads(capsys.readouterr().out)
    assert (info["verdict"], info["passed"], info["failed"]) == ("failed", 2, 1)
    assert [each["status"] for each in info["checks"]] == ["passed", "failed", "passed"]


def test_a_backend_that_is_not_there_is_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "--quick", "--backend", "cuda"]) == BAD_INPUT
    assert 'run.backend = "cuda"' in capsys.readouterr().err
    assert main(["verify", "--quick", "--full"]) == BAD_INPUT

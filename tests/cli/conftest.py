"""A stand-in for bnflow.api, so that the command line is tested apart from the solver."""

import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import bnflow
from bnflow.io.health import Finding


class FakeRun:
    """What the verbs use of a Run."""

    status = "complete"
    time = np.array([0.0, 5.0])
    step = np.array([0, 83])
    risk = np.array([0.5, 0.01])
    mass = np.array([1.0, 1.0 + 2e-15])
    dissipation_defect = np.array([0.0, 1e-4])

    def __init__(self) -> None:
        self.settings: dict[str, Any] = {}

    def summary(self) -> str:
        return "a summary"

    def to_info(self) -> dict[str, Any]:
        return {"status": self.status, "risk": [0.5, math.nan], "config": {"x": [math.inf, 1]}}

    def plot(
        self, path: Path, what: str, time: float | None, neurons: "FakeRun | None", script: bool
    ) -> None:
        path.write_text(f"{what} {time}{' over' * (neurons is not None)}{' script' * script}")

    def export(self, path: Path, what: list[str], time: float | None, to: str | None) -> None:
        path.write_text(f"{','.join(what)} {time} {to}")

    def movie(self, path: Path, fps: float | None, told: Callable[[int, int], None] | None) -> None:
        path.write_text(f"{fps}")
        if told is not None:
            told(2, 2)

    def report(self, path: Path) -> None:
        path.write_text("page")


class FakeApi(SimpleNamespace):
    """Records its calls; `work` is what solving does."""

    calls: list[tuple[Any, ...]]
    limits: list[float | None]
    work: Callable[[Any], None]

    def solve(
        self,
        config: Any,
        out: Any = None,
        *,
        progress: Any = None,
        interrupt: str = "return",
        shadow_particles: int | None = None,
        max_minutes: float | None = None,
    ) -> FakeRun:
        assert interrupt == "raise"  # so that Ctrl-C ends in exit code 3
        self.calls.append(("solve", config, out))
        self.limits.append(max_minutes)
        self.work(progress)
        return FakeRun()

    def resume(self, path: Any, until: float | None, **options: Any) -> FakeRun:
        self.calls.append(("resume", path, until))
        self.limits.append(options["max_minutes"])
        assert options["interrupt"] == "raise"
        self.work(options["progress"])
        return FakeRun()

    def open(self, path: str) -> FakeRun:
        self.calls.append(("open", path))
        return FakeRun()

    def plan(self, config: Any) -> Any:
        return SimpleNamespace(lines=lambda: [f"cells {config.solver.cells}"])

    def dry_run(self, config: Any) -> Any:
        return SimpleNamespace(lines=lambda: [f"cells {config.solver.cells}", "step 1 s"])

    def health(self, path: str) -> list[Finding]:
        return [Finding("damaged" if "ill" in path else "good", path)]


def one_step(progress: Any) -> None:
    progress.start("circle, 256 x 64 cells", 0.0, 5.0)
    progress.step(2.5, 40, 0.01, 0.1, 1e-4)
    progress.saved(2.5)
    progress.finish()


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeApi:
    """The stand-in, in an empty current folder."""
    monkeypatch.chdir(tmp_path)
    fake = FakeApi(calls=[], limits=[], work=one_step)
    monkeypatch.setattr(bnflow, "api", fake, raising=False)
    return fake

"""What crash tests share: a small run with its true states, a recorder of all writes, a judge.

The run is a grid whose a axis grows, with adaptive steps. The truth is the state after every step
of a run in memory. The judge opens what a fault has left and counts what must never be:

    unreadable   saved times that are on the disk, and do not open or do not read
    lost         saved times that had been committed, and are not there
    wrong        anything that reads, and is not bitwise what was computed

The counts of all tests are printed at the end: `pytest tests/crash --slow`.
"""

import os
import shutil
import signal
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bnflow
from bnflow.io.store import Store
from bnflow.kernels.errors import InputError, Notice
from bnflow.pde.config import Config, load_config
from bnflow.pde.session import prepare

NEVER = ("unreadable", "lost", "wrong")


class Counts(Counter[str]):
    """How many states there were, how many were refused, and of what must never be."""

    def __init__(self) -> None:
        super().__init__()
        self.reasons: list[str] = []

    def tell(self, kind: str, bad: bool, why: str) -> None:
        """Count what must not be, and remember why."""
        if bad:
            self[kind] += 1
            self.reasons.append(f"{kind}: {why}")


TABLE: dict[str, Counts] = {}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not TABLE:
        return
    names = ("states", "refused", *NEVER)
    terminalreporter.section("faults")
    terminalreporter.line(f"{'':<62}" + "".join(f"{name:>12}" for name in names))
    total = Counts()
    for case, counts in TABLE.items():
        total.update(counts)
        terminalreporter.line(f"{case:<62}" + "".join(f"{counts[name]:>12}" for name in names))
    terminalreporter.line(f"{'all':<62}" + "".join(f"{total[name]:>12}" for name in names))


@pytest.fixture
def counts(request: pytest.FixtureRequest) -> Iterator[Counts]:
    """Counts of this test; what must never be is checked at its end."""
    name = request.node.name.removeprefix("test_")
    found = TABLE.setdefault(name, Counts())
    yield found
    assert {kind: found[kind] for kind in NEVER} == dict.fromkeys(NEVER, 0), found.reasons[:5]


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Notice)
        yield


@pytest.fixture(scope="session")
def config() -> Config:
    return load_config(
        {
            "network": {"train": ["w", "a"]},
            "initial": {"a": {"kind": "normal", "std": 0.05}},
            "solver": {"cells": 4, "a_cells": 6},
            "time": {"end": 1.5, "save": [0.3, 0.6, 0.9, 1.2]},
        }
    )


class Truth:
    """The run as it is computed in memory, step by step."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.states: dict[int, Mapping[str, Any]] = {}
        session = prepare(config)
        driver = session.driver(report=lambda report: self.keep(driver))
        self.frames = list(driver.frames())
        self.states |= {frame.step: frame.restart for frame in self.frames}  # sharpness known there
        self.run = bnflow.Run.from_frames(
            session.layout(session.driver().state), self.frames, config.to_toml(), {}
        )
        self.steps = [frame.step for frame in self.frames]
        self.axes = {len(state["rho"][0, 0]) for state in self.states.values()}

    def keep(self, driver: Any) -> None:
        self.states[driver.state.step] = driver.state.packed()

    def judge(self, folder: Path, committed: int, counts: Counts, every_field: bool = True) -> None:
        """Open what is there, as a user would; `committed` is how many saves had returned.

        every_field : else the newest one alone, where no file has changed that holds another
        """
        counts["states"] += 1
        try:
            run = bnflow.open(folder)
        except InputError:
            counts["unreadable"] += committed > 0
            counts["refused"] += committed == 0
            return
        steps = [int(step) for step in run.step]
        gone = set(self.steps[:committed]) - set(steps)
        counts.tell("lost", bool(gone), f"steps {gone} of {steps}")
        counts.tell("wrong", steps[:-1] != self.steps[: max(len(steps) - 1, 0)], f"steps {steps}")
        for row in range(0 if every_field else max(len(steps) - 1, 0), len(steps)):
            self._judge_row(run, row, counts)
        done = len(run.log.get("time", ()))
        counts.tell("wrong", done != (steps[-1] if steps else 0), f"log {done}, steps {steps}")
        for name, values in run.log.items():
            counts.tell("wrong", not same(values, self.run.log[name][:done]), f"log {name}")

    def _judge_row(self, run: bnflow.Run, row: int, counts: Counts) -> None:
        step, t = int(run.step[row]), float(run.time[row])
        state = self.states[step]
        counts.tell("wrong", t != state["clock"][0], f"time {t} of step {step}")
        try:
            rho = run.density(t)
        except InputError as error:
            counts.tell("unreadable", True, str(error))
            return
        counts.tell("wrong", not same(trimmed(rho), trimmed(state["rho"])), f"density {t}")
        if step in self.steps:
            expected = self.steps.index(step)
            for name, values in run.diagnostics.items():
                good = same(values[row], self.run.diagnostics[name][expected])
                counts.tell("wrong", not good, f"{name} of step {step}")

    def judge_resume(self, folder: Path, committed: int, counts: Counts) -> None:
        """The state to go on from is whole, and no committed time is dropped."""
        if not (folder / "trajectory.h5").exists() and not committed:
            return
        store = Store.reopen(folder)
        steps = [int(step) for step in store.trajectory.step]
        state = store.last_restart()
        store._lock.release()
        gone = set(self.steps[:committed]) - set(steps)
        counts.tell("lost", bool(gone), f"steps {gone} of {steps} on resume")
        counts.tell("unreadable", bool(committed) and state is None, "no state to go on from")
        if state is not None:
            expected = self.states[int(state["step"])]
            counts.tell("wrong", int(state["step"]) != steps[-1], f"state of {state['step']}")
            counts.tell("wrong", state.keys() != expected.keys(), f"names {list(state)}")
            for name in expected:
                counts.tell("wrong", not same(state[name], expected[name]), f"state {name}")
        counts.tell("wrong", bool(list(folder.rglob(".*.tmp"))), "temporary files stay")

    def judge_continued(self, folder: Path, counts: Counts) -> None:
        """Run on to the end: bitwise the run that never stopped."""
        counts["states"] += 1
        run = bnflow.solve(self.config, folder)
        counts.tell("wrong", run.status != "complete", run.status)
        counts.tell("wrong", not same(run.step, self.run.step), f"steps {run.step}")
        for name in self.run.diagnostics:
            good = same(run.diagnostics[name], self.run.diagnostics[name])
            counts.tell("wrong", not good, f"{name} after going on")
        for name in self.run.log:
            good = same(run.log[name], self.run.log[name])
            counts.tell("wrong", not good, f"log {name} after going on")
        for t in self.run.time:
            good = same(run.density(t), self.run.density(t))
            counts.tell("wrong", not good, f"density {t} after going on")


def same(one: Any, other: Any) -> bool:
    """Bitwise, with NaN equal to NaN."""
    return np.shape(one) == np.shape(other) and np.array_equal(
        np.asarray(one), np.asarray(other), equal_nan=np.asarray(one).dtype.kind == "f"
    )


def trimmed(rho: Any) -> Any:
    """Without the a cells that hold nothing: where they lie depends on the axis of all times."""
    return rho[..., (rho != 0).any((0, 1))]


@pytest.fixture(scope="session")
def truth(config: Config) -> Truth:
    found = Truth(config)
    assert len(found.axes) > 1  # the axis grows on the way
    return found


@pytest.fixture
def written(tmp_path: Path, truth: Truth) -> Path:
    """The whole run, complete."""
    bnflow.solve(truth.config, tmp_path / "run")
    return tmp_path / "run"


Operation = tuple[Any, ...]


class Recorder:
    """Every call that changes files below a folder, in order, and `commit` after every save."""

    CALLS = ("open", "pwrite", "ftruncate", "fsync", "replace", "unlink", "mkdir")

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        self.root, self.operations = str(root), list[Operation]()
        self.names: dict[int, str] = {}
        self.real = {name: getattr(os, name) for name in self.CALLS}
        for name in self.CALLS:
            patch.setattr(os, name, getattr(self, name))
        append = Store.append

        def committed(store: Store, frame: Any) -> None:
            append(store, frame)
            if not frame.interim:
                self.operations.append(("commit",))

        patch.setattr(Store, "append", committed)

    def below(self, path: Any) -> str | None:
        """The path below the root; None elsewhere."""
        text = os.fspath(path) if not isinstance(path, int) else ""
        inside = text == self.root or text.startswith(self.root + os.sep)
        return os.path.relpath(text, self.root) if inside else None

    def note(self, *operation: Any) -> None:
        if operation[1] is not None:
            self.operations.append(operation)

    def open(self, path: Any, flags: int, *rest: Any, **more: Any) -> int:
        made = flags & os.O_CREAT and not os.path.exists(path)
        descriptor = int(self.real["open"](path, flags, *rest, **more))
        self.names[descriptor] = self.below(path) or ""
        if made:
            self.note("create", self.below(path))
        return descriptor

    def named(self, descriptor: int) -> str | None:
        return self.names.get(descriptor) or None

    def pwrite(self, descriptor: int, data: Any, offset: int) -> int:
        done = int(self.real["pwrite"](descriptor, data, offset))
        self.note("write", self.named(descriptor), offset, bytes(data[:done]))
        return done

    def ftruncate(self, descriptor: int, size: int) -> None:
        self.real["ftruncate"](descriptor, size)
        self.note("truncate", self.named(descriptor), size)

    def fsync(self, descriptor: int) -> None:
        self.note("sync", self.named(descriptor))  # the disk is not waited for

    def replace(self, source: Any, target: Any) -> None:
        self.real["replace"](source, target)
        self.note("replace", self.below(source), self.below(target))

    def unlink(self, path: Any, **more: Any) -> None:
        self.real["unlink"](path, **more)
        self.note("unlink", self.below(path))

    def mkdir(self, path: Any, *rest: Any, **more: Any) -> None:
        self.real["mkdir"](path, *rest, **more)
        self.note("mkdir", self.below(path))


@pytest.fixture
def recorded(
    truth: Truth, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], tuple[Path, list[Operation]]]:
    """Make the run, stopped once between two saved times, and every write that it took."""

    def make() -> tuple[Path, list[Operation]]:
        root = tmp_path / "recorded"
        root.mkdir()
        with monkeypatch.context() as patch:
            patch.setattr("bnflow.io.store.VIEW_SHARE", 0.0)  # the view is written at every save
            recorder = Recorder(root, patch)
            between = (truth.steps[2] + truth.steps[3]) // 2
            stopped(truth.config, root / "run", between)
            bnflow.solve(truth.config, root / "run")
        return root, recorder.operations

    return make


class Stopping:
    """A progress display that is the user's finger on Ctrl-C, after so many steps."""

    def __init__(self, after: int) -> None:
        self.left = after

    def start(self, problem_text: str, t: float, end: float) -> None:
        pass

    def step(self, t: float, step: int, dt: float, risk: float, defect: float) -> None:
        self.left -= 1
        if self.left == 0:
            signal.raise_signal(signal.SIGINT)

    def saved(self, t: float) -> None:
        pass

    def finish(self) -> None:
        pass


def stopped(config: Config, folder: Path, after: int) -> bnflow.Run:
    """The run, begun or continued, and stopped gently after some steps."""
    return bnflow.solve(config, folder, progress=Stopping(after))


@pytest.fixture
def stop() -> Callable[..., bnflow.Run]:
    return lambda folder, after, config: stopped(config, folder, after)


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[Callable[[Path], Path]]:
    """Copies of a folder, one after the other, each in place of the last."""

    def make(folder: Path) -> Path:
        place = tmp_path / "copy"
        shutil.rmtree(place, ignore_errors=True)
        return Path(shutil.copytree(folder, place))

    yield make
    shutil.rmtree(tmp_path / "copy", ignore_errors=True)

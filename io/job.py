"""A session on its way through its saved times: shown, stored, and interruptible.

What a display of the progress is told is `Progress`; what a user's function is, `Callback`.
"""

from __future__ import annotations

import errno
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, Protocol

from ..kernels.errors import InputError, Notice, NumericalFailure
from ..pde.frame import AnyLayout, Frame
from ..pde.network.table import Table
from ..pde.session import AnySession
from ..pde.stepping.loop import Report
from .provenance import collect
from .run import Run
from .store import Store

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
Callback = Callable[[Frame], object]


class Progress(Protocol):
    """What a display of the progress is told."""

    def start(self, problem_text: str, t: float, end: float) -> None:
        """The run begins, or goes on, at time t."""

    def step(self, t: float, step: int, dt: float, risk: float, defect: float) -> None:
        """A step has been taken."""

    def saved(self, t: float) -> None:
        """A time has been saved."""

    def finish(self) -> None:
        """The run has ended, well or not."""


class Job:
    """A session on its way through its saved times, shown, stored and interruptible."""

    def __init__(
        self,
        session: AnySession,
        table: Table | None,
        progress: Progress | None = None,
        callback: Callback | None = None,
        interrupt: Literal["return", "raise"] = "raise",
    ) -> None:
        self.session, self.table, self.progress = session, table, progress
        self.callback, self.interrupt = callback, interrupt
        self.text = session.config.to_toml()

    def run(self, out: Path | None, resume: bool) -> Run:
        """In memory where there is no folder."""
        return self.in_memory() if out is None else self.on_disk(out, resume)

    def in_memory(self) -> Run:
        """Solve, and keep every frame but for its restart state."""
        frames: list[Frame] = []
        driver = self.session.driver(report=_reporter(self.progress))
        layout, status = self._layout(driver), "complete"
        try:
            with _Shown(self.progress, self.session, driver.state.time):
                for frame in driver.frames():
                    frames.append(replace(frame, restart={}))
                    self._saved(frames[-1])
        except KeyboardInterrupt:
            if self.interrupt == "raise" or not frames:
                raise
            status = "stopped"
            _tell_interruption(frames[-1].time, "the run ends there")
        return Run.from_frames(layout, frames, self.text, self._provenance(), status)

    def on_disk(self, out: Path, resume: bool) -> Run:
        """Solve into a folder, or go on with the run that is there."""
        store, driver, last = self._opened(out, resume)
        try:
            with store, _Shown(self.progress, self.session, driver.state.time):
                self._fill(store, driver, last)
        except KeyboardInterrupt:
            if self.interrupt == "raise" or not len(store.trajectory):
                raise
            _tell_interruption(store.trajectory.time[-1], "the same call goes on from there")
        return Run.from_directory(out)

    def _opened(self, out: Path, resume: bool) -> tuple[Store, Any, int]:
        provenance = self._provenance()
        if resume:
            store = Store.reopen(out, config_toml=self.text, provenance=provenance)
            restart = store.last_restart()
            driver = self.session.driver(restart, _reporter(self.progress))
            return store, driver, -1 if restart is None else driver.state.step
        driver = self.session.driver(report=_reporter(self.progress))
        layout = self._layout(driver)
        store = Store.create(out, layout=layout, config_toml=self.text, provenance=provenance)
        return store, driver, -1

    def _fill(self, store: Store, driver: Any, last: int) -> None:
        try:
            for frame in driver.frames():
                if frame.step > last:
                    _append(store, frame)
                self._saved(frame)
        except NumericalFailure:
            store.close("failed")
            raise

    def _layout(self, driver: Any) -> AnyLayout:
        session: Any = self.session  # a session and its own driver fit each other
        layout: AnyLayout = session.layout(driver.state)
        return layout

    def _saved(self, frame: Frame) -> None:
        if self.progress is not None:
            self.progress.saved(frame.time)
        if self.callback is not None:
            self.callback(frame)

    def _provenance(self) -> dict[str, Any]:
        config = self.session.config
        made = collect(config.run.seed, self.session.flow.kernels.name, config.run.dtype)
        if self.table is not None:
            made["data_digest"] = self.table.digest
            made["data_path"] = None if config.data_path is None else str(config.data_path)
        return made


def _append(store: Store, frame: Frame) -> None:
    try:
        store.append(frame)
    except OSError as error:
        if error.errno in _FULL:
            raise  # what was saved is whole; the run goes on when there is room
        raise InputError(
            f"{store.path}: cannot write ({error.strerror or error}); what was saved is whole, "
            "the same command goes on from there"
        ) from None


class _Shown:
    """Start and end of the progress display around a computation."""

    def __init__(self, progress: Progress | None, session: AnySession, time: float) -> None:
        self.progress, self.session, self.time = progress, session, time

    def __enter__(self) -> None:
        if self.progress is not None:
            self.progress.start(self.session.describe(), self.time, self.session.config.time.end)

    def __exit__(self, *_: object) -> None:
        if self.progress is not None:
            self.progress.finish()


def _tell_interruption(time: float, then: str) -> None:
    warnings.warn(
        f"interrupted; the last saved time is t = {time:.6g}, {then}", Notice, stacklevel=5
    )


def _reporter(progress: Progress | None) -> Any:
    if progress is None:
        return None

    def tell(report: Report) -> None:
        progress.step(report.time, report.step, report.dt, report.risk, report.defect)

    return tell

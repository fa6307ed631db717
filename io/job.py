"""A session on its way through its saved times: shown, stored, and interruptible.

What a display of the progress is told is `Progress`; what a user's function is, `Callback`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, Protocol

from ..kernels.errors import Notice, NumericalFailure
from ..pde.frame import AnyLayout, Frame
from ..pde.network.table import Table
from ..pde.precision import describe, measured
from ..pde.session import AnySession
from ..pde.stepping.loop import Report
from .halt import Halt
from .provenance import collect
from .run import Run
from .selection import Selection
from .store import Store, refuse_unusable
from .writer import Writer

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
        halt: Halt | None = None,
    ) -> None:
        self.session, self.table, self.progress = session, table, progress
        self.callback, self.interrupt, self.halt = callback, interrupt, halt or Halt()
        self.text = session.config.to_toml()
        self._writer: Writer | None = None
        self._precision: dict[str, Any] | None = None

    def run(self, out: Path | None, resume: bool) -> Run:
        """In memory where there is no folder."""
        return self.in_memory() if out is None else self.on_disk(out, resume)

    def in_memory(self) -> Run:
        """Solve, and keep every frame but for its restart state."""
        frames: list[Frame] = []
        made = self._measured()
        driver = self.session.driver(report=self._tell)
        layout, status = self._layout(driver), "complete"
        try:
            with self._shown(driver):
                for frame in driver.frames():
                    frames.append(replace(frame, restart={}))
                    self._called_back(frame)
                    self._saved(frame.time)
            self._halted(driver, "the run ends there")
        except KeyboardInterrupt:
            if self.interrupt == "raise" or not frames:
                raise
            status = "stopped"
            _tell_interruption(frames[-1].time, "the run ends there")
        status = "stopped" if driver.halted else status
        return Run.from_frames(layout, frames, self.text, made, status)

    def on_disk(self, out: Path, resume: bool) -> Run:
        """Solve into a folder, or go on with the run that is there."""
        store, driver, last = self._opened(out, resume)
        try:
            with store, self._shown(driver):
                self._fill(store, driver, last)
            self._halted(driver, "the same call goes on from there")
        except KeyboardInterrupt:
            if self.interrupt == "raise" or not len(store.trajectory):
                raise
            _tell_interruption(store.trajectory.time[-1], "the same call goes on from there")
        return Run.from_directory(store.path)

    def _opened(self, out: Path, resume: bool) -> tuple[Store, Any, int]:
        selection = Selection.of(self.session.config)
        if resume:
            store = Store.reopen(
                out, config_toml=self.text, provenance=self._provenance(), selection=selection
            )
            try:
                restart = store.last_restart()
                driver = self.session.driver(restart, self._tell)
            except BaseException:
                store.close("stopped")
                raise
            driver.recall(store.interim_log)
            return store, driver, -1 if restart is None else driver.state.step
        refuse_unusable(out)  # before the minutes that measuring may take
        provenance = self._measured()
        driver = self.session.driver(report=self._tell)
        layout = self._layout(driver)
        store = Store.create(
            out,
            layout=layout,
            config_toml=self.text,
            provenance=provenance,
            selection=selection,
        )
        return store, driver, -1

    def _fill(self, store: Store, driver: Any, last: int) -> None:
        try:
            with Writer(store) as writer:
                self._writer = writer
                for frame in driver.frames():
                    if frame.step > last:
                        writer.save(frame)
                    self._called_back(frame)
        except NumericalFailure:
            store.close("failed")
            raise
        finally:
            self._written()
        store.close("stopped" if driver.halted else "complete")

    def _layout(self, driver: Any) -> AnyLayout:
        session: Any = self.session  # a session and its own driver fit each other
        layout: AnyLayout = session.layout(driver.state)
        return layout

    @contextmanager
    def _shown(self, driver: Any) -> Iterator[None]:
        """Start and end of the progress display around a computation that can be stopped."""
        driver.stop_when(self.halt.asked)
        try:
            if self.progress is not None:
                end = self.session.config.time.end
                self.progress.start(self._text(), driver.state.time, end)
            with self.halt.listening():
                yield
        finally:
            if self.progress is not None:
                self.progress.finish()

    def _halted(self, driver: Any, then: str) -> None:
        """Say so where a run was stopped on request; a signal is answered as Ctrl-C is."""
        if driver.halted and self.interrupt == "return":
            _tell_interruption(driver.state.time, then, self.halt.reason)
            self.halt.deliver()
        elif driver.halted and self.halt.signal is not None:
            raise KeyboardInterrupt(self.halt.reason)

    def _tell(self, report: Report) -> None:
        """Pass a step on, and what has been written meanwhile."""
        if self.progress is not None:
            self.progress.step(report.time, report.step, report.dt, report.risk, report.defect)
        self._written()

    def _written(self) -> None:
        for time in () if self._writer is None else self._writer.written():
            self._saved(time)

    def _saved(self, time: float) -> None:
        if self.progress is not None:
            self.progress.saved(time)

    def _called_back(self, frame: Frame) -> None:
        if self.callback is not None and not frame.interim:
            self.callback(frame)

    def _text(self) -> str:
        """What is said before the first step."""
        told = self._precision
        return self.session.describe() + (f"\n{describe(told)}" if told else "")

    def _measured(self) -> dict[str, Any]:
        """Of a new run, with the distance of its first steps from 64 bits where they have 32."""
        made, found = self._provenance(), measured(self.session)
        if found is not None:
            self._precision = made["precision"] = found.told()
        return made

    def _provenance(self) -> dict[str, Any]:
        config = self.session.config
        kernels = self.session.flow.kernels
        made = collect(config.run.seed, kernels.name, config.run.dtype, kernels.about())
        made["config_base"] = str(config.base)
        if self.table is not None:
            made["data_digest"] = self.table.digest
            made["data_path"] = None if config.data_path is None else str(config.data_path)
        return made


def _tell_interruption(time: float, then: str, why: str = "interrupted") -> None:
    warnings.warn(f"{why}; the last saved time is t = {time:.6g}, {then}", Notice, stacklevel=5)

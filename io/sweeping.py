"""Working through a sweep: what is complete is skipped, what failed is noted, the rest goes on.

In one process, one run after the other; or in several, each with the config of one point at its
standard input. Whatever ends a run, but for a disk that gives no more, is noted in one line, and is
that run's alone. An interrupt, or the end of the time that was given, stops the runs that go,
resumably. What processes have to note is told here.
"""

from __future__ import annotations

import signal
import subprocess
import time
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from ..kernels.errors import InputError, Notice, NumericalFailure
from ..pde.sweep import Point
from .halt import Halt
from .lock import is_held
from .run import Run
from .sweep import Status, Sweep

POLL = 0.1  # seconds
A_STEP = 1e-6  # minutes
STOPPED = 3  # exit code of a run that was stopped, resumably
NOTE = "note: "  # how a process begins the line of a notice
TOLD = (InputError, NumericalFailure)  # whose text says all


@dataclass(frozen=True)
class Outcome:
    """What a display is told after every point.

    done, count : of the points that this call was to work on; seconds : that this one took
    left : seconds, by the mean of the runs so far; told : one line on the run
    """

    point: Point
    status: Status
    done: int
    count: int
    seconds: float
    left: float
    told: str


Report = Callable[[Outcome], None]


class Worker:
    """Works through points of a sweep.

    solve : computes or continues the run of a point in a folder, in so many minutes
    report : told after every point; halt : says when time is over
    """

    def __init__(
        self,
        sweep: Sweep,
        solve: Callable[[Point, Path, float | None], Run],
        report: Report | None,
        halt: Halt,
    ) -> None:
        self.sweep, self.solve, self.report, self.halt = sweep, solve, report, halt

    def _minutes(self) -> float | None:
        """What a run that begins now has; a step, if nothing."""
        left = self.halt.minutes_left
        return None if left is None else max(left, A_STEP)

    def work(self, points: Iterable[Point]) -> None:
        """One after the other."""
        clock = _Clock(self, list(points))
        for point in clock.waiting:
            if self.halt.asked():
                return
            since = time.monotonic()
            clock.tell(point, self._one(point), since)

    def _one(self, point: Point) -> Status:
        sweep, place = self.sweep, self.sweep.place(point)
        if is_held(place):
            return "running"
        sweep.note_failure(point, None)
        try:
            run = self.solve(point, place, self._minutes())
        except OSError:
            raise
        except Exception as error:
            if is_held(place):  # two began it in one instant; the other one has it
                return "running"
            name = "" if isinstance(error, TOLD) else f"{type(error).__name__}: "
            sweep.note_failure(point, f"{name}{' '.join(str(error).split())}")
            return "failed"
        return "complete" if run.status == "complete" else "unfinished"

    def deal(
        self,
        points: Iterable[Point],
        jobs: int,
        command: Callable[[Path, float | None], list[str]],
    ) -> None:
        """Several at a time, each in a process of its own.

        command : what runs into a folder the config that it reads, as TOML, in so many minutes
        """
        clock = _Clock(self, list(points))
        waiting, going = list(reversed(clock.waiting)), list[_Going]()
        try:
            while waiting or going:
                if self.halt.asked():
                    waiting.clear()
                while waiting and len(going) < jobs:
                    going.append(self._begun(waiting.pop(), command))
                time.sleep(POLL)
                for each in [each for each in going if each.ended]:
                    going.remove(each)
                    clock.tell(each.point, self._ended(each), each.since)
        except KeyboardInterrupt:
            for each in going:
                each.process.send_signal(signal.SIGTERM)  # SIGINT is ignored behind `&`
            for each in going:
                each.process.wait()
            raise

    def _begun(self, point: Point, command: Callable[[Path, float | None], list[str]]) -> _Going:
        place = self.sweep.place(point)
        if not is_held(place):
            self.sweep.note_failure(point, None)
        return _Going.start(point, command(place.absolute(), self._minutes()))

    def _ended(self, each: _Going) -> Status:
        with each.said:
            for note in each.notes():
                warnings.warn(note, Notice, stacklevel=2)
            status = self.sweep.status(each.point)
            if status in ("complete", "running"):
                return status
            if each.process.returncode == STOPPED and self.halt.asked():
                return "unfinished"
            self.sweep.note_failure(each.point, each.reason())
            return "failed"


@dataclass(frozen=True)
class _Going:
    """A process at a point. said : its error stream; since : when it began."""

    point: Point
    process: subprocess.Popen[bytes]
    said: IO[bytes]
    since: float

    @classmethod
    def start(cls, point: Point, command: list[str]) -> _Going:
        """In a session of its own, so that a Ctrl-C reaches it once, from here."""
        base, since = point.config.base, time.monotonic()
        said = TemporaryFile()  # noqa: SIM115  (closed where it is read)
        with TemporaryFile() as config:
            config.write(point.config.to_toml().encode())
            config.seek(0)
            process = subprocess.Popen(
                command,
                stdin=config,
                stdout=subprocess.DEVNULL,
                stderr=said,
                cwd=base if base.is_dir() else None,  # where relative paths start
                start_new_session=True,
            )
        return cls(point, process, said, since)

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    def _lines(self) -> list[str]:
        self.said.seek(0)
        return self.said.read().decode(errors="replace").strip().splitlines()

    def notes(self) -> list[str]:
        """The notices that it gave."""
        return [line.removeprefix(NOTE) for line in self._lines() if line.startswith(NOTE)]

    def reason(self) -> str:
        """Why it ended, in one line: its last word, unless it was killed."""
        code = self.process.returncode
        if code < 0:
            return f"its process was killed by signal {-code}; the same command continues it"
        lines = self._lines()
        last = lines[-1].removeprefix("bnflow: ") if lines else ""
        return last or f"its process ended with exit code {code}; the same command continues it"


class _Clock:
    """Counts what is done, and guesses what is left."""

    def __init__(self, worker: Worker, points: list[Point]) -> None:
        self._worker, self._count = worker, len(points)
        states = {point.name: worker.sweep.status(point) for point in points}
        self.waiting = [point for point in points if states[point.name] != "complete"]
        self._before = self._done = self._count - len(self.waiting)
        self._start = time.monotonic()

    def tell(self, point: Point, status: Status, since: float) -> None:
        self._done += 1
        now = time.monotonic()
        left = (now - self._start) / (self._done - self._before) * (self._count - self._done)
        if self._worker.report is not None:
            told = self._told(point, status)
            seen = Outcome(point, status, self._done, self._count, now - since, left, told)
            self._worker.report(seen)

    def _told(self, point: Point, status: Status) -> str:
        sweep = self._worker.sweep
        if status == "failed":
            return sweep.failure(point) or "failed"
        if status == "running":
            return "another process is at it"
        run = sweep.run(point)
        return "" if run is None or not len(run.risk) else f"risk {run.risk[-1]:.4g}"

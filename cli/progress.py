"""What a run shows while it works: t, step, dt, risk, energy-dissipation defect, time left.

On a terminal one live line; elsewhere a plain line every two seconds and at every save; or nothing.
All three have the methods that the driver calls: `start`, `step`, `saved`, `finish`.
"""

from __future__ import annotations

import sys
import time
from typing import Any, TextIO

PLAIN_INTERVAL = 2.0  # seconds between plain lines
LIVE_INTERVAL = 0.1  # and between updates of the live line


class Silent:
    """Shows nothing, and remembers whether the run has begun and how far it has come."""

    began = False
    reached = 0.0

    def start(self, problem_text: str, t: float, end: float) -> None:
        """Begin, or go on, at time t."""
        self.began, self.reached = True, t

    def step(self, t: float, step: int, dt: float, risk: float, defect: float) -> None:
        """Show a step."""
        self.reached = t

    def saved(self, t: float) -> None:
        """Show that time t was saved."""

    def finish(self) -> None:
        """Leave the terminal as it was."""


class Plain(Silent):
    """Whole lines, for files and pipes."""

    def __init__(self, stream: TextIO) -> None:
        """Write to this stream."""
        self._stream = stream
        self._untold: dict[float, str] = {}  # steps that may yet be told as saved
        self._due = 0.0

    def start(self, problem_text: str, t: float, end: float) -> None:
        """Begin, or go on, at time t."""
        super().start(problem_text, t, end)
        self._end, self._t0, self._clock = end, t, time.monotonic()
        self._due = self._clock + PLAIN_INTERVAL
        self._print(problem_text)

    def step(self, t: float, step: int, dt: float, risk: float, defect: float) -> None:
        """Show a step, if the last line is two seconds old."""
        super().step(t, step, dt, risk, defect)
        self._untold[t] = figures(t, step, dt, risk, defect)
        now = time.monotonic()
        if now >= self._due:
            self._due = now + PLAIN_INTERVAL
            self._print(f"{self._untold[t]}  left {self._left(now)}")

    def saved(self, t: float) -> None:
        """Show that time t was saved, which may be some steps ago."""
        self._print(f"{self._untold.get(t, f't {t:.4g}')}  saved")
        self._untold = {later: line for later, line in self._untold.items() if later > t}

    def _left(self, now: float) -> str:
        done = self.reached - self._t0
        rate = (now - self._clock) / done if done > 0 else 0.0
        return clock(rate * (self._end - self.reached))

    def _print(self, line: str) -> None:
        print(line, file=self._stream, flush=True)


class Live(Silent):
    """One line that is rewritten in place, for terminals."""

    def __init__(self, stream: TextIO) -> None:
        """Write to this stream."""
        self._stream = stream
        self._bar: Any = None

    def start(self, problem_text: str, t: float, end: float) -> None:
        """Begin, or go on, at time t."""
        from tqdm import tqdm

        super().start(problem_text, t, end)
        print(problem_text, file=self._stream, flush=True)
        self._t0 = t
        self._bar = tqdm(
            total=end - t,
            file=self._stream,
            mininterval=LIVE_INTERVAL,
            leave=False,
            dynamic_ncols=True,
            bar_format="{percentage:3.0f}% |{bar:12}| {desc}  left {remaining}",
        )

    def step(self, t: float, step: int, dt: float, risk: float, defect: float) -> None:
        """Show a step; tqdm decides whether it is time to write."""
        super().step(t, step, dt, risk, defect)
        if self._bar is not None:
            self._bar.set_description_str(figures(t, step, dt, risk, defect), refresh=False)
            self._bar.update(t - self._t0 - self._bar.n)

    def finish(self) -> None:
        """Take the line away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def progress(*, quiet: bool, stream: TextIO | None = None) -> Silent:
    """Return what suits the stream, by default the error stream."""
    stream = sys.stderr if stream is None else stream
    if quiet:
        return Silent()
    return Live(stream) if stream.isatty() else Plain(stream)


class Pieces:
    """The pieces of a study: a live line on a terminal, elsewhere a line every two seconds."""

    def __init__(self, stream: TextIO | None) -> None:
        """Write to this stream; None is silent."""
        self._stream = stream
        self._bar: Any = None
        self._due = 0.0

    def piece(self, study: str, name: str, done: int, pieces: int) -> None:
        """Show that a piece begins, after `done` of so many."""
        if self._stream is None:
            return
        if not self._stream.isatty():
            now = time.monotonic()
            if now >= self._due:
                self._due = now + PLAIN_INTERVAL
                print(f"{study}  {done}/{pieces}  {name}", file=self._stream, flush=True)
            return
        if self._bar is None:
            from tqdm import tqdm

            form = "{desc}  {n_fmt}/{total_fmt} |{bar:12}| {postfix}  left {remaining}"
            self._bar = tqdm(
                total=pieces, desc=study, file=self._stream, leave=False, bar_format=form
            )
        self._bar.set_postfix_str(name, refresh=False)
        self._bar.update(done - self._bar.n)
        self._bar.refresh()

    def finish(self) -> None:
        """Leave the terminal as it was."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def pieces(*, quiet: bool, stream: TextIO | None = None) -> Pieces:
    """Return what suits the stream, by default the error stream."""
    return Pieces(None if quiet else stream or sys.stderr)


def figures(t: float, step: int, dt: float, risk: float, defect: float) -> str:
    """Word a step: `t 1.25  step 83  dt 1.5e-02  risk 3.21e-03  defect 1.0e-04`."""
    return f"t {t:.4g}  step {step}  dt {dt:.1e}  risk {risk:.3e}  defect {defect:.1e}"


def clock(seconds: float) -> str:
    """Word a duration.

    >>> clock(83.2), clock(7300)
    ('01:23', '2:01:40')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"

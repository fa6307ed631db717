"""A wish to stop: by SIGINT, by SIGTERM, or because the time that a run was given is over.

The loop asks after every step. The first signal is such a wish, so that the run ends between two
steps with its state stored; a second one of SIGINT is a KeyboardInterrupt at once. Signals can be
caught in the main thread alone; in another one the clock is all there is.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from ..kernels.errors import InputError

CAUGHT = (signal.SIGINT, signal.SIGTERM)


class Halt:
    """Says whether a run is to stop, and why.

    minutes : of wall time from now, after which the next step is the last; None for no limit
    signal : the number of the first signal, or None
    """

    def __init__(self, minutes: float | None = None) -> None:
        if minutes is not None and not minutes > 0:
            raise InputError(f"max_minutes = {minutes}; give a number > 0")
        self.signal: int | None = None
        self._minutes = minutes
        self._end = None if minutes is None else time.monotonic() + 60 * minutes

    def asked(self) -> bool:
        """Whether to stop now."""
        return self.signal is not None or (self._end is not None and time.monotonic() >= self._end)

    @property
    def minutes_left(self) -> float | None:
        """Of the time, 0 where it is over; None where it has no limit."""
        return None if self._end is None else max(self._end - time.monotonic(), 0.0) / 60

    @property
    def reason(self) -> str:
        """Why, in words."""
        if self.signal is not None:
            return f"stopped by {signal.Signals(self.signal).name}"
        return f"stopped after {self._minutes:g} minutes" if self._minutes else "stopped"

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Catch the signals while the block lasts; those that are ignored stay so."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        usual = {number: signal.getsignal(number) for number in CAUGHT}
        usual = {number: was for number, was in usual.items() if was not in (None, signal.SIG_IGN)}
        for number in usual:
            signal.signal(number, self._hear)
        try:
            yield
        finally:
            for number, handler in usual.items():
                signal.signal(number, handler)

    def deliver(self) -> None:
        """Let a SIGTERM that has been obeyed end the program, too, unless it has a handler."""
        if self.signal == signal.SIGTERM:
            signal.raise_signal(self.signal)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if self.signal is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.signal = number

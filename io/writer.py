"""Frames are saved by a thread of their own, while the run goes on with its next steps.

One frame is being written, at most one waits; a third makes the run wait, so memory is bounded. The
first error ends the writing: it is raised in the run, at its next save or at the end, and what came
after it is not written, as no gap may be left. One thread: HDF5 has one lock.
"""

from __future__ import annotations

import errno
import threading
from collections import deque
from collections.abc import Iterator
from queue import Queue
from types import TracebackType
from typing import Self

import numpy as np

from ..kernels.errors import InputError
from ..pde.frame import Frame
from .store import Store

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # when there is room, the run goes on


class Writer:
    """Appends frames to a store; a context manager, whose end waits until all are written."""

    def __init__(self, store: Store) -> None:
        """Start the thread."""
        self._store = store
        self._waiting: Queue[Frame | None] = Queue(maxsize=1)
        self._written: deque[float] = deque()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="bnflow writer", daemon=True)
        self._thread.start()

    def save(self, frame: Frame) -> None:
        """Hand over a frame, which nobody may change any more; raises what went wrong before."""
        for part in (frame.fields, frame.restart):
            for array in part.values():
                if isinstance(array, np.ndarray):
                    array.flags.writeable = False
        self._raise()
        self._waiting.put(frame)

    def written(self) -> Iterator[float]:
        """Times that are on the disk and were not told before."""
        while self._written:
            yield self._written.popleft()

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Wait for what is still to be written; an error of the block comes before one of ours."""
        self._finish()
        if kind is None:
            self._raise()

    def _finish(self) -> None:
        """Join the thread, also where Ctrl-C is pressed meanwhile: a write takes seconds."""
        pressed, told = None, False
        while self._thread.is_alive():
            try:
                if not told:
                    self._waiting.put(None)
                    told = True
                self._thread.join()
            except KeyboardInterrupt as interrupt:
                pressed = interrupt
        if pressed is not None:
            raise pressed

    def _work(self) -> None:
        while (frame := self._waiting.get()) is not None:
            if self._error is not None:
                continue
            try:
                self._store.append(frame)
                self._written.append(frame.time)
            except BaseException as error:  # whatever it is, it belongs to the run
                self._error = error

    def _raise(self) -> None:
        error = self._error
        if error is None:
            return
        if isinstance(error, OSError) and error.errno not in FULL:
            raise InputError(
                f"{self._store.path}: cannot write ({error.strerror or error}); what was saved is "
                "whole, the same command goes on from there"
            ) from None
        raise error

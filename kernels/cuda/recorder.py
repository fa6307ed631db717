"""How CuPy records launches: its streams capture them, and a pool of memory of their own.

Captured launches are of addresses. So arrays that are made while a function is recorded, and given
back meanwhile, must not be given to anyone who runs beside: the pool is asked by this room alone.
Only a stream other than the default one can capture; events put it in order with the current one,
and no host waits. While it captures, CuPy refuses calls of cuBLAS, cuSOLVER and their like.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import Any


class CupyRecorder:
    """The current GPU's; see `device.Recorder`."""

    def __init__(self, cupy: Any) -> None:
        self.cuda = cupy.cuda

    @cached_property
    def pool(self) -> Any:
        """For as long as this object lives, since an array does not keep its pool alive."""
        return self.cuda.MemoryPool()

    @cached_property
    def stream(self) -> Any:
        """The one that captures; the pool knows which stream a block belongs to."""
        return self.cuda.Stream(non_blocking=True)

    @contextmanager
    def apart(self) -> Iterator[None]:
        """Work on the capturing stream and in the pool, after and before what is outside."""
        current = self.cuda.get_current_stream()
        self.stream.wait_event(current.record())
        try:
            with self.cuda.using_allocator(self.pool.malloc), self.stream:
                yield
        finally:
            current.wait_event(self.stream.record())

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        """What `work` launches, as a function that launches it on the current stream."""
        with self.apart():
            self.stream.begin_capture()
            try:
                work()
            except BaseException:
                with suppress(Exception):  # a capture that is spoilt does not end well
                    self.stream.end_capture()
                raise
            graph = self.stream.end_capture()
        launch: Callable[[], None] = graph.launch
        return launch

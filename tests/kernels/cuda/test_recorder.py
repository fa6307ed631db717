"""How CuPy is asked to record: in which order, on which stream, from which memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from bnflow.kernels.cuda.device import GRAPHS, cupy_device
from bnflow.kernels.cuda.recorder import CupyRecorder


class Stream:
    """Tells what it is asked for, under a name."""

    def __init__(self, name: str, log: list[str], spoilt: bool = False) -> None:
        self.name, self.log, self.spoilt = name, log, spoilt

    def record(self) -> str:
        self.log.append(f"{self.name} records")
        return self.name

    def wait_event(self, event: str) -> None:
        self.log.append(f"{self.name} waits for {event}")

    def begin_capture(self) -> None:
        self.log.append("begin")

    def end_capture(self) -> Any:
        self.log.append("end")
        if self.spoilt:
            raise RuntimeError("the capture is invalid")
        return SimpleNamespace(launch=lambda: self.log.append("launch"))

    def __enter__(self) -> None:
        self.log.append(f"on {self.name}")

    def __exit__(self, *_: Any) -> None:
        self.log.append(f"off {self.name}")


def fake_cupy(log: list[str], spoilt: bool = False) -> Any:
    """One stream beside the current one, and a pool whose use is told."""

    @contextmanager
    def using_allocator(malloc: Any) -> Iterator[None]:
        log.append(malloc())
        try:
            yield
        finally:
            log.append("usual memory")

    def stream(*, non_blocking: bool) -> Stream:
        assert non_blocking
        return Stream("own", log, spoilt)

    cuda = SimpleNamespace(
        MemoryPool=lambda: SimpleNamespace(malloc=lambda: "own memory"),
        Stream=stream,
        get_current_stream=lambda: Stream("current", log),
        using_allocator=using_allocator,
    )
    return SimpleNamespace(cuda=cuda, RawModule=None)


BEFORE = ["current records", "own waits for current", "own memory", "on own"]
AFTER = ["off own", "usual memory", "own records", "current waits for own"]


def test_work_is_recorded_between_what_is_before_and_after() -> None:
    log: list[str] = []
    launch = CupyRecorder(fake_cupy(log)).record(lambda: log.append("work"))
    assert log == [*BEFORE, "begin", "work", "end", *AFTER]
    launch()
    assert log[-1] == "launch"


@pytest.mark.parametrize("spoilt", [False, True])
def test_work_that_cannot_be_recorded_leaves_all_as_it_was(spoilt: bool) -> None:
    log: list[str] = []

    def work() -> None:
        raise NotImplementedError("no library while a stream captures")

    with pytest.raises(NotImplementedError, match="no library"):
        CupyRecorder(fake_cupy(log, spoilt)).record(work)
    assert log == [*BEFORE, "begin", "end", *AFTER]


@pytest.mark.parametrize(("word", "there"), [(None, True), ("1", True), ("0", False)])
def test_the_environment_may_leave_every_launch_by_itself(
    word: str | None, there: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(GRAPHS, raising=False)
    if word is not None:
        monkeypatch.setenv(GRAPHS, word)
    assert (cupy_device(fake_cupy([])).recorder is not None) == there

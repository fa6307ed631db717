"""The writer saves while the run goes on: bounded, in order, and with its errors told."""

import errno
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from bnflow.io.store import Store
from bnflow.io.writer import Writer
from bnflow.kernels.errors import InputError
from bnflow.pde.frame import Frame, Layout


@pytest.fixture
def layout(make_layout: Callable[..., Layout]) -> Layout:
    return make_layout(n=4, n_a=6)


@pytest.fixture
def store(tmp_path: Path, layout: Layout) -> Store:
    return Store.create(tmp_path / "run", layout=layout, config_toml="x = 1", provenance={})


@pytest.fixture
def frame(layout: Layout, make_frame: Callable[..., Frame]) -> Callable[[int], Frame]:
    return lambda step: make_frame(layout, step)


def written_on(store: Store, frames: list[Frame], then: BaseException | None = None) -> None:
    with Writer(store) as writer:
        for each in frames:
            writer.save(each)
        if then is not None:
            raise then


def test_all_that_was_handed_over_is_written_at_the_end(
    store: Store, frame: Callable[[int], Frame]
) -> None:
    with Writer(store) as writer:
        for step in range(5):
            writer.save(frame(step))
    assert store.trajectory.step.tolist() == [0, 1, 2, 3, 4]
    assert list(writer.written()) == [0.0, 0.1, 0.2, 0.3, 0.4]
    assert list(writer.written()) == []  # each is told once
    store.close("complete")


def test_one_frame_waits_and_a_third_makes_the_run_wait(
    store: Store, frame: Callable[[int], Frame], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One in the thread's hands, one in the queue: memory does not grow with a slow disk."""
    free, handed = threading.Event(), []
    monkeypatch.setattr(store, "append", lambda _: free.wait(60))

    def run() -> None:
        with Writer(store) as writer:
            for step in range(4):
                writer.save(frame(step))
                handed.append(step)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(0.3)
    assert handed == [0, 1]
    free.set()
    thread.join(60)
    assert handed == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), OSError),
        (OSError(errno.EIO, "Input/output error"), InputError),
        (ZeroDivisionError("inside"), ZeroDivisionError),
    ],
)
def test_an_error_is_raised_in_the_run_and_ends_the_writing(
    error: Exception,
    told: type[Exception],
    store: Store,
    frame: Callable[[int], Frame],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[int] = []

    def append(frame: Frame) -> None:
        seen.append(frame.step)
        if frame.step == 1:
            raise error

    monkeypatch.setattr(store, "append", append)
    with pytest.raises(told):
        written_on(store, [frame(step) for step in range(20)])
    assert seen == [0, 1]


def test_an_error_of_the_run_comes_first(
    store: Store, frame: Callable[[int], Frame], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Frame) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(store, "append", full)
    with pytest.raises(KeyboardInterrupt):
        written_on(store, [frame(0)], KeyboardInterrupt())


def test_what_is_being_written_cannot_be_changed(
    store: Store, frame: Callable[[int], Frame]
) -> None:
    """A user's function sees the same arrays; what it changed would be stored as computed."""
    mine = frame(0)
    with Writer(store) as writer:
        writer.save(mine)
        with pytest.raises(ValueError, match="read-only"):
            mine.fields["rho"][:] = 0
    store.close("complete")

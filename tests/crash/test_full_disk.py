"""A disk without room: a clean error, nothing lost, and the run goes on when there is room."""

import errno
import multiprocessing
import os
import resource
from pathlib import Path
from typing import Any

import pytest

import bnflow
from bnflow.io.snapshot import write_snapshot
from bnflow.pde.config import Config


@pytest.fixture(autouse=True)
def every_view(monkeypatch: pytest.MonkeyPatch) -> None:
    """The view is written at every save, not when it has become cheap: as many writes each time."""
    monkeypatch.setattr("bnflow.io.store.VIEW_SHARE", 0.0)


class Room:
    """A disk on which only so many more writes succeed; the one after them succeeds in part."""

    def __init__(self, patch: pytest.MonkeyPatch, writes: int, number: int) -> None:
        self.left, self.done, self.number, self.real = writes, 0, number, os.pwrite
        patch.setattr(os, "pwrite", self.pwrite)

    def pwrite(self, descriptor: int, data: Any, offset: int) -> int:
        self.left -= 1
        if self.left < 0:
            raise OSError(self.number, os.strerror(self.number))
        self.done += 1
        return self.real(descriptor, data[: len(data) // 2 or 1] if not self.left else data, offset)


def writes_of(config: Config, folder: Path) -> int:
    with pytest.MonkeyPatch.context() as patch:
        room = Room(patch, 10**9, 0)
        bnflow.solve(config, folder)
    return room.done


@pytest.mark.parametrize(
    "places", [3, pytest.param(25, marks=pytest.mark.slow)], ids=["quick", "many writes"]
)
@pytest.mark.parametrize(
    ("number", "small"), [(errno.ENOSPC, 2**20), (errno.EDQUOT, 2**20), (errno.ENOSPC, 0)]
)
def test_no_room_from_some_write_on(
    number: int,
    small: int,
    places: int,
    truth: Any,
    counts: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The error reaches the user from the writer's thread; it may take the view at the end, too.

    small : bytes of the arrays that are written with their file; larger ones are written to it
    """
    monkeypatch.setattr("bnflow.io.mould.SMALL", small)
    total = writes_of(truth.config, tmp_path / "whole")
    for place in range(places):
        folder = tmp_path / f"run{place}"
        with pytest.MonkeyPatch.context() as patch:
            Room(patch, place * total // places, number)
            with pytest.raises(OSError) as error:  # noqa: PT011
                bnflow.solve(truth.config, folder)
        assert error.value.errno == number
        truth.judge(folder, 0, counts)
        if (folder / "trajectory.h5").exists():
            assert not list(folder.rglob(".*.tmp"))
            truth.judge_continued(folder, counts)


def limited(config: Config, folder: Path, size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    try:
        bnflow.solve(config, folder)
    except OSError as error:
        os._exit(error.errno or 1)
    os._exit(0)


@pytest.mark.parametrize("size", [100, 3000, 20_000, 30_000])
def test_a_limit_of_the_operating_system(
    size: int, truth: Any, counts: Any, tmp_path: Path
) -> None:
    """Files of that size at most: HDF5 itself would crash the program here."""
    whole = bnflow.solve(truth.config, tmp_path / "whole")
    largest = max(path.stat().st_size for path in whole.path.rglob("*.h5"))
    assert size < largest
    child = multiprocessing.get_context("fork").Process(
        target=limited, args=(truth.config, tmp_path / "run", size)
    )
    child.start()
    child.join(60)
    assert child.exitcode == errno.EFBIG
    truth.judge(tmp_path / "run", 0, counts)
    if (tmp_path / "run" / "trajectory.h5").exists():
        truth.judge_continued(tmp_path / "run", counts)


def test_another_failure_of_the_disk_is_one_line_and_loses_nothing(
    truth: Any, counts: Any, tmp_path: Path
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        Room(patch, 300, errno.EIO)
        with pytest.raises(bnflow.InputError, match=r"cannot write .* what was saved is whole"):
            bnflow.solve(truth.config, tmp_path / "run")
    truth.judge(tmp_path / "run", 1, counts)
    truth.judge_continued(tmp_path / "run", counts)


def test_an_error_in_the_writer_comes_out_and_nothing_after_it_is_written(
    truth: Any, counts: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else there would be a gap: the frame that failed is missing, and later ones are there."""
    real, calls = write_snapshot, []

    def broken(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 3:
            raise ZeroDivisionError("the third")
        return real(*arguments)

    monkeypatch.setattr("bnflow.io.store.write_snapshot", broken)
    with pytest.raises(ZeroDivisionError, match="the third"):
        bnflow.solve(truth.config, tmp_path / "run")
    assert len(calls) == 3
    monkeypatch.undo()
    truth.judge(tmp_path / "run", 2, counts)
    assert bnflow.open(tmp_path / "run").step.tolist() == truth.steps[:2]
    truth.judge_continued(tmp_path / "run", counts)

"""A file has its old content or its new one, whole, whatever the operating system does."""

import errno
import os
import stat
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from bnflow.io.safefile import atomic_bytes, atomic_h5, reading_h5, sweep_temporaries


def write(path: Path, value: float, count: int = 10_000) -> None:
    with atomic_h5(path) as file:
        file["x"] = np.full(count, value)


def read(path: Path) -> float:
    with h5py.File(path, "r") as file:
        return float(file["x"][-1])


def test_a_new_file_replaces_the_old_one_and_leaves_nothing_else(tmp_path: Path) -> None:
    write(tmp_path / "f.h5", 1.0)
    write(tmp_path / "f.h5", 2.0)
    assert read(tmp_path / "f.h5") == 2.0
    assert [path.name for path in tmp_path.iterdir()] == ["f.h5"]


def test_nothing_changes_when_the_writer_raises(tmp_path: Path) -> None:
    write(tmp_path / "f.h5", 1.0)
    with pytest.raises(ZeroDivisionError), atomic_h5(tmp_path / "f.h5") as file:
        file["x"] = [1 / 0]
    assert read(tmp_path / "f.h5") == 1.0
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("room", [0, 100, 4096, 50_000])
def test_a_full_disk_is_an_error_and_the_old_file_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    """HDF5 itself would crash here: the error must not reach it."""
    write(tmp_path / "f.h5", 1.0)
    left, real = room, os.pwrite

    def pwrite(descriptor: int, data: Any, offset: int) -> int:
        nonlocal left
        if left <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        done = real(descriptor, data[:left], offset)
        left -= done
        return done

    monkeypatch.setattr(os, "pwrite", pwrite)
    with pytest.raises(OSError, match="No space left"):
        write(tmp_path / "f.h5", 2.0)
    monkeypatch.undo()
    assert read(tmp_path / "f.h5") == 1.0
    assert [path.name for path in tmp_path.iterdir()] == ["f.h5"]


def test_the_temporary_is_in_the_same_folder_and_hidden(tmp_path: Path) -> None:
    with atomic_h5(tmp_path / "f.h5"):
        (temporary,) = tmp_path.iterdir()
        assert temporary.name.startswith(".f.h5.")
        assert temporary.suffix == ".tmp"


def test_sweeping_removes_only_temporaries(tmp_path: Path) -> None:
    for name in (".f.h5.1-ab.tmp", "f.h5", "notes.tmp"):
        (tmp_path / name).touch()
    sweep_temporaries(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["f.h5", "notes.tmp"]


def test_bytes_are_written_whole(tmp_path: Path) -> None:
    data = bytes(range(256)) * 1000
    atomic_bytes(tmp_path / "f", data)
    assert (tmp_path / "f").read_bytes() == data


@pytest.mark.parametrize("content", [b"", b"not HDF5", b"\x89HDF\r\n\x1a\n" + bytes(100)])
def test_a_broken_file_is_an_os_error_of_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "f.h5").write_bytes(content)
    with pytest.raises(OSError) as caught, reading_h5(tmp_path / "f.h5"):  # noqa: PT011
        pass
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.EIO])
def test_a_folder_that_cannot_be_synced_is_no_failure_and_a_failing_disk_is(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """File systems of networks have no fsync of a folder."""
    real = os.fsync

    def fsync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    if number == errno.EIO:
        with pytest.raises(OSError, match="Input/output"):
            write(tmp_path / "f.h5", 1.0)
        return
    write(tmp_path / "f.h5", 1.0)
    assert read(tmp_path / "f.h5") == 1.0

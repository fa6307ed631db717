"""One writer a run, and one line where a file system has no locks."""

import errno
import fcntl
import os
from pathlib import Path

import pytest

from bnflow.io.lock import Lock, is_held
from bnflow.kernels.errors import InputError


def test_a_held_lock_is_seen_and_refuses_the_next(tmp_path: Path) -> None:
    lock = Lock(tmp_path)
    assert is_held(tmp_path)
    with pytest.raises(InputError, match="another process is writing"):
        Lock(tmp_path)
    lock.release()
    assert not is_held(tmp_path)
    Lock(tmp_path).release()


def test_a_file_system_without_locks_is_told_and_readers_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    (tmp_path / "lock").touch()
    monkeypatch.setattr(fcntl, "flock", none)
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(InputError, match=r"cannot lock .*No locks available.*another file system"):
        Lock(tmp_path)
    assert not is_held(tmp_path)
    assert len(os.listdir("/proc/self/fd")) == before

"""One writer a run: an advisory lock on the file `lock` in the run's folder (flock).

The operating system drops the lock when its holder dies, so a killed run never blocks its resume.
A reader may ask whether a run is being written (`is_held`): it takes a shared lock for an instant,
which is why a writer tries for half a second before it gives up.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from ..kernels.errors import InputError

ATTEMPTS, PAUSE = 10, 0.05  # seconds


class Lock:
    """Held from construction to `release`."""

    def __init__(self, folder: Path) -> None:
        """Take the lock, or raise an `InputError`: at once, or after half a second."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        try:
            self._descriptor = os.open(folder / "lock", flags, 0o666)
        except OSError as error:
            raise InputError(
                f"cannot write in {folder} ({error.strerror}): choose another, or copy the run"
            ) from None
        for attempt in range(ATTEMPTS):
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if attempt + 1 < ATTEMPTS:
                    time.sleep(PAUSE)
            except OSError as error:  # as of a network's file system that has no locks
                self.release()
                raise InputError(
                    f"cannot lock the run in {folder} ({error.strerror}): choose a folder on "
                    "another file system"
                ) from None
        self.release()
        raise InputError(
            f"another process is writing the run in {folder}: wait for it, or choose another folder"
        )

    @property
    def released(self) -> bool:
        """Whether it was let go."""
        return self._descriptor < 0

    def release(self) -> None:
        """Let the next writer in; calling it twice is harmless."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def is_held(folder: Path) -> bool:
    """Whether a writer holds the run in `folder`."""
    try:
        descriptor = os.open(folder / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False

"""The store of a run: a folder that a solver appends frames to and can be killed at any instant.

    run/trajectory.h5           the view (see `view`), what users open
    run/snap/000000030.h5       one immutable file per saved time (see `snapshot`)
    run/restart/000000030.h5    the solver's state at the newest K = 2 saved times
    run/lock                    one writer at a time (see `lock`)

A frame is written in the order snapshot, restart, view; only then is the oldest restart removed. So
a resume goes on from the newest step that has both files whole, and later snapshots are dropped.
Rewriting the view is spread: at most one twentieth of the time goes into it, and always at `close`.

Errors: a user's mistake is an `InputError`; a full disk is an `OSError`, raised when no temporary
file is left and every older file is as it was, so that the run can go on when there is room.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from ..kernels.errors import InputError, Notice
from ..pde.frame import AnyLayout, Frame
from .header import Header
from .lock import Lock
from .safefile import sweep_temporaries
from .snapshot import file_name, read_record, read_restart, write_restart, write_snapshot
from .trajectory import Record, Trajectory, check_finite, table
from .view import RESTARTS, SNAPSHOTS, VIEW, is_run, read_view, write_view

Status = Literal["running", "stopped", "complete", "failed"]
__all__ = ["KEPT_RESTARTS", "Status", "Store", "is_run"]

KEPT_RESTARTS = 2
VIEW_SHARE = 20.0  # the view is rewritten at most every 20 times its own cost


class Store:
    """An open run folder; made by `create` or `reopen`, and a context manager.

    Leaving the `with` block by an exception closes it as "stopped".
    """

    def __init__(self, path: Path, lock: Lock, header: Header, records: list[Record]) -> None:
        """For `create` and `reopen`."""
        self.path = path
        self._lock = lock
        self._header = header
        self._records = records
        self._status: Status = "running"
        self._opened = time.monotonic()
        self._view_cost = self._view_time = 0.0

    # -- making one ----------------------------------------------------------------------------

    @classmethod
    def create(
        cls,
        path: str | Path,
        *,
        layout: AnyLayout,
        config_toml: str,
        provenance: Mapping[str, Any],
    ) -> Self:
        """Start a run in a folder that does not exist yet, or is empty."""
        folder = Path(path)
        lock = _claim(folder)
        try:
            _refuse_occupied(folder)
            for name in (SNAPSHOTS, RESTARTS):
                (folder / name).mkdir(exist_ok=True)
            store = cls(folder, lock, Header(layout, config_toml, dict(provenance)), [])
            _sweep(folder)
            store._rewrite_view()
        except BaseException:
            lock.release()
            raise
        return store

    @classmethod
    def reopen(
        cls,
        path: str | Path,
        *,
        config_toml: str | None = None,
        provenance: Mapping[str, Any] | None = None,
    ) -> Self:
        """Go on with a run, from its newest restart state; frames after that are dropped.

        config_toml : replaces the stored text (a later end, say)
        provenance : of this session; joins the list "resumed" of the stored one
        """
        folder = Path(path)
        _refuse_other(folder)
        lock = Lock(folder)
        try:
            _sweep(folder)
            header, records = _recover(folder)
            resumed = [*header.provenance.get("resumed", []), dict(provenance or {})]
            header = replace(header, config_toml=config_toml or header.config_toml)
            store = cls(folder, lock, header.updated(resumed=resumed), records)
            store._rewrite_view()
            _remove_after(folder, records[-1].step if records else -1)
        except BaseException:
            lock.release()
            raise
        return store

    # -- using it ------------------------------------------------------------------------------

    def append(self, frame: Frame) -> None:
        """Save a frame; a non-finite one is refused and nothing is touched."""
        check_finite(frame)
        if self._records and frame.step <= self._records[-1].step:
            raise ValueError(f"step {frame.step} after step {self._records[-1].step}")
        name = file_name(frame.step)
        entry = write_snapshot(self.path / SNAPSHOTS / name, self._header, frame)
        if frame.restart:
            write_restart(self.path / RESTARTS / name, frame.restart)
        self._records.append(entry)
        if time.monotonic() - self._view_time >= VIEW_SHARE * self._view_cost:
            self._rewrite_view()
        for old in _restarts(self.path)[:-KEPT_RESTARTS]:
            old.unlink(missing_ok=True)

    def close(self, status: Status) -> None:
        """Write the view for the last time, with the status and the wall time, and unlock."""
        if self._lock.released:
            return
        self._status = status
        elapsed = time.monotonic() - self._opened
        total = elapsed + float(self._header.provenance.get("wall_time_s", 0.0))
        self._header = self._header.updated(wall_time_s=round(total, 3))
        try:
            self._rewrite_view()
        finally:
            self._lock.release()

    def last_restart(self) -> dict[str, NDArray[np.generic]] | None:
        """The state to go on from, or None where nothing has been saved."""
        found = _restarts(self.path)
        return read_restart(found[-1]) if found else None

    def status(self) -> Status:
        """ "running" until it is closed."""
        return self._status

    @property
    def config_toml(self) -> str:
        """The stored configuration."""
        return self._header.config_toml

    @property
    def layout(self) -> AnyLayout:
        """The stored coordinates."""
        return self._header.layout

    @property
    def trajectory(self) -> Trajectory:
        """What has been saved so far."""
        return table(self._records, self._header.layout)

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it, as "complete" or, after an exception, as "stopped"."""
        if kind is None:
            self.close("complete")
            return
        with suppress(OSError):  # the first error is the one to tell; the last view stands
            self.close("stopped")

    def _rewrite_view(self) -> None:
        start = time.monotonic()
        write_view(self.path / VIEW, self._header, self.trajectory, self._status)
        self._view_time = time.monotonic()
        self._view_cost = self._view_time - start


def _claim(folder: Path) -> Lock:
    """The folder, made if need be, and its lock; nothing is made beside a stranger's files."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file: give --out a folder that is new or empty")
    if folder.is_dir():
        _refuse_occupied(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return Lock(folder)
    except OSError as error:
        raise InputError(f"cannot write in {folder} ({error.strerror}): choose another") from None


def _refuse_occupied(folder: Path) -> None:
    if is_run(folder):
        raise InputError(
            f"{folder} already holds a run: continue it with its config, or choose another --out"
        )
    ours = {"lock", SNAPSHOTS, RESTARTS}
    strange = [item.name for item in sorted(folder.iterdir()) if item.name not in ours]
    strange = [name for name in strange if not name.endswith(".tmp")]
    if strange:
        raise InputError(
            f"{folder} is not empty ({strange[0]!r} and {len(strange) - 1} more): "
            "choose a folder that is new or empty"
        )


def _refuse_other(folder: Path) -> None:
    if not is_run(folder):
        raise InputError(f"{folder} holds no run (no {VIEW}): start one with bnflow run")


def _sweep(folder: Path) -> None:
    for part in (folder, folder / SNAPSHOTS, folder / RESTARTS):
        sweep_temporaries(part)


def _restarts(folder: Path) -> list[Path]:
    return sorted((folder / RESTARTS).glob("*.h5"))


def _recover(folder: Path) -> tuple[Header, list[Record]]:
    """Header and records up to the newest step that has a whole snapshot and a whole restart."""
    header = _stored_header(folder)
    last = _resume_point(folder)
    paths = sorted((folder / SNAPSHOTS).glob("*.h5"))
    kept = [path for path in paths if last is not None and path.name <= last]
    if last is None and len(paths) > 1:
        raise InputError(f"{folder} has no readable restart state: start again in another folder")
    records = []
    for path in kept:
        try:
            records.append(read_record(path)[1])
        except OSError as error:
            raise InputError(
                f"{path} is damaged ({error}): restore it, or delete it to go on without that time"
            ) from None
    if len(paths) > len(kept):
        dropped = f"{len(paths) - len(kept)} saved time(s) after the last restart state"
        warnings.warn(f"{dropped} will be computed again", Notice, stacklevel=3)
    return header, records


def _resume_point(folder: Path) -> str | None:
    """File name of the newest step whose snapshot and restart both read."""
    for path in reversed(_restarts(folder)):
        try:
            read_restart(path)
            read_record(folder / SNAPSHOTS / path.name)
        except OSError:
            continue
        return path.name
    return None


def _stored_header(folder: Path) -> Header:
    """The header of the view, or of the newest snapshot that reads."""
    try:
        return read_view(folder / VIEW)[0]
    except OSError:
        pass
    for path in sorted((folder / SNAPSHOTS).glob("*.h5"), reverse=True):
        try:
            return read_record(path)[0]
        except OSError:
            continue
    raise InputError(f"no file of the run in {folder} can be read: start again in another folder")


def _remove_after(folder: Path, step: int) -> None:
    """Remove what lies beyond the restart point; the view no longer names it."""
    for part in (SNAPSHOTS, RESTARTS):
        for path in (folder / part).glob("*.h5"):
            if path.name > file_name(step) or step < 0:
                path.unlink(missing_ok=True)

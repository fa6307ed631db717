"""The store of a run: a folder that a solver appends frames to and can be killed at any instant.

    run/trajectory.h5           the view (see `view`), what users open
    run/snap/000000030.h5       one immutable file per saved time (see `snapshot`)
    run/restart/000000030.h5    the solver's state at the newest two saved times
    run/lock                    one writer at a time (see `lock`)

A frame is written in the order snapshot, restart, view; only then is the oldest restart removed. So
a resume goes on from the newest step that has both files whole, and later snapshots are dropped.
Rewriting the view is spread: at most one hundredth of the time goes into it, and always at `close`.

An interim frame is where a run was stopped between its saved times. The view does not list it, and
the next frame replaces it; its files go at the end or in the next session, so that a reader who has
seen it still finds it.

Every run has a name of its own, drawn when it is made; every restart state names its snapshot, and
every snapshot the one before. What belongs to another run is never taken for a part of this one.

Errors: a user's mistake is an `InputError`; a full disk is an `OSError`, raised when no temporary
file is left and every older file is as it was, so that the run can go on when there is room.
"""

from __future__ import annotations

import os
import secrets
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from ..kernels.errors import InputError
from ..pde.frame import KEPT_STATES, AnyLayout, Array, Frame
from .header import Header
from .lock import Lock, is_held
from .mould import Mould
from .recovery import recovered, restarts
from .safefile import sweep_temporaries, sync_folder
from .selection import Selection
from .snapshot import file_name, read_restart, write_restart, write_snapshot
from .trajectory import Record, Trajectory, check_finite, table
from .view import RESTARTS, SNAPSHOTS, VIEW, is_run, write_view

Status = Literal["running", "stopped", "complete", "failed"]
__all__ = ["Status", "Store", "is_run"]

VIEW_SHARE = 100.0  # the view is rewritten at most every 100 times its own cost


class Store:
    """An open run folder; made by `create` or `reopen`, and a context manager.

    Leaving the `with` block by an exception closes it as "stopped".
    """

    def __init__(
        self,
        path: Path,
        lock: Lock,
        header: Header,
        records: list[Record],
        selection: Selection | None = None,
    ) -> None:
        """For `create` and `reopen`."""
        self.path = path.absolute()  # a callback may change the working directory
        self._lock = lock
        self._header = header
        self._records = records
        self._selection = selection or Selection()
        self._snapshots: dict[tuple[str, ...], Mould] = defaultdict(Mould)  # by stored fields
        self._restarts = Mould()
        self._replaced: list[str] = []  # names of files of a replaced interim frame
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
        selection: Selection | None = None,
    ) -> Self:
        """Start a run in a folder that does not exist yet, or is empty.

        selection : what of every frame is stored; all of it unless given
        """
        folder = Path(path)
        lock = _claim(folder)
        try:
            _refuse_occupied(folder)
            for name in (SNAPSHOTS, RESTARTS):
                (folder / name).mkdir(exist_ok=True)
            named = {**provenance, "run": secrets.token_hex(8)}
            store = cls(folder, lock, Header(layout, config_toml, named), [], selection)
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
        selection: Selection | None = None,
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
            header, records = recovered(folder)
            resumed = [*header.provenance.get("resumed", []), dict(provenance or {})]
            header = replace(header, config_toml=config_toml or header.config_toml)
            store = cls(folder, lock, header.updated(resumed=resumed), records, selection)
            store._rewrite_view()
            _remove_others(folder, records)
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
        name, replaced = file_name(frame.step), list(self._interim())
        previous = next((r.digest for r in reversed(self._records) if r not in replaced), "")
        stored = self._selection.stored(frame, self._header.layout)
        snapshot, gzip = self.path / SNAPSHOTS / name, self._selection.gzip
        mould = self._snapshots[tuple(stored.fields)]  # with [output] density_every two take turns
        entry = write_snapshot(snapshot, self._header, stored, previous, gzip, mould)
        if frame.restart:
            restart = self.path / RESTARTS / name
            write_restart(restart, frame.restart, entry.digest, self._restarts)
        del self._records[len(self._records) - len(replaced) :]
        self._records.append(entry)
        self._replaced += [file_name(gone.step) for gone in replaced]
        if time.monotonic() - self._view_time >= VIEW_SHARE * self._view_cost:
            self._rewrite_view()
        states = [path for path in restarts(self.path) if path.name not in self._replaced]
        for old in states[:-KEPT_STATES]:
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
            if status == "complete":
                self._remove_replaced()
        finally:
            self._lock.release()

    def last_restart(self) -> dict[str, NDArray[np.generic]] | None:
        """The state to go on from, or None where nothing has been saved."""
        found = restarts(self.path)
        return read_restart(found[-1]) if found else None

    @property
    def interim_log(self) -> Mapping[str, Array]:
        """The log of the interim frame at the end, which the next frame is to hold; else empty."""
        return next((entry.log for entry in self._interim()), {})

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

    def _interim(self) -> Iterator[Record]:
        """The last record, if it is an interim one."""
        return (entry for entry in self._records[-1:] if entry.interim)

    def _remove_replaced(self) -> None:
        """Remove the files of the interim frame that has been replaced."""
        for name in self._replaced:
            for part in (SNAPSHOTS, RESTARTS):
                (self.path / part / name).unlink(missing_ok=True)
        self._replaced = []

    def _rewrite_view(self) -> None:
        start = time.monotonic()
        listed = table([r for r in self._records if not r.interim], self._header.layout)
        write_view(self.path / VIEW, self._header, listed, self._status)
        self._view_time = time.monotonic()
        self._view_cost = self._view_time - start


def refuse_unusable(folder: Path) -> None:
    """Raise InputError where no new run can be written; nothing is made.

    For what comes before a run and takes long: `Store.create` looks again.
    """
    _refuse_taken(folder)
    if is_held(folder):
        raise InputError(f"another process is writing in {folder}: choose another")
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    if not os.access(there, os.W_OK | os.X_OK):
        raise InputError(f"cannot write in {there}: choose another folder")


def _claim(folder: Path) -> Lock:
    """The folder, made if need be, and its lock; nothing is made beside a stranger's files."""
    _refuse_taken(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        sync_folder(folder.parent)
    except OSError as error:
        raise InputError(f"cannot write in {folder} ({error.strerror}): choose another") from None
    return Lock(folder)


def _refuse_taken(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file: give --out a folder that is new or empty")
    if folder.is_dir():
        _refuse_occupied(folder)


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


def _remove_others(folder: Path, records: list[Record]) -> None:
    """Remove the files of frames that are not among the records; the view no longer names them."""
    kept = {file_name(entry.step) for entry in records}
    for part in (SNAPSHOTS, RESTARTS):
        for path in (folder / part).glob("*.h5"):
            if path.name not in kept:
                path.unlink(missing_ok=True)

"""From where a stored run can go on: the newest step with a whole snapshot and its whole state.

What lies behind that step is computed again. A damaged snapshot before it is named, and nothing is
touched: what it held cannot be computed again. What belongs to another run is refused.

The snapshot and the state to go on from are taken apart and held against their sha256, and so is
what is newer than the view. Of a snapshot that the view lists, the bytes are held against the seal,
and run and digest against the listed ones; its record is in the view, whose tables have a sha256 of
their own. That finds the same damage in a twentieth of the time, which counts where there are 10^5.
Where one of them has no seal, is not there, or is another one, all are taken apart.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from pathlib import Path

import h5py

from ..kernels.errors import InputError, Notice
from .header import Header
from .seal import check_seal
from .snapshot import read_record, read_restart
from .trajectory import Record, current
from .view import RESTARTS, SNAPSHOTS, VIEW, check_same_run, read_view, snapshots


def recovered(folder: Path) -> tuple[Header, list[Record]]:
    """Header and records up to the newest step that has a whole snapshot and a whole restart."""
    header, known = _stored(folder)
    listed = {Path(entry.source).name: entry for entry in known}
    last = resume_point(folder)
    paths = snapshots(folder)
    kept = [path for path in paths if last is not None and path.name <= last]
    if last is None and len(paths) > 1:
        raise InputError(f"{folder} has no readable restart state: start again in another folder")
    records = _records(kept, header, listed)
    for path in paths[len(kept) :]:
        _refuse_foreign(path, header)
    if len(paths) > len(kept):
        dropped = f"{len(paths) - len(kept)} saved time(s) after the last restart state"
        warnings.warn(f"{dropped} will be computed again", Notice, stacklevel=3)
    there = {path.name for path in paths}
    if lost := [name for name in listed if name not in there and name <= (last or "")]:
        warnings.warn(
            f"{folder / SNAPSHOTS / lost[0]} is missing ({len(lost)} in all): the run goes on "
            "without that saved time",
            Notice,
            stacklevel=3,
        )
    return header, current(records)


def _records(kept: list[Path], header: Header, listed: Mapping[str, Record]) -> list[Record]:
    """Of these snapshots, which must all be whole: from the view, where it tells of them."""
    paths = {path.name: path for path in kept}
    others = {name: _record(paths[name], header, listed) for name in paths.keys() - listed.keys()}
    newest = max(listed, default="")
    replaced = all(entry.interim or name > newest for name, entry in others.items())
    if replaced and all(
        name in paths and _is_listed(paths[name], entry, header) for name, entry in listed.items()
    ):
        found = {**listed, **others}
        return [found[name] for name in paths]
    return [others.get(name) or _record(path, header, listed) for name, path in paths.items()]


def _is_listed(path: Path, entry: Record, header: Header) -> bool:
    """Whether a snapshot is as it was written, by this run, and has the digest of that record."""
    try:
        if not check_seal(path):
            return False
        with h5py.File(path, "r") as file:
            run = json.loads(file["provenance_json"][()]).get("run")
            ours = run == header.provenance.get("run")
            return ours and bool(file.attrs["digest"] == entry.digest)
    except (OSError, KeyError, RuntimeError):
        return False


def _record(path: Path, header: Header, listed: Mapping[str, Record]) -> Record:
    """The record of a snapshot that must be whole, and the one that the view lists."""
    try:
        found, entry = read_record(path)
        check_same_run(header, found, path)
        if path.name in listed and listed[path.name].digest != entry.digest:
            raise OSError("it is not the snapshot that the view lists")
    except OSError as error:
        raise InputError(
            f"{path} is damaged ({error}): restore it, or delete it to go on without that time"
        ) from None
    return entry


def _refuse_foreign(path: Path, header: Header) -> None:
    """A snapshot that will be computed again may be damaged, but not somebody else's."""
    try:
        found = read_record(path)[0]
    except OSError:
        return
    try:
        check_same_run(header, found, path)
    except OSError as error:
        raise InputError(f"{error}: move it away, then continue") from None


def resume_point(folder: Path) -> str | None:
    """File name of the newest step whose snapshot and restart both read, and fit each other."""
    for path in reversed(restarts(folder)):
        try:
            entry = read_record(folder / SNAPSHOTS / path.name)[1]
            read_restart(path, entry.digest)
        except OSError:
            continue
        return path.name
    return None


def _stored(folder: Path) -> tuple[Header, list[Record]]:
    """The header, and the records of the snapshots that the view lists.

    Where the view does not read, the header of the newest snapshot that does, and no records.
    """
    try:
        header, trajectory, _ = read_view(folder / VIEW)
    except OSError:
        pass
    else:
        return header, trajectory.records(header.layout)
    for path in reversed(snapshots(folder)):
        try:
            return read_record(path)[0], []
        except OSError:
            continue
    raise InputError(f"no file of the run in {folder} can be read: start again in another folder")


def restarts(folder: Path) -> list[Path]:
    """The stored states of a run, the first one first."""
    return sorted((folder / RESTARTS).glob("*.h5"))

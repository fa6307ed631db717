"""A run as it lies on the disk, for reading: a folder, or one file made by `pack`.

Opening reads tables alone; fields are read when they are asked for. Nothing is ever written.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from ..kernels.errors import InputError
from .fieldsource import FieldSource, PackedFields, SnapshotFields
from .header import Header
from .lock import is_held
from .pack import is_packed
from .seal import check_seal
from .trajectory import Trajectory
from .view import VIEW, is_run, read_folder, read_view

DECLARATION = "sweep.json"  # of a sweep, see there


class Opened(NamedTuple):
    """What a `Run` is made of."""

    header: Header
    trajectory: Trajectory
    fields: FieldSource
    status: str


def opened(path: Path) -> Opened:
    """The run at a path. Raises InputError, one line, where there is none that reads."""
    if is_packed(path):
        return _read(path, packed=True)
    refuse_other(path)
    found = _read(path, packed=False)
    if found.status == "running" and not is_held(path):
        return found._replace(status="stopped")
    return found


def _read(path: Path, packed: bool) -> Opened:
    try:
        header, trajectory, status = read_view(path) if packed else read_folder(path)
    except OSError as error:
        raise InputError(
            f"the run in {path} does not read ({error}): restore it from a copy, or run again"
        ) from None
    fields: FieldSource
    if packed:
        fields = PackedFields(path.absolute(), trajectory, header.layout)
    else:
        fields = SnapshotFields(path.absolute(), trajectory.source, trajectory.digest)
    return Opened(header, trajectory, fields, status)


def refuse_other(folder: Path) -> None:
    """Raise InputError where there is no run, with what is there."""
    if is_run(folder):
        return
    if folder.name == VIEW and folder.is_file():
        raise InputError(f"{folder} is the view of a run: give its folder, {folder.parent}")
    if not folder.exists():
        raise InputError(f"{folder} does not exist: give the folder of a run (bnflow run --out)")
    if not folder.is_dir():
        _refuse_damaged(folder)
        raise InputError(f"{folder} is a file, not the folder of a run")
    if (folder / DECLARATION).is_file():
        raise InputError(
            f"{folder} holds a sweep, many runs: bnflow sweep-table {folder} shows them, "
            f"sweep-plot draws them, and each is a folder in {folder / 'runs'}"
        )
    inside = sorted(item.name for item in folder.iterdir())
    runs = [name for name in inside if (folder / name / VIEW).is_file()]
    there = (
        f"it holds {', '.join(inside[:4])}{' ..' * (len(inside) > 4)}" if inside else "it is empty"
    )
    hint = f"; did you mean {folder / runs[0]}?" if runs else ""
    raise InputError(f"{folder} holds no run (no {VIEW}; {there}){hint}")


def _refuse_damaged(file: Path) -> None:
    """What may once have been a packed run."""
    try:
        check_seal(file)
    except OSError as error:
        raise InputError(f"{file} is damaged ({error}): restore it from a copy") from None

"""What a run's folder holds, file by file: what reads, what is damaged, from where it can go on."""

from __future__ import annotations

from pathlib import Path

from ..kernels.errors import InputError
from .lock import is_held
from .snapshot import read_record, read_restart
from .store import is_run
from .view import RESTARTS, SNAPSHOTS, VIEW, read_view


def describe_folder(folder: Path) -> list[str]:
    """Lines for people. Every file is read whole; nothing is changed.

    Raises InputError where the folder holds no run.
    """
    if not is_run(folder):
        raise InputError(f"{folder} holds no run (no {VIEW})")
    lines = [_view_line(folder)]
    good: list[str] = []
    for path in sorted((folder / SNAPSHOTS).glob("*.h5")):
        try:
            record = read_record(path)[1]
        except (OSError, KeyError, InputError) as error:
            lines.append(f"damaged    {path}: {' '.join(str(error).split())}")
        else:
            good.append(path.name)
            lines.append(f"good       {path}: t = {record.time:.6g}, step {record.step}")
    damaged = any(line.startswith("damaged") for line in lines)
    if not _is_complete(folder):
        lines.append(_resume_line(folder, good))
    elif damaged:
        lines.append("repair     restore the damaged files from a copy, or run again elsewhere")
    if is_held(folder):
        lines.append("in use     a run is writing here now")
    return lines


def _view_line(folder: Path) -> str:
    try:
        _, trajectory, status = read_view(folder / VIEW)
    except (OSError, KeyError, InputError) as error:
        return f"damaged    {folder / VIEW}: {' '.join(str(error).split())}"
    return f"good       {folder / VIEW}: {len(trajectory)} saved times, {status}"


def _is_complete(folder: Path) -> bool:
    try:
        return read_view(folder / VIEW)[2] == "complete"
    except (OSError, KeyError, InputError):
        return False


def _resume_line(folder: Path, snapshots: list[str]) -> str:
    for path in sorted((folder / RESTARTS).glob("*.h5"), reverse=True):
        try:
            read_restart(path)
        except (OSError, KeyError):
            continue
        if path.name in snapshots:
            return f"resume     from step {int(path.stem)}, by the same bnflow run command"
    return "resume     not possible: no restart state whose snapshot is whole"

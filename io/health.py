"""What a run holds, file by file: what reads, what is damaged, from where it can go on.

good        read whole, and what it should be
damaged     does not read, or not as it was written
foreign     reads, and belongs to another run, or is not what the view lists
missing     listed by the view, and not there
newer       of a file format that this bnflow does not know
left over   no part of the run any more; goes when the run is continued
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..kernels.errors import InputError
from .header import Header
from .lock import is_held
from .opening import opened, refuse_other
from .pack import is_packed
from .recovery import restarts
from .snapshot import read_record, read_restart
from .trajectory import Record, Trajectory, current
from .view import SNAPSHOTS, VIEW, check_same_run, read_view, snapshots

BAD = ("damaged", "foreign", "missing", "newer")


@dataclass(frozen=True)
class Finding:
    """What was found of one file, or is to be said of the whole run."""

    kind: str
    text: str

    @property
    def bad(self) -> bool:
        """Whether something is wrong."""
        return self.kind in BAD

    def __str__(self) -> str:
        """One line for people."""
        return f"{self.kind:<11}{' '.join(self.text.split())}"


def examine(path: Path) -> list[Finding]:
    """Read every file of a run whole and judge it; nothing is changed.

    Raises InputError where there is no run.
    """
    if is_packed(path):
        return [_of_pack(path)]
    refuse_other(path)
    view, header, trajectory, status = _of_view(path / VIEW)
    judged = [_of_snapshot(each, header, trajectory) for each in snapshots(path)]
    good = {Path(entry.source).name: entry for finding, entry in judged if entry is not None}
    states = [_of_restart(each, good) for each in restarts(path)]
    files = [view, *(finding for finding, _ in judged), *_missing(path, trajectory)]
    repair = _repair(path, files)
    files += [finding for finding, _ in states] + _left_over(path, list(good.values()))
    steps = [step for _, step in states if step is not None]
    return files + _going_on(path, status, steps) + repair + _in_use(path)


def _of_pack(path: Path) -> Finding:
    try:
        _, trajectory, fields, status = opened(path)
        for name in trajectory.fields:
            for row in trajectory.has(name).nonzero()[0]:
                fields.read(name, int(row))
    except InputError as error:
        return Finding("damaged", str(error))
    return Finding("good", f"{path}: {len(trajectory)} saved times, {status}, in one file")


def _of_view(path: Path) -> tuple[Finding, Header | None, Trajectory | None, str]:
    try:
        header, trajectory, status = read_view(path)
    except (InputError, OSError) as error:
        return _unread(path, error), None, None, ""
    told = f"{path}: {len(trajectory)} saved times, {status}"
    return Finding("good", told), header, trajectory, status


def _of_snapshot(
    path: Path, header: Header | None, trajectory: Trajectory | None
) -> tuple[Finding, Record | None]:
    """What a snapshot is, and its record where it is good."""
    try:
        own, entry = read_record(path)
    except (InputError, OSError) as error:
        return _unread(path, error), None
    try:
        check_same_run(header or own, own, path)
    except OSError as error:
        return Finding("foreign", str(error)), None
    listed = (
        {} if trajectory is None else dict(zip(trajectory.source, trajectory.digest, strict=True))
    )
    if listed.get(entry.source, entry.digest) != entry.digest:
        return Finding("foreign", f"{path}: not the snapshot that the view lists"), None
    interim = ", between the saved times" if entry.interim else ""
    return Finding("good", f"{path}: t = {entry.time:.6g}, step {entry.step}{interim}"), entry


def _of_restart(path: Path, good: Mapping[str, Record]) -> tuple[Finding, int | None]:
    """What a stored state is, and its step where a run can go on from it."""
    entry = good.get(path.name)
    try:
        read_restart(path, "" if entry is None else entry.digest)
    except (InputError, OSError) as error:
        return _unread(path, error), None
    finding = Finding("good", f"{path}: the state at step {int(path.stem)}")
    return finding, None if entry is None else entry.step


def _unread(path: Path, error: InputError | OSError) -> Finding:
    if isinstance(error, InputError):
        return Finding("newer", str(error))
    return Finding("damaged", f"{path}: {error}")


def _missing(folder: Path, trajectory: Trajectory | None) -> list[Finding]:
    sources = () if trajectory is None else trajectory.source
    return [
        Finding("missing", f"{folder / source}: listed by the view, and not there")
        for source in sources
        if not (folder / source).exists()
    ]


def _left_over(folder: Path, entries: list[Record]) -> list[Finding]:
    kept = current(entries)
    gone = [folder / entry.source for entry in entries if entry not in kept]
    return [
        *(Finding("left over", f"{path}: replaced by the saved time after it") for path in gone),
        *(
            Finding("left over", f"{path}: of a writer that was killed")
            for path in sorted(folder.rglob(".*.tmp"))
        ),
    ]


def _going_on(folder: Path, status: str, steps: list[int]) -> list[Finding]:
    if status == "complete":
        return []
    if not steps:
        return [Finding("resume", "not possible: no state whose snapshot is whole")]
    return [Finding("resume", f"from step {max(steps)}, by bnflow resume {folder}")]


def _repair(folder: Path, files: list[Finding]) -> list[Finding]:
    """What to do about the view, which comes first, and about snapshots."""
    view, *others = files
    found = []
    if any(each.bad for each in others):
        what = f"restore from a copy what is bad in {folder / SNAPSHOTS}, or delete it and lose it"
        found.append(Finding("repair", what))
    if view.kind == "damaged":
        found.append(Finding("repair", f"bnflow resume {folder} writes the view anew"))
    return found


def _in_use(folder: Path) -> list[Finding]:
    return [Finding("in use", "a run is writing here now")] if is_held(folder) else []

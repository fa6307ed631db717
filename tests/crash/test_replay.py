"""A cut after every single write: the state of the disk is rebuilt from a record of all of them.

Random kills are blind: what they miss, a cut at every write finds. Two models. A killed process
leaves what its calls have done, all of them, and the last write perhaps in part. A power cut leaves
of a file what was synced, and of a folder's new names and removals any part since its last sync.
"""

import itertools
import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

Operation = tuple[Any, ...]
Recorded = Callable[[], tuple[Path, list[Operation]]]


def perform(root: Path, operation: Operation, part: float = 1.0) -> None:
    """Do again, below another root, what was recorded; of a write only some part."""
    kind, *rest = operation
    if kind in ("commit", "sync"):
        return
    path = root / rest[0]
    match kind:
        case "create":
            path.touch(exist_ok=False)
        case "mkdir":
            path.mkdir()
        case "unlink":
            path.unlink()
        case "replace":
            os.replace(path, root / rest[1])
        case "truncate":
            os.truncate(path, rest[1])
        case "write":
            with path.open("r+b") as file:
                file.seek(rest[1])
                file.write(rest[2][: int(part * len(rest[2]))])


def contents(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def test_the_record_is_complete(recorded: Recorded, tmp_path: Path) -> None:
    """Done again, all that was recorded gives the same bytes: nothing wrote past the recorder."""
    root, operations = recorded()
    again = tmp_path / "again"
    again.mkdir()
    for operation in operations:
        perform(again, operation)
    assert contents(again) == contents(root)
    written = {operation[1] for operation in operations if operation[0] == "write"}
    assert {os.path.splitext(path)[1] for path in written} == {".tmp"}  # nothing in place
    kinds = Counter(kind for kind, *_ in operations)
    assert kinds["commit"] == 6
    assert min(kinds[k] for k in ("write", "create", "sync", "replace", "unlink", "mkdir")) > 0


def torn(operation: Operation, number: int) -> Iterator[float]:
    """Where in a write a process may be killed: many places of a whole file, half way in some."""
    if operation[0] != "write":
        return
    whole = len(operation[3]) > 4096
    yield from np.linspace(0.02, 0.98, 25) if whole else (0.5,) if number % 10 == 0 else ()


@pytest.mark.parametrize(
    "every", [200, pytest.param(1, marks=pytest.mark.slow)], ids=["quick", "every write"]
)
def test_killed_after_a_write(
    every: int,
    recorded: Recorded,
    truth: Any,
    counts: Any,
    copy: Callable[[Path], Path],
    tmp_path: Path,
) -> None:
    """Quick: at every file that takes its name, and at some writes. All: within writes, too."""
    _, operations = recorded()
    live, committed = tmp_path / "live", 0
    live.mkdir()
    for number, operation in enumerate(operations):
        kind = operation[0]
        changes = kind == "replace" or (every == 1 and kind in ("unlink", "mkdir"))
        for part in torn(operation, number) if every == 1 else ():
            half_done = copy(live)
            perform(half_done, operation, part)
            truth.judge(half_done / "run", committed, counts, every_field=False)
        perform(live, operation)
        committed += kind == "commit"
        if kind == "commit" or not (changes or number % every == 0):
            continue
        truth.judge(live / "run", committed, counts, every_field=changes)
        if kind == "replace" or number % (10 * every) == 0:
            truth.judge_resume(copy(live) / "run", committed, counts)
    truth.judge_continued(live / "run", counts)
    assert counts["states"] > (1000 if every == 1 else 20)


FOLDER = -1  # in place of the number of a file


class Disk:
    """What survives a power cut: synced contents, and names as of the folder's last sync."""

    def __init__(self) -> None:
        self.contents: list[bytearray] = []  # of every file, by its number
        self.synced: dict[int, bytes] = {}
        self.names: dict[str, int] = {}  # now
        self.durable: dict[str, int] = {}
        self.pending: list[tuple[str, Operation]] = []  # folder, change of a name

    def do(self, operation: Operation) -> None:
        kind, path, *rest = operation
        match kind:
            case "create" | "mkdir":
                number = FOLDER if kind == "mkdir" else len(self.contents)
                if kind == "create":
                    self.contents.append(bytearray())
                self._change(path, "named", path, number)
            case "unlink":
                self._change(path, "gone", path)
            case "replace":
                self._change(path, "moved", path, *rest)
            case "write":
                data, (offset, written) = self.contents[self.names[path]], rest
                data.extend(bytes(max(0, offset - len(data))))
                data[offset : offset + len(written)] = written
            case "truncate":
                data = self.contents[self.names[path]]
                data[:] = data[: rest[0]].ljust(rest[0], b"\0")
            case "sync":
                self._sync("" if path == "." else path)

    def _change(self, path: str, *change: Any) -> None:
        renamed(self.names, change)
        self.pending.append((os.path.dirname(path), change))

    def _sync(self, path: str) -> None:
        number = self.names.get(path, FOLDER)
        if number != FOLDER:
            self.synced[number] = bytes(self.contents[number])
            return
        for where, change in self.pending:
            if where == path:
                renamed(self.durable, change)
        self.pending = [entry for entry in self.pending if entry[0] != path]

    def survivors(self, random: np.random.Generator) -> Iterator[dict[str, bytes | None]]:
        """Every disk that may be left, where few changes are pending; some of them, else."""
        count = len(self.pending)
        choices = list(itertools.product((False, True), repeat=min(count, 4)))
        if count > 4:
            choices = [tuple(bool(b) for b in random.integers(0, 2, count)) for _ in range(8)]
        for chosen in choices:
            names = dict(self.durable)
            for (_, change), happened in zip(self.pending, chosen, strict=True):
                if happened:
                    renamed(names, change)
            yield {
                path: None if number == FOLDER else self.synced.get(number, b"")
                for path, number in names.items()
            }


def renamed(names: dict[str, int], change: Operation) -> None:
    """Make one change of a name; what it needs may be lost."""
    kind, path, *rest = change
    if kind == "named":
        names[path] = rest[0]
        return
    number = names.pop(path, None)
    if kind == "moved" and number is not None:
        names[rest[0]] = number


def materialise(files: dict[str, bytes | None], root: Path) -> Path:
    for path, data in sorted(files.items()):
        place = root / path
        if data is None:
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
    return root


@pytest.mark.parametrize(
    "every", [12, pytest.param(1, marks=pytest.mark.slow)], ids=["quick", "every call"]
)
def test_power_cut_after_a_call(
    every: int, recorded: Recorded, truth: Any, counts: Any, tmp_path: Path
) -> None:
    """After every call that changes or syncs a name: writes alone leave nothing that is durable."""
    _, operations = recorded()
    disk, committed, number = Disk(), 0, 0
    random = np.random.default_rng(0)
    for operation in operations:
        if operation[0] == "commit":
            committed += 1
            continue
        disk.do(operation)
        if operation[0] in ("write", "truncate"):
            continue
        number += 1
        if number % every:
            continue
        for choice, files in enumerate(disk.survivors(random)):
            root = materialise(files, tmp_path / f"cut{number}-{choice}")
            truth.judge(root / "run", committed, counts)
            truth.judge_resume(root / "run", committed, counts)
    assert counts["states"] > (300 if every == 1 else 15)

"""Rows of a user's data file: .npz, .h5 or .csv, checked and digested.

.npz, .h5   `inputs` and `targets` name arrays, (rows, p) and (rows,)
.csv        `inputs` lists column names or indices, `targets` is one; the first line may name
columns

Every mistake is one line that says what the file holds. The digest is over the numbers that are
used, so a run can refuse to go on with a file that has changed.
"""

from __future__ import annotations

import csv
import difflib
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import h5py
import numpy as np
from numpy.typing import NDArray

from ..kernels.errors import InputError
from ..pde.config.data import FileData
from ..pde.network.table import Table, checked_table

Array = NDArray[np.float64]


def read_table(path: Path, data: FileData, with_targets: bool) -> Table:
    """The rows that a configuration names.

    Raises InputError for a missing file, a wrong name, a text or a NaN where a number should be.
    """
    if path.is_dir():
        raise InputError(f"data.path: {path} is a folder; give a .npz, .csv or .h5 file in it")
    if not path.is_file():
        raise InputError(f"data.path: no file {path}{_near(path)}")
    try:
        inputs, targets = _READERS[path.suffix](path, data, with_targets)
    except UNREADABLE as error:
        if isinstance(error, InputError):
            raise
        detail = " ".join(str(error).split())[:120]
        raise InputError(
            f"data.path: {path} is no readable {path.suffix} file ({detail})"
        ) from None
    return checked_table(inputs, targets, f" in {path}")


def _from_npz(path: Path, data: FileData, with_targets: bool) -> tuple[Any, Any]:
    arrays = np.load(path, allow_pickle=False)
    if isinstance(arrays, np.ndarray):
        raise ValueError("a single array, not an archive")
    with arrays:
        return _named(path, arrays, data, with_targets)


def _from_h5(path: Path, data: FileData, with_targets: bool) -> tuple[Any, Any]:
    with h5py.File(path, "r") as file:
        return _named(path, _Datasets(file), data, with_targets)


class _Datasets(Mapping[str, Any]):
    """The datasets of an HDF5 file by their paths, read when taken."""

    def __init__(self, file: h5py.File) -> None:
        self.file = file

    def __getitem__(self, name: str) -> Any:
        item = self.file[name.strip("/")]
        if not isinstance(item, h5py.Dataset):
            raise KeyError(name)
        return item[()]

    def __iter__(self) -> Iterator[str]:
        found: list[str] = []
        self.file.visititems(
            lambda name, item: found.append(name) if isinstance(item, h5py.Dataset) else None
        )
        return iter(found)

    def __len__(self) -> int:
        return len(list(iter(self)))


def _named(
    path: Path, arrays: Mapping[str, Any], data: FileData, with_targets: bool
) -> tuple[Any, Any]:
    def take(key: str, name: Any) -> Any:
        try:
            return np.asarray(arrays[str(name)])
        except KeyError:
            raise InputError(f"{key}: {_no_such(path, name, list(arrays))}") from None

    targets = take("data.targets", data.targets) if with_targets else None
    return take("data.inputs", data.inputs), targets


def _from_csv(path: Path, data: FileData, with_targets: bool) -> tuple[Any, Any]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file)
        lines = [(reader.line_num, line) for line in reader if line]
    if not lines:
        raise InputError(f"data.path: {path} is empty")
    wanted = [*data.inputs, *([data.targets] if with_targets else [])]
    width = len(lines[0][1])
    names = _column_names(lines[0][1], wanted)
    rows = lines if names is None else lines[1:]
    for number, row in rows:
        if len(row) != width:
            raise InputError(
                f"data.path: {path} line {number} has {len(row)} columns, the first line {width}"
            )
    inputs = _columns("data.inputs", data.inputs, names, width, path)
    targets = _columns("data.targets", [data.targets], names, width, path) if with_targets else []
    if set(inputs) & set(targets):
        raise InputError(f"data.targets: {data.targets!r} is among data.inputs too; leave it out")
    table = np.array(
        [[_number(row[c], path, number, c) for c in inputs + targets] for number, row in rows]
    ).reshape(len(rows), -1)
    return table[:, : len(inputs)], table[:, -1] if with_targets else None


def _column_names(first: list[str], wanted: Sequence[Any]) -> list[str] | None:
    """The first line, where it names columns: any are asked for by name, or none is a number."""
    by_name = any(isinstance(column, str) for column in wanted)
    numbers = sum(_is_number(cell) for cell in first)
    if numbers == len(first) or (numbers and not by_name):
        return None
    return [name.strip() for name in first]


def _columns(
    key: str, wanted: Sequence[Any], names: list[str] | None, width: int, path: Path
) -> list[int]:
    columns = []
    for column in wanted:
        if isinstance(column, int):
            if not 0 <= column < width:
                raise InputError(f"{key}: column {column} of {path}: there are 0 to {width - 1}")
            columns.append(column)
        elif names is None:
            raise InputError(f"{key}: {path} has no line of names; give indices, 0 to {width - 1}")
        elif column not in names:
            raise InputError(f"{key}: {_no_such(path, column, names)}")
        else:
            columns.append(names.index(column))
    return columns


def _no_such(path: Path, name: Any, names: list[str]) -> str:
    near = difflib.get_close_matches(str(name), names, 1)
    hint = f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(names[:12])}"
    return f"no {str(name)!r} in {path}{hint}"


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _number(cell: str, path: Path, line: int, column: int) -> float:
    try:
        return float(cell)
    except ValueError:
        raise InputError(
            f"data.path: {path} line {line}, column {column}: {cell[:30]!r} is no number"
        ) from None


def _near(path: Path) -> str:
    try:
        names = [other.name for other in path.parent.iterdir()]
    except OSError:
        return f"; there is no folder {path.parent}"
    near = difflib.get_close_matches(path.name, names, 1, cutoff=0.75)
    return f"; did you mean {near[0]}?" if near else ""


UNREADABLE = (
    OSError,
    ValueError,
    TypeError,
    KeyError,
    EOFError,
    RuntimeError,
    csv.Error,
    zlib.error,
    BadZipFile,
)
_READERS = {".npz": _from_npz, ".h5": _from_h5, ".csv": _from_csv}

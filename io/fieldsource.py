"""Where the fields of a run are read from: memory, one file, or snapshots, checked first.

A missing snapshot reads as NaN through the view, without an error; so a field is read from its own
snapshot, which must exist and carry the digest that the view lists. Before the first one is read,
missing snapshots are told.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from ..kernels.errors import InputError, Notice
from ..pde.frame import AnyLayout, Array, Frame
from .netcdf import read_strings
from .safefile import reading_h5
from .snapshot import read_field
from .trajectory import Trajectory


class FieldSource(Protocol):
    """Reads one field at one saved time."""

    def read(self, name: str, row: int) -> Array:
        """The field `name` at the saved time number `row`, on its own a axis."""


class MemoryFields:
    """Fields that never left memory."""

    def __init__(self, frames: Sequence[Frame]) -> None:
        """Frames in the order of the saved times."""
        self._frames = tuple(frames)

    def read(self, name: str, row: int) -> Array:
        """See `FieldSource`."""
        return self._frames[row].fields[name]


class SnapshotFields:
    """Fields in the snapshots of a folder."""

    def __init__(self, folder: Path, sources: Sequence[str], digests: Sequence[str]) -> None:
        """Snapshots relative to the folder, and the digests that they must carry."""
        self._folder, self._sources, self._digests = folder, tuple(sources), tuple(digests)
        self._looked = False
        self._last: tuple[tuple[str, int], Array] | None = None

    def read(self, name: str, row: int) -> Array:
        """See `FieldSource`. The last field is kept: a figure asks for it several times."""
        if self._last is None or self._last[0] != (name, row):
            self._last = (name, row), self._read(name, row)
        return self._last[1].copy()

    def _read(self, name: str, row: int) -> Array:
        if not self._looked:
            self._looked = True
            self._tell_missing()
        path = self._folder / self._sources[row]
        if not path.is_file():
            raise InputError(
                f"{path} is missing: restore it from a copy, or see bnflow doctor {self._folder}"
            )
        try:
            return read_field(path, name, self._digests[row])
        except OSError as error:
            raise _damaged(path, error) from None

    def _tell_missing(self) -> None:
        missing = [source for source in self._sources if not (self._folder / source).is_file()]
        if missing:
            warnings.warn(
                f"{self._folder / missing[0]} is missing ({len(missing)} of {len(self._sources)} "
                "snapshots): what is there is read",
                Notice,
                stacklevel=5,
            )


class PackedFields:
    """Fields in the one file that `bnflow pack` made."""

    def __init__(self, path: Path, trajectory: Trajectory, layout: AnyLayout) -> None:
        """The file, and what it listed when it was opened."""
        self._path, self._trajectory = path, trajectory
        self._first = trajectory.a_span(layout)[0]

    def read(self, name: str, row: int) -> Array:
        """See `FieldSource`."""
        listed = self._trajectory
        start = int(listed.a_first[row]) - self._first
        own = (slice(start, start + int(listed.a_count[row])),) if listed.fields[name] else ()
        try:
            with reading_h5(self._path) as file:
                if read_strings(file, "digest") != listed.digest:
                    raise OSError("it has changed since it was opened")
                return np.asarray(file[name][(row, ..., *own)], float)
        except OSError as error:
            raise _damaged(self._path, error) from None


def _damaged(path: Path, why: object) -> InputError:
    return InputError(f"{path} is damaged ({why}): restore it from a copy, or run again")

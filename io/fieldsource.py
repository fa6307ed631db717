"""Where the fields of a run are read from: memory, or snapshots that are checked first.

A missing snapshot reads as NaN through the view, without an error; so before the first field is
read, every snapshot must exist, and each must carry the digest that the view lists for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from ..kernels.errors import InputError
from ..pde.frame import Array, Frame
from .safefile import reading_h5
from .snapshot import read_field


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
        self._checked = False

    def read(self, name: str, row: int) -> Array:
        """See `FieldSource`."""
        if not self._checked:
            self._check()
            self._checked = True
        path = self._folder / self._sources[row]
        try:
            return read_field(path, name, self._digests[row])
        except OSError as error:
            raise _damaged(path, error) from None

    def _check(self) -> None:
        for source, digest in zip(self._sources, self._digests, strict=True):
            path = self._folder / source
            if not path.is_file():
                raise InputError(
                    f"{path} is missing: restore it, or delete {self._folder} and run again"
                )
            try:
                with reading_h5(path) as file:
                    found = str(file.attrs["digest"])
            except OSError as error:
                raise _damaged(path, error) from None
            if found != digest:
                raise _damaged(path, "it is not the snapshot that the view lists")


def _damaged(path: Path, why: object) -> InputError:
    return InputError(f"{path} is damaged ({why}): restore it from a copy, or run again")

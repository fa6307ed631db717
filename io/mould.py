"""Files of one form: laid out once, in memory, and from then on only filled.

To make the sixty datasets and two hundred attributes of a snapshot takes HDF5 and h5py 40 ms of the
interpreter, in which the steps of a run stand still; to give them other numbers takes one. A mould
is a file in memory that stays open, and every file of its form is a copy of that. Arrays of more
than `SMALL` bytes never enter it: they are written to the copy.

Not here: what a file holds (`snapshot`), and how it gets its name (`safefile`).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from .netcdf import fill, lengthen
from .safefile import VERSION, atomic_h5, atomic_image

SMALL = 2**20


@dataclass
class _Part:
    """dataset, kind, shape : a variable, its type in memory, and the shape that it has."""

    dataset: Any
    kind: Any
    shape: tuple[int, ...]


class Mould:
    """The form of the file that was written last."""

    def __init__(self) -> None:
        """Without a form: the first file is laid out."""
        self._form: Hashable = None
        self._file: Any = None
        self._parts: dict[str, _Part] = {}

    def cast(
        self,
        path: Path,
        form: Hashable,
        lay_out: Callable[[Any], None],
        stamps: Mapping[str, float | str],
        numbers: Mapping[str, NDArray[np.generic]],
        lengths: Mapping[str, int] | None = None,
    ) -> None:
        """Write a file.

        form : all that the layout depends on
        lay_out : declares everything in an empty file
        stamps : attributes of the file
        numbers : of the declared variables, of their types, and of their shapes or with room
        lengths : of bare dimensions that have room
        """
        if form != self._form:
            self._begin(lay_out, stamps)
            self._form = form
        large = {name: array for name, array in numbers.items() if array.nbytes > SMALL}
        for name, value in stamps.items():
            self._file.attrs.modify(name, value)  # in its place; a new one would leave a hole
        for name, length in (lengths or {}).items():
            part = self._part(name)
            if part.shape != (length,):
                part.shape = (length,)
                lengthen(part.dataset, length)
        for name, array in numbers.items():
            part = self._part(name)
            if part.shape != array.shape:  # of a large one, too, which has no numbers here
                part.shape = array.shape
                part.dataset.set_extent(array.shape)
            if name not in large:
                fill(part.dataset, array, part.kind)
        self._file.flush()  # the image has only what was
        image = self._file.id.get_file_image()
        if not large:
            atomic_image(path, image)
            return
        with atomic_h5(path, begin=image) as file:
            for name, array in large.items():
                fill(file[name].id, array)

    def _begin(self, lay_out: Callable[[Any], None], stamps: Mapping[str, float | str]) -> None:
        """A new file in memory."""
        if self._file is not None:
            self._form = None
            self._file.close()
        name = f"mould {secrets.token_hex(8)}"  # of no file; HDF5 takes two of one name for one
        self._file = h5py.File(name, "w", libver=VERSION, driver="core", backing_store=False)
        self._parts = {}
        lay_out(self._file)
        self._file.attrs.update(stamps)

    def _part(self, name: str) -> _Part:
        """What is kept of a variable, as to look it up takes longer than to write it."""
        if name not in self._parts:
            dataset = h5py.h5d.open(self._file.id, name.encode())
            self._parts[name] = _Part(dataset, h5py.h5t.py_create(dataset.dtype), dataset.shape)
        return self._parts[name]

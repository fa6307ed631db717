"""A run in one self-contained file: the view, with the fields themselves in place of references.

`bnflow.open` and xarray read it as they read the run; it cannot be continued. Every snapshot is
read whole and held against its sha256 on the way, a saved time at once, so memory does not grow
with the run, and what is damaged is refused rather than copied.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..kernels.errors import InputError
from ..pde.frame import AnyLayout, Frame
from .header import Header, field_dims, field_shape
from .netcdf import GZIP, attach, chunk_shape, describe
from .safefile import atomic_h5, reading_h5
from .schema import quantity_of
from .seal import Gap
from .snapshot import read_snapshot
from .trajectory import Trajectory, digest
from .view import COMMENT, read_folder, write_tables

KIND = "packed"


def is_packed(path: Path) -> bool:
    """Whether there is a file made by `pack`; one that is damaged may not be known any more."""
    if not path.is_file():
        return False
    try:
        with reading_h5(path) as file:
            return bool(file.attrs.get("bnflow_kind") == KIND)
    except OSError:
        return False


def pack(folder: Path, path: Path) -> None:
    """Write the run in `folder` to the new file `path`.

    Raises InputError where there is such a file, or a snapshot is missing or damaged.
    """
    if path.exists():
        raise InputError(f"{path} exists: give a file that does not, or remove it")
    if not path.parent.is_dir():
        raise InputError(f"there is no folder {path.parent}: make it, or give another file")
    try:
        header, trajectory, status = read_folder(folder)
    except OSError as error:
        raise InputError(f"the run in {folder} does not read ({error})") from None
    status = "stopped" if status == "running" else status
    output = tomllib.loads(header.config_toml).get("output", {})
    gzip = output.get("compression") == "gzip"
    with atomic_h5(path, partial(_chunks, names=tuple(trajectory.fields))) as file:
        write_tables(file, header, trajectory, status, KIND)
        for name, on_a in trajectory.fields.items():
            _make(file, name, on_a, header, trajectory, gzip)
        for row in range(len(trajectory)):
            _fill(file, row, _verified(folder, header, trajectory, row), trajectory, header.layout)


def _make(
    file: Any, name: str, on_a: bool, header: Header, trajectory: Trajectory, gzip: bool
) -> None:
    """The empty dataset of a field; a saved time is a chunk, or several."""
    layout, kind = header.layout, header.stored_type(name)
    whole = field_shape(layout, name, on_a, trajectory.a_span(layout)[1])
    options: dict[str, Any] = GZIP if gzip else {}
    if len(trajectory) and np.prod(whole):
        chunks = (1, *chunk_shape(whole, kind.itemsize, on_a))
        options = {**options, "chunks": chunks, "fletcher32": True}
    dataset = file.create_dataset(
        name, (len(trajectory), *whole), kind, fillvalue=np.nan, **options
    )
    attach(file, dataset, ("time", *field_dims(layout, name, len(whole))))
    describe(dataset, quantity_of(name, "field"))
    if on_a:
        dataset.attrs["comment"] = COMMENT


def _fill(file: Any, row: int, frame: Frame, trajectory: Trajectory, layout: AnyLayout) -> None:
    first = trajectory.a_span(layout)[0]
    start, count = int(trajectory.a_first[row]) - first, int(trajectory.a_count[row])
    for name, values in frame.fields.items():
        where = (..., slice(start, start + count)) if trajectory.fields[name] else (...,)
        file[name][(row, *where)] = values


def _chunks(file: Any, names: Sequence[str]) -> list[Gap]:
    """Where the chunks of the fields lie: they have checksums of their own."""
    found: list[Gap] = []
    file.flush()
    for name in names:
        if file[name].chunks is not None:
            file[name].id.chunk_iter(lambda chunk: found.append((chunk.byte_offset, chunk.size)))
    return found


def _verified(folder: Path, header: Header, trajectory: Trajectory, row: int) -> Frame:
    """The snapshot of a saved time, which must be whole and the one that the view lists."""
    path = folder / trajectory.source[row]
    try:
        frame = read_snapshot(path)[1]
        if digest(frame) != trajectory.digest[row]:
            raise OSError("it is not the snapshot that the view lists")
    except OSError as error:
        raise InputError(
            f"{path} does not read ({error}), nothing was packed: see bnflow doctor {folder}"
        ) from None
    return frame

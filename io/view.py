"""The one file that users open: trajectory.h5, a table of the run with its fields by reference.

Coordinates, diagnostics, log, config and provenance are in it; the fields are HDF5 virtual datasets
into snap/, so the view stays small and is replaced as a whole, atomically, at every save:

    /time /step (time,) · /rho (time, panel, xi.., a) virtual · /risk .. (time, ..) · /log/..
    of neurons, instead of rho: /direction (time, replica, neuron, axis), /a (time, replica, neuron)
    and, where a run has them, /gamma, /beta likewise
    /source_file /digest (time,): which snapshot, and its sha256

HDF5 reads a missing snapshot as NaN without an error: a reader that matters checks `source_file`
and `digest` first, as `Run` does.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ..kernels.errors import Notice
from ..pde.frame import AnyLayout, Layout
from .header import Header, field_dims, field_shape, read_header, write_header
from .netcdf import attach, by_role, describe, dimension, read_strings, variable, write_strings
from .safefile import atomic_h5, reading_h5
from .schema import COORDINATES, quantity_of
from .snapshot import read_log, read_record, value_dims, write_log
from .trajectory import Trajectory, extended, table

VIEW, SNAPSHOTS, RESTARTS = "trajectory.h5", "snap", "restart"
COMMENT = "NaN where the a axis of that time did not reach: there is no mass there"


def write_view(path: Path, header: Header, trajectory: Trajectory, status: str) -> None:
    """Replace the view at `path`."""
    first, count = trajectory.a_span(header.layout)
    with atomic_h5(path) as file:
        write_header(file, header, "trajectory", first, count)
        file.attrs["status"] = status
        dimension(file, "time", trajectory.time, COORDINATES["time"])
        for name in ("step", "a_first", "a_count"):
            variable(file, name, getattr(trajectory, name), ("time",), COORDINATES[name])
        write_strings(file, "source_file", trajectory.source, "time", "snapshot of that time")
        write_strings(file, "digest", trajectory.digest, "time", "sha256 of the snapshot's content")
        for name, values in trajectory.diagnostics.items():
            quantity = quantity_of(name, "diagnostic")
            dims = value_dims(file, name, values.shape[1:], quantity)
            variable(file, name, values, ("time", *dims), quantity)
        write_log(file, trajectory.log)
        for name, on_a in trajectory.fields.items():
            _refer(file, name, on_a, header.layout, trajectory)


def _refer(file: Any, name: str, on_a: bool, layout: AnyLayout, trajectory: Trajectory) -> None:
    """Make the field `name` a virtual dataset over the snapshots."""
    first, count = trajectory.a_span(layout)
    whole = field_shape(layout, name, on_a, count)
    virtual = h5py.VirtualLayout((len(trajectory), *whole), np.float64)
    for row, source in enumerate(trajectory.source):
        start, length = int(trajectory.a_first[row]) - first, int(trajectory.a_count[row])
        where = (row, ..., slice(start, start + length)) if on_a else (row, ...)
        shape = field_shape(layout, name, on_a, length)
        virtual[where] = h5py.VirtualSource(source, name, shape, np.float64)
    dataset = file.create_virtual_dataset(name, virtual, fillvalue=np.nan)
    attach(file, dataset, ("time", *field_dims(layout, name, len(whole))))
    describe(dataset, quantity_of(name, "field"))
    if on_a:
        dataset.attrs["comment"] = COMMENT


def read_view(path: Path) -> tuple[Header, Trajectory, str]:
    """Header, table and status; `OSError` if the file is damaged."""
    with reading_h5(path) as file:
        header, items = read_header(file, str(path)), by_role(file)
        on_grid, cells = isinstance(header.layout, Layout), header.layout.dimension
        trajectory = Trajectory(
            **{name: file[name][()] for name in ("time", "step", "a_first", "a_count")},
            source=read_strings(file, "source_file"),
            digest=read_strings(file, "digest"),
            fields={
                name: on_grid and item.ndim == cells + 2 for name, item in items["field"].items()
            },
            diagnostics={name: item[()] for name, item in items["diagnostic"].items()},
            log=read_log(file),
        )
        return header, trajectory, str(file.attrs["status"])


def is_run(folder: Path) -> bool:
    """Whether `folder` holds a run, whatever its state."""
    return (folder / VIEW).is_file() or any((folder / SNAPSHOTS).glob("*.h5"))


def read_folder(folder: Path) -> tuple[Header, Trajectory, str]:
    """Header, table and status of a run: its view and the snapshots that are newer than it.

    A view that is lost is replaced, in memory, by what the snapshots say.
    """
    try:
        header, trajectory, status = read_view(folder / VIEW)
        newer = [read_record(path)[1] for path in _newer(folder, trajectory)]
        return header, extended(trajectory, header.layout, newer) if newer else trajectory, status
    except OSError as error:
        try:
            header, trajectory = read_snapshots(folder)
        except OSError:
            raise error from None
    warnings.warn(f"{folder / VIEW} does not read; its snapshots do", Notice, stacklevel=3)
    return header, trajectory, "stopped"


def _newer(folder: Path, trajectory: Trajectory) -> list[Path]:
    """Snapshots behind the last one that the view lists."""
    last = trajectory.source[-1].rpartition("/")[2] if len(trajectory) else ""
    return sorted(path for path in (folder / SNAPSHOTS).glob("*.h5") if path.name > last)


def read_snapshots(folder: Path) -> tuple[Header, Trajectory]:
    """Header and table from the snapshots alone, each verified; `OSError` if one is damaged."""
    found = [read_record(path) for path in sorted((folder / SNAPSHOTS).glob("*.h5"))]
    if not found:
        raise OSError(f"{folder / SNAPSHOTS} holds no snapshot")
    header = found[-1][0]
    return header, table([entry for _, entry in found], header.layout)


def rebuild_view(folder: Path, status: str = "stopped") -> None:
    """Write the view of the run in `folder` anew, from its snapshots alone."""
    write_view(folder / VIEW, *read_snapshots(folder), status)

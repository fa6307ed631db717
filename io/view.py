"""The one file that users open: trajectory.h5, a table of the run with its fields by reference.

Coordinates, diagnostics, log, config and provenance are in it; the fields are HDF5 virtual datasets
into snap/, so the view stays small and is replaced as a whole, atomically, at every save:

    /time /step (time,) · /rho (time, panel, xi.., a) virtual · /risk .. (time, ..) · /log/..
    of neurons, instead of rho: /direction (time, replica, neuron, axis), /a (time, replica, neuron)
    and, where a run has them, /gamma, /beta likewise
    /source_file /digest (time,): which snapshot, and its sha256
    /rho_stored .. (time,) of a field that not every saved time has: which ones have it
    attribute tables_sha256: of all that but the fields, names included

Where a run was stopped between its saved times is in no view, as it goes when the run goes on:
`read_folder` finds it, and whatever else is newer than the view.

HDF5 reads a missing snapshot as NaN without an error: a reader that matters checks `source_file`
and `digest` first, as `Run` does.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ..kernels.errors import Notice
from ..pde.frame import Array
from .header import Header, field_dims, field_shape, lives_on_a, read_header, write_header
from .netcdf import attach, by_role, describe, dimension, read_strings, variable, write_strings
from .safefile import atomic_h5, reading_h5
from .schema import COORDINATES, check_version, quantity_of
from .snapshot import read_log, read_record, value_dims, write_log
from .trajectory import Record, Trajectory, extended, gaps, table

VIEW, SNAPSHOTS, RESTARTS = "trajectory.h5", "snap", "restart"
STORED = "_stored"
COMMENT = "NaN where the a axis of that time did not reach: there is no mass there"


def write_view(path: Path, header: Header, trajectory: Trajectory, status: str) -> None:
    """Replace the view at `path`."""
    with atomic_h5(path) as file:
        write_tables(file, header, trajectory, status, "trajectory")
        for name, on_a in trajectory.fields.items():
            _refer(file, name, on_a, header, trajectory)


def write_tables(file: Any, header: Header, trajectory: Trajectory, status: str, kind: str) -> None:
    """All but the fields: coordinates, diagnostics, log, texts."""
    first, count = trajectory.a_span(header.layout)
    write_header(file, header, kind, first, count)
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
    for name, rows in trajectory.stored.items():
        marks = rows.astype(np.int8)
        variable(file, f"{name}{STORED}", marks, ("time",), quantity_of(name, "stored"))
    file.attrs["tables_sha256"] = tables_digest(header, trajectory, status)


def tables_digest(header: Header, trajectory: Trajectory, status: str) -> str:
    """sha256 of everything that a `Run` reads before its fields."""
    total = hashlib.sha256()
    for part in (vars(header.layout), vars(trajectory)):
        for name in sorted(part):
            _add(total, name, part[name])
    for text in (header.config_toml, json.dumps(header.provenance, sort_keys=True), status):
        _add(total, "text", text)
    return total.hexdigest()


def _add(total: Any, name: str, value: Any) -> None:
    """Add an array, a number, a text, several texts, or a table of them."""
    if isinstance(value, Mapping):
        for inner in sorted(value):
            _add(total, f"{name}.{inner}", value[inner])
    elif isinstance(value, str | tuple):
        total.update(f"{name} {value!r}".encode())
    elif value is not None:
        array = np.asarray(value, float)
        total.update(f"{name} {array.shape}".encode() + array.tobytes())


def _refer(file: Any, name: str, on_a: bool, header: Header, trajectory: Trajectory) -> None:
    """Make the field `name` a virtual dataset over the snapshots."""
    layout, kind = header.layout, header.stored_type(name)
    first, count = trajectory.a_span(layout)
    whole = field_shape(layout, name, on_a, count)
    virtual = h5py.VirtualLayout((len(trajectory), *whole), kind)
    for row, source in enumerate(trajectory.source):
        if not trajectory.has(name)[row]:
            continue
        start, length = int(trajectory.a_first[row]) - first, int(trajectory.a_count[row])
        where = (row, ..., slice(start, start + length)) if on_a else (row, ...)
        shape = field_shape(layout, name, on_a, length)
        virtual[where] = h5py.VirtualSource(source, name, shape, kind)
    dataset = file.create_virtual_dataset(name, virtual, fillvalue=np.nan)
    attach(file, dataset, ("time", *field_dims(layout, name, len(whole))))
    describe(dataset, quantity_of(name, "field"))
    if on_a:
        dataset.attrs["comment"] = COMMENT


def read_view(path: Path) -> tuple[Header, Trajectory, str]:
    """Header, table and status; `OSError` if the file is damaged."""
    with reading_h5(path) as file:
        header, items = read_header(file, str(path)), by_role(file)
        layout = header.layout
        trajectory = Trajectory(
            **{name: file[name][()] for name in ("time", "step", "a_first", "a_count")},
            source=read_strings(file, "source_file"),
            digest=read_strings(file, "digest"),
            fields={
                name: lives_on_a(layout, name, item.ndim - 1)
                for name, item in items["field"].items()
            },
            diagnostics={name: item[()] for name, item in items["diagnostic"].items()},
            log=read_log(file),
            stored={
                name.removesuffix(STORED): item[()].astype(bool)
                for name, item in items["stored"].items()
            },
        )
        status, expected = str(file.attrs["status"]), file.attrs.get("tables_sha256")
    if expected is not None and tables_digest(header, trajectory, status) != expected:
        raise OSError("the tables do not match their sha256")
    return header, trajectory, status


def read_curves(path: Path, names: Sequence[str]) -> tuple[str, Array, dict[str, Array]]:
    """Status, saved times, and those scalar diagnostics that there are, of a view.

    A tenth of the time of `read_view`: the seal alone is what vouches for them.
    """
    with reading_h5(path) as file:
        check_version(str(file.attrs["bnflow_schema"]), str(path))
        found = {name: file[name] for name in names if name in file}
        curves = {
            name: item[()]
            for name, item in found.items()
            if item.attrs.get("bnflow_role") == "diagnostic" and item.ndim == 1
        }
        return str(file.attrs["status"]), file["time"][()], curves


def is_run(folder: Path) -> bool:
    """Whether `folder` holds a run, whatever its state."""
    return (folder / VIEW).is_file() or any((folder / SNAPSHOTS).glob("*.h5"))


def read_folder(folder: Path) -> tuple[Header, Trajectory, str]:
    """Header, table and status of a run: its view and the snapshots that are newer than it.

    A view that is lost is replaced, in memory, by what the snapshots say; what does not read is
    told and left out.
    """
    try:
        header, trajectory, status = read_view(folder / VIEW)
    except OSError as error:
        try:
            header, trajectory = read_snapshots(folder, strict=False)
        except OSError:
            raise error from None
        warnings.warn(f"{folder / VIEW} does not read; its snapshots do", Notice, stacklevel=3)
        return header, trajectory, "stopped"
    last = trajectory.source[-1].rpartition("/")[2] if len(trajectory) else ""
    newer = [path for path in snapshots(folder) if path.name > last]
    found = [entry for _, entry in _readable(newer, header)]
    return header, extended(trajectory, header.layout, found) if found else trajectory, status


def snapshots(folder: Path) -> list[Path]:
    """The snapshots of a run, the first one first."""
    return sorted((folder / SNAPSHOTS).glob("*.h5"))


def read_snapshots(folder: Path, strict: bool = True) -> tuple[Header, Trajectory]:
    """Header and table from the snapshots alone, each verified.

    strict : `OSError` for a damaged one; else it is told and left out
    """
    paths = snapshots(folder)
    found = [read_record(path) for path in paths] if strict else _readable(paths)
    if not found:
        raise OSError(f"{folder / SNAPSHOTS} holds no snapshot that reads")
    for header, entry in found:
        check_same_run(found[-1][0], header, folder / entry.source)
    for late in gaps([entry for _, entry in found]):
        warnings.warn(f"snapshots before step {late.step} are missing", Notice, stacklevel=4)
    header = found[-1][0]
    return header, table([entry for _, entry in found], header.layout)


def _readable(paths: list[Path], of: Header | None = None) -> list[tuple[Header, Record]]:
    """What reads of these snapshots, of that run; the others are told, but for vanished ones."""
    found = []
    for path in paths:
        try:
            header, entry = read_record(path)
            check_same_run(of or header, header, path)
        except OSError as error:
            if path.exists():
                warnings.warn(f"{path} is left out: {error}", Notice, stacklevel=5)
            continue
        found.append((header, entry))
    return found


def check_same_run(one: Header, other: Header, path: Path) -> None:
    """Raise `OSError` where the header of the file at `path` is of another run."""
    if one.provenance.get("run") != other.provenance.get("run"):
        raise OSError(f"{path} belongs to another run")


def rebuild_view(folder: Path, status: str = "stopped") -> None:
    """Write the view of the run in `folder` anew, from its snapshots alone."""
    write_view(folder / VIEW, *read_snapshots(folder), status)

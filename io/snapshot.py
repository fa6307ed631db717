"""One saved time in one immutable file, snap/000000030.h5, and its state in restart/000000030.h5.

A snapshot holds the header, `/rho` (panel, xi.., a) or the neurons, the diagnostics as scalars
or small arrays, `/log/...` since the last save, and the sha256 of all that. It is written once and
never touched again, so it reads alone and a copy of it is a back-up. The restart file holds the
solver's state, name by name, bit by bit (numbers and booleans only), its sha256 and that of the
snapshot that it belongs to. A snapshot names the one before it, too.

Not here: which files stay (`store`), and the table over them (`view`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..pde.frame import AnyLayout, Array, Frame, Layout
from .header import Header, field_dims, read_header, write_header
from .mould import Mould
from .netcdf import by_role, declare, dimension, fill
from .safefile import reading_h5
from .schema import SCHEMA, Quantity, check_version, quantity_of
from .trajectory import Record, digest, record

State = Mapping[str, NDArray[np.generic]]
SAME = ("a_first", "a_count", "interim")  # attributes of all snapshots of a form
OWN = ("time", "step", "digest", "previous")  # and of each one
LEAST_ROOM = 16  # entries of a log


def file_name(step: int) -> str:
    """Name of the files of a step.

    >>> file_name(30)
    '000000030.h5'
    """
    return f"{step:09d}.h5"


def write_snapshot(
    path: Path,
    header: Header,
    frame: Frame,
    previous: str = "",
    gzip: bool = False,
    mould: Mould | None = None,
) -> Record:
    """Write the frame; the record says where it is.

    previous : digest of the snapshot before; gzip : whether fields are compressed
    mould : of the snapshots of this run, whose form is laid out once
    """
    entry = record(frame, f"{path.parent.name}/{path.name}", previous)
    alone = {name: np.asarray(value, float) for name, value in frame.diagnostics.items()}
    log = {f"log/{name}": np.asarray(array, float) for name, array in frame.log.items()}
    length = entries(log)
    room = max(1 << (length - 1).bit_length(), LEAST_ROOM) if length else 0
    same = {name: int(getattr(entry, name)) for name in SAME}
    form = (header, *same.values(), gzip, _form(frame.fields), _form(alone), room, *log)

    def lay_out(file: Any) -> None:
        write_header(file, header, "snapshot", entry.a_first, entry.a_count)
        file.attrs.update(same)
        _declare_fields(file, header.layout, frame.fields, gzip)
        _declare_diagnostics(file, alone)
        declare_log(file, frame.log, room)

    stamps = {name: getattr(entry, name) for name in OWN}
    numbers = {**frame.fields, **alone, **log}
    (mould or Mould()).cast(path, form, lay_out, stamps, numbers, {"log/entry": length})
    return entry


def _form(arrays: State) -> tuple[tuple[str, tuple[int, ...], np.dtype[Any]], ...]:
    """Names, shapes and types, in order."""
    return tuple((name, array.shape, array.dtype) for name, array in arrays.items())


def _declare_fields(file: Any, layout: AnyLayout, fields: State, gzip: bool) -> None:
    on_grid = isinstance(layout, Layout)
    for name, shape, dtype in _form(fields):
        names = field_dims(layout, name, len(shape))
        declare(file, name, shape, dtype, names, quantity_of(name, "field"), on_grid, gzip)


def _declare_diagnostics(file: Any, numbers: State) -> None:
    for name, shape, dtype in _form(numbers):
        quantity = quantity_of(name, "diagnostic")
        declare(file, name, shape, dtype, value_dims(file, name, shape, quantity), quantity)


def value_dims(
    group: Any, name: str, shape: tuple[int, ...], quantity: Quantity
) -> tuple[str, ...]:
    """Dimensions of a diagnostic: the declared ones, or bare ones made for it."""
    if quantity.dims is not None and len(quantity.dims) == len(shape):
        return quantity.dims
    dims = tuple(f"{name}_{axis}" for axis in range(1, len(shape) + 1))
    for dim, length in zip(dims, shape, strict=True):
        dimension(group, dim, length, quantity)
    return dims


def declare_log(group: Any, log: Mapping[str, Array], room: int = 0) -> Any:
    """The group /log with the bare dimension `entry`; with room for that many entries, if given."""
    target, length = group.create_group("log"), entries(log)
    dimension(target, "entry", length, quantity_of("entry", "log"), room)
    for name in log:
        what = (("entry",), quantity_of(name, "log"))
        declare(target, name, (length,), np.dtype(float), *what, room=room)
    return target


def write_log(group: Any, log: Mapping[str, Array]) -> None:
    """The group /log and its numbers."""
    target = declare_log(group, log)
    for name, array in log.items():
        fill(target[name].id, np.asarray(array, float))


def entries(log: Mapping[str, Array]) -> int:
    """Number of entries of a log."""
    return max((len(array) for array in log.values()), default=0)


def read_log(group: Any) -> dict[str, Array]:
    """The log of `write_log`."""
    return {name: item[()] for name, item in by_role(group["log"])["log"].items()}


def read_snapshot(path: Path) -> tuple[Header, Frame]:
    """Everything in a snapshot (without the restart state); `OSError` if it is damaged."""
    return _read(path)[:2]


def read_record(path: Path) -> tuple[Header, Record]:
    """The record of a snapshot whose whole content has been read and found right."""
    header, frame, previous = _read(path)
    if path.name != file_name(frame.step):  # a copy, which would be a saved time twice
        raise OSError(f"it is not the snapshot of its name, but of step {frame.step}")
    return header, record(frame, f"{path.parent.name}/{path.name}", previous)


def _read(path: Path) -> tuple[Header, Frame, str]:
    """Header and frame, and the digest of the snapshot before."""
    with reading_h5(path) as file:
        header, items = read_header(file, str(path)), by_role(file)
        frame = Frame(
            time=float(file.attrs["time"]),
            step=int(file.attrs["step"]),
            a_first=int(file.attrs["a_first"]),
            fields={name: item[()] for name, item in items["field"].items()},
            diagnostics={
                name: float(item[()]) if item.ndim == 0 else item[()]
                for name, item in items["diagnostic"].items()
            },
            log=read_log(file),
            interim=bool(file.attrs.get("interim", False)),
            a_count=int(file.attrs.get("a_count", 0)),
        )
        expected = str(file.attrs["digest"])
        previous = str(file.attrs.get("previous", ""))
    if digest(frame) != expected:
        raise OSError("the content does not match its sha256")
    return header, frame, previous


def read_field(path: Path, name: str, expected: str) -> Array:
    """One field of a snapshot whose digest must be `expected`; `OSError` if it is not."""
    with reading_h5(path) as file:
        if str(file.attrs["digest"]) != expected:
            raise OSError("it is not the snapshot that the view lists")
        return np.asarray(file[name][()], float)


def write_restart(path: Path, state: State, snapshot: str = "", mould: Mould | None = None) -> None:
    """Write the solver's state; `snapshot` is the digest of the snapshot of that step.

    mould : of the restart files of this run
    """

    def lay_out(file: Any) -> None:
        file.attrs.update({"bnflow_schema": SCHEMA, "bnflow_kind": "restart"})
        for name, shape, dtype in _form(state):
            declare(file, name, shape, dtype, (), quantity_of(name, "state"))

    stamps = {"digest": state_digest(state), "snapshot": snapshot}
    (mould or Mould()).cast(path, _form(state), lay_out, stamps, state)


def read_restart(path: Path, snapshot: str = "") -> dict[str, NDArray[np.generic]]:
    """The state, bit by bit; `OSError` if it is damaged, or of another snapshot than `snapshot`.

    A file of format 1.1 has no digests and is taken as it reads.
    """
    with reading_h5(path) as file:
        marks = {name: str(file.attrs.get(name, "")) for name in ("digest", "snapshot")}
        check_version(str(file.attrs.get("bnflow_schema", "1.1")), str(path))
        state = {name: np.asarray(item[()]) for name, item in by_role(file)["state"].items()}
    if marks["digest"] not in ("", state_digest(state)):
        raise OSError("the content does not match its sha256")
    if marks["snapshot"] and snapshot not in ("", marks["snapshot"]):
        raise OSError("it belongs to another snapshot")
    return state


def state_digest(state: State) -> str:
    """sha256 of a state, with names, types and shapes."""
    total = hashlib.sha256()
    for name in sorted(state):
        array = np.ascontiguousarray(state[name])
        total.update(f"{name} {array.dtype.str} {np.shape(state[name])}".encode())
        total.update(array.tobytes())
    return total.hexdigest()

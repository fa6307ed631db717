"""One saved time in one immutable file, snap/000000030.h5, and its state in restart/000000030.h5.

A snapshot holds the header, `/rho` (panel, xi.., a) or the neurons, the diagnostics as scalars
or small arrays, `/log/...` since the last save, and the sha256 of all that. It is written once and
never touched again, so it reads alone and a copy of it is a back-up. The restart file holds the
solver's state, name by name, bit by bit (numbers and booleans only).

Not here: which files stay (`store`), and the table over them (`view`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..pde.frame import Array, Frame, Layout
from .header import Header, field_dims, read_header, write_header
from .netcdf import by_role, dimension, variable
from .safefile import atomic_h5, reading_h5
from .schema import Quantity, quantity_of
from .trajectory import Record, digest, record

State = Mapping[str, NDArray[np.generic]]


def file_name(step: int) -> str:
    """Name of the files of a step.

    >>> file_name(30)
    '000000030.h5'
    """
    return f"{step:09d}.h5"


def write_snapshot(path: Path, header: Header, frame: Frame) -> Record:
    """Write the frame; the record says where it is."""
    entry = record(frame, header.layout, source=f"{path.parent.name}/{path.name}")
    with atomic_h5(path) as file:
        write_header(file, header, "snapshot", entry.a_first, entry.a_count)
        stamp = {"time": entry.time, "step": entry.step, "a_first": entry.a_first}
        file.attrs.update({**stamp, "digest": entry.digest})
        on_grid = isinstance(header.layout, Layout)
        for name, array in frame.fields.items():
            names = field_dims(header.layout, name, array.ndim)
            variable(file, name, array, names, quantity_of(name, "field"), a_last=on_grid)
        for name, value in frame.diagnostics.items():
            quantity, number = quantity_of(name, "diagnostic"), np.asarray(value, float)
            variable(file, name, number, value_dims(file, name, number.shape, quantity), quantity)
        write_log(file, frame.log)
    return entry


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


def write_log(group: Any, log: Mapping[str, Array]) -> None:
    """The per-step log as the group /log with the bare dimension `entry`."""
    target = group.create_group("log")
    length = max((len(array) for array in log.values()), default=0)
    dimension(target, "entry", length, quantity_of("entry", "log"))
    for name, array in log.items():
        variable(target, name, np.asarray(array, float), ("entry",), quantity_of(name, "log"))


def read_log(group: Any) -> dict[str, Array]:
    """The log of `write_log`."""
    return {name: item[()] for name, item in by_role(group["log"])["log"].items()}


def read_snapshot(path: Path) -> tuple[Header, Frame]:
    """Everything in a snapshot (without the restart state); `OSError` if it is damaged."""
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
        )
        expected = str(file.attrs["digest"])
    if digest(frame) != expected:
        raise OSError("the content does not match its sha256")
    return header, frame


def read_record(path: Path) -> tuple[Header, Record]:
    """The record of a snapshot whose whole content has been read and found right."""
    header, frame = read_snapshot(path)
    return header, record(frame, header.layout, source=f"{path.parent.name}/{path.name}")


def read_field(path: Path, name: str, expected: str) -> Array:
    """One field of a snapshot whose digest must be `expected`; `OSError` if it is not."""
    with reading_h5(path) as file:
        if str(file.attrs["digest"]) != expected:
            raise OSError("it is not the snapshot that the view lists")
        return np.asarray(file[name][()], float)


def write_restart(path: Path, state: State) -> None:
    """Write the solver's state."""
    with atomic_h5(path) as file:
        file.attrs["bnflow_kind"] = "restart"
        for name, array in state.items():
            variable(file, name, array, (), quantity_of(name, "state"))


def read_restart(path: Path) -> dict[str, NDArray[np.generic]]:
    """The state, bit by bit."""
    with reading_h5(path) as file:
        return {name: np.asarray(item[()]) for name, item in by_role(file)["state"].items()}

"""Named dimensions in HDF5, the way netCDF-4 has them, so that xarray opens what bnflow writes.

A dimension is an HDF5 dimension scale; a variable has one attached on every axis. Every array of at
least one axis is chunked and carries a fletcher32 checksum (a contiguous one would carry none); a
single number lies in its object's header, which has a checksum of its own. NaN is the fill value of
what is floating; texts are fixed-length UTF-8 scalars in their object's header, if they are not too
long for it, because nothing covers variable-length strings, and carry their own sha256.

Attributes of a variable: `long_name`, `units`, and `bnflow_role` in {coordinate, field, diagnostic,
log, text, stored}, from which a reader of any version sorts names that it does not know.
"""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from .schema import Quantity

CHUNK_BYTES = 2**20
HEADER_BYTES = 60_000  # what a header can hold: a little less than 2**16
GZIP: dict[str, Any] = {"compression": "gzip", "compression_opts": 4, "shuffle": True}
BARE = "This is a netCDF dimension but not a netCDF variable."  # the mark that netCDF-4 prescribes


def dimension(
    group: Any, name: str, values: NDArray[Any] | int, quantity: Quantity, room: int = 0
) -> None:
    """Make `name` a dimension: with coordinate values, or of a bare length.

    room : up to which a bare one can be `lengthened`
    """
    if isinstance(values, int):
        growing = {"maxshape": (room,), "chunks": (room,)} if room else {}
        scale = group.create_dataset(name, shape=(values,), dtype=">f4", **growing)
        scale.make_scale(f"{BARE}{values:10d}")
        return
    variable(group, name, values, (), quantity).make_scale(name)


def lengthen(scale: Any, length: int) -> None:
    """Give a bare dimension that has room for it another length.

    scale : a `h5py.h5d.DatasetID`
    """
    scale.set_extent((length,))
    mark = h5py.h5a.open(scale, b"NAME")
    mark.write(np.array(f"{BARE}{length:10d}".encode(), mark.dtype))


def variable(
    group: Any,
    name: str,
    data: Any,
    dims: Sequence[str],
    quantity: Quantity,
    a_last: bool = False,
    gzip: bool = False,
) -> Any:
    """Store `data` with its dimensions attached.

    a_last : keeps the last axis whole in a chunk; gzip : compresses, after a shuffle of the bytes
    """
    array = np.asarray(data)
    dataset = declare(group, name, array.shape, array.dtype, dims, quantity, a_last, gzip)
    dataset[()] = array
    return dataset


def declare(
    group: Any,
    name: str,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    dims: Sequence[str],
    quantity: Quantity,
    a_last: bool = False,
    gzip: bool = False,
    room: int = 0,
) -> Any:
    """A `variable` that has no numbers yet, and takes no room for them.

    room : the length up to which those of a single axis may have, all in one chunk
    """
    if shape:
        dataset = _arrayed(group, name, shape, dtype, a_last, gzip, room)
    else:
        dataset = _alone(group, name, dtype)
    attach(group, dataset, dims)
    describe(dataset, quantity)
    return dataset


def fill(dataset: Any, data: NDArray[Any], kind: Any = None) -> None:
    """Give a declared variable its numbers, of its type and shape.

    dataset : a `h5py.h5d.DatasetID`; kind : its type in memory, a `h5py.h5t.TypeID`, if at hand
    """
    whole = np.ascontiguousarray(data).reshape(data.shape)  # the first makes a number an array
    dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, whole, kind)


def _arrayed(
    group: Any,
    name: str,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    a_last: bool,
    gzip: bool,
    room: int,
) -> Any:
    options: dict[str, Any] = {}
    if room:
        options = {"maxshape": (room,), "chunks": (room,), "fletcher32": True}
    elif math.prod(shape):
        options = {"chunks": chunk_shape(shape, dtype.itemsize, a_last), "fletcher32": True}
        if gzip:
            options |= GZIP
    if dtype.kind == "f":
        options["fillvalue"] = np.nan
    return group.create_dataset(name, shape, dtype, **options)


def _alone(group: Any, name: str, dtype: np.dtype[Any]) -> Any:
    """One value, in the header of its object: that is checksummed, a block of its own is not."""
    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    if dtype.itemsize <= HEADER_BYTES:
        plan.set_layout(h5py.h5d.COMPACT)
    if dtype.kind == "f":
        plan.set_fill_value(np.array(np.nan, dtype))
    kind = h5py.h5t.py_create(dtype, logical=True)
    space = h5py.h5s.create(h5py.h5s.SCALAR)
    return h5py.Dataset(h5py.h5d.create(group.id, name.encode(), kind, space, plan))


def attach(group: Any, dataset: Any, dims: Sequence[str]) -> None:
    """Attach the dimension scales named in `dims`, axis by axis."""
    for axis, dim in enumerate(dims):
        dataset.dims[axis].attach_scale(group[dim])


def describe(dataset: Any, quantity: Quantity) -> None:
    """Say what the numbers are."""
    dataset.attrs["long_name"] = quantity.long_name
    dataset.attrs["units"] = quantity.units
    dataset.attrs["bnflow_role"] = quantity.role
    if quantity.needs:
        dataset.attrs["comment"] = quantity.needs


def chunk_shape(shape: Sequence[int], itemsize: int, a_last: bool) -> tuple[int, ...]:
    """Chunks of at most about 1 MiB that fill the array from its last axis, equally: all are stored
    whole, and a small last one would take as much as the others.

    >>> chunk_shape((6, 64, 64, 64), 8, True)
    (1, 32, 64, 64)
    >>> chunk_shape((8, 48, 48, 48, 64), 8, True)
    (1, 1, 24, 48, 64)
    """
    left = max(CHUNK_BYTES // itemsize, 1)
    chunks: list[int] = []
    for axis, length in enumerate(reversed(shape)):
        most = length if a_last and axis == 0 else min(length, left)
        chunks.append(math.ceil(length / math.ceil(length / most)))
        left = max(left // most, 1)
    return tuple(reversed(chunks))


def write_text(group: Any, name: str, text: str, long_name: str) -> None:
    """Store a text as a fixed-length UTF-8 scalar beside its sha256."""
    raw = text.encode()
    dataset = _alone(group, name, h5py.string_dtype("utf-8", len(raw) or 1))
    dataset[()] = np.array(raw, dataset.dtype)
    describe(dataset, Quantity(long_name, role="text"))
    dataset.attrs["sha256"] = hashlib.sha256(raw).hexdigest()


def read_text(group: Any, name: str) -> str:
    """The text; `OSError` if it is not the one that was written."""
    raw = bytes(group[name][()])
    if hashlib.sha256(raw).hexdigest() != group[name].attrs["sha256"]:
        raise OSError(f"/{name} does not match its sha256")
    return raw.decode()


def write_strings(group: Any, name: str, texts: Sequence[str], dim: str, long_name: str) -> None:
    """Store one fixed-length string for every entry of the dimension `dim`."""
    raw = [text.encode() for text in texts]
    dtype = h5py.string_dtype("utf-8", max(map(len, raw), default=1) or 1)
    options = {"chunks": (len(raw),), "fletcher32": True} if raw else {}
    dataset = group.create_dataset(name, data=np.array(raw, dtype), dtype=dtype, **options)
    attach(group, dataset, [dim])
    describe(dataset, Quantity(long_name, role="text"))


def read_strings(group: Any, name: str) -> tuple[str, ...]:
    """The strings of `write_strings`."""
    return tuple(bytes(raw).decode() for raw in group[name][()])


def by_role(group: Any) -> dict[str, dict[str, Any]]:
    """The datasets of `group`, by role and name; a role that nothing has is empty."""
    found: dict[str, dict[str, Any]] = defaultdict(dict)
    for name, item in group.items():
        if isinstance(item, h5py.Dataset):
            found[str(item.attrs.get("bnflow_role"))][name] = item
    return found

"""The frames of a run as arrays over the saved times: what the view stores and a `Run` shows.

A `Record` is a frame without its fields, with the place where they are. A `Trajectory` is the table
of the records: time (T,), step (T,), every diagnostic (T, ..) with NaN where a frame has none, and
the per-step log of all frames, end to end. Frames may differ in the length of their a axis; the
trajectory's own axis is the union.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..kernels.errors import NumericalFailure
from ..pde.frame import AnyLayout, Array, Frame, Layout
from .header import field_shape, lives_on_a

Value = float | Array


@dataclass(frozen=True)
class Record:
    """One saved time without its fields.

    shapes : of the fields; source : the snapshot, relative to the run; digest : of its content
    previous : the digest of the saved time before, "" for the first
    """

    time: float
    step: int
    a_first: int
    a_count: int
    shapes: Mapping[str, tuple[int, ...]]
    diagnostics: Mapping[str, Value]
    log: Mapping[str, Array]
    digest: str
    source: str = ""
    interim: bool = False
    previous: str = ""


@dataclass(frozen=True)
class Trajectory:
    """All saved times, as arrays.

    fields : of each field, whether it lives on the a axis
    stored : of a field that not every saved time has, which ones have it: (T,)
    """

    time: Array
    step: NDArray[np.int64]
    a_first: NDArray[np.int64]
    a_count: NDArray[np.int64]
    source: tuple[str, ...]
    digest: tuple[str, ...]
    fields: Mapping[str, bool]
    diagnostics: Mapping[str, Array] = field(default_factory=dict)
    log: Mapping[str, Array] = field(default_factory=dict)
    stored: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)

    def has(self, name: str) -> NDArray[np.bool_]:
        """Which saved times have that field: (T,)."""
        return self.stored.get(name, np.full(len(self), name in self.fields))

    def __len__(self) -> int:
        """Number of saved times."""
        return len(self.time)

    def a_span(self, layout: AnyLayout) -> tuple[int, int]:
        """First cell and length of the union of all a axes; the start's if nothing is saved."""
        if not isinstance(layout, Layout):
            return 0, 0
        if not len(self):
            return 0, len(layout.a_values)
        first = int(self.a_first.min())
        return first, int((self.a_first + self.a_count).max()) - first

    def records(self, layout: AnyLayout) -> list[Record]:
        """The saved times, one by one; the first one takes the whole log."""
        stored = {name: self.has(name) for name in self.fields}
        return [self._record(row, layout, stored) for row in range(len(self))]

    def _record(
        self, row: int, layout: AnyLayout, stored: Mapping[str, NDArray[np.bool_]]
    ) -> Record:
        count = int(self.a_count[row])
        return Record(
            time=float(self.time[row]),
            step=int(self.step[row]),
            a_first=int(self.a_first[row]),
            a_count=count,
            shapes={
                name: field_shape(layout, name, on_a, count)
                for name, on_a in self.fields.items()
                if stored[name][row]
            },
            diagnostics={name: values[row] for name, values in self.diagnostics.items()},
            log=self.log if row == 0 else {},
            digest=self.digest[row],
            source=self.source[row],
        )


def record(frame: Frame, source: str = "", previous: str = "") -> Record:
    """The record of a frame."""
    return Record(
        time=float(frame.time),
        step=int(frame.step),
        a_first=int(frame.a_first),
        a_count=frame.a_cells,
        shapes={name: array.shape for name, array in frame.fields.items()},
        diagnostics=frame.diagnostics,
        log=frame.log,
        digest=digest(frame),
        source=source,
        interim=frame.interim,
        previous=previous,
    )


def current(records: Sequence[Record]) -> list[Record]:
    """The records without those that a later one replaces: interim ones but for the last."""
    return [item for item in records if not item.interim or item is records[-1]]


def table(records: Sequence[Record], layout: AnyLayout) -> Trajectory:
    """The records as arrays."""
    records = current(records)
    fields = {
        name: lives_on_a(layout, name, len(shape))
        for item in records
        for name, shape in item.shapes.items()
    }
    return Trajectory(
        time=np.array([item.time for item in records], float),
        step=np.array([item.step for item in records], np.int64),
        a_first=np.array([item.a_first for item in records], np.int64),
        a_count=np.array([item.a_count for item in records], np.int64),
        source=tuple(item.source for item in records),
        digest=tuple(item.digest for item in records),
        fields=fields,
        diagnostics=_stack([item.diagnostics for item in records]),
        log=_join([item.log for item in records]),
        stored=_incomplete(records, fields),
    )


def _incomplete(
    records: Sequence[Record], fields: Mapping[str, bool]
) -> dict[str, NDArray[np.bool_]]:
    """The fields that not every record has, and which ones have them."""
    have = {name: np.array([name in item.shapes for item in records]) for name in fields}
    return {name: rows for name, rows in have.items() if not rows.all()}


def extended(trajectory: Trajectory, layout: AnyLayout, records: Sequence[Record]) -> Trajectory:
    """The trajectory with more saved times behind it."""
    return table([*trajectory.records(layout), *records], layout)


def gaps(records: Sequence[Record]) -> list[Record]:
    """The records whose predecessor is not the one that they were written after."""
    kept = current(records)
    return [later for before, later in pairwise(kept) if later.previous not in ("", before.digest)]


def digest(frame: Frame) -> str:
    """sha256 of everything that a snapshot holds, with names and shapes; as 64-bit numbers."""
    total = hashlib.sha256()
    total.update(f"{float(frame.time)!r} {int(frame.step)} {int(frame.a_first)}".encode())
    total.update(b"interim" if frame.interim else b"")
    parts: tuple[Mapping[str, Value], ...] = (frame.fields, frame.diagnostics, frame.log)
    for part in parts:
        for name in sorted(part):
            array = np.asarray(part[name])
            total.update(f"{name}{array.shape}".encode())
            at_once = array.ndim < 2 or (array.dtype == float and array.flags.c_contiguous)
            for piece in (array,) if at_once else array:  # no copy of the whole
                numbers = np.ascontiguousarray(piece, float)
                total.update(numbers.data if numbers.size else b"")
    return total.hexdigest()


def check_finite(frame: Frame) -> None:
    """Refuse a frame that is broken; a diagnostic may be NaN (not defined) but not infinite."""
    for name, value in frame.fields.items():
        _check(name, np.isfinite(value), frame)
    for name, number in frame.diagnostics.items():
        _check(name, ~np.isinf(number), frame)
    _check("time", np.isfinite(frame.time), frame)


def _check(name: str, good: NDArray[np.bool_] | np.bool_, frame: Frame) -> None:
    if np.all(good):
        return
    index = tuple(int(i) for i in np.argwhere(~np.atleast_1d(good))[0])
    raise NumericalFailure(
        f"{name} is not finite at index {index}, t = {frame.time:.6g}, step {frame.step}: "
        "this state was not saved, the snapshots before it stay"
    )


def _stack(parts: Sequence[Mapping[str, Value]]) -> dict[str, Array]:
    found: dict[str, Array] = {}
    for row, part in enumerate(parts):
        for name, value in part.items():
            array = np.asarray(value, float)
            if name not in found:
                found[name] = np.full((len(parts), *array.shape), np.nan)
            found[name][row] = array
    return found


def _join(parts: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    lengths = [max((len(array) for array in part.values()), default=0) for part in parts]
    names = list(dict.fromkeys(name for part in parts for name in part))
    missing = [np.full(length, np.nan) for length in lengths]
    return {
        name: np.concatenate(
            [
                np.asarray(part.get(name, gap), float)
                for part, gap in zip(parts, missing, strict=True)
            ]
        )
        for name in names
    }

"""A sweep in a folder: its declaration, its runs, and what they found, side by side.

    DIR/sweep.json          the config with [sweep], and the folder its relative paths start from
    DIR/runs/NAME/          a run, named by its values and its content (see `pde.sweep`)
    DIR/runs/NAME.failed    why it has none: one line, as JSON

Nothing is shared by the runs but the declaration, which is replaced atomically, and which who works
on the points does not read again; what is done is what is on disk. So any number of processes, on
any number of machines, may work on one folder, with one declaration or with several, of which the
last one is what a table shows. What is killed loses the run that it was at. Declared again with a
later time.end, the same runs go on to it.

Columns of a table have one entry a point: values, NaN where there is none.
"""

from __future__ import annotations

import csv
import io
import json
import tomllib
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from ..kernels.errors import InputError, Notice
from ..pde.config import Config, load_config
from ..pde.config.text import nearest, toml
from ..pde.frame import Array
from ..pde.sweep import Index, Point, mark_of, points, sweeps_end
from .lock import is_held
from .netcdf import read_text
from .opening import DECLARATION
from .report import plain
from .run import Run
from .safefile import atomic_bytes, reading_h5
from .view import VIEW, is_run, read_curves

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RUNS, FAILED = "runs", ".failed"
Status = Literal["complete", "running", "unfinished", "failed", "waiting"]
STATES: tuple[Status, ...] = ("complete", "running", "unfinished", "failed", "waiting")


def is_sweep(path: Path) -> bool:
    """Whether the folder holds a sweep."""
    return (path / DECLARATION).is_file()


@dataclass(frozen=True)
class Sweep:
    """The points of a sweep and the folder of their runs.

    config : with its [sweep]
    """

    folder: Path
    config: Config

    @classmethod
    def of(cls, config: Config, folder: Path) -> Sweep:
        """The sweep of a config, declared in the folder once all its points are configurations."""
        made = cls(folder, config)
        tables = {"base": str(config.base), "config": config.to_dict()}  # lists in their order
        declared = f"{json.dumps(tables, indent=1, allow_nan=False)}\n".encode()
        place = folder / DECLARATION
        if not place.exists() or place.read_bytes() != declared:
            if is_run(folder):
                raise InputError(f"{folder} holds a run; give --out a folder of the sweep's own")
            _refuse_earlier(folder, config)
            _ = made.points  # raises
            try:
                (folder / RUNS).mkdir(parents=True, exist_ok=True)
                atomic_bytes(place, declared)
            except OSError as error:
                raise InputError(
                    f"cannot write in {folder} ({error.strerror}): choose another --out"
                ) from None
        return made

    @classmethod
    def open(cls, folder: Path) -> Sweep:
        """The sweep that a folder declares. Raises InputError where there is none."""
        if not is_sweep(folder):
            raise InputError(
                f"{folder} holds no sweep; bnflow sweep CONFIG --out {folder} makes one"
            )
        try:
            declared = json.loads((folder / DECLARATION).read_text(encoding="utf-8"))
            config = load_config(dict(declared["config"]), base=declared["base"])
        except (ValueError, KeyError, TypeError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(
                f"{folder / DECLARATION} is damaged; the same bnflow sweep CONFIG writes it again"
            ) from None
        return cls(folder, config)

    def until(self, end: float) -> Sweep:
        """The same sweep to a later time.end, declared."""
        if sweeps_end(self.keys):
            raise InputError(
                f"until = {end:g}: {self.folder} sweeps time.end; declare it with a longer list"
            )
        return Sweep.of(self.config.replace(**{"time.end": end}), self.folder)

    # -- the points ------------------------------------------------------------------------------

    @cached_property
    def points(self) -> tuple[Point, ...]:
        """All points, in the order of the lists. Raises InputError where one is none."""
        return points(self.config)

    def chosen(self, index: Index) -> tuple[Point, ...]:
        """Some of the points, see `pde.sweep.points`; the others are not made."""
        return self.points if index is None else points(self.config, index)

    def place(self, point: Point) -> Path:
        """The folder of a point's run, which another sweep may have named by other keys.

        One that sweeps time.end, or an older bnflow, has marked it with its end, too.
        """
        names = self._names
        name = names.get(point.mark) or (names and names.get(point.marked_with_end))
        return self.folder / RUNS / (name or point.name)

    @cached_property
    def _names(self) -> dict[str, str]:
        """Of what was there at the beginning: mark -> name."""
        runs = self.folder / RUNS
        there = sorted(runs.iterdir()) if runs.is_dir() else []
        names = [path.name.removesuffix(FAILED) for path in there]
        return {mark_of(name): name for name in names}

    def failure(self, point: Point) -> str | None:
        """Why a point has no run, in one line; None where it has not failed."""
        try:
            return str(json.loads(_failed(self.place(point)).read_text(encoding="utf-8"))["error"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError):
            return "unknown: the note of the failure is damaged"

    def note_failure(self, point: Point, error: str | None) -> None:
        """Write why a point failed, or that it has not."""
        place = _failed(self.place(point))
        if error is None:
            place.unlink(missing_ok=True)
        else:
            atomic_bytes(place, json.dumps({"error": error}).encode())

    def run(self, point: Point) -> Run | None:
        """The run of a point as far as it is; None where none has begun, or it does not read."""
        place = self.place(point)
        if not is_run(place):
            return None
        try:
            return Run.from_directory(place)
        except InputError as error:
            warnings.warn(str(error), Notice, stacklevel=2)
            return None

    def status(self, point: Point) -> Status:
        """How far a point is."""
        place = self.place(point)
        if is_held(place):
            return "running"
        if _is_complete(place, point.config.time.end):
            return "complete"
        if self.failure(point) is not None:
            return "failed"
        return "unfinished" if is_run(place) else "waiting"

    @property
    def runs(self) -> tuple[Run | None, ...]:
        """The run of every point; None where none has begun, or it does not read."""
        return tuple(map(self.run, self.points))

    # -- what they found -------------------------------------------------------------------------

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys that change."""
        assert self.config.sweep is not None
        return self.config.sweep.keys

    def table(self, values: Sequence[str] = ("risk",), time: float | None = None) -> dict[str, Any]:
        """Columns: the keys that change, status, t, and diagnostics at a saved time.

        values : names of scalar diagnostics, as `Run.diagnostics` has them
        time : a time that the runs saved; the last of every run unless given
        """
        found = [self._curves(point, values) for point in self.points]
        if not all(any(name in curves.values for curves in found) for name in values):
            _refuse_unknown(values, self.runs)
        rows = [_row(curves, values, time) for curves in found]
        if time is not None and not any(np.isfinite(row["t"]) for row in rows):
            _refuse_unsaved(time, self.runs)
        columns: dict[str, Any] = {
            key: [point.values[key] for point in self.points] for key in self.keys
        }
        columns["status"] = [self.status(point) for point in self.points]
        for name in ("t", *values):
            columns[name] = np.array([row[name] for row in rows])
        return columns

    def _curves(self, point: Point, names: Sequence[str]) -> _Curves:
        """Of a run that is complete from its view alone: a sweep may have very many."""
        try:
            status, time, values = read_curves(self.place(point) / VIEW, names)
        except (OSError, InputError):
            status = "damaged, or none"
        if status == "complete":
            return _Curves(time, values)
        run = self.run(point)
        if run is None:
            return _Curves(np.empty(0), {})
        scalars = {name: each for name, each in run.diagnostics.items() if each.ndim == 1}
        return _Curves(run.time, scalars)

    def to_info(self, values: Sequence[str] = ("risk",), time: float | None = None) -> Any:
        """What `sweep-table --json` prints: one object a point, None for NaN."""
        table = {name: plain(column) for name, column in self.table(values, time).items()}
        names = [self.place(point).name for point in self.points]
        cells = zip(*table.values(), strict=True)
        return [
            {"run": name, **dict(zip(table, row, strict=True))}
            for name, row in zip(names, cells, strict=True)
        ]

    def to_csv(self, values: Sequence[str] = ("risk",), time: float | None = None) -> str:
        """The table as CSV, with the names of the runs' folders."""
        table = self.table(values, time)
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["run", *table])
        names = [self.place(point).name for point in self.points]
        for name, *row in zip(names, *table.values(), strict=True):
            writer.writerow([name, *map(_cell, row)])
        return text.getvalue()

    def summary(self, values: Sequence[str] = ("risk",), time: float | None = None) -> str:
        """The table for people, and what is left to do."""
        table = self.table(values, time)
        cells = zip(*table.values(), strict=True)
        rows = [list(table), *([_short(cell) for cell in row] for row in cells)]
        width = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(f"{cell:>{w}}" for cell, w in zip(row, width, strict=True)) for row in rows
        ]
        return "\n".join([*lines, "", *self.progress(table["status"])])

    def progress(self, states: Sequence[Status] | None = None, index: Index = None) -> list[str]:
        """A line, `12 points: 10 complete, 2 waiting`, and one for every failure."""
        chosen = self.chosen(index)
        states = [self.status(point) for point in chosen] if states is None else states
        counts = [f"{states.count(state)} {state}" for state in STATES if state in states]
        assert self.config.sweep is not None
        of = "" if index is None else f"{len(states)} of "
        count = self.config.sweep.count
        head = f"{of}{count} point{'s' * (count > 1)}: {', '.join(counts)}"
        failures = [
            f"failed: {point.label}: {self.failure(point)}"
            for point, status in zip(chosen, states, strict=True)
            if status == "failed"
        ]
        return [head, *failures]

    def plot(
        self,
        path: str | Path | None = None,
        *,
        x: str,
        y: str | None = None,
        value: str = "risk",
        time: float | None = None,
        where: dict[str, Any] | None = None,
    ) -> Figure:
        """Draw a diagnostic against one key that changes, or a phase diagram over two.

        where : values at which other keys are held; seeds are averaged
        """
        from .figures import save
        from .figures.style import styled
        from .figures.sweep import figure

        with styled():
            drawn = figure(self, x, y, value, time, where or {})
        if path is not None:
            save(drawn, Path(path))
        return drawn


class _Curves(NamedTuple):
    """Saved times of a run, and scalar diagnostics there; nothing, where there is no run."""

    time: Array
    values: Mapping[str, Array]


def _failed(place: Path) -> Path:
    return place.with_name(place.name + FAILED)


def _refuse_earlier(folder: Path, config: Config) -> None:
    """Raise InputError where the same sweep is declared, to a later time.end."""
    try:
        declared = Sweep.open(folder)
    except InputError:
        return
    end = declared.config.time.end
    grown = config.replace(**{"time.end": end}) == declared.config
    if grown and config.time.end < end and not sweeps_end(declared.keys):
        raise InputError(
            f"time.end = {config.time.end:g}: {folder} is a sweep to time.end = {end:g}; give a "
            "later time, or another --out"
        )


def _is_complete(place: Path, end: float) -> bool:
    """Whether a run is, to that end, by two entries of its view: a sweep may have very many."""
    if not (place / VIEW).is_file():
        return False
    try:
        with reading_h5(place / VIEW) as file:
            if str(file.attrs["status"]) != "complete":
                return False
            settings = tomllib.loads(read_text(file, "config_toml"))
            return bool(settings["time"]["end"] == end)
    except OSError:
        return False


def _row(curves: _Curves, values: Sequence[str], time: float | None) -> dict[str, float]:
    """Of one run; NaN where it has not come so far, did not save it, or has no such diagnostic."""
    missing = dict.fromkeys(("t", *values), float("nan"))
    times = curves.time
    if not len(times):
        return missing
    near = len(times) - 1 if time is None else int(np.abs(times - time).argmin())
    if time is not None and not np.isclose(times[near], time, rtol=1e-9, atol=1e-12):
        return missing
    found = {"t": float(times[near])}
    for name in values:
        column = curves.values.get(name)
        found[name] = float("nan") if column is None else float(column[near])
    return found


def _refuse_unknown(values: Sequence[str], runs: Sequence[Run | None]) -> None:
    known = [
        name
        for run in runs
        if run is not None
        for name, column in run.diagnostics.items()
        if column.ndim == 1
    ]
    for name in values:
        if known and name not in known:
            hint = nearest(name, known) or f"; there are {', '.join(dict.fromkeys(known))}"
            raise InputError(f"no scalar diagnostic {name!r} in these runs{hint}")


def _refuse_unsaved(time: float, runs: Sequence[Run | None]) -> None:
    """Where no run has a time that one has gone beyond, the error that names the nearest one."""
    for run in runs:
        if run is not None and len(run.time) and run.time[-1] > time:
            run.index(time)


def _cell(value: Any) -> Any:
    """Every digit; nothing where it is not defined; lists and tables as TOML has them."""
    if isinstance(value, float):
        return value if np.isfinite(value) else ""
    return value if isinstance(value, str) else toml(value)


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}" if np.isfinite(value) else "-"
    return value if isinstance(value, str) else toml(value)

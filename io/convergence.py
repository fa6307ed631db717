"""The runs of a joint refinement: observed orders, Richardson estimates and error bars.

On every scalar diagnostic at every saved time that all levels have, and on its largest change over
the times, which no crossing of errors at one time spoils. `pde.richardson` has formulas and limits;
where the values do not go one way there is no estimate, and that is said.

values (levels, times), coarsest first · order, estimate, bar (times,)
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..kernels.errors import InputError
from ..pde.config.text import nearest
from ..pde.frame import Array
from ..pde.richardson import Extrapolation, extrapolate, order_of_largest, orders
from .report import plain
from .safefile import atomic_bytes
from .schema import DIAGNOSTICS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .run import Run


@dataclass(frozen=True)
class Convergence:
    """How the diagnostics of a run converge.

    runs : one a level, coarsest first; time : (times,) saved by all of them
    """

    runs: tuple[Run, ...] = field(repr=False)
    time: Array

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The scalar diagnostics that every level has."""
        every = [run.diagnostics for run in self.runs]
        declared = [name for name in DIAGNOSTICS if name in every[-1]]
        return tuple(
            name
            for name in dict.fromkeys([*declared, *every[-1]])
            if every[-1][name].ndim == 1
            and np.isfinite(every[-1][name]).any()
            and all(name in diagnostics for diagnostics in every)
        )

    @cached_property
    def spacing(self) -> Array:
        """(levels,): h = (pi/2)/cells."""
        return np.array([np.pi / 2 / run.config.solver.cells for run in self.runs])

    def values(self, name: str) -> Array:
        """(levels, times): a diagnostic."""
        if name not in self.names:
            hint = nearest(name, self.names) or f"; there are {', '.join(self.names)}"
            raise InputError(f"no scalar diagnostic {name!r}{hint}")
        return np.stack(
            [run.diagnostics[name][[run.index(t) for t in self.time]] for run in self.runs]
        )

    def extrapolation(self, name: str) -> Extrapolation:
        """Order, Richardson estimate and error bar of the finest level, at every time."""
        return extrapolate(self.values(name))

    def orders(self, name: str) -> Array:
        """(levels - 2, times): the order of every three successive levels."""
        return orders(self.values(name))

    def order(self, name: str) -> float:
        """The order of the largest change over all times, of the three finest levels."""
        values = self.values(name)
        return float(order_of_largest(values[:, np.isfinite(values).all(axis=0)])[-1])

    def to_info(self) -> dict[str, Any]:
        """What `converge --json` prints: arrays over the common times, None for NaN."""
        return {
            "levels": [
                {
                    "run": None if run.path is None else str(run.path),
                    "cells": run.config.solver.cells,
                    "a_cells": len(run.layout.a_values),
                    "tolerance": run.config.solver.tolerance,
                    "steps": int(run.step[-1]),
                }
                for run in self.runs
            ],
            "time": plain(self.time),
            "diagnostics": {name: self._info(name) for name in self.names},
        }

    def _info(self, name: str) -> dict[str, Any]:
        found = self.extrapolation(name)
        return {
            "values": plain(self.values(name)),
            "orders": plain(self.orders(name)),
            "order": plain(found.order),
            "estimate": plain(found.estimate),
            "bar": plain(found.bar),
            "kind": found.kind.tolist(),
            "order_of_largest_change": plain(self.order(name)),
        }

    # -- telling ---------------------------------------------------------------------------------

    def summary(self) -> str:
        """Tables for people: the levels, the risk over time, every diagnostic."""
        sizes = [
            f"{run.config.solver.cells} x {len(run.layout.a_values)} ({run.step[-1]} steps)"
            for run in self.runs
        ]
        return "\n".join(
            [
                f"cells x a cells: {', '.join(sizes)}",
                "",
                *_table(self._over_time("risk")),
                "",
                *_table(self._all()),
                "",
                *_LEGEND,
            ]
        )

    def _over_time(self, name: str) -> list[list[str]]:
        found, values = self.extrapolation(name), self.values(name)
        heads = [f"{name}, {run.config.solver.cells} cells" for run in self.runs]
        rows = [["t", *heads, "order", "Richardson", "error bar", ""]]
        for k, t in enumerate(self.time):
            cells = [f"{value:.8g}" for value in values[:, k]]
            row = [found.order[k], found.estimate[k], found.bar[k]]
            told = [_order(row[0]), f"{row[1]:.8g}" if np.isfinite(row[1]) else "-", _bar(row[2])]
            rows.append([f"{t:.6g}", *cells, *told, _remark(str(found.kind[k]))])
        return rows

    def _all(self) -> list[list[str]]:
        t = f"t = {self.time[-1]:.4g}"
        rows = [[f"at {t}", "finest", "error bar", "order", "order, max over t", "times"]]
        for name in self.names:
            found, value = self.extrapolation(name), self.values(name)[-1, -1]
            told = [f"{value:.6g}", _bar(found.bar[-1]), _order(found.order[-1])]
            rows.append([name, *told, _order(self.order(name)), _counted(found.kind)])
        return rows

    def plot(self, path: str | Path | None = None) -> Figure:
        """Draw differences against the cell size, the risk with its bars, and the bars over time.

        path : written where one is given
        """
        from .figures import save
        from .figures.convergence import figure
        from .figures.style import styled

        with styled():
            drawn = figure(self)
        if path is not None:
            save(drawn, Path(path))
        return drawn

    def write(self, path: str | Path) -> None:
        """Write `to_info` as JSON."""
        text = json.dumps(self.to_info(), indent=2, allow_nan=False)
        atomic_bytes(Path(path), f"{text}\n".encode())


def convergence(runs: Sequence[Run]) -> Convergence:
    """Of the runs of a refinement, coarsest first, at the times that all of them saved."""
    times = runs[-1].time
    for run in runs[:-1]:
        near = np.isclose(times[:, None], run.time[None, :], rtol=1e-9, atol=1e-12)
        times = times[near.any(axis=1)]
    if not (times > 0).any():
        raise InputError(
            "no saved time after 0 is common to all levels; leave out time.stop, or save earlier"
        )
    return Convergence(tuple(runs), np.asarray(times))


_LEGEND = (
    "error bar: of the finest level; 1.25 x its Richardson correction where three levels go one",
    "way with an order from 1/2 to 5/2 (above 2 counts as 2); 3 x the correction where it is",
    "above, and three times the range of the levels where there is no order.",
    "times: at how many the values are monotone, oscillate, are too slow for an estimate, or agree",
    "to rounding. Cells narrower than a feature (unresolved_mass) have no order in any density.",
)


def _table(rows: list[list[str]]) -> list[str]:
    """Columns aligned to the right, the last one to the left."""
    width = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([f"{cell:>{w}}" for cell, w in zip(row[:-1], width[:-1], strict=True)] + row[-1:])
        for row in rows
    ]


def _order(value: float) -> str:
    return f"{value:.2f}" if np.isfinite(value) else "-"


def _bar(value: float) -> str:
    return f"{value:.1e}" if np.isfinite(value) else "-"


def _remark(kind: str) -> str:
    return "" if kind == "monotone" else kind


def _counted(kinds: Any) -> str:
    counts = Counter(str(kind) for kind in kinds if kind != "undefined")
    return ", ".join(f"{count} {kind}" for kind, count in counts.items())

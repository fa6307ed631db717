"""CSV: a row a saved time with the scalars; or a row a cell (or neuron) and time, in long form.

    scalars         time, step, risk, ..; small arrays a column an entry, as risk_replicas_0
    density         time, panel, xi1, .., u1 .., v1 .., cell_volume, a, a_weight, rho
    measure, marginal   the same without a; in one table where both are asked for
    outer_weights   time, a, a_weight, a_law
    neurons         time, replica, neuron, u1 .., mass, a [, gamma, beta]

Numbers have all their digits; what is not defined is an empty field. Times whose fields were not
stored have no rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...kernels.errors import InputError
from ...pde.frame import Array
from ..contents import OF_GRID, chosen, fields
from ..header import sphere_dims
from ..neuronrun import NeuronRun
from ..safefile import atomic_file

if TYPE_CHECKING:
    from ..run import Run

BLOCK = 10_000  # lines that are written at once
Line = tuple[str, ...]
ONE_TABLE = ({"measure", "marginal"}, {"density"}, {"outer_weights"}, {"neurons"})


def write(run: Run, path: Path, what: Sequence[str], times: Sequence[float]) -> None:
    """The scalars unless `what` names others; names must share one table."""
    names, asked = chosen(run, what or list(run.diagnostics))
    if asked and (names or not any(set(asked) <= table for table in ONE_TABLE)):
        raise InputError(
            f"a CSV file is one table, and {', '.join([*names, *asked])} are several: "
            "export them one by one, or all to .nc"
        )
    if asked:
        variables = [found for name in asked for found in fields(run, name)]
        times = [t for t in times if all(variable.stored(t) for variable in variables)]
    lines = _long(run, asked, times) if asked else _scalars(run, names, times)
    with atomic_file(path) as file:
        for block in _blocks(lines):
            file.write("".join(f"{','.join(line)}\n" for line in block).encode())


def _blocks(lines: Iterable[Line]) -> Iterator[list[Line]]:
    block = []
    for line in lines:
        block.append(line)
        if len(block) == BLOCK:
            yield block
            block = []
    yield block


def _scalars(run: Run, names: Sequence[str], times: Sequence[float]) -> Iterator[Line]:
    columns: dict[str, Array] = {}
    for name in names:
        values = run.diagnostics[name]
        for entry in np.ndindex(values.shape[1:]):
            columns["_".join(map(str, (name, *entry)))] = values[(slice(None), *entry)]
    yield ("time", "step", *columns)
    for row in (run.index(t) for t in times):
        numbers = [run.time[row], run.step[row], *(column[row] for column in columns.values())]
        yield tuple(map(_number, numbers))


def _long(run: Run, asked: Sequence[str], times: Sequence[float]) -> Iterator[Line]:
    if isinstance(run, NeuronRun):
        return _neurons(run, times)
    if asked == ["outer_weights"]:
        return _outer_weights(run, times)
    order = [name for name in OF_GRID if name in asked]
    return _density(run, times) if order == ["density"] else _directions(run, order, times)


def _cells(run: Run) -> tuple[Line, list[Line]]:
    """Names and values of the columns that say where a direction cell is, a line a cell."""
    layout, d = run.layout, run.layout.dimension
    dims = sphere_dims(layout)
    head = (*dims, *(f"{name}{axis + 1}" for name in "uv" for axis in range(d)), "cell_volume")
    index = np.indices(layout.cell_volume.shape).reshape(d, -1)
    columns = [layout.panel[index[0]], *(layout.xi[place] for place in index[1:])]
    for direction in (layout.direction_raw, layout.direction_whitened):
        columns += list(direction.reshape(-1, d).T)
    columns.append(layout.cell_volume.ravel())
    return head, _lines(columns)


def _density(run: Run, times: Sequence[float]) -> Iterator[Line]:
    head, cells = _cells(run)
    axis = _lines([run.a, run.a_weight])
    yield ("time", *head, "a", "a_weight", "rho")
    for t in times:
        rho = run.density(t).reshape(len(cells), -1)
        for cell, column in zip(cells, rho, strict=True):
            for a, value in zip(axis, column, strict=True):
                yield (_number(t), *cell, *a, _number(value))


def _directions(run: Run, asked: Sequence[str], times: Sequence[float]) -> Iterator[Line]:
    head, cells = _cells(run)
    yield ("time", *head, *(OF_GRID[name] for name in asked))
    for t in times:
        columns = [fields(run, name)[0].at(t).ravel() for name in asked]
        for cell, values in zip(cells, _lines(columns), strict=True):
            yield (_number(t), *cell, *values)


def _outer_weights(run: Run, times: Sequence[float]) -> Iterator[Line]:
    yield ("time", "a", "a_weight", "a_law")
    for t in times:
        for line in _lines([run.a, run.a_weight, run.outer_weights(t)]):
            yield (_number(t), *line)


def _neurons(run: NeuronRun, times: Sequence[float]) -> Iterator[Line]:
    d = run.layout.dimension
    replica, neuron = np.indices((run.layout.replicas, run.layout.width)).reshape(2, -1)
    extra = ("gamma", "beta") if run.rescaled else ()
    symbol = "u" if run.layout.normalised else "w"
    inner = (f"{symbol}{axis + 1}" for axis in range(d))
    yield ("time", "replica", "neuron", *inner, "mass", "a", *extra)
    for t in times:
        direction, a, mass = run.particles(t)
        columns: list[Any] = [replica, neuron, *direction.reshape(-1, d).T, mass[neuron], a.ravel()]
        columns += [run.scales(t).ravel(), run.shifts(t).ravel()] if run.rescaled else []
        for line in _lines(columns):
            yield (_number(t), *line)


def _lines(columns: Sequence[Any]) -> list[Line]:
    return list(zip(*([_number(value) for value in column] for column in columns), strict=True))


def _number(value: Any) -> str:
    """All digits; nothing where it is not defined."""
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    return repr(float(value)) if np.isfinite(value) else ""

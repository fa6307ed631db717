"""NetCDF-4: all coordinates, the diagnostics and the fields, in one file that stands alone.

Differences from the view of a run (`io.view`): numbers instead of references, texts as attributes
(netCDF tools crash on arrays of fixed-length strings), densities that are zero, not NaN, beyond the
a axis of their time, and no checksums, which `nccopy` cannot copy. The log is not in it. A density
has the bits of its run, 32 or 64, so nothing is lost or made up; all else has 64.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..contents import Constant, Variable, chosen, coordinates, diagnostics, fields, held
from ..dataset import attributes, global_attributes
from ..netcdf import attach, chunk_shape
from ..safefile import atomic_h5

if TYPE_CHECKING:
    from ..run import Run

BESIDE = ("cell_volume", "a_weight", "neuron_mass")  # what sums over a field need


def write(run: Run, path: Path, what: Sequence[str], times: Sequence[float]) -> None:
    """Everything that the run holds, unless `what` names some."""
    names, asked = chosen(run, what or list(run.diagnostics))
    variables = [found for quantity in asked for found in fields(run, quantity)]
    rows = [run.index(t) for t in times]
    with atomic_h5(path) as file:
        file.attrs.update(global_attributes(run))
        known = coordinates(run)
        for name, each in {**known, **diagnostics(run, names)}.items():
            _write(file, name, each, rows)
        for variable in variables if what else held(run):
            _stream(file, variable, times, set(known))


def _write(file: Any, name: str, constant: Constant, rows: Sequence[int]) -> None:
    over_time = constant.dims[:1] == ("time",)
    values = constant.values[list(rows)] if over_time else constant.values
    dataset = file.create_dataset(name, data=values)
    if constant.dims == (name,):
        dataset.make_scale(name)
    else:
        _make_bare_dimensions(file, constant)
        attach(file, dataset, constant.dims)
    dataset.attrs.update(attributes(constant.quantity))


def _make_bare_dimensions(file: Any, constant: Constant) -> None:
    """Dimensions without coordinates, of an array that came with axes of its own."""
    for dim, length in zip(constant.dims, constant.values.shape, strict=True):
        if dim not in file:
            file.create_dataset(dim, data=np.arange(length)).make_scale(dim)


def _stream(file: Any, variable: Variable, times: Sequence[float], known: set[str]) -> None:
    """One saved time in memory at once."""
    shape = (len(times), *variable.shape)
    kind = np.dtype(variable.kind)
    chunks = (1, *chunk_shape(variable.shape, kind.itemsize, a_last=False))
    dataset = file.create_dataset(variable.name, shape, kind, chunks=chunks, fillvalue=np.nan)
    for row, t in enumerate(times):
        dataset[row] = variable.row(t)
    attach(file, dataset, ("time", *variable.dims))
    dataset.attrs.update(attributes(variable.quantity))
    beside = [name for name in BESIDE if name in known and _fits(file[name], variable.dims)]
    if beside:
        dataset.attrs["coordinates"] = " ".join(beside)


def _fits(dataset: Any, dims: tuple[str, ...]) -> bool:
    """Whether the array lives on some of these dimensions."""
    own = {scale.name.rpartition("/")[2] for axis in dataset.dims for scale in axis.values()}
    return own <= set(dims)

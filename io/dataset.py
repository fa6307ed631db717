"""A run as an xarray dataset: named dimensions, coordinates, cell volumes; fields read when used.

    rho (time, panel, xi.., a)                          of a grid; zero beyond the a axis of a time
    direction (time, replica, neuron, axis), a (time, replica, neuron) [, gamma, beta]  of neurons
    every diagnostic (time, ..);  attrs: status, config_toml, provenance_json

    integral of g over the density = (rho * g * cell_volume * a_weight).sum(rho.dims[1:])

A field is read a saved time at once, from its own snapshot, whose digest is checked; `.load()`
reads them all. It is NaN where [output] did not store it. (The view, opened by xarray itself, has
NaN where rho has zeros: beyond the a axis of a time.)
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from ..kernels.errors import InputError
from ..pde.frame import Array
from .contents import Variable, coordinates, diagnostics, held
from .report import describe
from .schema import CONVENTIONS, Quantity

if TYPE_CHECKING:
    import xarray

    from .run import Run

NEEDED = 'to_xarray needs xarray, which is not installed: pip install "bnflow[analysis]"'


def dataset(run: Run) -> xarray.Dataset:
    """All saved times of the run. Raises InputError without xarray."""
    try:
        import xarray
        from xarray.core.indexing import LazilyIndexedArray
    except ImportError:
        raise InputError(NEEDED) from None
    data: dict[str, Any] = {
        name: (each.dims, each.values, attributes(each.quantity))
        for name, each in diagnostics(run).items()
    }
    for variable in held(run):
        lazy = LazilyIndexedArray(_backend_array(run, variable))
        data[variable.name] = (("time", *variable.dims), lazy, attributes(variable.quantity))
    known = {
        name: (each.dims, each.values, attributes(each.quantity))
        for name, each in coordinates(run).items()
    }
    return xarray.Dataset(data, known, global_attributes(run))


def attributes(quantity: Quantity) -> dict[str, str]:
    """What xarray and netCDF tools show beside the numbers."""
    return {"long_name": quantity.long_name, "units": quantity.units}


def global_attributes(run: Run) -> dict[str, str]:
    """The same of the whole run."""
    provenance = json.dumps(dict(run.provenance), indent=1, sort_keys=True)
    texts = {"config_toml": run.config_toml, "provenance_json": provenance}
    grid = getattr(run.layout, "coordinates", None)
    own = {} if grid is None else {"directions_of_grid": str(grid)}
    return {
        "Conventions": CONVENTIONS,
        "title": describe(run),
        "status": run.status,
        **own,
        **texts,
    }


def _backend_array(run: Run, variable: Variable) -> Any:
    """The variable over all saved times, as xarray's lazy indexing wants it."""
    from xarray.backends import BackendArray
    from xarray.core.indexing import IndexingSupport, explicit_indexing_adapter

    class Rows(BackendArray):
        shape = (len(run.time), *variable.shape)
        dtype = np.dtype(float)

        def __getitem__(self, key: Any) -> Any:
            return explicit_indexing_adapter(key, self.shape, IndexingSupport.BASIC, self.read)

        def read(self, key: tuple[int | slice, ...]) -> Array:
            moments, rest = run.time[key[0]], key[1:]
            if np.ndim(moments) == 0:
                return np.asarray(variable.row(float(moments))[rest])
            rows = [variable.row(float(moment))[rest] for moment in moments]
            empty = np.empty((0, *variable.shape))[(slice(None), *rest)]
            return np.stack(rows) if rows else empty

    return Rows()

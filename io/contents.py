"""What a run holds, as named arrays with dimensions: the one list behind xarray, NetCDF and CSV.

    coordinates    time, step, panel, xi.., a (or replica, neuron), volumes, weights, directions
    diagnostics    every number that was audited, (time, ..)
    quantities     fields that are read, or made from one that is, when they are asked for

| name          | in a file          | axes after time | what                                  |
|---------------|--------------------|-----------------|---------------------------------------|
| density       | rho                | panel, xi.., a  | rho(v, a), zero beyond its own a axis |
| measure       | measure            | panel, xi..     | m(v) = int a rho da                   |
| marginal      | marginal           | panel, xi..     | int rho da, the law of the directions |
| outer_weights | a_law              | a               | int rho dv, the law of a              |
| neurons       | direction, a [, gamma, beta] | replica, neuron [, axis] | of a run of neurons |

Nothing is read here before `Variable.at` is called, and then one saved time alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..kernels.errors import InputError
from ..pde.config.text import nearest
from ..pde.frame import Array
from .header import field_dims, field_shape, sphere_dims
from .neuronrun import NeuronRun
from .schema import COORDINATES, Quantity, quantity_of

if TYPE_CHECKING:
    from .run import Run

OF_GRID = {  # name -> in a file
    "density": "rho",
    "measure": "measure",
    "marginal": "marginal",
    "outer_weights": "a_law",
}
OF_NEURONS = ("neurons",)
SHARED = (
    *("data_mean", "data_covariance", "input_basis", "input_centre"),
    *("target_shift", "target_scale"),
)


class Constant(NamedTuple):
    """An array that is known without reading a field."""

    dims: tuple[str, ...]
    values: NDArray[Any]
    quantity: Quantity


@dataclass(frozen=True)
class Variable:
    """A field over the saved times. dims, shape : after the time.

    at : its values at a saved time, in 64 bits; stored : whether it has any there, see the table
    [output]; kind : of its numbers on the disk, which a density has from its run
    """

    name: str
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    quantity: Quantity
    at: Callable[[float], Array]
    stored: Callable[[float], bool]
    kind: str = "float64"

    def row(self, t: float) -> Array:
        """Its values, NaN where it is not stored."""
        return self.at(t) if self.stored(t) else np.full(self.shape, np.nan)


def coordinates(run: Run) -> dict[str, Constant]:
    """Dimensions first, then what lives on them."""
    own = _neuron_scales if isinstance(run, NeuronRun) else _grid_scales
    scales: dict[str, NDArray[Any]] = {"time": run.time, **own(run)}
    scales |= dict.fromkeys(("axis", "axis_other"), np.arange(run.layout.dimension))
    if run.layout.input_basis is not None:
        scales["input"] = np.arange(run.layout.input_basis.shape[1])
    found = {name: _constant(name, (name,), values) for name, values in scales.items()}
    found["step"] = _constant("step", ("time",), run.step)
    if isinstance(run, NeuronRun):
        found["neuron_mass"] = _constant("neuron_mass", ("neuron",), run.layout.neuron_mass)
    else:
        cells = sphere_dims(run.layout)
        found["cell_volume"] = _constant("cell_volume", cells, run.layout.cell_volume)
        found["a_weight"] = _constant("a_weight", ("a",), run.a_weight)
        for name in ("direction_raw", "direction_whitened"):
            found[name] = _constant(name, (*cells, "axis"), getattr(run.layout, name))
    for name in SHARED:
        if (given := getattr(run.layout, name)) is not None:
            found[name] = _constant(name, COORDINATES[name].dims or (), np.asarray(given))
    return found


def _grid_scales(run: Run) -> dict[str, NDArray[Any]]:
    xi = dict.fromkeys(sphere_dims(run.layout)[1:], run.layout.xi)
    tracers = {"tracer": np.arange(run.layout.tracers)} if run.layout.tracers else {}
    return {"panel": run.layout.panel, **xi, "a": run.a, **tracers}


def _neuron_scales(run: Run) -> dict[str, NDArray[Any]]:
    assert isinstance(run, NeuronRun)
    return {"replica": np.arange(run.layout.replicas), "neuron": np.arange(run.layout.width)}


def _constant(name: str, dims: tuple[str, ...], values: NDArray[Any]) -> Constant:
    return Constant(dims, values, COORDINATES["xi" if name.startswith("xi") else name])


def diagnostics(run: Run, names: Sequence[str] | None = None) -> dict[str, Constant]:
    """The diagnostics of those names, or all."""
    found = {}
    for name in run.diagnostics if names is None else names:
        values, quantity = run.diagnostics[name], quantity_of(name, "diagnostic")
        dims = quantity.dims
        if dims is None or len(dims) != values.ndim - 1:
            dims = tuple(f"{name}_{axis}" for axis in range(1, values.ndim))
        found[name] = Constant(("time", *dims), values, quantity)
    return found


def quantities(run: Run) -> tuple[str, ...]:
    """What can be asked of a run beside its diagnostics."""
    return OF_NEURONS if isinstance(run, NeuronRun) else tuple(OF_GRID)


def fields(run: Run, quantity: str) -> list[Variable]:
    """The variables of a quantity."""
    if isinstance(run, NeuronRun):
        return _neurons(run)
    cells, shape = sphere_dims(run.layout), run.layout.cell_volume.shape
    name, count = OF_GRID[quantity], len(run.a)
    dims, lengths, at = {
        "density": ((*cells, "a"), (*shape, count), run.density),
        "measure": (cells, shape, run.signed_measure),
        "marginal": (cells, shape, run.marginal),
        "outer_weights": (("a",), (count,), run.outer_weights),
    }[quantity]
    kind = str(run.provenance.get("dtype", "float64")) if quantity == "density" else "float64"
    stored = _stored(run, name)
    return [Variable(name, dims, lengths, quantity_of(name, "field"), at, stored, kind)]


def _stored(run: Run, name: str) -> Callable[[float], bool]:
    """Whether a field, or the density that it is made from, is stored at a saved time."""
    known = run._trajectory.has(name) | run._trajectory.has("rho")
    return lambda t: bool(known[run.index(t)])


def held(run: Run) -> list[Variable]:
    """The fields that the run holds at some time, without those that are made from others."""
    if isinstance(run, NeuronRun):
        return _neurons(run)
    names = [name for name, own in OF_GRID.items() if run._trajectory.has(own).any()]
    others = [name for name in run._trajectory.fields if name not in OF_GRID.values()]
    found = [variable for name in names for variable in fields(run, name)]
    return [*found, *(_other(run, name) for name in others)]


def _other(run: Run, name: str) -> Variable:
    """A stored field that has no name of its own here."""
    quantity, known = quantity_of(name, "field"), run._trajectory.has(name)
    shape = field_shape(run.layout, name, run._trajectory.fields[name], len(run.a))
    return Variable(
        name,
        field_dims(run.layout, name, len(shape)),
        shape,
        quantity,
        lambda t: run._field(name, t),
        lambda t: bool(known[run.index(t)]),
    )


def _neurons(run: NeuronRun) -> list[Variable]:
    pair = (run.layout.replicas, run.layout.width)
    readers: dict[str, Callable[[float], Array]] = {
        "direction": lambda t: run.particles(t)[0],
        "a": lambda t: run.particles(t)[1],
    }
    if run.rescaled:
        readers |= {"gamma": run.scales, "beta": run.shifts}
    found = []
    for name, at in readers.items():
        quantity = quantity_of(name, "field")
        shape = (*pair, run.layout.dimension) if name == "direction" else pair
        found.append(Variable(name, quantity.dims or (), shape, quantity, at, run.stores))
    return found


def chosen(run: Run, what: Sequence[str]) -> tuple[list[str], list[str]]:
    """The diagnostics and the quantities among the names; others are an error with a near name."""
    known = (*quantities(run), *run.diagnostics)
    for name in what:
        if name not in known:
            guess = nearest(name, known) or f"; there are {', '.join(known)}"
            raise InputError(f"this run has no {name!r} to export{guess}")
    names = list(dict.fromkeys(what))
    return (
        [name for name in names if name in run.diagnostics],
        [name for name in names if name in quantities(run)],
    )

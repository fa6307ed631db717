"""What every file of a run repeats, so that each reads alone: coordinates, config, provenance.

    /panel (2d,) /xi1 .. /xi{d-1} (n,) /a (n_a,) /axis (d,)     dimension scales
    /cell_volume (panel, xi..) /direction_raw, /direction_whitened (panel, xi.., axis)
    /a_weight (a) /a_initial (n_a at the start)
    [/tracer]                                                   of passive tracers
    of neurons, instead of these: /replica, /neuron, /axis (d,) and /neuron_mass (neuron)
    /data_mean (axis) /data_covariance (axis, axis_other) [/input_basis (axis, input) /input_centre]
    /config_toml /provenance_json                               texts with their sha256

The a axis of a file may be longer than at the start: cell k of a uniform axis, k = .., -1, 0, 1,
.., is centred at a_k = a_0 + k * width, and cell 0 is the first one at the start.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..pde.frame import AnyLayout, Array, Layout, NeuronLayout
from .netcdf import dimension, read_text, variable, write_text
from .schema import CONVENTIONS, COORDINATES, SCHEMA, Quantity, check_version, quantity_of

NEURON_DIMS = ("replica", "neuron", "axis")  # of a field that is not declared


@dataclass(frozen=True, eq=False)
class Header:
    """The part of a run that is the same at all times; equal to itself alone."""

    layout: AnyLayout
    config_toml: str
    provenance: Mapping[str, Any]

    def stored_type(self, name: str) -> np.dtype[Any]:
        """Of the numbers of a field: a density has the run's, all else 64 bits."""
        return np.dtype(self.provenance.get("dtype", "float64") if name == "rho" else "float64")

    def updated(self, **entries: Any) -> Header:
        """The same with provenance entries added or changed."""
        return replace(self, provenance={**self.provenance, **entries})


def a_axis(layout: Layout, first: int, count: int) -> Array:
    """Values of a on `count` cells from cell `first`: (count,)."""
    if layout.a_width is None:
        return layout.a_values
    cells = np.arange(first, first + count)
    values = layout.a_values[0] + cells * layout.a_width
    inside = (cells >= 0) & (cells < len(layout.a_values))
    values[inside] = layout.a_values[cells[inside]]
    return np.asarray(values, float)


def a_weight(layout: Layout, count: int) -> Array:
    """Weights of the sum over a: the cell width, or 1 on a list of fixed values: (count,)."""
    return np.full(count, 1.0 if layout.a_width is None else layout.a_width)


def sphere_dims(layout: Layout) -> tuple[str, ...]:
    """Names of the direction axes: panel, xi1, .., xi{d-1}."""
    return ("panel", *(f"xi{axis}" for axis in range(1, layout.dimension)))


def field_dims(layout: AnyLayout, name: str, axes: int) -> tuple[str, ...]:
    """Names of the axes of a field that has so many."""
    if declared := quantity_of(name, "field").dims:
        return declared
    cells = (*sphere_dims(layout), "a") if isinstance(layout, Layout) else NEURON_DIMS
    return cells[:axes]


def lives_on_a(layout: AnyLayout, name: str, axes: int) -> bool:
    """Whether the last axis of a field is that of the outer weights."""
    return isinstance(layout, Layout) and field_dims(layout, name, axes)[-1] == "a"


def field_shape(layout: AnyLayout, name: str, on_a: bool, count: int) -> tuple[int, ...]:
    """Lengths of the axes of a field; `count` cells of a, where it lives on them (`on_a`)."""
    declared = quantity_of(name, "field").dims
    if isinstance(layout, Layout):
        if not declared:
            return (*layout.cell_volume.shape, *((count,) if on_a else ()))
        lengths = {"axis": layout.dimension, "tracer": layout.tracers, "a": count}
    else:
        lengths = {"replica": layout.replicas, "neuron": layout.width, "axis": layout.dimension}
    return tuple(lengths[dim] for dim in declared or NEURON_DIMS[:2])


def write_header(group: Any, header: Header, kind: str, a_first: int, a_count: int) -> None:
    """Attributes, dimensions, coordinates and texts."""
    group.attrs.update({"Conventions": CONVENTIONS, "bnflow_schema": SCHEMA, "bnflow_kind": kind})
    layout = header.layout
    dims: dict[str, tuple[str, ...]]
    if isinstance(layout, Layout):
        dims = _write_grid(group, layout, a_first, a_count)
    else:
        dims = _write_neurons(group, layout)
    for name in ("data_mean", "data_covariance", "input_basis", "input_centre"):
        dims[name] = COORDINATES[name].dims or ()
    dims |= {"target_shift": (), "target_scale": ()}
    for name, names in dims.items():
        if getattr(layout, name) is not None:
            variable(group, name, getattr(layout, name), names, COORDINATES[name])
    write_text(group, "config_toml", header.config_toml, "configuration of the run (TOML)")
    provenance = json.dumps(header.provenance, indent=1, sort_keys=True)
    write_text(group, "provenance_json", provenance, "how the run was made (JSON)")


def _write_grid(
    group: Any, layout: Layout, a_first: int, a_count: int
) -> dict[str, tuple[str, ...]]:
    """Dimensions of a grid; returns the coordinates on them that are still to be written."""
    group.attrs["directions_of_grid"] = layout.coordinates
    scales = {"panel": layout.panel, **{name: layout.xi for name in sphere_dims(layout)[1:]}}
    scales |= {"a": a_axis(layout, a_first, a_count), "a_initial": layout.a_values}
    if layout.tracers:
        scales["tracer"] = np.arange(layout.tracers)
    _write_dimensions(group, layout, scales)
    if layout.a_width is not None:
        group["a"].attrs["cell_width"] = layout.a_width
    variable(group, "a_weight", a_weight(layout, a_count), ("a",), COORDINATES["a_weight"])
    cells = sphere_dims(layout)
    directions = {f"direction_{name}": (*cells, "axis") for name in ("raw", "whitened")}
    return {"cell_volume": cells, **directions}


def _write_neurons(group: Any, layout: NeuronLayout) -> dict[str, tuple[str, ...]]:
    """The same of neurons."""
    group.attrs["batch_norm"] = layout.normalised
    counts = {"replica": layout.replicas, "neuron": layout.width}
    _write_dimensions(group, layout, {name: np.arange(n) for name, n in counts.items()})
    return {"neuron_mass": ("neuron",)}


def _write_dimensions(group: Any, layout: AnyLayout, scales: dict[str, NDArray[Any]]) -> None:
    axes = np.arange(layout.dimension)
    scales = {**scales, "axis": axes, "axis_other": axes}
    if layout.input_basis is not None:
        scales["input"] = np.arange(layout.input_basis.shape[1])
    for name, values in scales.items():
        dimension(group, name, values, _quantity(name))


def _quantity(name: str) -> Quantity:
    return COORDINATES["xi" if name.startswith("xi") else name]


def read_header(group: Any, where: str) -> Header:
    """The header of an open file; `where` names the file in errors."""
    check_version(str(group.attrs["bnflow_schema"]), where)
    shared = {name: group[name][()] for name in ("data_mean", "data_covariance")}
    shared |= {name: group[name][()] for name in ("input_basis", "input_centre") if name in group}
    shared |= {name: float(group[name][()]) for name in ("target_shift", "target_scale")}
    layout = _read_neurons(group, shared) if "neuron" in group else _read_grid(group, shared)
    provenance = json.loads(read_text(group, "provenance_json"))
    return Header(layout, read_text(group, "config_toml"), provenance)


def _read_grid(group: Any, shared: dict[str, Any]) -> Layout:
    width = group["a"].attrs.get("cell_width")
    arrays = ("panel", "cell_volume", "direction_raw", "direction_whitened")
    return Layout(
        xi=group["xi1"][()],
        a_values=group["a_initial"][()],
        a_width=None if width is None else float(width),
        coordinates=str(group.attrs.get("directions_of_grid", "raw")),
        tracers=len(group["tracer"]) if "tracer" in group else 0,
        **{name: group[name][()] for name in arrays},
        **shared,
    )


def _read_neurons(group: Any, shared: dict[str, Any]) -> NeuronLayout:
    return NeuronLayout(
        neuron_mass=group["neuron_mass"][()],
        replicas=len(group["replica"]),
        normalised=bool(group.attrs["batch_norm"]),
        **shared,
    )

"""What the figures draw, computed from a run: circles, maps of cells, teachers, targets, remarks.

Raw directions u = w/|w| and whitened ones v = S^(1/2) u / |S^(1/2) u| are both on the unit sphere;
densities are drawn over the raw one, whichever of the two the cells are a grid of.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ...kernels.errors import InputError
from ...pde.frame import AnyLayout, Array, Layout
from ..prediction import power

if TYPE_CHECKING:
    from ...pde.network.activations import Activation
    from ...pde.network.target import Target
    from ..run import Run

UNRESOLVED = 0.01
POINTS = 500_000  # to spread cells on other axes


def circle(layout: Layout) -> tuple[np.ndarray[tuple[int], np.dtype[np.intp]], Array]:
    """d = 2: the order of the cells around the circle of u, and the angles of their edges."""
    own = layout.direction_whitened if layout.coordinates == "whitened" else layout.direction_raw
    angles = _angle(own.reshape(-1, 2))
    order = np.argsort(angles)
    width = 2 * np.pi / len(angles)
    edges = angles[order[0]] - width / 2 + width * np.arange(len(angles) + 1)
    if layout.coordinates == "whitened":
        faces = raw(layout, np.stack([np.cos(edges), np.sin(edges)], axis=-1))
        edges = np.unwrap(_angle(faces))
        edges[-1] = edges[0] + 2 * np.pi
    return order, edges


def cell_of(layout: Layout, u: Array) -> np.ndarray[tuple[int, ...], np.dtype[np.intp]]:
    """Flat index of the cell that holds each raw direction u (.., d)."""
    p = whitened(layout, u) if layout.coordinates == "whitened" else u
    n, d = len(layout.xi), layout.dimension
    axis = np.argmax(np.abs(p), axis=-1)
    centre = np.take_along_axis(p, axis[..., None], -1)[..., 0]
    index = 2 * axis + (centre > 0)
    rest = np.array([[j for j in range(d) if j != k] for k in range(d)])[axis]
    others = np.take_along_axis(p, rest, -1)
    xi = np.arctan(others / np.abs(centre)[..., None])
    cells = np.clip(((xi + np.pi / 4) * (2 * n / np.pi)).astype(int), 0, n - 1)
    for tangential in range(d - 1):
        index = index * n + cells[..., tangential]
    return np.asarray(index)


def refined(layout: Layout) -> tuple[Array, Array]:
    """Whitened directions of points spread through each cell, and each point's share of it.

    (cells, points, d) and (cells, points); the shares of a cell sum to one. One point a subcell, at
    a place of its own by a Kronecker sequence: points in rows would make stripes in histograms.
    """
    n, d = len(layout.xi), layout.dimension
    each = int(np.clip((POINTS / layout.cell_volume.size) ** (1 / (d - 1)), 1, 8))
    fine = -np.pi / 4 + (np.arange(n * each) + 0.5) * np.pi / (2 * n * each)
    angles = np.stack(np.meshgrid(*[fine] * (d - 1), indexing="ij"), axis=-1)
    tangents = np.tan(angles + _scattered(angles.shape) * np.pi / (2 * n * each))
    squared = 1 + np.sum(tangents**2, axis=-1)
    volume = _by_cell(np.prod(1 + tangents**2, axis=-1) / squared ** (d / 2), n, each)
    p = np.empty((2 * d, n ** (d - 1), each ** (d - 1), d))
    for panel in range(2 * d):
        axis, side = panel // 2, 1.0 if panel % 2 else -1.0
        p[panel] = _by_cell(np.insert(tangents, axis, side, axis=-1), n, each)
    shares = np.tile(volume / volume.sum(axis=1, keepdims=True), (2 * d, 1))
    points = p.reshape(-1, each ** (d - 1), d)
    own = layout.coordinates == "whitened"
    return _unit(points) if own else whitened(layout, points), shares


def _scattered(shape: tuple[int, ...]) -> Array:
    """Numbers between -1/2 and 1/2, for each of `shape[:-1]` points `shape[-1]`, evenly spread."""
    steps = np.sqrt(np.array([2.0, 3.0, 5.0])[: shape[-1]])
    count = 1 + np.arange(int(np.prod(shape[:-1])))  # the zeroth would lie on an edge
    return np.asarray((count[:, None] * steps % 1.0 - 0.5).reshape(shape))


def _angle(u: Array) -> Array:
    return np.asarray(np.arctan2(u[:, 1], u[:, 0]) % (2 * np.pi))


def _by_cell(values: Array, n: int, each: int) -> Array:
    """(n each, .., n each, ..) -> (n^(d-1), each^(d-1), ..): the points of each cell together."""
    axes = 0
    while axes < values.ndim and values.shape[axes] == n * each:
        axes += 1
    rest = values.shape[axes:]
    split = values.reshape(*[n, each] * axes, *rest)
    order = [2 * k for k in range(axes)] + [2 * k + 1 for k in range(axes)]
    order += range(2 * axes, split.ndim)
    return split.transpose(order).reshape(n**axes, each**axes, *rest)


def raw(layout: AnyLayout, v: Array) -> Array:
    """Raw directions of whitened ones (.., d)."""
    return _unit(v @ power(layout.data_covariance, -0.5))


def whitened(layout: AnyLayout, u: Array) -> Array:
    """Whitened directions of raw ones (.., d)."""
    return _unit(u @ power(layout.data_covariance, 0.5))


def teachers(run: Run) -> tuple[Array, Array]:
    """Whitened directions (k, d) and weights (k,) of the teacher; empty for another target."""
    target = run.settings.get("target", {})
    if "angles" in target:
        angles = np.asarray(target["angles"], float)
        directions = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    else:
        directions = np.asarray(target.get("directions", []), float)
    if target.get("kind") != "teacher" or not directions.size:
        return np.empty((0, run.layout.dimension)), np.empty(0)
    basis = None if "angles" in target else _range_basis(run)
    directions = directions if basis is None else directions @ basis.T
    return _unit(directions), np.asarray(target["weights"], float)


def target_function(run: Run) -> Callable[[Array], Array] | None:
    """The target on whitened inputs (rows, d), in raw units; None where it is only data.

    Without noise; classes are +-1. A function given in Python is not known to a stored run.
    """
    from ...pde.network.target import signs

    layout, known = run.layout, target_law(run)
    if known is None:
        return None
    found, to_law = known

    def function(xt: Array) -> Array:
        inputs = to_law(xt)
        y = found.value(inputs, inputs)
        return signs(y) if found.classes else layout.target_shift + layout.target_scale * y

    return function


def target_law(run: Run) -> tuple[Target, Callable[[Array], Array]] | None:
    """The target as the network meets it, and its inputs, an affine function of whitened ones."""
    if run.settings.get("target", {}).get("kind") in ("file", "arrays", "function"):
        return None
    from ...pde.network.target import target

    basis, to_law = _law_of_rows(run) or (_range_basis(run), _as_it_is)
    columns = run.layout.dimension if basis is None else basis.shape[1]
    found = target(run.config.target, run.activation, columns, basis)
    assert found is not None
    return found, to_law


def _as_it_is(xt: Array) -> Array:
    return xt


def _law_of_rows(run: Run) -> tuple[Array | None, Callable[[Array], Array]] | None:
    """Of drawn rows: the range of their law, and inputs whitened by the law instead of the rows.

    Their target is a function of the law; the rows' own moments differ from it.
    """
    from ...pde.config.data import Sampled
    from ...pde.network.data import population

    data, layout = run.config.data, run.layout
    if not isinstance(data, Sampled):
        return None
    law, colour = population(data), power(layout.data_covariance, 0.5)
    whiten = power(law.covariance, -0.5)

    def to_law(xt: Array) -> Array:
        rows = xt @ colour + layout.data_mean
        if layout.input_basis is not None and layout.input_centre is not None:
            rows = layout.input_centre + rows @ layout.input_basis
        if law.basis is not None and law.centre is not None:
            rows = (rows - law.centre) @ law.basis.T
        return np.asarray((rows - law.mean) @ whiten)

    return law.basis, to_law


def _range_basis(run: Run) -> Array | None:
    """Where the columns are dependent, the basis of what they span."""
    projected = "components" in run.settings.get("data", {})
    return None if projected else run.layout.input_basis


def is_classification(run: Run) -> bool:
    """Whether the targets are classes +-1."""
    return bool(run.settings.get("target", {}).get("label") == "sign")


def several(run: Run, t: float, count: int = 4) -> list[float]:
    """A few saved times with fields, up to t: the first, t, and some between."""
    known = run.field_times if len(run.field_times) else run.time
    times = np.append(known[known < t], run.time[run.index(t)])
    rows = np.unique(np.linspace(0, len(times) - 1, count).round().astype(int))
    return [float(times[row]) for row in rows]


def remarks(run: Run, t: float) -> list[str]:
    """What a reader must know before trusting the density at t."""
    lines = [invisible(run.activation)] if isinstance(_named(run), str) else []
    unresolved = run.diagnostics.get("unresolved_mass")
    if unresolved is not None and unresolved[run.index(t)] > UNRESOLVED:
        share = 100 * float(unresolved[run.index(t)])
        lines.append(
            f"{share:.0f} % of the mass is in features narrower than three cells: "
            "trust integrals, not heights"
        )
    return lines


def invisible(sigma: Activation) -> str:
    """Which degrees of the measure m the network does not depend on, by the parity of sigma."""
    parities = {part.parity for part in sigma.parts}
    if not parities:
        return f"only degree 1 of m is visible to f ({sigma.label})"
    degrees = "odd" if parities == {+1} else "even"
    affine = sigma.linear if degrees == "odd" else sigma.constant
    first = {"odd": " from 3 on", "even": " from 2 on"}[degrees] if affine else ""
    return f"{degrees} degrees of m{first} are invisible to f ({sigma.label})"


def _named(run: Run) -> object:
    """The name of the activation; a table where it has none, and may have both parities."""
    return run.settings.get("network", {}).get("activation")


def a_edges(run: Run) -> Array:
    """Edges of the cells of the a axis; unit bands for a list of fixed values."""
    width = run.layout.a_width
    if width is None:
        return np.asarray(np.arange(len(run.a) + 1) - 0.5)
    return np.append(run.a - width / 2, run.a[-1] + width / 2)


def require(run: Run, dimension: int, what: str) -> None:
    """Refuse a figure that this run cannot fill."""
    d = run.layout.dimension
    if d != dimension:
        raise InputError(f"{what} needs d = {dimension}, this run has d = {d}: try overview")


def _unit(vectors: Array) -> Array:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))

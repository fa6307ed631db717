"""The initial density on the grid: cell averages of a law, by Gauss quadrature in every cell.

    rho_0(u, a) dvol_g da = law of u x law of a,   or   f(v, a) dS(v) da, a density given in Python

Averages are normalised to mass 1 exactly. Gauss points an axis: four, and more where the law is
narrow. A given density is worth dS(v)/dvol_g = 1/volume_density(v) as much per Riemannian volume.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.polynomial.legendre import leggauss
from numpy.typing import NDArray

from ...kernels.errors import InputError, Notice
from ..geometry import BatchNormMetric, CubedSphere
from ..geometry.axis import CellAxis, OuterAxis
from ..network.directions import DirectionLaw

Array = NDArray[np.float64]
Density = Callable[[Array, Array], Any]

ORDER, HIGHEST_ORDER = 4, 24  # Gauss points an axis of a cell
UNRESOLVED = 1.5  # cells: a law that is narrower gives a notice
EXACT_MASS = 1e-6  # a given density whose integral is further from 1 gives a notice
WALL_MASS = 1e-6  # of a given density, in the outermost cells of a


def direction_averages(law: DirectionLaw, sphere: CubedSphere) -> Array:
    """(2d, n, .., n): cell averages of a law of u per unit of solid angle; their sum is 1."""
    if law.kind == "uniform":
        return np.full(sphere.shape, 1.0 / sphere.volume.sum())
    cells = law.width / sphere.spacing
    if cells < UNRESOLVED:
        warnings.warn(
            f"initial.w: the law is {cells:.1f} cells wide; more solver.cells resolve it",
            Notice,
            stacklevel=2,
        )
    order = int(np.clip(np.ceil(ORDER + 3 / cells), ORDER, HIGHEST_ORDER))
    total, measure = np.zeros(sphere.shape), np.zeros(sphere.shape)
    for points, element in _gauss_points(sphere, order):
        total += element * law.density(points)
        measure += element
    average = total / measure
    return np.asarray(average / (average * sphere.volume).sum())


def given_averages(
    density: Density,
    sphere: CubedSphere,
    metric: BatchNormMetric,
    axis: OuterAxis,
    cell_volume: Array,
) -> Array:
    """(2d, n, .., n, n_a): cell averages of f(v, a) per Riemannian volume and unit a.

    density : of v (.., 1, d) and a (n_a,), broadcasting; with respect to dS(v) and da
    Raises InputError where it is negative, not finite, of another shape, or cut off by the axis.
    """
    total, measure = np.zeros((*sphere.shape, axis.count)), np.zeros(sphere.shape)
    along = _axis_points(axis)
    for points, element in _gauss_points(sphere, ORDER):
        v = metric.whitened(points)
        share = element / metric.volume_density(v)
        for a, weight in along:
            total += (weight * share)[..., None] * _values(density, v, a)
        measure += element
    rho = total / measure[..., None]
    along_a = cell_volume.ravel() @ rho.reshape(-1, axis.count) * axis.weight
    mass = float(along_a.sum())
    if not mass > 0:
        raise InputError(f"initial density: its integral is {mass:g}; give a density that is > 0")
    if isinstance(axis, CellAxis) and along_a[[0, 1, -2, -1]].sum() > WALL_MASS * mass:
        low, high = axis.span
        raise InputError(
            f"initial density: it reaches the ends of the axis of a ({low:g} to {high:g}); "
            "widen initial.a, or give solver.a_range"
        )
    if abs(mass - 1) > EXACT_MASS:
        warnings.warn(
            f"initial density: its integral is {mass:.6g}; it is divided by that",
            Notice,
            stacklevel=2,
        )
    return np.asarray(rho / mass)


def _values(density: Density, v: Array, a: Array) -> Array:
    """f at all pairs, checked: (.., n_a)."""
    shape = (*v.shape[:-1], len(a))
    values = np.asarray(density(v[..., None, :], a))
    try:
        values = np.broadcast_to(values.astype(float), shape)
    except (TypeError, ValueError):
        raise InputError(
            f"initial density: gave shape {values.shape} for v[..., 0] of shape {(*shape[:-1], 1)} "
            f"and a of shape {a.shape}; return what v[..., 0] * a broadcasts to, {shape}"
        ) from None
    if not (np.isfinite(values).all() and (values >= 0).all()):
        worst = tuple(np.argwhere(~(values >= 0) | ~np.isfinite(values))[0])
        raise InputError(
            f"initial density: {values[worst]:g} at v = {v[worst[:-1]]}, a = {a[worst[-1]]:g}; "
            "give finite values >= 0"
        )
    return values


def _axis_points(axis: OuterAxis) -> list[tuple[Array, float]]:
    """Gauss points in every cell of a with their weights, which sum to 1; the values of a list."""
    if not isinstance(axis, CellAxis):
        return [(axis.values, 1.0)]
    nodes, weights = leggauss(ORDER)
    return [
        (axis.values + 0.5 * axis.width * node, 0.5 * float(weight))
        for node, weight in zip(nodes, weights, strict=True)
    ]


def _gauss_points(sphere: CubedSphere, order: int) -> Iterator[tuple[Array, Array]]:
    """One point of every cell at a time, (2d, n, .., n, d), with its share of the solid angle."""
    nodes, weights = leggauss(order)
    for index in np.ndindex(*[order] * sphere.axes):
        offsets = [sphere.xi_centres + 0.5 * sphere.spacing * nodes[i] for i in index]
        points = sphere.points(offsets)
        yield points, sphere.sqrt_metric(points) * float(np.prod([weights[i] for i in index]))

"""The initial density on the grid: cell averages of a law, by Gauss quadrature in every cell.

    rho_0(u, a) dvol_g da = law of u x law of a,   or   f(v, a) dS(v) da, a density given in Python

Averages are normalised to mass 1 exactly. Gauss points an axis: four, and more where the law or
the chart is narrow. Per Riemannian volume a law of u is worth dS(u)/dvol_g as much, a given density
dS(v)/dvol_g as much.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.polynomial.legendre import leggauss
from numpy.typing import NDArray

from ...kernels.errors import InputError, Notice
from ..geometry import Chart, CubedSphere
from ..geometry.axis import CellAxis, OuterAxis
from ..network.directions import DirectionLaw

Array = NDArray[np.float64]
Density = Callable[[Array, Array], Any]

ORDER = 4  # Gauss points an axis of a cell
UNRESOLVED = 1.5  # cells: a law that is narrower gives a notice
EXACT_MASS = 1e-6  # a given density whose integral is further from 1 gives a notice
WALL_MASS = 1e-6  # of a given density, in the outermost cells of a


def direction_averages(law: DirectionLaw, sphere: CubedSphere, chart: Chart) -> Array:
    """(2d, n, .., n): cell averages of a law of u per Riemannian volume with r = 1; mass 1."""
    volume = chart.volume(sphere)
    if law.kind == "uniform" and chart.induced == "bn":
        return np.full(sphere.shape, 1.0 / volume.sum())
    width = _width(law, chart)
    cells = width / sphere.spacing
    if cells < UNRESOLVED:
        warnings.warn(
            f"initial.w: the law is {cells:.1f} cells wide; more solver.cells resolve it",
            Notice,
            stacklevel=2,
        )
    total, measure = np.zeros(sphere.shape), np.zeros(sphere.shape)
    order = chart.quadrature_order(sphere, width)
    for points, element in sphere.gauss_points(order):
        total += element * chart.raw_measure(points) * law.density(chart.raw(points))
        measure += element * chart.volume_density(points)
    average = total / measure
    return np.asarray(average / (average * volume).sum())


def _width(law: DirectionLaw, chart: Chart) -> float:
    """The angle on the grid over which a law of u changes by a factor, at its narrowest."""
    if chart.coordinates == "raw":
        return law.width
    return float("inf") if law.kind == "uniform-whitened" else law.width * chart.width


def given_averages(
    density: Density,
    sphere: CubedSphere,
    chart: Chart,
    axis: OuterAxis,
    cell_volume: Array,
) -> Array:
    """(2d, n, .., n, n_a): cell averages of f(v, a) per Riemannian volume and unit a.

    density : of v (.., 1, d) and a (n_a,), broadcasting; with respect to dS(v) and da
    Raises InputError where it is negative, not finite, of another shape, or cut off by the axis.
    """
    total, measure = np.zeros((*sphere.shape, axis.count)), np.zeros(sphere.shape)
    along = _axis_points(axis)
    for points, element in sphere.gauss_points(ORDER):
        v = chart.whitened(points)
        share = (
            element * chart.whitened_measure(points) / chart.metric.norm ** (chart.dimension - 1)
        )
        for a, weight in along:
            total += (weight * share)[..., None] * _values(density, v, a)
        measure += element * chart.volume_density(points)
    total /= measure[..., None]
    rho = total
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
    rho /= mass
    return rho


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

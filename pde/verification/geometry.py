"""Checks of the sphere, its grid, and the metric of batch normalization."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..geometry import BatchNormMetric, CubedSphere
from .check import Finding, at_most
from .prescribed import cell_average

Array = NDArray[np.float64]

DIMENSIONS = {2: 16, 3: 16, 4: 8}  # d -> cells
NORM = 1.3


def grid(backend: str) -> list[Finding]:
    """Volumes add up to that of the sphere; both panels of an edge mean one place."""
    spheres = [CubedSphere(d, n) for d, n in DIMENSIONS.items()]
    off = [abs(float(each.volume.sum()) / each.total_volume - 1) for each in spheres]
    apart = [_edges_apart(each) for each in spheres]
    return [
        at_most("total volume, relative", max(off), 1e-11),
        at_most("shared faces apart", max(apart), 1e-14),
    ]


def _edges_apart(sphere: CubedSphere) -> float:
    """Largest distance between the midpoints that two panels give the faces that they share."""
    ends = [sphere.points(_at_edge(sphere, axis)) for axis in range(sphere.axes)]
    table, worst = sphere.connectivity, 0.0
    for panel, axis, side in np.ndindex(table.panel.shape):
        here = np.take(ends[axis][panel], side, axis=axis)
        other, its, where = (t[panel, axis, side] for t in (table.panel, table.axis, table.side))
        there = np.take(ends[its][other], where, axis=its)
        worst = max(worst, float(np.abs(here - there).max()))
    return worst


def _at_edge(sphere: CubedSphere, axis: int) -> list[Array]:
    lines = [sphere.xi_centres] * sphere.axes
    lines[axis] = sphere.xi_faces[[0, -1]]
    return lines


def isometry(backend: str) -> list[Finding]:
    """Seen from u, the metric is the round one of radius r: lengths, inverse, and volume.

    dv of a tangent e at u is P_v S^(1/2) e/|S^(1/2) u|; g(dv, dv) = r^2 |e|^2 and M g = P_v.
    """
    rng = np.random.Generator(np.random.Philox(4))
    stretched, inverse, volume = 0.0, 0.0, 0.0
    for d in DIMENSIONS:
        factor = rng.standard_normal((d, d))
        metric = BatchNormMetric(factor @ factor.T + 0.2 * np.eye(d), NORM)
        u, e = _tangents(rng, d)
        root = _root(metric.covariance)
        image = u @ root
        length = np.linalg.norm(image, axis=1, keepdims=True)
        v, moved = image / length, e @ root / length
        moved -= v * (v * moved).sum(axis=1, keepdims=True)
        squares = np.einsum("ni,nij,nj->n", moved, metric.metric(v), moved)
        stretched = max(stretched, float(np.abs(squares / NORM**2 - 1).max()))
        tangent = np.eye(d) - v[:, :, None] * v[:, None, :]
        inverse = max(inverse, float(np.abs(metric.mobility(v) @ metric.metric(v) - tangent).max()))
        volume = max(volume, _volume_off(metric))
    return [
        at_most("lengths, relative", stretched, 1e-11),
        at_most("M g - P", inverse, 1e-11),
        at_most("volume of the sphere in v, relative", volume, 1e-9),
    ]


def _tangents(rng: np.random.Generator, d: int) -> tuple[Array, Array]:
    """Unit vectors u and unit tangents e at them, (200, d) each."""
    u, e = rng.standard_normal((2, 200, d))
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    e -= u * (u * e).sum(axis=1, keepdims=True)
    return u, e / np.linalg.norm(e, axis=1, keepdims=True)


def _root(covariance: Array) -> Array:
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors * np.sqrt(values) @ vectors.T)


def _volume_off(metric: BatchNormMetric) -> float:
    """|int dvol_g / (r^(d-1) |S^(d-1)|) - 1| at condition 3, by 16 Gauss points a cell."""
    d = metric.dimension
    mild = BatchNormMetric(np.linspace(1.0, 3.0, d), metric.norm)
    sphere = CubedSphere(d, 8)
    density = cell_average(sphere, mild.volume_density)
    total = float((density * sphere.volume).sum())
    return abs(total / (sphere.total_volume * metric.norm ** (d - 1)) - 1)

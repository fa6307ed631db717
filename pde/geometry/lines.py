"""The grid lines on which the stations lie, as tables for sums along them.

On the panel (k, +) the points are X/|X| with X_k = 1, X_j = tan xi_j, so fixing all coordinates but
one, o, leaves a line X = p + tan(xi_o) e_o; whitening by a matrix A keeps it one, A p + t A e_o.

    panels       o = k + 1, for the last panel o = 0. The ends of the lines, xi_o = -+ pi/4, are the
                 stations on the edge that (k, +) shares with (k + 1, -+); the last panel has none
    other edges  between (k, +) and (j, -+), j > k + 1: lines with X_j = -+1, o the first other axis

So every half station lies on one line. Shapes and conventions: `kernels.contract.Lines`.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from ...kernels.contract import LineBundle, Lines
from .stations import Stations

Array = NDArray[np.float64]
Index = NDArray[np.intp]


def station_lines(stations: Stations, points: Array, matrix: Array) -> Lines:
    """The lines of the half stations.

    points : (m, d) as the rows meet them; matrix : (d, d), a point p of the grid is met
    in the direction p @ matrix
    """
    d = stations.sphere.dimension
    scaled = matrix / np.abs(matrix).max()
    bundles = [_panel(stations, k, scaled) for k in range(d)]
    bundles += [_edge(stations, k, j, scaled) for k, j in stations.pairs if j > k + 1]
    return Lines(points, len(stations.half_centres), tuple(bundles))


def _panel(stations: Stations, k: int, matrix: Array) -> LineBundle:
    sphere = stations.sphere
    d, n, last = sphere.dimension, sphere.cells, k == sphere.dimension - 1
    along = 0 if last else k + 1
    axes = sphere.ambient_axes(k)
    numbers = np.arange(k * n ** (d - 1), (k + 1) * n ** (d - 1)).reshape([n] * (d - 1))
    lines = np.moveaxis(numbers, axes.index(along), -1).reshape(-1, n)
    nodes = np.tan(sphere.xi_centres)
    rest = [j for j in axes if j != along]
    coordinates = np.array(list(product(nodes, repeat=d - 2))).reshape(len(lines), d - 2)
    if not last:
        low, high = _edge_stations(stations, k, along).reshape(2, -1)
        lines = np.column_stack([low, lines, high])
        nodes = np.concatenate([[-1.0], nodes, [1.0]])
    return LineBundle(matrix[[k, along, *rest]], nodes, coordinates, lines)


def _edge(stations: Stations, k: int, j: int, matrix: Array) -> LineBundle:
    sphere = stations.sphere
    d, n = sphere.dimension, sphere.cells
    along, *rest = [axis for axis in sphere.ambient_axes(k) if axis != j]
    numbers = _edge_stations(stations, k, j).reshape(2, n, -1)
    nodes = np.tan(sphere.xi_centres)
    coordinates = np.array(list(product([-1.0, 1.0], *[nodes] * (d - 3))))
    lines = np.moveaxis(numbers, 1, -1).reshape(-1, n)
    return LineBundle(matrix[[k, along, j, *rest]], nodes, coordinates, lines)


def _edge_stations(stations: Stations, k: int, j: int) -> Index:
    """(2, n^(d-2)): the half stations on the edges of (k, +) with (j, -) and (j, +)."""
    pairs, count = stations.edge_shape[0], int(np.prod(stations.edge_shape[1:]))
    first = len(stations.half_centres)
    numbers = np.arange(first, first + pairs * count).reshape(pairs, 2, -1)
    return np.asarray(numbers[stations.pairs.index((k, j))])

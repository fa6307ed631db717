"""What panels tell each other: the one place where data cross a panel edge.

Every exchange is one gather of slabs (a layer of values beside each panel edge) by the
connectivity tables. The grid is built so that crossing an edge never flips or transposes the other
axes, so the gather is the whole exchange; here message passing would stand.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..contract import Connectivity

Array = NDArray[np.float64]


def exchange(slabs: Array, connectivity: Connectivity) -> Array:
    """Slabs of the neighbours: [panel, axis, side] holds what lies across that edge."""
    return slabs[connectivity.panel, connectivity.axis, connectivity.side]


def edge_layer(rho: Array, depth: int, axes: int) -> Array:
    """Slabs (2d, axes, 2, ..) of the cells `depth` layers inside every panel edge."""
    sides = (depth, -1 - depth)
    return np.stack(
        [np.stack([np.take(rho, i, axis=1 + axis) for i in sides], 1) for axis in range(axes)], 1
    )


def ghost_layer(rho: Array, axes: int, connectivity: Connectivity, depth: int = 0) -> Array:
    """Slabs (2d, axes, 2, ..): the neighbours' layer `depth`, on one's own coordinate lines.

    The lines of two panels meet an edge at an angle, so each tangential axis is interpolated;
    negative interpolants are cut (they serve reconstructions, never a flux).
    """
    ghosts = exchange(edge_layer(rho, depth, axes), connectivity)
    weights = connectivity.ghost_weights[depth].T.astype(rho.dtype, copy=False)
    for tangential in range(3, 3 + axes - 1):
        moved = np.moveaxis(ghosts, tangential, -1) @ weights
        ghosts = np.moveaxis(moved, -1, tangential)
    return np.maximum(ghosts, 0.0)

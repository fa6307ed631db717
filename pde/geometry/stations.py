"""The places where the interaction is evaluated: half of the sphere, then both halves by antipodes.

Stations are the cell centres and the midpoints of the faces on panel edges (where a four-point
interpolation would have to cross an edge). The antipode of panel (k, +) is panel (k, -) with every
axis reversed, so sums over neurons with an even or odd remainder run over the d positive panels
alone:

    fold:    c(v) + c(-v)  or  c(v) - c(-v)     (neurons, before a sum over them)
    unfold:  values at v and at -v              (sums at the stations, onto the whole grid)

Whitening commutes with the antipode, so the same tables serve raw and whitened directions.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .metric import beside
from .sphere import QUARTER, CubedSphere

Array = NDArray[np.float64]


class Stations:
    """Half of the cell centres and panel-edge faces of a cubed sphere, and the way back.

    Order of the half stations: the centres of the panels (k, +), then the edge faces by pair of
    ambient axes k < j: those that the panel (k, +) shares with (j, -) and (j, +).
    """

    def __init__(self, sphere: CubedSphere) -> None:
        self.sphere = sphere
        d, n = sphere.dimension, sphere.cells
        self.pairs = [(k, j) for k in range(d) for j in range(k + 1, d)]
        self.centre_shape = (d, *[n] * (d - 1))
        self.edge_shape = (len(self.pairs), 2, *[n] * (d - 2))

    @cached_property
    def half_centres(self) -> Array:
        """(d n^(d-1), d): unit vectors at the centres of the positive panels."""
        return self.sphere.centres[1::2].reshape(-1, self.sphere.dimension)

    @cached_property
    def half_edges(self) -> Array:
        """(d (d-1) n^(d-2), d): unit vectors at half of the faces on panel edges."""
        sphere = self.sphere
        points = np.empty((*self.edge_shape, sphere.dimension))
        for pair, (k, j) in enumerate(self.pairs):
            axis = sphere.ambient_axes(k).index(j)
            lines = [sphere.xi_centres] * sphere.axes
            lines[axis] = np.array([-QUARTER, QUARTER])
            points[pair] = np.moveaxis(sphere.points(lines)[2 * k + 1], axis, 0)
        return points.reshape(-1, sphere.dimension)

    @cached_property
    def half(self) -> Array:
        """(m, d): all half stations, centres first."""
        return np.concatenate([self.half_centres, self.half_edges])

    @property
    def full(self) -> Array:
        """(2 m, d): the half stations, then their antipodes."""
        return np.concatenate([self.half, -self.half])

    def fold(self, values: Array, parity: int) -> Array:
        """(d n^(d-1),): values (2d, n, .., n) at v, plus or minus (`parity`) those at -v."""
        folded = values[1::2] + parity * _reverse(values[0::2], self.sphere.axes)
        return folded.ravel()

    def unfold(self, here: Array, antipode: Array) -> tuple[Array, Array]:
        """Whole grid from values at the half stations (m, ..) and at their antipodes.

        Returns the cell centres (2d, n, .., n, ..) and the panel-edge faces as slabs.
        """
        sphere, extra = self.sphere, here.shape[1:]
        m = len(self.half_centres)
        centres = np.empty_like(here, shape=(*sphere.shape, *extra))
        centres[1::2] = here[:m].reshape(*self.centre_shape, *extra)
        centres[0::2] = _reverse(antipode[:m].reshape(*self.centre_shape, *extra), sphere.axes)
        direct = here[m:].reshape(*self.edge_shape, *extra)
        mirrored = _reverse(antipode[m:].reshape(*self.edge_shape, *extra), sphere.axes)
        edges = np.stack([mirrored, direct], axis=1)  # [pair, sign of k, sign of j, ..]
        flat = edges.reshape(-1, *edges.shape[3:])
        return centres, flat[beside(self._edge_of_slab, flat)]

    @cached_property
    def _edge_of_slab(self) -> NDArray[np.intp]:
        """Which [pair, sign of k, sign of j], flat, is the edge of every [panel, axis, side]."""
        sphere = self.sphere
        table = np.empty((2 * sphere.dimension, sphere.axes, 2), np.intp)
        for k, s in np.ndindex(sphere.dimension, 2):
            for axis, j in enumerate(sphere.ambient_axes(k)):
                for t in range(2):
                    signs = (s, t) if k < j else (t, s)
                    pair = self.pairs.index((min(k, j), max(k, j)))
                    table[2 * k + s, axis, t] = 4 * pair + 2 * signs[0] + signs[1]
        return table


def _reverse(values: Array, axes: int) -> Array:
    """All panel axes reversed: the antipodal order."""
    return np.flip(values, axis=tuple(range(1, 1 + axes)))

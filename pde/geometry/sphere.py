"""Equiangular cubed sphere on S^(d-1), any d >= 2: points, volumes, faces, connectivity.

Panel p = 2k + (s > 0) surrounds the point s e_k. With the coordinates xi_j, j != k in increasing j,

    X_k = s,   X_j = tan xi_j,   v = X/|X|,   xi_j in [-pi/4, pi/4],   h = (pi/2)/n

(tan without the factor s: crossing an edge then never flips or transposes the other axes). Across
xi_j = t pi/4 lies panel (j, t), entered at its edge xi_k = s pi/4.

    sqrt g = |v_k|^d prod_{j != k} (v_j^2 + v_k^2)/v_k^2
    dxi_j  = s (v_k e_j - v_j e_k)/(v_j^2 + v_k^2)      (ambient covector; radial parts drop out)

Source: Ronchi, Iacono, Paolucci, J. Comput. Phys. 124 (1996) 93, for d = 3; the general d is worked
out here. Shapes: directions (2d, n, .., n); the sphere is the unit sphere. Densities and velocities
are elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
from numpy.polynomial.legendre import leggauss
from numpy.typing import NDArray
from scipy.special import gamma

from ...kernels import Connectivity

Array = NDArray[np.float64]
QUARTER = np.pi / 4
GHOST_LAYERS = 2  # cells beyond its own line that a reconstruction reads, at most


class CubedSphere:
    """The grid of directions: 2d panels of n^(d-1) cells.

    dimension : d >= 2, of the space around the sphere
    cells : n >= 4, cells along a panel edge (a quarter of a great circle)
    """

    def __init__(self, dimension: int, cells: int) -> None:
        if dimension < 2 or cells < 4:
            raise ValueError(f"a grid needs d >= 2 and 4 cells an edge, not {dimension}, {cells}")
        self.dimension, self.cells = dimension, cells
        self.spacing = (np.pi / 2) / cells
        self.shape = (2 * dimension, *[cells] * (dimension - 1))

    @property
    def axes(self) -> int:
        """d - 1, the number of coordinates of a panel."""
        return self.dimension - 1

    @cached_property
    def xi_centres(self) -> Array:
        """(n,): coordinates of the cell centres, exactly antisymmetric."""
        return np.asarray((np.arange(self.cells) - (self.cells - 1) / 2) * self.spacing)

    @cached_property
    def xi_faces(self) -> Array:
        """(n + 1,): coordinates of the faces."""
        faces: Array = np.asarray((np.arange(self.cells + 1) - self.cells / 2) * self.spacing)
        faces[[0, -1]] = -QUARTER, QUARTER
        return faces

    @cached_property
    def centres(self) -> Array:
        """(2d, n, .., n, d): unit vectors at the cell centres."""
        return self.points([self.xi_centres] * self.axes)

    @cached_property
    def volume(self) -> Array:
        """(2d, n, .., n): volume of every cell on the unit sphere.

        Exact for d = 2 and d = 3; Gauss quadrature of four points an axis above.
        """
        if self.axes == 1:
            return np.full(self.shape, self.spacing)
        if self.axes == 2:
            t = np.tan(self.xi_faces)
            x, y = np.meshgrid(t, t, indexing="ij")
            corner = np.arctan(x * y / np.sqrt(1 + x * x + y * y))
            cell = corner[1:, 1:] - corner[:-1, 1:] - corner[1:, :-1] + corner[:-1, :-1]
            return np.broadcast_to(cell, self.shape).copy()
        return np.asarray(sum(element for _, element in self.gauss_points(4)))

    @property
    def total_volume(self) -> float:
        """|S^(d-1)| = 2 pi^(d/2) / Gamma(d/2)."""
        half = self.dimension / 2
        return float(2 * np.pi**half / gamma(half))

    def points(self, coordinates: Sequence[Array]) -> Array:
        """(2d, len, .., len, d): unit vectors at a tensor grid of panel coordinates."""
        tangents = np.meshgrid(*[np.tan(x) for x in coordinates], indexing="ij")
        return np.stack(
            [self._panel_points(panel, tangents) for panel in range(2 * self.dimension)]
        )

    def gauss_points(self, order: int) -> Iterator[tuple[Array, Array]]:
        """One Gauss point of every cell at a time, (2d, n, .., n, d), and its solid angle."""
        nodes, weights = leggauss(order)
        for index in np.ndindex(*[order] * self.axes):
            points = self.points([self.xi_centres + 0.5 * self.spacing * nodes[i] for i in index])
            weight = np.prod([0.5 * self.spacing * weights[i] for i in index])
            yield points, weight * self.sqrt_metric(points)

    def _panel_points(self, panel: int, tangents: Sequence[Array]) -> Array:
        normal, sign = panel // 2, 1.0 if panel % 2 else -1.0
        vector = np.empty((*tangents[0].shape, self.dimension))
        vector[..., normal] = sign
        for axis, ambient in enumerate(self.ambient_axes(normal)):
            vector[..., ambient] = tangents[axis]
        return np.asarray(vector / np.linalg.norm(vector, axis=-1, keepdims=True))

    def ambient_axes(self, normal: int) -> list[int]:
        """Ambient index of each panel axis, for the panels around +-e_normal."""
        return [j for j in range(self.dimension) if j != normal]

    def sqrt_metric(self, v: Array) -> Array:
        """(2d, ..): volume element of the panel coordinates at v (2d, .., d)."""
        element = np.empty(v.shape[:-1])
        for panel in range(2 * self.dimension):
            k = panel // 2
            square = v[panel] ** 2
            element[panel] = square[..., k] ** (self.dimension / 2)
            for j in self.ambient_axes(k):
                element[panel] *= (square[..., j] + square[..., k]) / square[..., k]
        return element

    def covector(self, v: Array, axis: int) -> Array:
        """(2d, .., d): ambient covector dxi of a panel axis at v (2d, .., d)."""
        covector = np.zeros(v.shape)
        for panel in range(2 * self.dimension):
            k, sign = panel // 2, 1.0 if panel % 2 else -1.0
            j = self.ambient_axes(k)[axis]
            vj, vk = v[panel][..., j], v[panel][..., k]
            covector[panel][..., j] = sign * vk / (vj**2 + vk**2)
            covector[panel][..., k] = -sign * vj / (vj**2 + vk**2)
        return covector

    @property
    def face_centres(self) -> list[Array]:
        """One array an axis, (2d, n, .., n+1, .., n, d): unit vectors at the face midpoints."""
        faces = []
        for axis in range(self.axes):
            lines = [self.xi_centres] * self.axes
            lines[axis] = self.xi_faces
            faces.append(self.points(lines))
        return faces

    @cached_property
    def face_weights(self) -> list[Array]:
        """One array an axis, (2d, n, .., n+1, .., n, d).

        Dotted with an ambient vector field: its flux through the face (midpoint rule).
        """
        weights = []
        for axis, v in enumerate(self.face_centres):
            measure = self.sqrt_metric(v) * self.spacing ** (self.dimension - 2)
            weights.append(measure[..., None] * self.covector(v, axis))
        return weights

    @cached_property
    def connectivity(self) -> Connectivity:
        """The tables by which panels exchange slabs."""
        d = self.dimension
        panel, axis, side = (np.empty((2 * d, self.axes, 2), np.intp) for _ in range(3))
        for k, s in np.ndindex(d, 2):
            for a, j in enumerate(self.ambient_axes(k)):
                for t in range(2):
                    here = (2 * k + s, a, t)
                    panel[here], axis[here] = 2 * j + t, self.ambient_axes(j).index(k)
                    side[here] = s
        lines = self.axes > 1  # in d = 2 an edge is a point
        weights = self._ghost_weights() if lines else np.zeros((GHOST_LAYERS, 4, 4))
        return Connectivity(panel, axis, side, weights)

    def _ghost_weights(self) -> Array:
        """(GHOST_LAYERS, n, n): cubic interpolation from the neighbour's layers onto one's lines.

        The continued line with tan xi meets layer m at atan(tan(xi) tan(pi/4 - (m + 1/2) h)).
        """
        n, h = self.cells, self.spacing
        weights = np.zeros((GHOST_LAYERS, n, n))
        for layer in range(GHOST_LAYERS):
            source = np.arctan(np.tan(self.xi_centres) * np.tan(QUARTER - (layer + 0.5) * h))
            for i, x in enumerate((source - self.xi_centres[0]) / h):
                first = int(np.clip(np.floor(x) - 1, 0, n - 4))
                nodes = np.arange(first, first + 4)
                for node in nodes:
                    others = nodes[nodes != node]
                    weights[layer, i, node] = np.prod((x - others) / (node - others))
        return weights

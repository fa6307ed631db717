"""The cubed sphere found by search alone: no tables of neighbours, one cell at a time."""

from collections.abc import Callable
from functools import cache
from itertools import product

import numpy as np
import pytest
from scipy.spatial import cKDTree

from bnflow.pde.geometry.sphere import Array, CubedSphere

Index = tuple[int, ...]


class Panels:
    """Cells and faces of a cubed sphere by their points; an index is (panel, i, ..)."""

    def __init__(self, d: int, n: int) -> None:
        self.d, self.n, self.h = d, n, np.pi / 2 / n
        self.centres = {
            index: self.point(index[0], [self.xi(i) for i in index[1:]])
            for index in product(range(2 * d), *[range(n)] * (d - 1))
        }
        self.across = self._across()

    def xi(self, i: float) -> float:
        return -np.pi / 4 + (i + 0.5) * self.h

    def point(self, panel: int, xi: list[float]) -> Array:
        k, sign = panel // 2, 1.0 if panel % 2 else -1.0
        return self.normalised(np.insert(np.tan(xi), k, sign))

    @staticmethod
    def normalised(x: Array) -> Array:
        return np.asarray(x / np.sqrt(x @ x))

    def coordinates(self, panel: int, v: Array) -> Array:
        """Panel coordinates of a point that the panel sees."""
        return np.arctan(np.delete(v / abs(v[panel // 2]), panel // 2))

    def face(self, index: Index, axis: int, side: int) -> Array:
        """Midpoint of a face of a cell."""
        xi = [self.xi(i) for i in index[1:]]
        xi[axis] += (side - 0.5) * self.h
        return self.point(index[0], xi)

    def _across(self) -> dict[tuple[Index, int, int], tuple[Index, int, int]]:
        """Every face twice, as seen from both sides: pairs of coinciding midpoints."""
        faces = list(product(self.centres, range(self.d - 1), range(2)))
        tree = cKDTree(np.array([self.face(*each) for each in faces]))
        pairs = tree.query_pairs(1e-9)
        found = {}
        for i, j in pairs:
            found[faces[i]], found[faces[j]] = faces[j], faces[i]
        assert 2 * len(pairs) == len(found) == len(faces)
        return found

    def neighbour(self, index: Index, axis: int, side: int) -> tuple[Index, int, int]:
        """The cell across a face, and which of its faces that is."""
        return self.across[index, axis, side]

    def continued(self, index: Index, axis: int, side: int, depth: int = 0) -> tuple[int, Array]:
        """Where a line of cell centres is beyond the edge, `depth` cells into the neighbour."""
        xi = [self.xi(i) for i in index[1:]]
        xi[axis] += (2 * side - 1) * (1 + depth) * self.h
        panel = self.neighbour(index, axis, side)[0][0]
        return panel, self.coordinates(panel, self.point(index[0], xi))


@pytest.fixture(scope="session")
def panels() -> Callable[[int, int], Panels]:
    """Grids by (d, n)."""
    return cache(Panels)


@pytest.fixture(scope="session")
def sphere() -> Callable[[int, int], CubedSphere]:
    """The package's grids by (d, n)."""
    return cache(CubedSphere)


@pytest.fixture(scope="session")
def swirl() -> Callable[[CubedSphere, int], list[Array]]:
    """Flux of a smooth, neither tangent nor divergence-free vector field through every face."""

    def make(grid: CubedSphere, seed: int) -> list[Array]:
        random = np.random.default_rng(seed)
        linear, square = random.standard_normal((2, grid.dimension, grid.dimension))
        fluxes = []
        for axis, weights in enumerate(grid.face_weights):
            lines = [grid.xi_centres] * grid.axes
            lines[axis] = grid.xi_faces
            v = grid.points(lines)
            fluxes.append(np.einsum("...d,...d->...", v @ linear + v**2 @ square, weights))
        return fluxes

    return make

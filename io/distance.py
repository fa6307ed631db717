"""The 2-Wasserstein distance between the laws of the neurons of two runs, by POT (`analysis`).

    W2(rho, rho')^2 = min over couplings of E |v - v'|^2 + (a - a')^2

v whitened unit vectors, at their chordal distance (w itself in a plain network), a outer weights;
and (gamma - gamma')^2 + (beta - beta')^2 where a run has scales and shifts, 1 and 0 in another. A
density enters as the centres of its cells, replicas as one pool. The plan is exact for the points
that enter, of which a law has at most 2,000. A larger one is condensed: bisected at the median of
its widest coordinate, the part of largest inertia first, and every part becomes its centre of mass;
by the triangle inequality, W2 is off by no more than the root of the inertia that is lost.

points (n, d + 1), or (n, d + 3) · mass (n,), which sums to 1
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..pde.frame import Array, Layout
from .prediction import power

if TYPE_CHECKING:
    from .run import Run

MOST_POINTS = 2000
LEAST_MASS = 1e-9  # of a cell, to enter
_PIVOTS = 10_000_000  # of the simplex method, at most


@dataclass(frozen=True)
class Cloud:
    """A law as weighted points, which is off by at most `error` in W2."""

    points: Array
    mass: Array
    error: float = 0.0


def is_available() -> bool:
    """Whether POT is installed."""
    return find_spec("ot") is not None


def is_normalised(run: Run) -> bool:
    """Whether the network has batch normalization; every one on a grid has."""
    return bool(getattr(run.layout, "normalised", True))


def is_rescaled(run: Run) -> bool:
    """Whether neurons have scales and shifts of their own; on a grid all have 1 and 0."""
    return bool(getattr(run, "rescaled", False))


def wasserstein(one: Cloud, other: Cloud) -> float:
    """W2 between two laws as they are."""
    from ot import dist, emd2

    cost = dist(one.points, other.points)
    return float(np.sqrt(max(emd2(one.mass, other.mass, cost, numItermax=_PIVOTS), 0.0)))


def cloud(run: Run, t: float, rescaled: bool = False) -> Cloud:
    """The law of (v, a), or of (w, a) in a plain network, at a saved time, condensed if large.

    rescaled : that of (v, a, gamma, beta)
    """
    on_grid = isinstance(run.layout, Layout)
    whole = _of_density(run, t) if on_grid else _of_neurons(run, t)
    return condensed(_with_affine(whole, run, t) if rescaled else whole)


def _with_affine(law: Cloud, run: Run, t: float) -> Cloud:
    gamma, beta = np.ones(len(law.mass)), np.zeros(len(law.mass))
    if is_rescaled(run):
        gamma, beta = run.scales(t).ravel(), run.shifts(t).ravel()
    return Cloud(np.column_stack([law.points, gamma, beta]), law.mass)


def _of_density(run: Run, t: float) -> Cloud:
    layout = run.layout
    mass = run.density(t) * layout.cell_volume[..., None] * run.a_weight
    mass = mass.reshape(-1, len(run.a))
    cell, value = np.nonzero(mass > LEAST_MASS)
    directions = layout.direction_whitened.reshape(-1, layout.dimension)[cell]
    return _cloud(directions, run.a[value], mass[cell, value])


def _of_neurons(run: Run, t: float) -> Cloud:
    direction, a, mass = run.particles(t)
    directions = direction.reshape(-1, direction.shape[-1])
    if is_normalised(run):
        image = directions @ power(run.layout.data_covariance, 0.5)
        directions = image / np.linalg.norm(image, axis=1, keepdims=True)
    return _cloud(directions, a.ravel(), np.tile(mass, len(a)))


def _cloud(directions: Array, a: Array, mass: Array) -> Cloud:
    return Cloud(np.column_stack([directions, a]), mass / mass.sum())


# -- condensing ------------------------------------------------------------------------------------


def condensed(law: Cloud, most: int = MOST_POINTS) -> Cloud:
    """The law itself, or `most` centres of mass of its parts."""
    if len(law.mass) <= most:
        return law
    parts = [_Part.of(law, np.arange(len(law.mass)))]
    heapify(parts)
    while len(parts) < most:  # a part of one point is never the largest
        for index in heappop(parts).halves(law):
            heappush(parts, _Part.of(law, index))
    centres, mass = np.array([part.centre for part in parts]), np.array([p.mass for p in parts])
    return Cloud(centres, mass / mass.sum(), float(np.sqrt(sum(p.inertia for p in parts))))


@dataclass(frozen=True)
class _Part:
    """Some points of a law; the one of largest inertia sorts first."""

    index: NDArray[np.intp]
    mass: float
    centre: Array
    moments: Array  # of inertia, one a coordinate

    @classmethod
    def of(cls, law: Cloud, index: NDArray[np.intp]) -> _Part:
        points, mass = law.points[index], law.mass[index]
        centre = mass @ points / mass.sum()
        return cls(index, float(mass.sum()), centre, mass @ (points - centre) ** 2)

    @property
    def inertia(self) -> float:
        return 0.0 if len(self.index) == 1 else float(self.moments.sum())

    def __lt__(self, other: _Part) -> bool:
        return (self.inertia, len(self.index)) > (other.inertia, len(other.index))

    def halves(self, law: Cloud) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Both sides of the median of the widest coordinate."""
        widest = int(self.moments.argmax())
        index = self.index[np.argsort(law.points[self.index, widest], kind="stable")]
        below = int(np.searchsorted(np.cumsum(law.mass[index]), 0.5 * self.mass))
        below = min(max(below, 1), len(index) - 1)
        return index[:below], index[below:]

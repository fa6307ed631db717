"""One step of neurons as a function of arrays alone: what is the same at every step.

    start, F(start), dt  ->  point, field and F there, and the numbers that judge the step

A point is (x, a, int D ds[, gamma, beta]), led back onto its manifold. Nothing here looks at a
number, so a device may do all of it at once (`Kernels.recorded`); the host reads `numbers` alone.

    numbers  finite   1 where every number of the field is one
             risk, energy, dissipation   means over the replicas
             drift    largest relative departure from the manifold, removed
             off_lost, lost              mean sizes of the error and of the new int D ds
             off, new, old               norms of the error and of the weights, three for each kind
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..network.affine import Affine
from ..products import inner, numbers, product
from ..stepping.runge_kutta import Point, advanced, estimated_error
from ..stepping.tableaux import Tableau
from .flow import NeuronField, NeuronFlow

Array = NDArray[np.float64]
Sizes = tuple[float, float, float]


@dataclass(frozen=True)
class Means:
    """risk, energy (without noise), dissipation : means over the replicas; finite : of the field"""

    finite: bool
    risk: float
    energy: float
    dissipation: float

    @classmethod
    def of(cls, told: Array) -> Means:
        """Of the host's numbers, the first four."""
        finite, *means = map(float, told[:4])
        return cls(bool(finite), *means)


@dataclass(frozen=True)
class Judged:
    """The numbers of a step; sizes : (off, new, old) of every kind of weights, see the module."""

    means: Means
    drift: float
    off_lost: float
    lost: float
    sizes: tuple[Sizes, ...]

    @classmethod
    def of(cls, told: Array) -> Judged:
        """Of the host's numbers, in the order of the module."""
        drift, off_lost, lost, *rest = map(float, told[4:])
        sizes = tuple((rest[k], rest[k + 1], rest[k + 2]) for k in range(0, len(rest), 3))
        return cls(Means.of(told), drift, off_lost, lost, sizes)


@dataclass(frozen=True)
class Seen:
    """At a point. slope : F there; numbers : see the module, the means alone or all of them"""

    field: NeuronField
    slope: Point
    numbers: Array


@dataclass(frozen=True)
class Attempt(Seen):
    """A step that may be taken, to a point."""

    point: Point


@dataclass(frozen=True)
class Stepper:
    """The steps of a flow by a method."""

    flow: NeuronFlow
    tableau: Tableau

    def moved(self, start: Point, first: Point, mass: Array, dt: Array) -> Moved:
        """The point after a step of length dt (1,), its stages, and what the manifold took."""
        flow = self.flow

        def slope(point: Point) -> Point:
            x, a, _, *affine = point
            return flow.velocity(flow.field(x, a, mass, affine_of(affine)), a)

        combine = flow.kernels.combine
        (x, *rest), *stages = advanced(self.tableau, slope, start, first, dt, combine)
        back, drift = flow.retracted(x)
        return Moved((back, *rest), stages, drift)

    def tried(self, start: Point, first: Point, mass: Array, dt: Array) -> Attempt:
        """The same, with the field there and the numbers that judge it."""
        flow, moved = self.flow, self.moved(start, first, mass, dt)
        field, slope, means = self._at(moved.point, mass)
        off: Point = ()
        if self.tableau.defect:
            off = estimated_error(self.tableau, moved.stages, slope, dt, flow.kernels.combine)
        sizes = _sizes(off, moved.point, start, mass)
        return Attempt(field, slope, numbers([*means, moved.drift, *sizes]), moved.point)

    def seen(self, point: Point, mass: Array) -> Seen:
        """The field at a point."""
        field, slope, means = self._at(point, mass)
        return Seen(field, slope, numbers(means))

    def _at(self, point: Point, mass: Array) -> tuple[NeuronField, Point, list[Array]]:
        """The field, F, and the first numbers."""
        x, a, _, *affine = point
        field = self.flow.field(x, a, mass, affine_of(affine))
        energy = self.flow.energy(field, field.a, mass)
        means = [each.mean() for each in (field.risk, energy, field.dissipation)]
        return field, self.flow.velocity(field, a), [field.finite.astype(float), *means]


@dataclass(frozen=True)
class Moved:
    """After a step without a look at its end. drift : one number, where the point is"""

    point: Point
    stages: list[Point]
    drift: Array


def affine_of(parts: Sequence[Array]) -> Affine | None:
    """gamma and beta of a point; None where they stay."""
    return Affine(*parts) if parts else None


def joined(parts: Sequence[Array]) -> Array:
    """(replicas, neurons, 2): gamma and beta, or what belongs to them, side by side."""
    return np.stack(list(parts), axis=-1)


def norm(values: Array, mass: Array) -> Array:
    """Root mean square over neurons and replicas of (replicas, neurons[, d])."""
    flat = values.reshape(*values.shape[:2], -1)
    root: Array = np.sqrt(product(inner(flat, flat), mass).mean())
    return root


def _sizes(off: Point, new: Point, old: Point, mass: Array) -> list[Array]:
    """Mean sizes of what is dissipated, and norms; none, but 0, where a method tells no error."""
    if not off:
        return [np.zeros_like(new[2][0])] * 2
    sizes = [np.abs(off[2]).mean(), np.abs(new[2]).mean()]
    for k in range(2):
        sizes += [norm(each[k], mass) for each in (off, new, old)]
    if len(new) > 3:
        sizes += [norm(joined(each[3:]), mass) for each in (off, new, old)]
    return sizes

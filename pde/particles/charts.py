"""The coordinates in which neurons move: one flow, four ways to write it.

A chart leads from coordinates x (.., N, d) to the points p (.., N, d) at which a neuron meets its
rows, sigma(p.row), and from the gradient of h in p to the motion of x. With r = |w|, S the
covariance and g = dh/dp, a neuron moves by x' = -a K g, and |grad_g h|^2 = <dh/dx, K dh/dx>:

    raw         u = w/|w|,  p = v = S^(1/2) u / |S^(1/2) u|
                dh/du = S^(1/2) P_v g / |S^(1/2) u|,      u' = -(a/r^2) dh/du
    whitened    v = p,      v' = -a M(v) g,               M(v) = (v' S^-1 v)/r^2 P_v S P_v
    ellipsoid   q' S q = 1, p = S^(1/2) q
                q' = -(a |q|^2/r^2) (I - q q' S)(I - S q q') dh/dq,   dh/dq = S^(1/2) g
    plain       w = p on the raw rows, no batch normalization: w' = -a g

The first three are isometric: same network, same clock. For comparison, `induced` = "round" follows
the metric that batch normalization does not induce: v' = -(a/r^2) P_v g, or in u with the mobility
(u' S u)/r^2 P_u S^-1 P_u. Each map takes x of any length to the manifold first, so intermediate
stages of an integrator need no correction, and `retracted` undoes what a step adds.
Source: Ma and Ying, arXiv 2110.08725, in these coordinates.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from ..geometry import BatchNormMetric
from ..geometry import Chart as GridChart
from ..geometry.chart import Induced
from ..geometry.metric import beside
from ..products import inner, product

Array = NDArray[np.float64]
Coordinates = Literal["raw", "whitened", "ellipsoid"]


class Chart(Protocol):
    """Coordinates of the inner weights. Arrays are (.., N, d), results of `rise` per neuron."""

    def points(self, x: Array) -> Array:
        """Where the neurons meet the rows."""
        ...

    def rise(self, x: Array, points: Array, gradient: Array) -> tuple[Array, Array]:
        """Motion per -a, the metric gradient of h, and its squared length (.., N).

        gradient : of h in the points, ambient
        """
        ...

    def retracted(self, x: Array) -> Array:
        """The nearest admissible coordinates."""
        ...

    def from_raw(self, w: Array) -> Array:
        """Coordinates of raw inner weights (directions, or w itself without normalization)."""
        ...

    def raw(self, x: Array) -> Array:
        """Raw directions u, or w itself without normalization."""
        ...


class RawChart:
    """u, on the round sphere unless the flow's metric is round in v."""

    def __init__(self, metric: BatchNormMetric, induced: Induced = "bn") -> None:
        self.metric, self.chart = metric, GridChart(metric, "raw", induced)

    def points(self, x: Array) -> Array:
        """v of u."""
        return self.metric.whitened(x)

    def rise(self, x: Array, points: Array, gradient: Array) -> tuple[Array, Array]:
        """Mobility times grad_u h, at |x| = 1 whatever the length of x."""
        u = _unit(x)
        slope = self.metric.raw_gradient(gradient, u, points)
        motion = self.chart.raised(slope, u)
        return motion, inner(slope, motion)

    def retracted(self, x: Array) -> Array:
        """x / |x|."""
        return _unit(x)

    def from_raw(self, w: Array) -> Array:
        """Its direction."""
        return _unit(w)

    def raw(self, x: Array) -> Array:
        """Itself."""
        return x


class WhitenedChart:
    """v on the sphere with the mobility M, unless the flow's metric is round there."""

    def __init__(self, metric: BatchNormMetric, induced: Induced = "bn") -> None:
        self.metric, self.chart = metric, GridChart(metric, "whitened", induced)

    def points(self, x: Array) -> Array:
        """v itself."""
        return _unit(x)

    def rise(self, x: Array, points: Array, gradient: Array) -> tuple[Array, Array]:
        """Mobility times grad_v h."""
        slope = _tangent(points, gradient)
        motion = self.chart.raised(slope, points)
        return motion, inner(slope, motion)

    def retracted(self, x: Array) -> Array:
        """x / |x|."""
        return _unit(x)

    def from_raw(self, w: Array) -> Array:
        """v of w."""
        return self.metric.whitened(w)

    def raw(self, x: Array) -> Array:
        """u of v."""
        return self.metric.raw(x)


class EllipsoidChart:
    """q on q' S q = 1: the network without normalization, on an ellipsoid."""

    def __init__(self, metric: BatchNormMetric, induced: Induced = "bn") -> None:
        if induced != "bn":
            raise ValueError(f"the ellipsoid carries the metric of batch normalization: {induced}")
        self.metric = metric

    def points(self, x: Array) -> Array:
        """S^(1/2) q."""
        return _unit(product(x, beside(self.metric.square_root, x)))

    def rise(self, x: Array, points: Array, gradient: Array) -> tuple[Array, Array]:
        """|q|^2/r^2 (I - q q' S)(I - S q q') dh/dq."""
        metric, q = self.metric, self.retracted(x)
        slope = product(gradient, beside(metric.square_root, x))
        normal = product(q, beside(metric.covariance, x))
        slope = slope - normal * inner(q, slope)[..., None]
        motion = slope - q * inner(normal, slope)[..., None]
        motion *= (inner(q, q) / metric.norm**2)[..., None]
        return motion, inner(slope, motion)

    def retracted(self, x: Array) -> Array:
        """x / sqrt(x' S x)."""
        root = beside(self.metric.square_root, x)
        back: Array = x / np.linalg.norm(product(x, root), axis=-1, keepdims=True)
        return back

    def from_raw(self, w: Array) -> Array:
        """q of w."""
        return self.retracted(w)

    def raw(self, x: Array) -> Array:
        """u of q."""
        return _unit(x)


class PlainChart:
    """w in the whole space: no batch normalization, no conserved length.

    root : S^(1/2) where the points are p = S^(1/2) w (whitened inputs of mean zero), else None
    """

    def __init__(self, root: Array | None = None) -> None:
        self.root = root

    def points(self, x: Array) -> Array:
        """S^(1/2) w, or w."""
        return x if self.root is None else product(x, beside(self.root, x))

    def rise(self, x: Array, points: Array, gradient: Array) -> tuple[Array, Array]:
        """dh/dw itself."""
        slope = gradient if self.root is None else product(gradient, beside(self.root, x))
        return slope, inner(slope, slope)

    def retracted(self, x: Array) -> Array:
        """Itself."""
        return x

    def from_raw(self, w: Array) -> Array:
        """Itself."""
        return w

    def raw(self, x: Array) -> Array:
        """Itself."""
        return x


CHARTS: dict[str, Callable[..., Chart]] = {
    "raw": RawChart,
    "whitened": WhitenedChart,
    "ellipsoid": EllipsoidChart,
}


def chart(coordinates: Coordinates, metric: BatchNormMetric, induced: Induced = "bn") -> Chart:
    """The chart of a batch-normalized network."""
    return CHARTS[coordinates](metric, induced)


def _unit(x: Array) -> Array:
    one: Array = x / np.linalg.norm(x, axis=-1, keepdims=True)
    return one


def _tangent(v: Array, x: Array) -> Array:
    return x - v * inner(v, x)[..., None]

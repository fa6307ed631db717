"""Where the grid of directions lies, and the metric of the flow in those coordinates.

The grid covers the unit sphere of the raw directions, p = u, or of the whitened ones, p = v. The
flow's metric is the one that batch normalization induces ("bn", round of radius r in u) or, for
comparison, the one that it does not ("round", round of radius r in v). With q(v) = v' S^-1 v:

    metric  p   mobility of p                           dvol_g / (r^(d-1) dS(p))
    bn      u   P_u / r^2                               1
    bn      v   M(v) = q(v)/r^2  P_v S P_v              det(S)^(-1/2) q(v)^(-d/2)
    round   v   P_v / r^2                               1
    round   u   (u' S u)/r^2  P_u S^-1 P_u              det(S)^(1/2) (u' S u)^(-d/2)

Rows of one metric are one equation on two grids. The last is the second with S^-1 in place of S,
since u is to v as v is to u. Densities are per Riemannian volume on every chart, so that

    int rho_t = - sum over faces of  dvol_g/dS  dxi(velocity)  rho

Source: Ma and Ying, arXiv 2110.08725, in these coordinates. Arrays of points are (.., d), of unit
length.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..products import inner
from .metric import BatchNormMetric
from .sphere import CubedSphere

Array = NDArray[np.float64]
Coordinates = Literal["raw", "whitened"]
Induced = Literal["bn", "round"]

ORDER, HIGHEST_ORDER = 4, 24  # Gauss points an axis of a cell


class Chart:
    """Coordinates p of the directions on a grid.

    metric : of batch normalization, with r; coordinates : whether p is u or v
    induced : which metric the flow follows
    """

    def __init__(
        self,
        metric: BatchNormMetric,
        coordinates: Coordinates = "raw",
        induced: Induced = "bn",
    ) -> None:
        self.metric, self.coordinates, self.induced = metric, coordinates, induced
        self._mobile: BatchNormMetric | None = None  # None: the flow's metric is round in p
        if (coordinates == "raw") != (induced == "bn"):
            self._mobile = metric if coordinates == "whitened" else metric.dual

    @property
    def dimension(self) -> int:
        """d, of the space around the sphere."""
        return self.metric.dimension

    @property
    def round(self) -> bool:
        """Whether the flow's metric is round in p."""
        return self._mobile is None

    @property
    def keeps_angles(self) -> bool:
        """Whether equal angles between points are equal angles between whitened directions."""
        return self.coordinates == "whitened" or self.metric.isotropic

    @property
    def width(self) -> float:
        """The angle over which measures of u and v against each other change by a factor."""
        values = np.linalg.eigvalsh(self.metric.covariance)
        return float(np.sqrt(values[0] / values[-1]))

    def raw(self, p: Array) -> Array:
        """(.., d): u."""
        return p if self.coordinates == "raw" else self.metric.raw(p)

    def whitened(self, p: Array) -> Array:
        """(.., d): v."""
        return p if self.coordinates == "whitened" else self.metric.whitened(p)

    @property
    def matrix(self) -> Array:
        """(d, d): v is parallel to p @ matrix."""
        raw = self.coordinates == "raw"
        return self.metric.square_root if raw else np.eye(self.dimension)

    def gradient(self, gradient: Array, p: Array, v: Array) -> Array:
        """(.., d): gradient in p, tangent, of a function of v, from its ambient gradient in v."""
        if self.coordinates == "raw":
            return self.metric.raw_gradient(gradient, p, v)
        return gradient - v * inner(gradient, v)[..., None]

    def raised(self, covector: Array, p: Array) -> Array:
        """(.., d): the mobility on a tangent covector, such as a gradient."""
        if self._mobile is None:
            return covector / self.metric.norm**2
        return self._mobile.raised(covector, p)

    def raw_measure(self, p: Array) -> Array:
        """(..,): dS(u)/dS(p)."""
        return np.ones(p.shape[:-1]) if self.coordinates == "raw" else _jacobian(self.metric, p)

    def whitened_measure(self, p: Array) -> Array:
        """(..,): dS(v)/dS(p)."""
        return (
            np.ones(p.shape[:-1])
            if self.coordinates == "whitened"
            else _jacobian(self.metric.dual, p)
        )

    def volume_density(self, p: Array) -> Array:
        """(..,): dvol_g / (r^(d-1) dS(p))."""
        return self.raw_measure(p) if self.induced == "bn" else self.whitened_measure(p)

    def volume(self, sphere: CubedSphere) -> Array:
        """(2d, n, .., n): Riemannian volume of every cell, over r^(d-1).

        The grid's own where the metric is round in p, else by Gauss quadrature.
        """
        if self.round:
            return sphere.volume
        total = np.zeros(sphere.shape)
        for p, element in sphere.gauss_points(self.quadrature_order(sphere, np.inf)):
            total += element * self.volume_density(p)
        return total

    def quadrature_order(self, sphere: CubedSphere, width: float) -> int:
        """Gauss points an axis that cells need for a function of that width and the measures."""
        narrowest = width if self.round and self.coordinates == "raw" else min(width, self.width)
        return int(np.clip(np.ceil(ORDER + 3 * sphere.spacing / narrowest), ORDER, HIGHEST_ORDER))

    def face_weights(self, sphere: CubedSphere) -> list[Array]:
        """One array an axis, (2d, n, .., n+1, .., n, d).

        Dotted with the gradient of a function in p: the flux of its metric gradient through the
        face, over r^(d-1).
        """
        pairs = zip(sphere.face_weights, sphere.face_centres, strict=True)
        if self.round:
            return [self.raised(weights, p) for weights, p in pairs]
        return [self.raised(w, p) * self.volume_density(p)[..., None] for w, p in pairs]


def _jacobian(metric: BatchNormMetric, v: Array) -> Array:
    """dS(u)/dS(v)."""
    return metric.volume_density(v) / metric.norm ** (metric.dimension - 1)

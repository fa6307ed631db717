"""Initial laws of the directions of the inner weights, as densities of the raw u = w/|w|.

| kind               | density with respect to the uniform probability on the sphere            |
|--------------------|--------------------------------------------------------------------------|
| uniform            | 1                                                                        |
| uniform-whitened   | det(S)^(1/2) (u' S u)^(-d/2): v = S^(1/2) u / |S^(1/2) u| is uniform     |
| vmf                | exp(k mean.u) / E exp(k mean.u), von Mises-Fisher                        |

The second is the angular central Gaussian law of S^-1, the Jacobian of u -> v. Sources: Tyler,
Biometrika 74 (1987) 579; Mardia and Jupp, Directional Statistics (2000), 9.3. Cell averages are
`density.start`'s work.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.polynomial.legendre import leggauss
from numpy.typing import NDArray
from scipy.interpolate import CubicHermiteSpline
from scipy.special import gammaln, ive

from ...kernels.errors import InputError
from ..config.initial import VonMises
from ..geometry.metric import BatchNormMetric
from ..geometry.subspace import within

Array = NDArray[np.float64]

PIECES = 8192  # of [0, pi], in the tables of shares


@dataclass(frozen=True)
class DirectionLaw:
    """A law of u on the unit sphere of R^d.

    kind : "uniform", "uniform-whitened" or "vmf"; metric : of the problem, for the second
    mean, concentration : (d,) unit vector and k >= 0, of the third
    """

    kind: str
    metric: BatchNormMetric
    mean: Array | None = None
    concentration: float = 0.0

    @classmethod
    def from_config(
        cls, law: Any, metric: BatchNormMetric, basis: Array | None = None
    ) -> DirectionLaw:
        """The law of `initial.w`; basis : (d, columns) of the range of the data, None for all.

        Raises InputError where the mean of vmf has no entry a column or leaves that range.
        """
        if not isinstance(law, VonMises):
            return cls(law if isinstance(law, str) else law.kind, metric)
        _refuse_another_length(law.mean, metric.dimension if basis is None else basis.shape[1])
        mean = within(np.array(law.mean) / np.linalg.norm(law.mean), basis, "initial.w.mean")
        return cls("vmf", metric, mean, law.concentration)

    def density(self, u: Array) -> Array:
        """(..,): with respect to the uniform probability, at unit u (.., d)."""
        if self.kind == "uniform-whitened":
            stretch = np.einsum("...i,ij,...j->...", u, self.metric.covariance, u)
            scale = np.sqrt(self.metric.determinant)
            return np.asarray(scale * stretch ** (-self.metric.dimension / 2))
        if self.kind == "vmf":
            k = self.concentration
            assert self.mean is not None
            return np.asarray(np.exp(k * (u @ self.mean - 1.0) - _log_mean(k, len(self.mean))))
        return np.ones(u.shape[:-1])

    @property
    def width(self) -> float:
        """An angle over which the density changes by a factor; infinite where it is constant."""
        if self.kind == "vmf" and self.concentration > 0:
            return float(min(np.pi, 1.0 / np.sqrt(self.concentration)))
        if self.kind == "uniform-whitened":
            values = np.linalg.eigvalsh(self.metric.covariance)
            return float(np.sqrt(values[0] / values[-1]))
        return float("inf")

    def pushed(self, u: Array) -> Array:
        """(.., d): uniform directions u (.., d) carried onto the law, point by point.

        The angle to the mean is moved such that the shares of mass within agree; so draws and
        stratified points keep what is good about them. (The map onto vmf is steep where that is
        thin: a quadrature takes the density into its weights instead.)
        """
        if self.kind == "uniform-whitened":
            return self.metric.raw(u)
        if self.kind != "vmf" or self.concentration == 0:
            return u
        assert self.mean is not None
        along = u @ self.mean
        across = u - along[..., None] * self.mean
        length = np.linalg.norm(across, axis=-1)
        d = len(self.mean)
        share = _Shares(0.0, d).within(np.arctan2(length, along))
        angle = _Shares(self.concentration, d).angle(share)
        stretch = np.sin(angle) / np.maximum(length, 1e-300)
        return _unit(np.cos(angle)[..., None] * self.mean + stretch[..., None] * across)


def _refuse_another_length(mean: tuple[float, ...], columns: int) -> None:
    """A file tells its columns only when it is read."""
    if len(mean) != columns:
        raise InputError(
            f"initial.w.mean: {len(mean)} entries, but the inputs have {columns} columns; "
            f"give {columns} entries"
        )


class _Shares:
    """Share of a vmf law within an angle of its mean: int_0^t exp(k cos s) sin(s)^(d-2) ds."""

    def __init__(self, k: float, d: int) -> None:
        ends = np.linspace(0.0, np.pi, PIECES + 1)
        nodes, weights = leggauss(8)
        half = 0.5 * np.pi / PIECES
        rate = _rate(np.hstack([ends[:-1, None], ends[:-1, None] + half * (1 + nodes)]), k, d)
        parts = half * (rate[:, 1:] @ weights)
        slope = np.append(rate[:, 0], 0.0 if d > 2 else rate[-1, -1]) / parts.sum()
        self.ends, self.share = ends, np.append(0.0, np.cumsum(parts)) / parts.sum()
        self.spline = CubicHermiteSpline(ends, self.share, slope)

    def within(self, angle: Array) -> Array:
        """The share, from 0 to 1."""
        return np.asarray(np.clip(self.spline(angle), 0.0, 1.0))

    def angle(self, share: Array) -> Array:
        """The angle of a share, by Newton steps inside its piece."""
        piece = np.clip(np.searchsorted(self.share, share, side="right") - 1, 0, PIECES - 1)
        low, high = self.ends[piece], self.ends[piece + 1]
        angle, slope = 0.5 * (low + high), self.spline.derivative()
        for _ in range(8):
            step = (self.spline(angle) - share) / np.maximum(slope(angle), 1e-300)
            angle = np.clip(angle - step, low, high)
        return np.asarray(angle)


def _rate(s: Array, k: float, d: int) -> Array:
    log = k * (np.cos(s) - 1.0)
    if d > 2:
        log = log + (d - 2) * np.log(np.maximum(np.sin(s), 1e-300))
    return np.asarray(np.exp(log - log.max()))


def _log_mean(k: float, d: int) -> float:
    """log E exp(k (mean.u - 1)) of uniform u: Gamma(d/2) (2/k)^(d/2-1) I_(d/2-1)(k) e^-k."""
    order = d / 2 - 1
    if k < 1e-8 * d:
        return -k
    return float(gammaln(d / 2) + order * np.log(2 / k) + np.log(ive(order, k)))


def _unit(x: Array) -> Array:
    return np.asarray(x / np.linalg.norm(x, axis=-1, keepdims=True))

"""Dual kernels: the overlap of two neurons on Gaussian inputs, as a function of their angle.

    kappa(c) = E[sigma(z) tau(z')],   (z, z') standard normal with correlation c = v.v'
    kappa'(c) = E[sigma'(z) tau'(z')]        (Stein)

`closed_kernels` has the pairs with a formula (a costly one is itself interpolated, as below, where
a short series holds it to rounding). Every other one is the expectation of sigma(z) times
the smoothed tau, T(c z, sqrt(1 - c^2)) (`smoothing`), on panels graded towards the kinks of both
(`normal`), interpolated at Chebyshev nodes in the angle arccos c: as many as bring the tail of the
series below 1e-13, else a notice says what was reached; beyond 1e-6 the kernel is refused. Absolute
error below 1e-10 (tests compare every pair with nested quadrature), relative to the size of the
kernel where that exceeds 1.

Only normalised neurons here: batch normalization sees to it. At c = -1 and 1 the slope for two
steps, which is infinite there, is 0: a neuron does not pull at itself.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import ArrayLike, NDArray

from ...kernels.contract import Overlap
from ...kernels.errors import InputError, Notice
from .activations import Activation, Spec, activation
from .closed_kernels import Pair, closed
from .normal import Feature, density, features, normal_rule, panel_of
from .smoothing import Smoothed, is_closed, smoothed

Array = NDArray[np.float64]
Function = Callable[[Array], Array]

NODES = (24, 48, 96, 192, 384, 768)  # of the interpolation in the angle, until it is exact
SHORT = NODES[:4]  # as long a series costs less than the formulas of `bent_kernels`
TAIL = 1e-13
USELESS = 1e-6  # tail beyond which a kernel is refused
ROUNDING = 1e-15


class DualKernel:
    """kappa(c) = E[sigma(z) tau(z')] and its derivative in c.

    first, second : activations, by name, description or object; second is first unless given
    overlap : the same for sums over many pairs, see `kernels.contract`

    Raises InputError for an unknown activation, and where the kernel cannot be resolved.
    """

    def __init__(self, first: Spec, second: Spec | None = None) -> None:
        sigma = activation(first)
        tau = sigma if second is None else activation(second)
        self._value, self._slope, _, jump = _functions(sigma, tau)
        self.overlap = Overlap(self._both, jump)

    def value(self, c: ArrayLike) -> Array:
        """kappa(c), elementwise, -1 <= c <= 1 (rounding beyond is cut)."""
        return self._value(np.clip(np.asarray(c, float), -1.0, 1.0))

    def slope(self, c: ArrayLike) -> Array:
        """d kappa / dc, elementwise."""
        return self._slope(np.clip(np.asarray(c, float), -1.0, 1.0))

    def _both(self, c: Array) -> tuple[Array, Array]:
        return self.value(c), self.slope(c)


def dual_kernel(activation: Spec, rho: ArrayLike) -> Array:
    """E[sigma(z) sigma(z')] for standard normals of correlation rho, elementwise.

    activation : a name; {"kind": name, "gain": k}; {"kind": "piecewise-linear", "knots": ..,
        "values": ..}; or an activation made by `bnflow.custom_activation`

    Raises InputError where the activation is unknown, its kernel cannot be resolved, or a
    correlation is outside [-1, 1].

    >>> float(dual_kernel("relu", 1.0))
    0.5
    """
    rho = np.asarray(rho, float)
    if not (np.abs(rho) <= 1.0 + 1e-12).all():
        raise InputError("a correlation is a number from -1 to 1")
    return DualKernel(activation).value(rho)


@lru_cache(maxsize=256)
def _functions(first: Activation, second: Activation) -> Pair:
    """Value and slope, by formula or by interpolants in the angle."""
    if found := closed(first, second):
        return found if found.cheap else Pair(_shortened(found.value), _shortened(found.slope))
    sigma, tau = (first, second) if _rank(first) <= _rank(second) else (second, first)
    average, average_slope = smoothed(tau)
    value = _Expectation(sigma, sigma.value, tau, average)
    slope = _Expectation(sigma, sigma.slope, tau, average_slope)
    names = f"{sigma.label} and {tau.label}"
    if sigma.name == "step":
        return Pair(_in_angle(value, names), _in_angle(_at_step(average_slope), names))
    return Pair(_in_angle(value, names), _in_angle(slope, names))


def _rank(sigma: Activation) -> int:
    """The higher, the better to be smoothed; a step never is, a formula is best."""
    if sigma.name == "step":
        return 0
    return 3 if is_closed(sigma) else 2 if sigma.name in ("tanh", "softplus") else 1


class _Expectation:
    """c -> E[function(z) T(c z, sqrt(1 - c^2))] for single numbers c."""

    def __init__(
        self, sigma: Activation, function: Function, tau: Activation, average: Smoothed
    ) -> None:
        self.function, self.average = function, average
        self.own, self.others = features(sigma), features(tau)
        self.panel = panel_of(sigma, tau)

    def __call__(self, c: float) -> float:
        spread = np.sqrt((1 - c) * (1 + c))
        z, weight = normal_rule([*self.own, *self._layers(c, spread)], self.panel)
        return float((self.function(z) * self.average(c * z, np.asarray(spread))) @ weight)

    def _layers(self, c: float, spread: float) -> list[Feature]:
        """The features of tau as z sees them: at k/c, of its own width and that of the spread."""
        size = max(abs(c), 1e-3)  # what lies beyond 1000 k is out of reach
        return [
            (k / (size * np.sign(c) or size), np.hypot(w, spread) / size) for k, w in self.others
        ]


def _at_step(slope: Smoothed) -> Callable[[float], float]:
    """E[delta(z) tau'(z')] = phi(0) E tau'(sqrt(1 - c^2) y)."""
    height, zero = float(density(np.zeros(()))), np.zeros(())
    return lambda c: height * float(slope(zero, np.sqrt(np.asarray((1 - c) * (1 + c)))))


def _in_angle(function: Callable[[float], float], names: str) -> Function:
    """An interpolant of a function of single correlations."""
    series, tail = _series(lambda c: np.array([function(float(each)) for each in c]), NODES)
    reached = f"the dual kernel of {names} is accurate to about {tail:.0e}"
    if not tail <= USELESS:
        raise InputError(
            f"{reached} only; name all kinks of a custom activation or lower the gain, or give "
            'data.kind = "sampled"'
        )
    if tail >= TAIL:
        warnings.warn(reached, Notice, stacklevel=2)
    return _sum_of(series)


def _shortened(formula: Function) -> Function:
    """An interpolant of a formula that costs more than a short series; else the formula."""
    series, tail = _series(formula, SHORT)
    return _sum_of(series) if tail < TAIL else formula


def _series(function: Function, nodes: tuple[int, ...]) -> tuple[Array, float]:
    """Chebyshev series in the angle and the size of its end; what is negligible is cut."""

    def at(node: Any) -> Any:
        return function(np.cos(np.pi / 2 * (1 + node)))

    for count in nodes:
        series = chebyshev.chebinterpolate(at, count - 1)
        scale = max(1.0, float(np.abs(series).max()))
        tail = float(np.abs(series[-count // 8 :]).max()) / scale
        if tail < TAIL:
            break
    kept = np.flatnonzero(np.abs(series) > ROUNDING * scale)
    return series[: 1 + int(kept.max(initial=0))], tail


def _sum_of(series: Array) -> Function:
    return lambda c: np.asarray(chebyshev.chebval(2 / np.pi * np.arccos(c) - 1, series))

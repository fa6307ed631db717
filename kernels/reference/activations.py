"""The nonlinear parts of the activations, each even or odd, and their derivatives.

    sigma(z) = p z + q + sum_i weight_i remainder_i(k z),   remainder_i even or odd

(p, q, the gain k, weights and parities stand in `pde.network.activations`.) A definite parity is
what lets the sums over neurons run over half of the sphere.

| name     | remainder(z)                 | parity | part of                            |
|----------|------------------------------|--------|------------------------------------|
| abs      | abs z                        | even   | relu = z/2 + abs(z)/2, abs         |
| square   | z^2                          | even   | quadratic                          |
| cos      | cos z                        | even   | cos                                |
| gelu     | z (Phi(z) - 1/2)             | even   | gelu = z Phi(z) = z/2 + this       |
| softplus | abs(z)/2 + ln(1 + e^-abs(z)) | even   | softplus = ln(1 + e^z) = z/2 + this |
| erf, tanh, sin | themselves             | odd    |                                    |
| sign     | sign z, 0 at 0               | odd    | step = 1/2 + sign(z)/2             |
| bent     | sum_i c_i max(abs z, b_i)    | even   | piecewise-linear                   |
| clipped  | sum_i c_i clip(z, -b_i, b_i) | odd    | piecewise-linear                   |
| custom   | (s(z) +- s(-z)) / 2          | both   | a function given in Python         |

The derivative at a kink is the limit from the left; on the other half of the sphere, the antipodal
identity makes it the limit from the right. Only points that meet a kink exactly see that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf, ndtr

Array = NDArray[np.float64]
Function = Callable[[Array], Array]

TWO_OVER_SQRT_PI = 2.0 / np.sqrt(np.pi)
INVERSE_SQRT_TWO_PI = 1.0 / np.sqrt(2.0 * np.pi)


@dataclass(frozen=True)
class Remainder:
    """A function of definite parity and its derivative, elementwise.

    name, parameters : say which function it is; two of equal name and parameters are equal
    degree : value(z) = z slope(z) / degree, where a function is homogeneous; else None
    """

    name: str
    value: Function = field(compare=False, repr=False)
    slope: Function = field(compare=False, repr=False)
    parameters: tuple[float, ...] = ()
    degree: int | None = None


def sign_from_left(z: Array) -> Array:
    """-1 up to zero, zero included, and +1 beyond."""
    return np.where(z > 0.0, 1.0, -1.0)


def _softplus(z: Array) -> Array:
    size = np.abs(z)
    return np.asarray(0.5 * size + np.log1p(np.exp(-size)))


def _gelu_slope(z: Array) -> Array:
    return np.asarray(ndtr(z) - 0.5 + z * np.exp(-0.5 * z * z) * INVERSE_SQRT_TWO_PI)


REMAINDERS: dict[str, Remainder] = {
    each.name: each
    for each in (
        Remainder("abs", np.abs, sign_from_left, degree=1),
        Remainder("square", np.square, lambda z: 2.0 * z, degree=2),
        Remainder("cos", np.cos, lambda z: -np.sin(z)),
        Remainder("gelu", lambda z: z * (ndtr(z) - 0.5), _gelu_slope),
        Remainder("softplus", _softplus, lambda z: 0.5 * np.tanh(0.5 * z)),
        Remainder("erf", erf, lambda z: TWO_OVER_SQRT_PI * np.exp(-z * z)),
        Remainder("tanh", np.tanh, lambda z: 1.0 - np.tanh(z) ** 2),
        Remainder("sin", np.sin, np.cos),
        Remainder("sign", np.sign, np.zeros_like),
    )
}


def clipped(bounds: tuple[float, ...], weights: tuple[float, ...]) -> Remainder:
    """sum_i weights_i clip(z, -bounds_i, bounds_i), odd; bounds > 0."""
    pairs = list(zip(bounds, weights, strict=True))

    def value(z: Array) -> Array:
        total = np.zeros(z.shape)
        for bound, weight in pairs:
            total += weight * np.clip(z, -bound, bound)
        return total

    def slope(z: Array) -> Array:
        total = np.zeros(z.shape)
        for bound, weight in pairs:
            total += weight * ((z > -bound) & (z <= bound))
        return total

    return Remainder("clipped", value, slope, (*bounds, *weights))


def bent(bounds: tuple[float, ...], weights: tuple[float, ...]) -> Remainder:
    """sum_i weights_i max(|z|, bounds_i), even; bounds >= 0."""
    pairs = list(zip(bounds, weights, strict=True))

    def value(z: Array) -> Array:
        size, total = np.abs(z), np.zeros(z.shape)
        for bound, weight in pairs:
            total += weight * np.maximum(size, bound)
        return total

    def slope(z: Array) -> Array:
        total = np.zeros(z.shape)
        for bound, weight in pairs:
            total += weight * ((z > bound) * 1.0 - (z <= -bound))
        return total

    return Remainder("bent", value, slope, (*bounds, *weights))


def symmetrised(name: str, value: Function, slope: Function, parity: int) -> Remainder:
    """The even (parity +1) or odd (-1) part of a function, (value(z) + parity value(-z)) / 2."""
    return Remainder(
        name,
        lambda z: 0.5 * (value(z) + parity * value(-z)),
        lambda z: 0.5 * (slope(z) - parity * slope(-z)),
        (float(parity),),
    )

"""Activations, each as an affine part and nonlinear parts of definite parity.

    sigma(z) = linear z + constant + sum_i weight_i remainder_i(gain z)
    remainder_i(-z) = parity_i remainder_i(z)

| name      | sigma(z) at gain 1             | linear | constant | parts         |
|-----------|--------------------------------|--------|----------|---------------|
| relu      | max(z, 0)                      | 1/2    | 0        | even          |
| gelu      | z Phi(z)                       | 1/2    | 0        | even          |
| softplus  | ln(1 + e^z)                    | 1/2    | 0        | even          |
| abs, cos, quadratic | abs z, cos z, z^2    | 0      | 0        | even          |
| erf, tanh, sin | erf(z), tanh z, sin z     | 0      | 0        | odd           |
| step      | 0 below, 1 above, 1/2 at 0     | 0      | 1/2      | odd           |
| linear    | z                              | 1      | 0        | none          |
| piecewise-linear | interpolates knots, end slopes go on | * | *  | even and odd  |
| custom    | a Python function              | 0      | 0        | even and odd  |

A gain k makes sigma(k z) of it. At a kink the derivative is the limit from the left, so that it is
0 for relu at 0; the derivative of step is 0 everywhere. The remainders are defined with the kernels
that sum them (`kernels.reference.activations`). Dual kernels are in `dual`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...kernels.errors import InputError
from ...kernels.reference.activations import REMAINDERS, Remainder, bent, clipped
from ..config.activation import ACTIVATION_NAMES, knots_complaint
from ..config.base import Table
from ..config.text import nearest, shown
from .custom import recalled

Array = NDArray[np.float64]
Bends = tuple[tuple[float, float], ...]

_NO_BEND = 1e-14  # jumps of the slope below it, relative to the largest, are rounding


@dataclass(frozen=True)
class Part:
    """weight * remainder(gain z), of parity +1 (even) or -1 (odd)."""

    remainder: Remainder
    weight: float
    parity: int


@dataclass(frozen=True)
class Activation:
    """sigma(z) = linear z + constant + sum of the parts at gain z.

    linear : of z, the gain included
    kinks : where sigma or its slope jumps, in z
    bends : (location, jump of the slope) in gain z, of a piecewise-linear function; else None
    spec : what a configuration calls it, without the gain
    """

    name: str
    linear: float
    constant: float
    parts: tuple[Part, ...]
    gain: float = 1.0
    kinks: tuple[float, ...] = ()
    bends: Bends | None = None
    spec: str | Mapping[str, Any] = field(default="", compare=False)

    @property
    def label(self) -> str:
        """Its name for people, with a gain that is not 1."""
        return self.name if self.gain == 1.0 else f"{self.name} of gain {self.gain:g}"

    def value(self, z: ArrayLike) -> Array:
        """sigma(z), elementwise."""
        return np.asarray(self.value_by(lambda part, x: part.value(x), np.asarray(z, float)))

    def value_by(self, evaluate: Callable[[Remainder, Array], Array], z: Array) -> Array:
        """sigma(z) of an array of any backend, whose `evaluate` gives remainder(x)."""
        total, scaled = self.linear * z + self.constant, self.gain * z
        for part in self.parts:
            total = total + part.weight * evaluate(part.remainder, scaled)
        return total

    def slope(self, z: ArrayLike) -> Array:
        """sigma'(z), elementwise; at a kink the limit from the left."""
        z = np.asarray(z, float)
        total, scaled = np.full(z.shape, self.linear), self.gain * z
        for part in self.parts:
            total = total + part.weight * self.gain * part.remainder.slope(scaled)
        return np.asarray(total)

    def with_gain(self, gain: float) -> Activation:
        """The activation z -> sigma(gain z)."""
        if not 0.0 < gain < np.inf:
            raise InputError(f"gain = {gain} must be a number > 0; sigma(k z) takes its factor k")
        return replace(
            self,
            linear=gain * self.linear,
            gain=gain * self.gain,
            kinks=tuple(kink / gain for kink in self.kinks),
        )

    def to_config(self) -> str | Mapping[str, Any]:
        """The value of `network.activation` that means it; an InputError where it has a gain."""
        if self.gain != 1.0:
            raise InputError(
                f"an activation of gain {self.gain:g} in a config: give the activation of gain 1 "
                f"and network.gain = {self.gain:g}"
            )
        return self.spec


Spec = str | Mapping[str, Any] | Table | Activation


def activation(spec: Spec, gain: float = 1.0) -> Activation:
    """The activation of that name or description, z -> sigma(gain z).

    spec : a name, {"kind": name, "gain": k}, {"kind": "piecewise-linear", "knots": .., "values":
        ..}, a table of a configuration, or an `Activation`

    Raises InputError for an unknown one.

    >>> shifted = {"kind": "piecewise-linear", "knots": [0, 1, 2], "values": [0, 0, 1]}
    >>> float(activation(shifted, gain=3.0).value(2.0))
    5.0
    """
    if isinstance(spec, Activation):
        return spec.with_gain(gain)
    if isinstance(spec, str):
        return _named(spec).with_gain(gain)
    if not isinstance(spec, Mapping | Table):
        raise InputError(
            f"activation = {shown(spec)} must be a name, a table or an activation; "
            f"choose from {', '.join(ACTIVATIONS)}"
        )
    entries = dict(spec.model_dump() if isinstance(spec, Table) else spec)
    kind, gain = entries.pop("kind", None), gain * float(entries.pop("gain", 1.0))
    if kind == "custom":
        return recalled(entries).with_gain(gain)
    if kind == "piecewise-linear" and entries.keys() == {"knots", "values"}:
        return piecewise_linear(entries["knots"], entries["values"]).with_gain(gain)
    if entries:
        raise InputError(
            f'activation {{kind = "{kind}", ..}} has {", ".join(entries)}; give '
            '{kind = "piecewise-linear", knots = [..], values = [..]} or {kind = name, gain = ..}'
        )
    return _named(str(kind)).with_gain(gain)


def piecewise_linear(knots: ArrayLike, values: ArrayLike) -> Activation:
    """The interpolant of values at growing knots, continued with the slopes of its ends.

    As sigma(z) = A + B z + sum_k jump_k |z - k| / 2, where
    |z - k| = max(|z|, |k|) - sign(k) clip(z, -|k|, |k|).
    """
    if complaint := knots_complaint(knots, values):
        raise InputError(f"a piecewise-linear activation {complaint}")
    at, height = np.asarray(knots, float), np.asarray(values, float)
    slopes = np.diff(height) / np.diff(at)
    jumps = np.diff(slopes)
    kept = np.abs(jumps) > _NO_BEND * np.abs(slopes).max()
    bends = tuple(zip(at[1:-1][kept].tolist(), jumps[kept].tolist(), strict=True))
    linear = 0.5 * (slopes[0] + slopes[-1])
    constant = height[0] - linear * at[0] - sum(0.5 * jump * abs(at[0] - k) for k, jump in bends)
    spec = {"kind": "piecewise-linear", "knots": at.tolist(), "values": height.tolist()}
    kinks = tuple(k for k, _ in bends)
    return Activation(
        "piecewise-linear",
        float(linear),
        float(constant),
        _bent_parts(bends),
        1.0,
        kinks,
        bends,
        spec,
    )


def _bent_parts(bends: Bends) -> tuple[Part, ...]:
    even: dict[float, float] = {}
    odd: dict[float, float] = {}
    for k, jump in bends:
        even[abs(k)] = even.get(abs(k), 0.0) + 0.5 * jump
        odd[abs(k)] = odd.get(abs(k), 0.0) - 0.5 * jump * np.sign(k)
    least = _NO_BEND * max((abs(jump) for _, jump in bends), default=0.0)
    even, odd = ({b: c for b, c in each.items() if abs(c) > least} for each in (even, odd))
    parts = []
    if even.keys() == {0.0}:
        parts.append(Part(REMAINDERS["abs"], even[0.0], +1))
    elif even:
        parts.append(Part(bent(tuple(even), tuple(even.values())), 1.0, +1))
    if odd:
        parts.append(Part(clipped(tuple(odd), tuple(odd.values())), 1.0, -1))
    return tuple(parts)


def _one(
    name: str,
    remainder: str,
    parity: int,
    linear: float = 0.0,
    constant: float = 0.0,
    weight: float = 1.0,
    bends: Bends | None = None,
) -> Activation:
    part = Part(REMAINDERS[remainder], weight, parity)
    kinks = (0.0,) if bends or name == "step" else ()
    return Activation(name, linear, constant, (part,), 1.0, kinks, bends, name)


ACTIVATIONS = {
    each.name: each
    for each in (
        _one("relu", "abs", +1, linear=0.5, weight=0.5, bends=((0.0, 1.0),)),
        Activation("linear", 1.0, 0.0, (), bends=(), spec="linear"),
        _one("erf", "erf", -1),
        _one("tanh", "tanh", -1),
        _one("gelu", "gelu", +1, linear=0.5),
        _one("softplus", "softplus", +1, linear=0.5),
        _one("sin", "sin", -1),
        _one("cos", "cos", +1),
        _one("abs", "abs", +1, bends=((0.0, 2.0),)),
        _one("step", "sign", -1, constant=0.5, weight=0.5),
        _one("quadratic", "square", +1),
    )
}
assert tuple(ACTIVATIONS) == ACTIVATION_NAMES


def _named(name: str) -> Activation:
    if name not in ACTIVATIONS:
        guess = nearest(name, ACTIVATIONS)
        raise InputError(
            f'activation "{name}" is not known; choose from {", ".join(ACTIVATIONS)}{guess}'
        )
    return ACTIVATIONS[name]

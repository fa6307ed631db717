"""The table [initial]: the law of the weights at time zero."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import field_validator

from .base import Chosen, Interval, Table, Vector, by_kind, key, wrong


class Normal(Table):
    """a ~ N(mean, std²)."""

    kind: Literal["normal"] = key("normal", "Law of the outer weights.")
    mean: float = key(0.0, "Its mean.")
    std: float = key(0.5, "Its standard deviation.", gt=0)


class Constant(Table):
    """a is one number."""

    kind: Literal["constant"] = key("constant", "Law of the outer weights.")
    value: float = key(1.0, "The number.")


class TwoPoint(Table):
    """a is one of two numbers, with equal weights."""

    kind: Literal["two-point"] = key("two-point", "Law of the outer weights.")
    values: Interval = key((-1.0, 1.0), "The two numbers, equally likely.", words="[first, second]")

    @field_validator("values")
    @classmethod
    def _different(cls, values: tuple[float, float]) -> tuple[float, float]:
        if values[0] == values[1]:
            raise wrong('is one number twice; give two numbers, or kind = "constant"')
        return values


class Uniform(Table):
    """a is uniform on an interval."""

    kind: Literal["uniform"] = key("uniform", "Law of the outer weights.")
    range: Interval = key((-1.0, 1.0), "The interval.", words="[low, high] with low < high")

    @field_validator("range")
    @classmethod
    def _ordered(cls, range: tuple[float, float]) -> tuple[float, float]:
        if not range[0] < range[1]:
            raise wrong("is empty; give [low, high] with low < high")
        return range


class Scale(Constant):
    """γ is one number, 1 unless given."""

    kind: Literal["constant"] = key("constant", "Law of the scales γ of batch normalization.")


class Shift(Constant):
    """β is one number, 0 unless given."""

    kind: Literal["constant"] = key("constant", "Law of the shifts β of batch normalization.")
    value: float = key(0.0, "The number.")


Law = Annotated[
    Normal | Constant | TwoPoint | Uniform, by_kind(Normal, Constant, TwoPoint, Uniform)
]
ScaleLaw = Annotated[Scale | Normal | TwoPoint | Uniform, by_kind(Scale, Normal, TwoPoint, Uniform)]
ShiftLaw = Annotated[Shift | Normal | TwoPoint | Uniform, by_kind(Shift, Normal, TwoPoint, Uniform)]


class VonMises(Table):
    """The density of u is proportional to exp(concentration mean·u), mean of unit length."""

    kind: Literal["vmf"] = key("vmf", "Law of the raw directions: von Mises-Fisher.")
    mean: Vector = key(..., "The raw direction around which they lie.", min_length=1)
    concentration: float = key(1.0, "How close; 0 is uniform.", ge=0, le=1e6)

    @field_validator("mean")
    @classmethod
    def _not_zero(cls, mean: tuple[float, ...]) -> tuple[float, ...]:
        if not 0 < np.linalg.norm(np.array(mean)) < np.inf:
            raise wrong("has no direction; give a vector of non-zero, finite length")
        return mean


class NormalWeights(Table):
    """The entries of w are independent and normal, in a plain network."""

    kind: Literal["normal"] = key("normal", "Law of w in a plain network: normal entries.")
    std: float = key(1.0, "Standard deviation of the entries of w.", gt=0)


_Named = Literal["uniform", "uniform-whitened"]
_BY_KIND = by_kind(VonMises, NormalWeights)
Directions = Annotated[
    _Named | VonMises | NormalWeights,
    Chosen(lambda value: _BY_KIND.choose(value) if isinstance(value, dict) else _Named),
]


class Initial(Table):
    """The initial law ρ₀: of w, a, γ and β independently, or a density of w and a from Python."""

    w: Directions = key(
        "uniform",
        "Law of the directions: uniform in the raw u = w/|w|, or in the whitened v, or around one.",
        words='"uniform", "uniform-whitened", {kind = "vmf", mean = [...], concentration = ...}, '
        'or for plain networks {kind = "normal", std = ...}',
        tables=True,
    )
    a: Law = key(Normal(), "Law of the outer weights.")
    gamma: ScaleLaw = key(Scale(), "Law of the scales γ of batch normalization, of particles.")
    beta: ShiftLaw = key(Shift(), "Law of the shifts β of batch normalization, of particles.")
    density: str | None = key(
        None,
        "Text of a Python function density(v, a) that takes the place of w and a, filled in by "
        "bnflow.solve(initial_density=...); initial.a is then where the axis of a starts.",
    )

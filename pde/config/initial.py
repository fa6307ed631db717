"""The table [initial]: the law of the weights at time zero, inner and outer ones independent."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import field_validator

from .base import Interval, Table, by_kind, key, later_key, wrong


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


Law = Annotated[
    Normal | Constant | TwoPoint | Uniform, by_kind(Normal, Constant, TwoPoint, Uniform)
]


class Initial(Table):
    """The initial law ρ₀."""

    w: Literal["uniform"] = key(
        "uniform", "Law of the raw directions u = w/|w|.", later=("uniform-whitened", dict)
    )
    a: Law = key(Normal(), "Law of the outer weights.")
    gamma: float | None = later_key(None, "Law of the scales of batch normalization.")
    beta: float | None = later_key(None, "Law of the shifts of batch normalization.")

"""The values of `network.activation` and `target.activation`: a name, or a table with a kind.

knots, values : of a piecewise-linear function, continued with the slopes of its ends
source : text of a function given in Python; its fingerprint, made of its values, tells whether the
    function that is there is the one that was meant. Such a table is written by
    `bnflow.custom_activation`, not by hand.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike
from pydantic import model_validator

from .base import Chosen, Table, Vector, clash, key, wrong

ActivationName = Literal[
    "relu", "linear", "erf", "tanh", "gelu", "softplus", "sin", "cos", "abs", "step", "quadratic"
]
ACTIVATION_NAMES: tuple[str, ...] = get_args(ActivationName)
_FORM = '{kind = "piecewise-linear", knots = [..], values = [..]}'
ACTIVATION_WORDS = ", ".join(f'"{name}"' for name in ACTIVATION_NAMES) + f" or {_FORM}"


class PiecewiseLinear(Table):
    """Linear between knots, continued with the slopes of its ends."""

    kind: Literal["piecewise-linear"] = key("piecewise-linear", "Form of the function.")
    knots: Vector = key(..., "Growing numbers, two at least.")
    values: Vector = key(..., "The function at the knots.")

    @model_validator(mode="after")
    def _fit(self) -> PiecewiseLinear:
        if complaint := knots_complaint(self.knots, self.values):
            raise clash(f"a piecewise-linear activation {complaint}")
        return self


class CustomActivation(Table):
    """A function given in Python, as a run records it."""

    kind: Literal["custom"] = key("custom", "Form of the function.")
    name: str = key(..., "What it is called.")
    fingerprint: str = key(..., "Digest of its values.")
    kinks: Vector = key((), "Where its slope jumps.")
    source: str = key("", "Text of the function and of its derivative.")


def _form(value: Any) -> Any:
    """Which annotation an input must satisfy."""
    if not isinstance(value, dict):
        return ActivationName
    for table in (PiecewiseLinear, CustomActivation):
        if value.get("kind") == table.model_fields["kind"].default:
            return table
    raise wrong(f"must have a kind that is known: {_FORM}")


Activation = Annotated[ActivationName | PiecewiseLinear | CustomActivation, Chosen(_form)]


def knots_complaint(knots: ArrayLike, values: ArrayLike) -> str:
    """What is wrong with the knots and values of a piecewise-linear function; empty if nothing."""
    try:
        at, height = np.asarray(knots, float), np.asarray(values, float)
    except (TypeError, ValueError):
        return "needs lists of numbers as knots and values"
    if at.ndim != 1 or len(at) < 2:
        return "needs at least 2 knots, in one list"
    if at.shape != height.shape:
        return f"has {len(at)} knots and {height.size} values; give as many of one as of the other"
    if not (np.isfinite(at).all() and np.isfinite(height).all()):
        return "has a knot or a value that is not finite; give finite numbers"
    if not (np.diff(at) > 0).all():
        first = int(np.argmin(np.diff(at) > 0))
        return f"has the knots {at[first]:g}, {at[first + 1]:g}; give them in growing order"
    return ""

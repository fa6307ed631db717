"""The table [target]: what is to be learned, as a function of the whitened inputs, or as values.

angles, angle, directions, direction : of the WHITENED inputs; they count by their direction only
columns : entries of such a vector, one for every column of the inputs

`noise` is added to y; `label = "sign"` then turns y into classes of ±1, so noise flips labels.
Where a value is needed that a file or Python holds, it is not looked for here.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import field_validator, model_validator

from .activation import ACTIVATION_WORDS, Activation
from .base import Matrix, Table, Vector, by_kind, clash, key, wrong

_DEFAULT_TEACHER = {"weights": [1.0, -0.5], "angles": [0.3, 1.9]}
_NOISE = "Standard deviation of the noise on y."
_LABEL = 'Turn y, with its noise, into classes of ±1: "sign" (y = 0 counts as +1).'
_KIND = "What is to be learned."


class Teacher(Table):
    """y = Σₖ weights[k] σ(directionₖ · whitened x) + noise, a plain sum."""

    kind: Literal["teacher"] = key("teacher", _KIND)
    weights: Vector = key((1.0, -0.5), "Outer weights of the teacher's neurons.", min_length=1)
    angles: Vector | None = key(
        None,
        "Angles of their whitened directions, for d = 2; [0.3, 1.9] where no weights are given.",
        unit="radian",
        min_length=1,
    )
    directions: Matrix | None = key(
        None, "Their whitened directions for any d, normalised on reading.", min_length=1
    )
    activation: Activation | None = key(
        None, "The teacher's σ; the network's, with its gain, if left out.", words=ACTIVATION_WORDS
    )
    gain: float | None = key(
        None, "Factor k inside the teacher's σ, where that is given; 1 if left out.", gt=0
    )
    noise: float = key(0.0, _NOISE, ge=0)
    label: Literal["sign"] | None = key(None, _LABEL)

    @model_validator(mode="before")
    @classmethod
    def _default(cls, raw: Any) -> Any:
        given = isinstance(raw, dict) and raw.keys() & {"weights", "angles", "directions"}
        return raw if given or not isinstance(raw, dict) else {**raw, **_DEFAULT_TEACHER}

    @field_validator("directions")
    @classmethod
    def _not_zero(cls, directions: Any) -> Any:
        return _checked_directions(directions)

    @model_validator(mode="after")
    def _gain_of_a_given_activation(self) -> Teacher:
        if self.gain is not None and self.activation is None:
            raise clash(
                f"target.gain = {self.gain:g} is given without target.activation; give both, or "
                "neither for the network's"
            )
        return self

    @model_validator(mode="after")
    def _one_direction_each(self) -> Teacher:
        if (self.angles is None) == (self.directions is None):
            which = "neither" if self.angles is None else "both"
            raise clash(f"target needs either angles (d = 2) or directions; {which} are given")
        name, given = ("angles", self.angles) if self.angles else ("directions", self.directions)
        if len(given or ()) != len(self.weights):
            raise clash(
                f"target.weights has {len(self.weights)} entries and target.{name} "
                f"{len(given or ())}; give as many of one as of the other"
            )
        return self

    @property
    def unit_directions(self) -> NDArray[np.float64]:
        """The whitened unit directions of the neurons, (neurons, columns)."""
        return _unit(self.angles, self.directions)


class SingleIndex(Table):
    """y = g(direction · whitened x) + noise, g = Σₖ hermite[k] hₖ, hₖ orthonormal."""

    kind: Literal["single-index"] = key("single-index", _KIND)
    hermite: Vector = key(
        ...,
        "Coefficients of g in the orthonormal probabilists' Hermite polynomials 1, z, "
        "(z² - 1)/√2, ...",
        min_length=1,
    )
    angle: float | None = key(None, "Angle of the whitened direction, for d = 2.", unit="radian")
    direction: Vector | None = key(
        None, "The whitened direction for any d, normalised on reading.", min_length=1
    )
    noise: float = key(0.0, _NOISE, ge=0)
    label: Literal["sign"] | None = key(None, _LABEL)

    @field_validator("direction")
    @classmethod
    def _not_zero(cls, direction: Any) -> Any:
        return None if direction is None else _checked_directions((direction,))[0]

    @model_validator(mode="after")
    def _one_direction(self) -> SingleIndex:
        if (self.angle is None) == (self.direction is None):
            which = "neither is" if self.angle is None else "both are"
            raise clash(f"target needs either angle (d = 2) or direction; {which} given")
        return self

    @property
    def unit_directions(self) -> NDArray[np.float64]:
        """The whitened unit direction, (1, columns)."""
        angles = None if self.angle is None else (self.angle,)
        return _unit(angles, None if self.direction is None else (self.direction,))


class Linear(Table):
    """y = coefficients · whitened x + noise."""

    kind: Literal["linear"] = key("linear", _KIND)
    coefficients: Vector = key(
        ..., "Coefficients on the whitened inputs, one a column.", min_length=1
    )
    noise: float = key(0.0, _NOISE, ge=0)
    label: Literal["sign"] | None = key(None, _LABEL)


class FileTarget(Table):
    """y is read from the file of the data."""

    kind: Literal["file"] = key("file", _KIND)
    label: Literal["sign"] | None = key(None, _LABEL)


class ArrayTarget(Table):
    """y is given from Python, with the rows: solve(config, data=(x, y))."""

    kind: Literal["arrays"] = key("arrays", _KIND)
    label: Literal["sign"] | None = key(None, _LABEL)


class FunctionTarget(Table):
    """y is a Python function of the raw inputs: solve(config, target=function)."""

    kind: Literal["function"] = key("function", _KIND)
    source: str = key("", "Text of the function, filled in by bnflow.solve(target=function).")
    noise: float = key(0.0, _NOISE, ge=0)
    label: Literal["sign"] | None = key(None, _LABEL)


Target = Annotated[
    Teacher | SingleIndex | Linear | FileTarget | ArrayTarget | FunctionTarget,
    by_kind(Teacher, SingleIndex, Linear, FileTarget, ArrayTarget, FunctionTarget),
]


def vectors(target: Target) -> tuple[str, tuple[Vector, ...]]:
    """Name and values of the key that holds vectors with an entry a column; maybe none."""
    if isinstance(target, Teacher):
        return "directions", target.directions or ()
    if isinstance(target, SingleIndex):
        return "direction", () if target.direction is None else (target.direction,)
    if isinstance(target, Linear):
        return "coefficients", (target.coefficients,)
    return "", ()


def angles(target: Target) -> str:
    """Name of the key that gives directions by angles; empty where there is none."""
    if isinstance(target, Teacher) and target.angles is not None:
        return "angles"
    return "angle" if isinstance(target, SingleIndex) and target.angle is not None else ""


def _checked_directions(directions: Any) -> Any:
    for row in directions or ():
        if not 0 < np.linalg.norm(np.array(row)) < np.inf:
            raise wrong("holds a vector of no direction; give vectors of non-zero, finite length")
    return directions


def _unit(angles: Vector | None, directions: Matrix | None) -> NDArray[np.float64]:
    if angles is not None:
        return np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    rows = np.array(directions)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))

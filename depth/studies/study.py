"""A study: one claim of a paper, the computation that puts it to the test, and the verdict.

A study is cut into pieces that do not depend on each other, as one (layer, width) each. A piece is
a function of a generator of its own and gives named arrays; which generator depends on the seed,
the study and the piece alone, so that pieces can be computed in any order, or another day. The
judge sees all of them and gives findings, each a value with its 95 % interval beside what the claim
allows:

    holds         the interval lies within what is allowed
    fails         it lies outside
    not decided   it does both, or nothing was measured

A claim fails with one finding that fails, and holds where all hold.

Not here: how results are stored and continued (`io.study`), and drawn (`io.figures.depth`).
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Settings = Mapping[str, Any]
Status = Literal["holds", "fails", "not decided"]


@dataclass(frozen=True)
class Variable:
    """An array with a name for every axis; one that is named as its only axis is a coordinate."""

    values: NDArray[Any]
    dims: tuple[str, ...]
    long_name: str
    units: str = "1"


Piece = Mapping[str, Variable]
Pieces = Mapping[str, Piece]
Computation = Callable[[np.random.Generator], Piece]


def variable(values: ArrayLike, dims: str, long_name: str, units: str = "1") -> Variable:
    """A `Variable`; dims are words, as "depth net".

    >>> variable([0.5, 0.4], "width", "median error").dims
    ('width',)
    """
    return Variable(np.asarray(values), tuple(dims.split()), long_name, units)


@dataclass(frozen=True)
class Finding:
    """What was measured, from `low` to `high` (95 %), beside what is allowed, `least` to `most`.

    >>> Finding("slope", -0.5, -0.52, -0.48, -0.56, -0.44).status
    'holds'
    """

    quantity: str
    value: float
    low: float
    high: float
    least: float = -math.inf
    most: float = math.inf

    @property
    def status(self) -> Status:
        """Whether the interval lies within what is allowed."""
        if self.least <= self.low <= self.high <= self.most:
            return "holds"
        return "fails" if self.high < self.least or self.low > self.most else "not decided"

    def __str__(self) -> str:
        """Word it: `slope -0.5 (-0.52 .. -0.48), allowed -0.56 .. -0.44`."""
        exact = self.low == self.high
        interval = "" if exact else f" ({_number(self.low)} .. {_number(self.high)})"
        return f"{self.quantity} {_number(self.value)}{interval}, allowed {self._allowed()}"

    def _allowed(self) -> str:
        if math.isinf(self.least):
            return f"<= {_number(self.most)}"
        if math.isinf(self.most):
            return f">= {_number(self.least)}"
        return f"{_number(self.least)} .. {_number(self.most)}"

    def to_info(self) -> dict[str, Any]:
        """Plain values."""
        names = ("value", "low", "high", "least", "most")
        numbers = {name: float(getattr(self, name)) for name in names}
        return {"quantity": self.quantity, **numbers, "status": self.status}


def exactly(
    quantity: str, value: float, least: float = -math.inf, most: float = math.inf
) -> Finding:
    """A finding whose value has no error to speak of."""
    return Finding(quantity, value, value, value, least, most)


@dataclass(frozen=True)
class Verdict:
    """What the judge says: findings, and numbers beside them that no claim needs.

    numbers : plain values for JSON; arrays become lists, NaN null
    remarks : lines that readers of the figure should know, as what the paper's formula misses
    """

    findings: tuple[Finding, ...]
    numbers: Mapping[str, Any] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    @property
    def status(self) -> Status:
        """Of the claim."""
        found = [finding.status for finding in self.findings]
        if "fails" in found:
            return "fails"
        return "holds" if found and set(found) == {"holds"} else "not decided"


@dataclass(frozen=True)
class Study:
    """A claim and how it is tested.

    name : as "gram-width"; the figure is drawn by the module of that name in `io.figures.depth`
    group : "gram", "fisher" or "ablations"
    claim : one sentence; source : the paper, or "derived here"
    criterion : when it holds, in words
    settings : every setting with its default, which has its type; quick : what --quick changes
    pieces : of settings: the computations by name
    judge : of settings and everything computed
    """

    name: str
    group: str
    claim: str
    source: str
    criterion: str
    settings: Settings
    quick: Settings
    pieces: Callable[[Settings], Mapping[str, Computation]]
    judge: Callable[[Settings, Pieces], Verdict]

    def compute(self, piece: str, settings: Settings) -> Piece:
        """One piece."""
        return self.pieces(settings)[piece](generator(self.name, piece, int(settings["seed"])))


def generator(study: str, piece: str, seed: int) -> np.random.Generator:
    """The random numbers of a piece.

    >>> generator("a", "b", 0).random() == generator("a", "b", 0).random()
    True
    """
    words = [seed, zlib.crc32(study.encode()), zlib.crc32(piece.encode())]
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(words)))


def _number(value: float) -> str:
    return f"{value:.4g}"

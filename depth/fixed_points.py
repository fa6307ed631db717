"""Gram matrices that the mean-field map keeps, among those that do not tell some inputs apart.

    G* = T(G*),   or the direction  G* = B T(G*)/tr T(G*)  where a layer has no scale of its own

Groups of inputs that are alike leave few unknowns: one number on the diagonal of each group, one
beside it, one between two groups. One group of B inputs has two, a cluster of B - 1 and one input
apart has four. After some layers of the map itself, which choose what is found, the few equations
are solved by Powell's hybrid method.

| layer | G* (one group) |
|---|---|
| RS, linear | I |
| RC + RS, linear | B/(B - 1) (I - 11^T/B) |
| RC + RS, relu | 1/2, beside it (sqrt(1 - c^2) + c (pi - arccos c))/(2 pi), c = -1/(B - 1) |

times gamma^2 (derived here). Under RC and RS at eps = 0 one layer takes every G of one group to G*.
Stability is in `stability`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import root

from ..kernels.errors import InputError, NumericalFailure
from .gram import mapped, refuse_scale, scale_free, unit
from .gram_sampled import POINTS
from .gram_symmetric import symmetric_gram
from .layers import LayerSpec, checked_gram, count, refuse_batch

Array = NDArray[np.float64]

LAYERS = 100  # of the map itself, before each attempt to solve the equations
ROUNDS = 20  # of layers and an attempt
NEAR = 0.1  # a root farther from the last layer is another one; relative to the largest entry
TOLERANCE = 1e-10  # of the residual, relative to the largest entry
_SETTLED = 1e-14
_VANISHED = 1e-100  # entries below it are taken for zero
_START = 0.5  # correlation of one group at the start


@dataclass(frozen=True)
class FixedPoint:
    """gram (B, B) G*; residual: largest entry of T(G*) - G*, relative to the largest of G*.

    standard_error : (B, B) of T at G*; that of G* is larger by up to 1/(1 - kappa)
    """

    gram: Array
    residual: float
    standard_error: Array
    method: str


class Groups:
    """Gram matrices of groups of inputs that are alike, as few numbers.

    sizes : of the groups, which follow each other
    """

    def __init__(self, sizes: Sequence[int]) -> None:
        group = np.repeat(np.arange(len(sizes)), sizes)
        low, high = np.minimum.outer(group, group), np.maximum.outer(group, group)
        code = 2 * (low * len(sizes) + high) + np.eye(len(group), dtype=int)
        self._label = np.unique(code, return_inverse=True)[1].reshape(code.shape)
        self._counts = np.bincount(self._label.ravel())

    def numbers(self, gram: Array) -> Array:
        """(k,): means over the entries that are alike."""
        return np.asarray(np.bincount(self._label.ravel(), gram.ravel()) / self._counts)

    def gram(self, numbers: Array) -> Array:
        """(B, B)."""
        return np.asarray(numbers[self._label])


def fixed_point(
    spec: LayerSpec,
    batch: int,
    *,
    groups: Sequence[int] | None = None,
    start: ArrayLike | None = None,
    unit_trace: bool = False,
    points: int = POINTS,
) -> FixedPoint:
    """G* of a batch of that size.

    groups : sizes of groups of inputs that are alike, which sum to the batch; one unless given
    start : (B, B) Gram matrix to start from; needed for more than one group
    unit_trace : the direction, at the trace B, of a layer without RS

    Raises InputError where there is no scale to be found, NumericalFailure where no point is, which
    is seen after ROUNDS x LAYERS layers. A layer whose map is sampled takes some milliseconds.

    >>> fixed_point(LayerSpec("linear"), 3).gram.round(9).tolist()[0]
    [1.0, -0.5, -0.5]
    """
    batch = count("batch", batch)
    refuse_batch(spec, batch)
    sizes = _checked_groups(groups, batch, start is not None)
    if unit_trace:
        refuse_scale(spec)
    elif not spec.rescale and scale_free(spec):
        raise InputError(
            f"without RS {spec.phi.label} has no scale of its own, only directions; "
            "give unit_trace = True"
        )
    alike = Groups(sizes)
    first = symmetric_gram(batch, 1.0, _START) if start is None else checked_gram(spec, start)
    if len(first) != batch:
        raise InputError(
            f"batch = {batch} with a start of {len(first)} inputs; give one of {batch}"
        )

    def step(numbers: Array) -> Array:
        image = mapped(spec, alike.gram(numbers), points=points).gram
        return alike.numbers(unit(image) if unit_trace else image)

    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # looked at below
        found = _solved(step, alike.numbers(unit(first) if unit_trace else first))
    if not _VANISHED < np.abs(found).max() < np.inf:
        where = "zero" if np.abs(found).max() <= _VANISHED else "infinity"
        raise NumericalFailure(
            f"layers of {spec.phi.label} lead to {where} from this start; "
            "give another sigma_w or sigma_b, or rescale = True"
        )
    residual = float(np.abs(step(found) - found).max() / np.abs(found).max())
    if not residual <= TOLERANCE:
        raise NumericalFailure(
            f"no fixed point was found from this start: a residual of {residual:.1e} is left, "
            "there is none or it is neared too slowly; give another start, or rescale = True"
        )
    last = mapped(spec, alike.gram(found), points=points)
    return FixedPoint(alike.gram(found), residual, last.standard_error, last.method)


def _solved(step: Callable[[Array], Array], numbers: Array) -> Array:
    """Layers until nothing changes, or until the root of step(x) - x is near where they lead."""
    for _ in range(ROUNDS):
        for _ in range(LAYERS):
            before, numbers = numbers, step(numbers)
            change, size = np.abs(before - numbers).max(), np.abs(numbers).max()
            if change <= _SETTLED * size or not _VANISHED < size < np.inf:
                return numbers
        found = root(lambda x: step(x) - x, numbers, method="hybr", options={"xtol": 1e-13})
        solved = np.abs(found.fun).max() <= TOLERANCE * size
        if solved and np.abs(found.x - numbers).max() <= NEAR * size:
            return np.asarray(found.x)
    return numbers


def _checked_groups(groups: Sequence[int] | None, batch: int, started: bool) -> list[int]:
    sizes = [batch] if groups is None else [count("a group", size) for size in groups]
    if sum(sizes) != batch:
        raise InputError(f"groups = {sizes} sum to {sum(sizes)}; give sizes that sum to {batch}")
    if len(sizes) > 1 and not started:
        raise InputError(f"{len(sizes)} groups need a start; give one, as cluster_gram({sizes})")
    return sizes

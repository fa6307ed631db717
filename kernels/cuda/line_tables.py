"""Lines of points as the kernels of nodes.cu read them: windows of nodes, and groups of lines.

A window is a bundle's lines, or a part of their nodes where shared memory does not hold all: sums
over the parts of a line add up to those over the line. Which nodes lie below a threshold tau is
found without a search, by a polynomial P with

    i < P(t_i) < i + 1   at every node t_i, and P growing:   P(tau) in [c, c + 1)  ->  c or c + 1

of the nodes are <= tau, and one comparison with t_c decides. It is fitted to the nodes themselves,
in u = (tau - low) / (high - low), P = 0 at u = 0, by weights that grow where it errs (Lawson 1961).

    groups (G, 8) int     window, bundle, its first line among all, first line of the group in the
                          bundle, lines of the bundle, nodes, first node, first point
    bases (lines, d - 1)  coordinates of a line, and the length of X at its longer end
    points are in the order [window, node, line]; stations says which of the points each one is
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.polynomial import Polynomial
from numpy.typing import NDArray

from ..contract import LineBundle, Lines

Array = NDArray[np.float64]
Index = NDArray[np.int32]

DEGREES = (3, 5, 7)  # that kernels are compiled for
MARGIN = 0.02  # kept by P from the ends of [i, i + 1], of which its rounding takes 1e-3
ENOUGH, ROUNDS = 0.4, 40  # an error that needs no better weights, and how often they change


@dataclass(frozen=True)
class Cells:
    """P of some nodes. span : (low, 1 / (high - low)); terms : (degree,) of u, u^2, .."""

    span: tuple[float, float]
    terms: Array


@dataclass(frozen=True)
class LineTables:
    """What the kernels are told of lines, in host memory; see above.

    cells : (windows, 2 + degree); nodes : all windows'; sizes : (points,) |X|, over the
    length of the point
    """

    degree: int
    longest: int
    groups: Index
    cells: Array
    nodes: Array
    bases: Array
    stations: Index
    sizes: Array


def tabulate(lines: Lines, most: int, width: int, *, weighted: bool = False) -> LineTables:
    """Tables for groups of `width` lines and windows of at most so many nodes.

    weighted : only the nodes that carry weights
    """
    bundles, windows = lines.bundles, list(_windows(lines, most, weighted=weighted))
    nodes = [bundles[k].nodes[window] for k, window in windows]
    stations = [bundles[k].stations[:, window].T.ravel() for k, window in windows]
    sizes = [_sizes(bundles[k], nodes[i]).ravel() for i, (k, _) in enumerate(windows)]
    found = [cells(each) for each in nodes]
    counts, lengths = [len(each.stations) for each in bundles], [len(each) for each in nodes]
    base, node, point = (_starts(x) for x in (counts, lengths, [len(x) for x in stations]))
    groups = [
        (i, k, base[k], first, counts[k], lengths[i], node[i], point[i])
        for i, (k, _) in enumerate(windows)
        for first in range(0, counts[k], width)
    ]
    degree = max(len(each.terms) for each in found)
    order = np.concatenate(stations)
    return LineTables(
        degree,
        max(lengths),
        np.array(groups, np.int32),
        np.array(
            [[*each.span, *each.terms, *[0.0] * (degree - len(each.terms))] for each in found]
        ),
        np.concatenate(nodes),
        np.concatenate([_base(each) for each in bundles]),
        order.astype(np.int32),
        np.concatenate(sizes) / np.linalg.norm(lines.points[order], axis=1),
    )


def cells_of(lines: Lines) -> int:
    """How many cells all lines that carry weights have; 0 where they differ, or are not cells."""
    parts = [each.nodes[_carrying(each, lines.neurons)] for each in lines.bundles]
    n = max(len(part) for part in parts)
    grid = np.tan((np.arange(n) - (n - 1) / 2) * np.pi / 2 / n)
    whole = all(len(part) in (0, n) for part in parts)
    return n if whole and all(np.allclose(x, grid, atol=1e-12) for x in parts if len(x)) else 0


def cells(nodes: Array) -> Cells:
    """P of ascending nodes, of the lowest degree that tells them apart."""
    for degree in range(1, DEGREES[-1] + 1):
        if (fitted := _fitted(nodes, degree)) is not None:
            return fitted
    raise ValueError(f"no polynomial of degree {DEGREES[-1]} tells {len(nodes)} nodes apart")


def _fitted(nodes: Array, degree: int) -> Cells | None:
    """Of that degree, or None where it does not tell the nodes apart."""
    wanted, count = np.arange(0.5, len(nodes)), len(nodes)
    p = _minimax(nodes, wanted, degree) if count > 1 else Polynomial([0.5 - nodes[0], 1.0])
    error = np.abs(p(nodes) - wanted).max()
    low, high = _root(p, nodes[0], -1), _root(p - (count - 0.5 * MARGIN), nodes[-1], 1)
    if error > 0.5 - MARGIN or low is None or high is None:
        return None
    if (np.diff(p(np.linspace(low, high, 16 * count + 1))) <= 0).any():
        return None
    terms = np.zeros(min(each for each in DEGREES if each >= degree))
    in_u = p(Polynomial([low, high - low])).coef
    terms[: len(in_u) - 1] = in_u[1:]
    return Cells((low, 1.0 / (high - low)), terms)


def _minimax(x: Array, y: Array, degree: int) -> Polynomial:
    """Nearly the polynomial of the least largest error at the nodes."""
    weights, best, least = np.ones(len(x)), Polynomial([0.0]), np.inf
    for _ in range(ROUNDS):
        p = Polynomial.fit(x, y, degree, w=np.sqrt(weights)).convert()
        errors = np.abs(p(x) - y)
        if errors.max() < least:
            best, least = p, errors.max()
        if least < ENOUGH:
            break
        weights = weights * errors
        weights = np.maximum(weights / weights.max(), 1e-12)
    return best


def _root(p: Polynomial, start: float, side: int) -> float | None:
    """The nearest root of p below (-1) or above (1) a place."""
    roots = p.roots()
    real = roots.real[np.abs(roots.imag) < 1e-9 * (1 + np.abs(roots.real))]
    beyond = real[side * (real - start) > 0]
    return float(min(beyond, key=lambda x: abs(x - start))) if len(beyond) else None


def _carrying(bundle: LineBundle, neurons: int) -> slice:
    """The nodes among which all are that carry weights."""
    carry = np.flatnonzero((bundle.stations < neurons).any(axis=0))
    return slice(int(carry[0]), int(carry[-1]) + 1) if len(carry) else slice(0, 0)


def _windows(lines: Lines, most: int, *, weighted: bool) -> Iterator[tuple[int, slice]]:
    """Bundles, and parts of nearly equal length of their nodes."""
    for number, bundle in enumerate(lines.bundles):
        whole = slice(0, len(bundle.nodes))
        along = _carrying(bundle, lines.neurons) if weighted else whole
        length = along.stop - along.start
        count = -(-length // most)
        ends = [along.start + i * length // max(count, 1) for i in range(count + 1)]
        for start, stop in pairwise(ends):
            yield number, slice(start, stop)


def _starts(sizes: list[int]) -> list[int]:
    return [0, *np.cumsum(sizes).tolist()]


def _points(bundle: LineBundle, nodes: Array) -> Array:
    """(nodes, lines, d): X."""
    centres = bundle.frame[0] + bundle.coordinates @ bundle.frame[2:]
    return np.asarray(centres + nodes[:, None, None] * bundle.frame[1])


def _sizes(bundle: LineBundle, nodes: Array) -> Array:
    """(nodes, lines): |X|."""
    return np.asarray(np.linalg.norm(_points(bundle, nodes), axis=-1))


def _base(bundle: LineBundle) -> Array:
    """(lines, d - 1): coordinates, and the larger of |X| at the nodes -1 and 1."""
    size = _sizes(bundle, np.array([-1.0, 1.0])).max(axis=0)
    return np.column_stack([bundle.coordinates, size])

"""Quadrature for the standard normal law, with panels that know where a function is not smooth.

    E f(z) = sum_i weights_i f(nodes_i),   Gauss-Legendre on panels of [-REACH, REACH]

A feature (location, width) is a place at which f changes within that width: panels shrink towards
it by halves. Width 0 is a kink or a jump: it ends a panel.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.polynomial.legendre import leggauss
from numpy.typing import NDArray

from .activations import Activation

Array = NDArray[np.float64]
Feature = tuple[float, float]

REACH = 10.0  # a standard normal beyond it weighs 2e-23
PANEL = 0.75  # on it the normal density is analytic enough for 20 nodes, to 1e-20
OSCILLATION = 6.0  # k z turns by it at most on a panel of sin(k z)
_NODES, _WEIGHTS = leggauss(20)


def normal_rule(features: Iterable[Feature] = (), panel: float = PANEL) -> tuple[Array, Array]:
    """Nodes and weights, both (count,); the weights hold the normal density."""
    ends = np.unique(np.concatenate([even_edges(panel), graded_edges(features, panel)]))
    ends = ends[(ends >= -REACH) & (ends <= REACH)]
    half = np.diff(ends)[:, None] / 2
    nodes = (ends[:-1, None] + half * (1 + _NODES)).ravel()
    return nodes, (half * _WEIGHTS).ravel() * density(nodes)


def even_edges(panel: float = PANEL) -> Array:
    """Edges of panels of a length, from -REACH to REACH."""
    return np.linspace(-REACH, REACH, 2 * int(np.ceil(REACH / panel)) + 1)


def graded_edges(features: Iterable[Feature], panel: float = PANEL) -> Array:
    """Edges of panels that grow, twofold each, from the widths of the features to a length."""
    edges: list[Array] = [np.empty(0)]
    for location, width in features:
        levels = max(0, int(np.ceil(np.log2(panel / width)))) if width > 0.0 else 0
        steps = width * 2.0 ** np.arange(levels)
        edges.append(location + np.concatenate([[0.0], steps, -steps]))
    return np.concatenate(edges)


def density(z: Array) -> Array:
    """Of the standard normal law."""
    return np.asarray(np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi))


def panel_of(*activations: Activation) -> float:
    """A length of panel that resolves the oscillations of functions."""
    waves = [a.gain for a in activations if a.name in ("sin", "cos") or not _named(a)]
    return min([PANEL, *(OSCILLATION / gain for gain in waves)])


def features(sigma: Activation) -> list[Feature]:
    """Where an activation is not smooth, and where it bends at the scale of its gain."""
    sharp = [(kink, 0.0) for kink in sigma.kinks]
    soft = sigma.bends is None and sigma.name not in ("step", "quadratic")
    return [*sharp, (0.0, 1.0 / sigma.gain)] if soft else sharp


def _named(sigma: Activation) -> bool:
    return isinstance(sigma.spec, str) or sigma.bends is not None

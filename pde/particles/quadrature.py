"""Weighted nodes for the initial law: product rules, spectrally accurate where the flow is smooth.

    d = 1   both directions
    d = 2   equal angles
    d = 3   Gauss-Legendre in height x equal angles
    d = 4   Gauss-Legendre in s = |z_1|^2 x equal angles of z_1 and of z_2, u = (z_1, z_2) in C^2

times the outer weight: its atoms as they are, else composite Gauss-Legendre on the support of the
law (Gauss-Hermite converges slowly here). The uniform measure of S^3 is uniform in s and both
angles. Source: Stroud, Approximate Calculation of Multiple Integrals (1971).
"""

from __future__ import annotations

import warnings
from math import ceil

import numpy as np
from numpy.polynomial.legendre import leggauss
from numpy.typing import NDArray

from ...kernels.errors import InputError, Notice
from ..network.initial import NORMAL_REACH, OuterLaw

Array = NDArray[np.float64]

PANEL = 16  # nodes of a panel of the composite rule for a, at most
NEAR = 1.25  # standard deviations that the nodes of a normal law reach, times sqrt(nodes)
# a nodes for each node of a coordinate of the direction
RATIO = {2: 1 / 3, 3: 1.0, 4: 3.0}
# angle between neighbouring directions, times the size of the rule
_SPACING = {1: 0.0, 2: 2 * np.pi, 3: np.pi, 4: np.pi / 2}


def product_rule(d: int, outer: OuterLaw, width: int) -> tuple[Array, Array, Array]:
    """Uniform directions (N, d), a (N,) and mass (N,), with N near `width`, which a notice tells.

    Raises InputError where there is no rule for d.
    """
    if d not in _DIRECTIONS:
        raise InputError(
            f'solver.sampling = "quadrature" has no rule for d = {d}; give "sobol" or "stratified"'
        )
    directions, a_count = _split(d, width, outer)
    u, share = _DIRECTIONS[d](directions)
    a, a_share = _outer_nodes(outer, a_count)
    if len(u) * len(a) != width:
        warnings.warn(
            f"solver.width = {width}: the quadrature takes {len(u)} directions x {len(a)} values "
            f"of a = {len(u) * len(a)} neurons",
            Notice,
            stacklevel=2,
        )
    return (
        np.repeat(u, len(a), axis=0),
        np.tile(a, len(u)),
        np.repeat(share, len(a)) * np.tile(a_share, len(u)),
    )


def spacing(d: int, outer: OuterLaw, width: int) -> float:
    """Angle between neighbouring directions of that rule; 0 for d = 1, which has them all."""
    return _SPACING[d] / _split(d, width, outer)[0]


def _split(d: int, width: int, outer: OuterLaw) -> tuple[int, int]:
    """Size of the direction rule and number of a nodes: `width` in all, like resolutions.

    The size is that of the rules below: d = 2 angles, d = 3 heights, d = 4 values of s.
    """
    factor, power = {1: (2, 0), 2: (1, 1), 3: (2, 2), 4: (16, 3)}[d]
    if outer.atoms is not None:
        atoms = len(outer.atoms)
        size = (width / (atoms * factor)) ** (1 / power) if power else 1
        return max(1, round(size)), atoms
    if not power:
        return 1, max(1, round(width / factor))
    size = max(1, round((width / (factor * RATIO[d])) ** (1 / (power + 1))))
    return size, max(1, round(width / (factor * size**power)))


def circle(angle: Array) -> Array:
    """(.., 2): unit vectors."""
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def sphere(height: Array, angle: Array) -> Array:
    """(.., 3): unit vectors of that third coordinate."""
    radius = np.sqrt((1 - height) * (1 + height))
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), height], axis=-1)


def _two_points(size: int) -> tuple[Array, Array]:
    return np.array([[-1.0], [1.0]]), np.full(2, 0.5)


def _circle_rule(size: int) -> tuple[Array, Array]:
    """`size` equal angles: exact for trigonometric degree size - 1."""
    return circle((np.arange(size) + 0.5) * 2 * np.pi / size), np.full(size, 1 / size)


def _sphere_rule(size: int) -> tuple[Array, Array]:
    """`size` heights x 2 size angles: exact for polynomials of degree 2 size - 1."""
    nodes, weights = leggauss(size)
    angle = (np.arange(2 * size) + 0.5) * np.pi / size
    height, around = (x.ravel() for x in np.meshgrid(nodes, angle, indexing="ij"))
    return sphere(height, around), np.repeat(weights / 2, 2 * size) / (2 * size)


def _three_sphere_rule(size: int) -> tuple[Array, Array]:
    """`size` values of s x 4 size x 4 size angles: exact for polynomials of degree 4 size - 1."""
    nodes, weights = leggauss(size)
    angle = (np.arange(4 * size) + 0.5) * np.pi / (2 * size)
    grid = np.meshgrid((1 + nodes) / 2, angle, angle, indexing="ij")
    s, first, second = (x.ravel() for x in grid)
    low, high = np.sqrt(s), np.sqrt(1 - s)
    u = np.concatenate([low[:, None] * circle(first), high[:, None] * circle(second)], axis=1)
    return u, np.repeat(weights / 2, 16 * size**2) / (16 * size**2)


_DIRECTIONS = {1: _two_points, 2: _circle_rule, 3: _sphere_rule, 4: _three_sphere_rule}


def _outer_nodes(law: OuterLaw, count: int) -> tuple[Array, Array]:
    """Atoms, or Gauss-Legendre nodes on equal panels of the support.

    Few nodes of a normal law lie closer to its middle; its variance is made exact.
    """
    if law.atoms is not None:
        return np.asarray(law.atoms), np.full(len(law.atoms), 1 / len(law.atoms))
    if law.kind != "normal":
        a, mass = _composite(*law.reach, count)
        return a, mass / mass.sum()
    mean, std = law.parameters
    reach = min(NORMAL_REACH, NEAR * count**0.5)
    z, weight = _composite(-reach, reach, count)
    mass = weight * np.exp(-z * z / 2)
    mass /= mass.sum()
    variance = float(z * z @ mass)
    return mean + std * z / (variance**0.5 or 1.0), mass


def _composite(low: float, high: float, count: int) -> tuple[Array, Array]:
    """Nodes and weights of the composite Gauss-Legendre rule with `count` nodes on [low, high]."""
    panels = ceil(count / PANEL)
    sizes = [count // panels + (k < count % panels) for k in range(panels)]
    half = 0.5 * (high - low) / panels
    rules = [leggauss(size) for size in sizes]
    nodes = [low + half * (2 * k + 1 + x) for k, (x, _) in enumerate(rules)]
    return np.concatenate(nodes), half * np.concatenate([weight for _, weight in rules])

"""Weighted nodes for the initial law: product rules, spectrally accurate where the flow is smooth.

    d = 1   both directions
    d = 2   equal angles
    d = 3   Gauss-Legendre in height x equal angles
    d = 4   Gauss-Legendre in s = |z_1|^2 x equal angles of z_1 and of z_2, u = (z_1, z_2) in C^2

times the outer weight, and the scale and shift where they are not one number each: their atoms as
they are, else composite Gauss-Legendre on the support of the
law (Gauss-Hermite converges slowly here). The uniform measure of S^3 is uniform in s and both
angles. Source: Stroud, Approximate Calculation of Multiple Integrals (1971).
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from math import ceil, prod

import numpy as np
from numpy.polynomial.legendre import leggauss
from numpy.typing import NDArray

from ...kernels.errors import InputError, Notice
from ..network.initial import NORMAL_REACH, OuterLaw

Array = NDArray[np.float64]

PANEL = 16  # nodes of a panel of the composite rule for a, at most
NEAR = 1.25  # standard deviations that the nodes of a normal law reach, times sqrt(nodes)
# nodes of a law with a density for each node of a coordinate of the direction
RATIO = {2: 1 / 3, 3: 1.0, 4: 3.0}
# angle between neighbouring directions, times the size of the rule
_SPACING = {1: 0.0, 2: 2 * np.pi, 3: np.pi, 4: np.pi / 2}


def product_rule(
    d: int, laws: Mapping[str, OuterLaw], width: int
) -> tuple[Array, dict[str, Array], Array]:
    """Uniform directions (N, d), values (N,) of every law, and mass (N,).

    N is near `width`, which a notice tells. Raises InputError where there is no rule for d.
    """
    if d not in _DIRECTIONS:
        raise InputError(
            f'solver.sampling = "quadrature" has no rule for d = {d}; give "sobol" or "stratified"'
        )
    directions, count = _split(d, width, laws)
    u, mass = _DIRECTIONS[d](directions)
    values: dict[str, Array] = {}
    words = f"{len(u)} directions"
    for name, law in laws.items():
        nodes, share = _outer_nodes(law, count)
        values = {known: np.repeat(each, len(nodes)) for known, each in values.items()}
        values[name] = np.tile(nodes, len(u))
        u = np.repeat(u, len(nodes), axis=0)
        mass = np.repeat(mass, len(nodes)) * np.tile(share, len(mass))
        words += f" x {len(nodes)} values of {name}"
    if len(mass) != width:
        warnings.warn(
            f"solver.width = {width}: the quadrature takes {words} = {len(mass)} neurons",
            Notice,
            stacklevel=2,
        )
    return u, values, mass


def spacing(d: int, laws: Mapping[str, OuterLaw], width: int) -> float:
    """Angle between neighbouring directions of that rule; 0 for d = 1, which has them all."""
    return _SPACING[d] / _split(d, width, laws)[0]


def _split(d: int, width: int, laws: Mapping[str, OuterLaw]) -> tuple[int, int]:
    """Size of the direction rule, and nodes of each of the laws with a density.

    `width` in all, at like resolutions, with all combinations of the atoms of the other laws. The
    size is that of the rules below: d = 2 angles, d = 3 heights, d = 4 values of s.
    """
    factor, power = {1: (2, 0), 2: (1, 1), 3: (2, 2), 4: (16, 3)}[d]
    atoms = prod(len(law.atoms) for law in laws.values() if law.atoms is not None)
    spread = sum(law.atoms is None for law in laws.values())
    factor *= atoms
    if not power:
        size = 1
    else:
        size = max(1, round((width / (factor * RATIO[d] ** spread)) ** (1 / (power + spread))))
    each = (width / (factor * size**power)) ** (1 / spread) if spread else 1
    return size, max(1, round(each))


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

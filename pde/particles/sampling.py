"""The neurons at the start: N points of the initial law, and the mass that each carries.

    iid          independent draws; neuron j of replica k is the same for every width and count
    stratified   Latin hypercube: every coordinate has one neuron in each of N equal shares
    sobol        scrambled Sobol points (Owen), best at powers of two
    quadrature   the nodes of a product rule with their weights, d <= 4; no randomness

The first three map points of the unit cube by inverse distribution functions: the angle (d = 2),
height and angle (d = 3) or d normal coordinates (beyond) of a uniform direction, which is then
pushed onto its law (`network.directions`); d normal coordinates of a plain network; then one for a,
and one for each of gamma and beta whose law is not one number. The rules are in `quadrature`;
uniform in v they are moved likewise, for the other laws the density is part of the weights.

Randomness is counter-based (Philox) and depends on the seed and the replica alone.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import qmc

from ...kernels.errors import InputError, Notice
from ..config.initial import NormalWeights
from ..network.affine import Affine, AffineLaw
from ..network.directions import DirectionLaw
from ..network.initial import OuterLaw
from ..problem import Problem
from .quadrature import circle, product_rule, spacing, sphere

Array = NDArray[np.float64]

NEURONS = 100  # stream of the generator, apart from those of the data
OPEN = 2.0**-53  # keeps a coordinate of the cube off its ends
UNRESOLVED = 1.0  # spacings of a quadrature, for a mass to 2e-8: a narrower law gives a notice


@dataclass(frozen=True)
class Neurons:
    """inner (replicas, N, d) raw weights; a (replicas, N); mass (N,), which sums to 1.

    affine : (replicas, N) gamma and beta, where they are not 1 and 0 for good
    """

    inner: Array
    a: Array
    mass: Array
    affine: Affine | None = None


class InnerLaw(Protocol):
    """A law of the raw inner weights, as a map of the unit cube."""

    @property
    def coordinates(self) -> int:
        """Coordinates of the cube that a draw takes."""
        ...

    def mapped(self, cube: Array) -> Array:
        """(.., d): inner weights of points (.., coordinates) of the cube."""
        ...


@dataclass(frozen=True)
class Directed:
    """w = length x direction, the direction of a law on the sphere in `dimension`."""

    law: DirectionLaw
    dimension: int
    length: float = 1.0

    @property
    def coordinates(self) -> int:
        """Coordinates of the cube that a draw takes."""
        return self.dimension - 1 if self.dimension in (2, 3) else self.dimension

    def mapped(self, cube: Array) -> Array:
        """(.., d): inner weights of points (.., coordinates) of the cube."""
        return self.length * self.law.pushed(_uniform_direction(self.dimension, cube))


@dataclass(frozen=True)
class Normal:
    """Entries of w independent and normal."""

    std: float
    coordinates: int

    def mapped(self, cube: Array) -> Array:
        """(.., d): inner weights of points (.., d) of the cube."""
        return np.asarray(self.std * ndtri(cube))


def inner_law(problem: Problem, table: object) -> InnerLaw:
    """The law of `initial.w` in a configuration."""
    if isinstance(table, NormalWeights):
        return Normal(table.std, problem.dimension)
    length = 1.0 if problem.normalised else problem.metric.norm
    return Directed(problem.inner_law, problem.dimension, length)


def _uniform_direction(d: int, cube: Array) -> Array:
    if d == 2:
        return circle(2 * np.pi * cube[..., 0])
    if d == 3:
        return sphere(2 * cube[..., 0] - 1, 2 * np.pi * cube[..., 1])
    normal = ndtri(cube)
    return np.asarray(normal / np.linalg.norm(normal, axis=-1, keepdims=True))


def draw(
    inner: InnerLaw,
    outer: OuterLaw,
    sampling: str,
    width: int,
    replicas: int,
    seed: int,
    affine: AffineLaw | None = None,
) -> Neurons:
    """The neurons of a configuration. `width` is met exactly but for a quadrature."""
    laws = {"a": outer, **(affine.random() if affine else {})}
    if sampling == "quadrature":
        return _weighted(inner, laws, width, affine)
    first = inner.coordinates
    cube = np.stack([_cube(sampling, first + len(laws), width, seed, k) for k in range(replicas)])
    numbers = {
        name: quantile(law, cube[..., first + k]) for k, (name, law) in enumerate(laws.items())
    }
    return Neurons(
        inner.mapped(cube[..., :first]),
        numbers["a"],
        np.full(width, 1 / width),
        _affine(affine, numbers),
    )


def _affine(law: AffineLaw | None, numbers: Mapping[str, Array]) -> Affine | None:
    """gamma and beta as drawn, or the one number of their law for every neuron."""
    if law is None:
        return None
    shape = numbers["a"].shape
    return Affine(
        numbers.get("gamma", np.full(shape, law.gamma.mean)),
        numbers.get("beta", np.full(shape, law.beta.mean)),
    )


def quantile(law: OuterLaw, share: Array) -> Array:
    """The value of a below which that share of the law lies."""
    if law.atoms is not None:
        atoms = np.asarray(law.atoms)
        return np.asarray(atoms[np.minimum((share * len(atoms)).astype(int), len(atoms) - 1)])
    first, second = law.parameters
    if law.kind == "normal":
        return np.asarray(first + second * ndtri(share))
    return np.asarray(first + (second - first) * share)


def _cube(sampling: str, coordinates: int, width: int, seed: int, replica: int) -> Array:
    """(width, coordinates): points of the open unit cube."""
    sequence = np.random.SeedSequence((seed, NEURONS, replica))
    generator = np.random.Generator(np.random.Philox(sequence))
    if sampling == "iid":
        points = generator.random((width, coordinates))
    elif sampling == "stratified":
        points = qmc.LatinHypercube(coordinates, seed=generator).random(width)
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # about powers of two: the schema tells
            points = qmc.Sobol(coordinates, scramble=True, seed=generator).random(width)
    return np.asarray(np.clip(points, OPEN, 1 - OPEN))


def _weighted(
    inner: InnerLaw, laws: Mapping[str, OuterLaw], width: int, affine: AffineLaw | None
) -> Neurons:
    if not isinstance(inner, Directed):
        raise InputError(
            'solver.sampling = "quadrature" has no rule for normal weights; give "sobol"'
        )
    u, nodes, mass = product_rule(inner.dimension, laws, width)
    law = inner.law
    if law.kind == "uniform-whitened":  # everything is smooth in v, whatever the covariance
        u = law.pushed(u)
    else:
        _tell_unresolved(law.width, spacing(inner.dimension, laws, width))
        mass = mass * law.density(u)
    numbers = {name: values[None] for name, values in nodes.items()}
    return Neurons(
        (inner.length * u)[None], numbers["a"], mass / mass.sum(), _affine(affine, numbers)
    )


def _tell_unresolved(law: float, nodes: float) -> None:
    if law < UNRESOLVED * nodes:
        warnings.warn(
            f"initial.w: the law is {law / nodes:.1f} nodes of the quadrature wide; a larger "
            'solver.width resolves it, and solver.sampling = "sobol" needs none',
            Notice,
            stacklevel=2,
        )

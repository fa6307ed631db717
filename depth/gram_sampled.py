"""Expectations over a row by quasi-Monte Carlo with a standard error, for every activation.

    E[f(z)] ~ mean over replicates of mean over points,   z = R x,  S = R R^T,  x in pairs +-x

Points are Sobol's, scrambled (Owen), mapped to normal ones by the inverse distribution function.
Replicates differ in the scrambling only, so their spread gives the standard error of their mean.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import qmc

from .gram_mixture import row_covariance, square_root
from .layers import LayerSpec

Array = NDArray[np.float64]

REPLICATES = 16
POINTS = 2**10  # pairs of a replicate
_ROUNDING = 1e-14  # of a mean of products, relative
_OPEN = 2.0**-53  # keeps a coordinate of the cube off its ends


def normal_points(dimension: int, points: int, replicates: int, seed: int) -> Iterator[Array]:
    """(2 points, dimension) standard normal points of each replicate, in pairs +-x."""
    for child in np.random.SeedSequence(seed).spawn(replicates):
        generator = np.random.Generator(np.random.Philox(child))
        sobol = qmc.Sobol(dimension, scramble=True, seed=generator)
        cube = sobol.random_base2(int(np.ceil(np.log2(points))))
        x = ndtri(np.clip(cube, _OPEN, 1.0 - _OPEN))
        yield np.concatenate([x, -x])


def sampled_map(
    spec: LayerSpec,
    gram: Array,
    points: int = POINTS,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> tuple[Array, Array]:
    """T(G) and its standard error, both (B, B)."""
    root = square_root(row_covariance(spec, gram))  # symmetric, so continuous in G
    values = []
    for x in normal_points(root.shape[1], points, replicates, seed):
        h = spec.rows(x @ root.T)
        values.append(h.T @ h / len(h))
    return mean_and_error(np.array(values))


def mean_and_error(values: Array) -> tuple[Array, Array]:
    """Of independent replicates (R, ..): their mean and its standard error, rounding included."""
    mean, spread = values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(len(values))
    return np.asarray(mean), np.asarray(spread + _ROUNDING * np.abs(values).max(axis=0))

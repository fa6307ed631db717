"""Data laws: what the inputs are, and the moments by which batch normalization normalises them.

    population   x ~ N(mean, covariance), exactly: no sampling error
    sampled      rows of that law; the network uses their own mean and covariance
    rows         of a file or an array, see `table`

The network always normalises by the full-batch moments of its training rows, S = E (x-mu)(x-mu)'
with 1/n. Where S is singular the problem is posed on its range (`geometry.subspace`): mean,
covariance and whitened inputs below are those of B (x - centre), B the `basis`. Targets act on
inputs whitened by the law where there is one, else by the rows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...kernels.errors import InputError
from ..config.data import Gaussian
from ..config.data import Sampled as SampledData
from ..geometry.metric import BatchNormMetric
from ..geometry.subspace import range_of_covariance, range_of_rows
from .target import Target, labelled

Array = NDArray[np.float64]

TRAINING, TEST, NOISE, SPLIT = range(4)  # streams of the generator, independent of each other


def generator(seed: int, stream: int) -> np.random.Generator:
    """A counter-based generator for one purpose of one seed."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, stream))))


@dataclass(frozen=True)
class Population:
    """The normal law itself. mean : (d,); covariance : (d, d).

    basis, centre : (d, p), (p,) - where the law is singular: the above are of basis (x - centre)
    """

    mean: Array
    covariance: Array
    basis: Array | None = None
    centre: Array | None = None


@dataclass(frozen=True)
class Samples:
    """Training rows, and held-out rows where there are any.

    mean, covariance : (d,), (d, d) of the training rows, used by batch normalization
    inputs, targets : (n, d) whitened, (n,); test_inputs, test_targets : likewise, maybe empty
    basis, centre : (d, p), (p,) - where raw inputs are projected: the above are of
        basis (x - centre)
    shift, scale : raw target = shift + scale * target
    """

    mean: Array
    covariance: Array
    inputs: Array
    targets: Array
    test_inputs: Array
    test_targets: Array
    basis: Array | None = None
    centre: Array | None = None
    shift: float = 0.0
    scale: float = 1.0

    def labelled(
        self, targets: Array, test_targets: Array, shift: float = 0.0, scale: float = 1.0
    ) -> Samples:
        """The same inputs with targets."""
        return replace(self, targets=targets, test_targets=test_targets, shift=shift, scale=scale)


Data = Population | Samples


def population(data: Gaussian) -> Population:
    """The normal law of a configuration, on its range."""
    basis = range_of_covariance(data.covariance_matrix, data.rank)
    if basis is None:
        return Population(data.mean_vector, data.covariance_matrix)
    covariance = basis @ data.covariance_matrix @ basis.T
    return Population(np.zeros(data.rank), covariance, basis, data.mean_vector)


def draw_samples(data: SampledData, target: Target) -> Samples:
    """Rows of the normal law with the target's values; held-out rows from their own stream."""
    law = population(data)
    root = BatchNormMetric(law.covariance).square_root
    root = root if law.basis is None else root @ law.basis
    test_rows = round(data.samples * data.test_fraction / (1 - data.test_fraction))

    def rows(count: int, stream: int) -> tuple[Array, Array]:
        whitened = generator(data.seed, stream).standard_normal((count, len(root)))
        noise = generator(data.seed, NOISE + 10 * stream).standard_normal(count)
        inputs = data.mean_vector + whitened @ root
        return inputs, labelled(target, whitened, inputs, noise)

    inputs, targets = rows(data.samples, TRAINING)
    test_inputs, test_targets = rows(test_rows, TEST)
    return normalised(inputs, test_inputs).labelled(targets, test_targets)


def normalised(inputs: Array, test_inputs: Array) -> Samples:
    """Rows (n, p) whitened by the moments of the training rows, on their range; no targets yet.

    Raises InputError where the training rows are all equal.
    """
    mean, basis, centre = inputs.mean(axis=0), range_of_rows(inputs), None
    if basis is not None:
        if not len(basis):
            raise InputError("data: all training inputs are equal; nothing to learn from")
        centre = mean
        inputs, test_inputs = (inputs - centre) @ basis.T, (test_inputs - centre) @ basis.T
        mean = np.zeros(len(basis))
    covariance = (inputs - mean).T @ (inputs - mean) / len(inputs)
    whiten = BatchNormMetric(covariance).inverse_square_root
    return Samples(
        mean,
        covariance,
        np.ascontiguousarray((inputs - mean) @ whiten),
        np.zeros(len(inputs)),
        np.ascontiguousarray((test_inputs - mean) @ whiten),
        np.zeros(len(test_inputs)),
        basis,
        centre,
    )

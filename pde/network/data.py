"""Data laws: what the inputs are, and the moments by which batch normalization normalises them.

    population   x ~ N(mean, covariance), exactly: no sampling error
    sampled      rows of that law; the network uses their own mean and covariance
    file         rows of a table, optionally projected on principal components

The network always normalises by the full-batch moments of its training rows, S = E (x-mu)(x-mu)'
with 1/n. Targets from a file are standardised by the training rows; `shift` and `scale` lead back.
Teachers act on inputs whitened by the law where there is one, else by the rows. Reading files is
`io.datafile`'s work.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...kernels.errors import InputError
from ..config.data import FileData
from ..config.data import Sampled as SampledData
from ..geometry.metric import BatchNormMetric
from .target import Teacher

Array = NDArray[np.float64]

SMALLEST = 1e-100  # spread whose square is still a number
TRAINING, TEST, NOISE, SPLIT = range(4)  # streams of the generator, independent of each other


def generator(seed: int, stream: int) -> np.random.Generator:
    """A counter-based generator for one purpose of one seed."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, stream))))


@dataclass(frozen=True)
class Table:
    """Rows as a file holds them: inputs (rows, p), targets (rows,) or None, and a digest."""

    inputs: Array
    targets: Array | None
    digest: str = ""


@dataclass(frozen=True)
class Population:
    """The normal law itself. mean : (d,); covariance : (d, d)."""

    mean: Array
    covariance: Array


@dataclass(frozen=True)
class Samples:
    """Training rows, and held-out rows where there are any.

    mean, covariance : (d,), (d, d) of the training rows, used by batch normalization
    inputs, targets : (n, d) whitened, (n,); test_inputs, test_targets : likewise, maybe empty
    basis, centre : (d, p), (p,) - principal directions and mean of raw inputs; or None
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


Data = Population | Samples


def draw_samples(data: SampledData, teacher: Teacher) -> Samples:
    """Rows of the normal law with the teacher's targets; held-out rows from their own stream."""
    law = BatchNormMetric(data.covariance_matrix)
    test_rows = round(data.samples * data.test_fraction / (1 - data.test_fraction))

    def rows(count: int, stream: int) -> tuple[Array, Array]:
        whitened = generator(data.seed, stream).standard_normal((count, law.dimension))
        noise = generator(data.seed, NOISE + 10 * stream).standard_normal(count)
        return data.mean_vector + whitened @ law.square_root, teacher.value(
            whitened
        ) + teacher.noise * noise

    inputs, targets = rows(data.samples, TRAINING)
    test_inputs, test_targets = rows(test_rows, TEST)
    return _normalised(inputs, targets, test_inputs, test_targets)


def prepare_table(table: Table, data: FileData, teacher: Teacher | None) -> Samples:
    """Split, project and normalise the rows of a file.

    Raises InputError where there are too few rows, or more inputs than a grid can have.
    """
    order = generator(data.seed, SPLIT).permutation(len(table.inputs))
    held_out = round(len(order) * data.test_fraction)
    test, train = np.sort(order[:held_out]), np.sort(order[held_out:])
    inputs, centre, basis = table.inputs, None, None
    if data.components is not None:
        centre, basis = principal_directions(inputs[train], data.components)
        inputs = (inputs - centre) @ basis.T
    if not 2 <= inputs.shape[1] <= 4:
        raise InputError(
            f"data.inputs: {inputs.shape[1]} columns; a grid takes 2 to 4 inputs: name fewer, "
            "or set data.components = 3"
        )
    if len(train) <= inputs.shape[1]:
        raise InputError(
            f"data.path: {len(train)} training rows for {inputs.shape[1]} inputs; "
            "more rows than inputs are needed"
        )
    shift, scale = 0.0, 1.0
    if teacher is not None:
        targets = np.zeros(len(inputs))
    else:
        assert table.targets is not None
        shift, scale = float(table.targets[train].mean()), float(table.targets[train].std())
        if np.ptp(table.targets[train]) == 0:
            raise InputError("data.targets: all training targets are equal; nothing to learn")
        if not (SMALLEST < scale < 1 / SMALLEST):
            raise InputError(f"data.targets: a spread of {scale:.1e} is out of range; rescale them")
        targets = (table.targets - shift) / scale
    samples = _normalised(
        inputs[train], targets[train], inputs[test], targets[test], basis, centre, shift, scale
    )
    return samples if teacher is None else _taught(samples, teacher, data.seed)


def principal_directions(inputs: Array, components: int) -> tuple[Array, Array]:
    """Mean (p,) and leading principal directions (components, p) of the standardised columns.

    (x - mean) @ directions.T are the components; the division by each column's standard deviation
    is in the directions, so columns of different units count alike. Largest entries are positive.
    Raises InputError where there are fewer columns than components, or a constant column.
    """
    if components > inputs.shape[1]:
        raise InputError(
            f"data.components = {components}: the file has {inputs.shape[1]} input columns"
        )
    centre, spread = inputs.mean(axis=0), inputs.std(axis=0)
    constant = np.flatnonzero(np.ptp(inputs, axis=0) == 0)  # their spread may be rounding, not 0
    if len(constant):
        raise InputError(f"data.inputs: column {constant[0]} is constant; leave it out")
    if not ((spread > SMALLEST) & (spread < 1 / SMALLEST)).all():
        raise InputError("data.inputs: the spread of a column is out of range; rescale it")
    directions = np.linalg.svd((inputs - centre) / spread, full_matrices=False)[2][:components]
    largest = np.abs(directions).argmax(axis=1)
    signs = np.sign(directions[np.arange(components), largest])
    return centre, directions * signs[:, None] / spread


def _normalised(
    inputs: Array,
    targets: Array,
    test_inputs: Array,
    test_targets: Array,
    basis: Array | None = None,
    centre: Array | None = None,
    shift: float = 0.0,
    scale: float = 1.0,
) -> Samples:
    mean = inputs.mean(axis=0)
    covariance = (inputs - mean).T @ (inputs - mean) / len(inputs)
    whiten = BatchNormMetric(covariance).inverse_square_root
    return Samples(
        mean,
        covariance,
        np.ascontiguousarray((inputs - mean) @ whiten),
        targets,
        np.ascontiguousarray((test_inputs - mean) @ whiten),
        test_targets,
        basis,
        centre,
        shift,
        scale,
    )


def _taught(samples: Samples, teacher: Teacher, seed: int) -> Samples:
    """The same inputs with a teacher's targets, on inputs whitened by the rows themselves."""
    given, d = teacher.directions.shape[1], samples.inputs.shape[1]
    if given != d:
        raise InputError(
            f"target.directions: {given} entries each, but the file's inputs have d = {d}; "
            f"give vectors of length {d}"
        )

    def targets(inputs: Array, stream: int) -> Array:
        noise = generator(seed, NOISE + 10 * stream).standard_normal(len(inputs))
        return teacher.value(inputs) + teacher.noise * noise

    return replace(
        samples,
        targets=targets(samples.inputs, TRAINING),
        test_targets=targets(samples.test_inputs, TEST),
    )

"""Rows that a user brings: splitting, projection, standardisation, dependent columns, labels."""

from typing import Any

import numpy as np
import pytest

from bnflow.kernels.errors import InputError
from bnflow.pde.config.data import FileData
from bnflow.pde.geometry import BatchNormMetric
from bnflow.pde.network.activations import activation
from bnflow.pde.network.data import Samples
from bnflow.pde.network.table import Table, checked_table, prepare_table, principal_directions
from bnflow.pde.network.target import FunctionTarget, NeuronTeacher, Target

Array = np.ndarray
EYE = np.eye(3)


def teacher(noise: float = 0.0) -> NeuronTeacher:
    return NeuronTeacher(np.array([1.0, -0.5]), EYE[:2], activation("tanh"), noise)


def prepared(
    source: Table, data: FileData, labels: Target | None = None, label: str | None = None
) -> Samples:
    samples, found = prepare_table(source, data, lambda columns, basis: labels, label)
    assert found is labels
    return samples


def raw(samples: Samples, whitened: Array) -> Array:
    """The rows before normalisation."""
    return np.asarray(samples.mean + whitened @ BatchNormMetric(samples.covariance).square_root)


def assert_normalised(samples: Samples) -> None:
    """Mean 0 and covariance 1, with 1/n, of the training rows themselves."""
    x = samples.inputs
    np.testing.assert_allclose(x.mean(0), 0, rtol=0, atol=1e-13)
    np.testing.assert_allclose(x.T @ x / len(x), np.eye(x.shape[1]), rtol=0, atol=1e-12)


def table(rows: int = 60, columns: int = 3, seed: int = 0) -> Table:
    random = np.random.default_rng(seed)
    inputs = (
        random.standard_normal((rows, columns)) @ random.standard_normal((columns, columns)) + 3
    )
    return Table(inputs, 7 + 2 * inputs[:, 0] + random.standard_normal(rows), "digest")


def inputs_and_targets(**shape: int) -> tuple[Array, Array]:
    source = table(**shape)
    assert source.targets is not None
    return source.inputs, source.targets


def file_data(**changes: Any) -> FileData:
    return FileData.model_validate(
        {"kind": "file", "path": "x.npz", "inputs": "x", "targets": "y", **changes}
    )


def rows_of(source: Table, samples: Samples, whitened: Array) -> list[int]:
    """Which rows of the table these are."""
    distance = np.abs(raw(samples, whitened)[:, None] - source.inputs[None]).max(-1)
    assert (distance.min(1) < 1e-12).all()
    return [int(i) for i in distance.argmin(1)]


def test_held_out_rows_and_training_rows_share_out_the_table_in_file_order() -> None:
    source = table()
    samples = prepared(source, file_data(test_fraction=0.3, seed=5))
    train = rows_of(source, samples, samples.inputs)
    test = rows_of(source, samples, samples.test_inputs)
    assert len(test) == 18
    assert sorted(train + test) == list(range(60))
    assert train == sorted(train)
    assert test == sorted(test)
    other = prepared(source, file_data(test_fraction=0.3, seed=6))
    assert test != rows_of(source, other, other.test_inputs)
    assert_normalised(samples)


def test_moments_and_standardisation_come_from_training_rows_alone() -> None:
    source = table()
    samples = prepared(source, file_data(test_fraction=0.3))
    train = rows_of(source, samples, samples.inputs)
    test = rows_of(source, samples, samples.test_inputs)
    assert source.targets is not None
    np.testing.assert_allclose(samples.mean, source.inputs[train].mean(0), rtol=1e-14)
    np.testing.assert_allclose(
        samples.covariance, np.cov(source.inputs[train].T, bias=True), rtol=1e-12
    )
    assert samples.targets.mean() == pytest.approx(0, abs=1e-14)
    assert samples.targets.std() == pytest.approx(1, rel=1e-14)
    for rows, targets in ((train, samples.targets), (test, samples.test_targets)):
        back = samples.shift + samples.scale * targets
        np.testing.assert_allclose(back, source.targets[rows], rtol=1e-14)


def test_principal_directions_are_those_of_the_correlation_matrix_with_a_fixed_sign() -> None:
    """Columns count alike whatever their units; the division is inside the directions."""
    inputs = table(columns=6).inputs * np.geomspace(1e-3, 1e3, 6)
    centre, directions = principal_directions(inputs, 3)
    np.testing.assert_allclose(centre, inputs.mean(0), rtol=1e-14)
    values, vectors = np.linalg.eigh(np.corrcoef(inputs.T))
    components = (inputs - centre) @ directions.T
    np.testing.assert_allclose(
        np.cov(components.T, bias=True), np.diag(values[:-4:-1]), rtol=0, atol=1e-12
    )
    units = directions * inputs.std(0)
    np.testing.assert_allclose(np.abs(units @ vectors[:, ::-1]), np.eye(3, 6), rtol=0, atol=1e-10)
    assert (units[np.arange(3), np.abs(units).argmax(1)] > 0).all()


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, 1e5 / 3])
def test_a_constant_column_is_told_even_where_its_spread_is_rounding(value: float) -> None:
    inputs = table(rows=442, columns=4).inputs
    inputs[:, 2] = value
    with pytest.raises(InputError, match="column 2 is constant"):
        principal_directions(inputs, 2)


def test_a_projected_table_keeps_what_leads_back_to_the_raw_columns() -> None:
    source = table(columns=6)
    samples = prepared(source, file_data(components=3, test_fraction=0.25))
    assert samples.inputs.shape == (45, 3)
    assert samples.basis is not None
    assert samples.centre is not None
    projected = (source.inputs - samples.centre) @ samples.basis.T
    distance = np.abs(raw(samples, samples.test_inputs)[:, None] - projected[None]).max(-1).min(1)
    assert distance.max() < 1e-12
    np.testing.assert_allclose(samples.mean, 0, rtol=0, atol=1e-13)  # centred by the training rows
    off_diagonal = samples.covariance - np.diag(samples.covariance.diagonal())
    np.testing.assert_allclose(off_diagonal, 0, rtol=0, atol=1e-12)


def test_a_teacher_on_a_table_sees_rows_whitened_by_the_rows_themselves() -> None:
    samples = prepared(table(), file_data(test_fraction=0.3), teacher())
    for x, y in ((samples.inputs, samples.targets), (samples.test_inputs, samples.test_targets)):
        np.testing.assert_allclose(y, np.tanh(x[:, 0]) - 0.5 * np.tanh(x[:, 1]), rtol=0, atol=1e-15)
    assert (samples.shift, samples.scale) == (0.0, 1.0)
    noisy = prepared(table(2000), file_data(), teacher(0.3))
    clean = prepared(table(2000), file_data(), teacher())
    assert (noisy.targets - clean.targets).std() == pytest.approx(0.3, rel=0.1)


@pytest.mark.parametrize(
    ("source", "changes", "phrase"),
    [
        (table(rows=10), {"test_fraction": 0.9}, "1 training rows"),
        (table(columns=2), {"components": 3}, "2 input columns"),
        (table(rows=3), {"components": 3}, "span 2 dimensions only; give at most 2"),
        (Table(table().inputs, np.full(60, 0.1)), {}, "all training targets are equal"),
        (Table(np.ones((20, 3)), np.arange(20.0)), {}, "all training inputs are equal"),
        (Table(table().inputs, None), {}, "no targets; give data=(x, y)"),
        (Table(table().inputs, 1e300 * np.arange(60.0)), {}, "out of range"),
        (Table(table().inputs, 1e-300 * np.arange(60.0)), {}, "out of range"),
        (Table(1e-150 * table().inputs, np.arange(60.0)), {}, "out of range; rescale"),
        (Table(1e-150 * table().inputs, np.arange(60.0)), {"components": 2}, "out of range"),
    ],
)
def test_what_cannot_be_learned_from_is_one_line(
    source: Table, changes: dict[str, Any], phrase: str
) -> None:
    with pytest.raises(InputError) as error:
        prepared(source, file_data(**changes))
    assert phrase in str(error.value)
    assert len(str(error.value).splitlines()) == 1


# -- dependent columns ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "dependent",
    [
        lambda x: np.column_stack([x, x[:, 0] - 2 * x[:, 1]]),
        lambda x: np.column_stack([x[:, 0], np.full(len(x), 0.1), 1e4 * x[:, 1:]]),  # one constant
        lambda x: np.column_stack([x, 1e-5 * x]),
    ],
    ids=["sum", "constant", "units"],
)
def test_dependent_columns_leave_the_whitened_geometry_as_it_was(dependent: Any) -> None:
    """Whitened rows are those without the extra columns, up to a rotation: equal inner products."""
    source = table()
    plain = prepared(source, file_data(test_fraction=0.3))
    more = prepared(Table(dependent(source.inputs), source.targets), file_data(test_fraction=0.3))
    assert more.inputs.shape == plain.inputs.shape
    np.testing.assert_allclose(
        more.inputs @ more.inputs.T, plain.inputs @ plain.inputs.T, rtol=0, atol=1e-8
    )
    np.testing.assert_allclose(
        more.test_inputs @ more.inputs.T, plain.test_inputs @ plain.inputs.T, rtol=0, atol=1e-8
    )
    assert_normalised(more)
    assert more.basis is not None
    assert more.basis.shape == (3, dependent(source.inputs).shape[1])


# -- classes and functions -----------------------------------------------------------------------


def test_signs_of_the_targets_are_classes_and_are_not_standardised() -> None:
    x, y = inputs_and_targets()
    samples = prepared(Table(x, y - 13), file_data(), label="sign")
    assert (samples.targets == np.sign(y - 13)).all()
    assert (samples.shift, samples.scale) == (0.0, 1.0)


def test_targets_of_plus_minus_one_stay_as_they_are() -> None:
    x, y = inputs_and_targets()
    classes = np.where(y > 13, 1.0, -1.0)
    assert (prepared(Table(x, classes), file_data()).targets == classes).all()


def test_zero_has_no_sign() -> None:
    source = Table(table().inputs, np.arange(60) % 2.0)
    with pytest.raises(InputError, match="row 0 is 0, which has no sign"):
        prepared(source, file_data(), label="sign")


def test_a_function_labels_the_raw_rows_of_the_table() -> None:
    source = table(columns=6)
    labels = FunctionTarget(lambda x: x[:, 5] ** 2)
    samples = prepared(source, file_data(components=2, test_fraction=0.3), labels)
    both = np.sort(np.concatenate([samples.targets, samples.test_targets]))
    np.testing.assert_array_equal(both, np.sort(source.inputs[:, 5] ** 2))


def test_the_digest_is_of_inputs_and_targets() -> None:
    x, y = inputs_and_targets()
    digests = {checked_table(*rows).digest for rows in ((x, y), (x, None), (x + 1, y), (x, -y))}
    assert len(digests) == 4
    assert checked_table(x.tolist(), y.tolist()).digest == checked_table(x, y).digest

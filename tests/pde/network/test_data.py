"""Data laws: moments, whitening, splitting, projection, and independent streams."""

from typing import Any

import numpy as np
import pytest

from bnflow.kernels.errors import InputError
from bnflow.pde.config.data import FileData, Sampled
from bnflow.pde.geometry import BatchNormMetric
from bnflow.pde.network.data import (
    Samples,
    Table,
    draw_samples,
    generator,
    prepare_table,
    principal_directions,
)
from bnflow.pde.network.target import Teacher

Array = np.ndarray
COVARIANCE = [[4.0, 1.0, 0.0], [1.0, 2.0, 0.5], [0.0, 0.5, 1.0]]
MEAN = [1.0, -2.0, 0.5]
EYE = np.eye(3)


def teacher(noise: float = 0.0) -> Teacher:
    return Teacher(np.array([1.0, -0.5]), EYE[:2], "tanh", noise)


def drawn(noise: float = 0.0, **changes: Any) -> Samples:
    law = {"kind": "sampled", "covariance": COVARIANCE, "mean": MEAN, "samples": 4000}
    return draw_samples(Sampled.model_validate({**law, **changes}), teacher(noise))


def raw(samples: Samples, whitened: Array) -> Array:
    """The rows before normalisation."""
    return np.asarray(samples.mean + whitened @ BatchNormMetric(samples.covariance).square_root)


def assert_normalised(samples: Samples) -> None:
    """Mean 0 and covariance 1, with 1/n, of the training rows themselves."""
    x = samples.inputs
    np.testing.assert_allclose(x.mean(0), 0, atol=1e-13)
    np.testing.assert_allclose(x.T @ x / len(x), np.eye(x.shape[1]), atol=1e-12)


def test_drawn_rows_have_the_moments_of_the_law_and_are_whitened_by_their_own() -> None:
    samples = drawn()
    error = 4 / np.sqrt(4000)  # four standard errors, variances up to 4
    np.testing.assert_allclose(samples.mean, MEAN, atol=2 * error)
    np.testing.assert_allclose(samples.covariance, COVARIANCE, atol=2**0.5 * 4 * error)
    assert_normalised(samples)
    assert samples.inputs.flags.c_contiguous


def test_the_teacher_acts_on_inputs_whitened_by_the_law() -> None:
    samples = drawn(test_fraction=0.25)
    law = BatchNormMetric(COVARIANCE)
    for whitened, targets in (
        (samples.inputs, samples.targets),
        (samples.test_inputs, samples.test_targets),
    ):
        x = (raw(samples, whitened) - np.array(MEAN)) @ law.inverse_square_root
        np.testing.assert_allclose(targets, np.tanh(x[:, 0]) - 0.5 * np.tanh(x[:, 1]), atol=1e-12)


@pytest.mark.parametrize("fraction", [0.0, 0.2, 0.5, 0.9])
def test_training_rows_do_not_depend_on_how_many_are_held_out(fraction: float) -> None:
    plain, split = drawn(0.3), drawn(0.3, test_fraction=fraction)
    assert (split.inputs == plain.inputs).all()
    assert (split.targets == plain.targets).all()
    share = len(split.test_inputs) / (len(split.test_inputs) + len(split.inputs))
    assert share == pytest.approx(fraction, abs=1 / 4000)
    assert len(split.test_targets) == len(split.test_inputs)
    first = raw(split, split.test_inputs)[:, 0]
    assert not np.isclose(first[:, None], raw(split, split.inputs)[:100, 0], rtol=1e-9).any()


def test_noise_changes_targets_alone_and_has_its_standard_deviation() -> None:
    plain, noisy = drawn(test_fraction=0.5), drawn(0.3, test_fraction=0.5)
    assert (plain.inputs == noisy.inputs).all()
    added = noisy.targets - plain.targets
    held_out = noisy.test_targets - plain.test_targets
    for noise in (added, held_out):
        assert noise.mean() == pytest.approx(0, abs=4 * 0.3 / np.sqrt(4000))
        assert noise.std() == pytest.approx(0.3, abs=4 * 0.3 / np.sqrt(8000))
    # training noise, held-out noise and inputs are independent: correlations below 4 / sqrt(n)
    for other in (held_out, *plain.inputs.T, *plain.test_inputs.T):
        assert abs(np.corrcoef(added, other)[0, 1]) < 4 / np.sqrt(4000)


def test_seeds_and_streams_give_different_numbers_and_repeat() -> None:
    assert (drawn(seed=3).inputs == drawn(seed=3).inputs).all()
    assert not np.isclose(drawn(seed=3).inputs, drawn(seed=4).inputs).any()
    draws = {generator(s, t).random() for s in range(3) for t in range(4)}
    assert len(draws) == 12


# -- files ---------------------------------------------------------------------------------------


def table(rows: int = 60, columns: int = 3, seed: int = 0) -> Table:
    random = np.random.default_rng(seed)
    inputs = (
        random.standard_normal((rows, columns)) @ random.standard_normal((columns, columns)) + 3
    )
    return Table(inputs, 7 + 2 * inputs[:, 0] + random.standard_normal(rows), "digest")


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
    samples = prepare_table(source, file_data(test_fraction=0.3, seed=5), None)
    train = rows_of(source, samples, samples.inputs)
    test = rows_of(source, samples, samples.test_inputs)
    assert len(test) == 18
    assert sorted(train + test) == list(range(60))
    assert train == sorted(train)
    assert test == sorted(test)
    other = prepare_table(source, file_data(test_fraction=0.3, seed=6), None)
    assert test != rows_of(source, other, other.test_inputs)
    assert_normalised(samples)


def test_moments_and_standardisation_come_from_training_rows_alone() -> None:
    source = table()
    samples = prepare_table(source, file_data(test_fraction=0.3), None)
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
    np.testing.assert_allclose(np.abs(units @ vectors[:, ::-1]), np.eye(3, 6), atol=1e-10)
    assert (units[np.arange(3), np.abs(units).argmax(1)] > 0).all()


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, 1e5 / 3])
def test_a_constant_column_is_told_even_where_its_spread_is_rounding(value: float) -> None:
    inputs = table(rows=442, columns=4).inputs
    inputs[:, 2] = value
    with pytest.raises(InputError, match="column 2 is constant"):
        principal_directions(inputs, 2)


def test_a_projected_table_keeps_what_leads_back_to_the_raw_columns() -> None:
    source = table(columns=6)
    samples = prepare_table(source, file_data(components=3, test_fraction=0.25), None)
    assert samples.inputs.shape == (45, 3)
    assert samples.basis is not None
    assert samples.centre is not None
    projected = (source.inputs - samples.centre) @ samples.basis.T
    distance = np.abs(raw(samples, samples.test_inputs)[:, None] - projected[None]).max(-1).min(1)
    assert distance.max() < 1e-12
    np.testing.assert_allclose(samples.mean, 0, atol=1e-13)  # centred by the training rows
    off_diagonal = samples.covariance - np.diag(samples.covariance.diagonal())
    np.testing.assert_allclose(off_diagonal, 0, atol=1e-12)


def test_a_teacher_on_a_table_sees_rows_whitened_by_the_rows_themselves() -> None:
    samples = prepare_table(table(), file_data(test_fraction=0.3), teacher())
    for x, y in ((samples.inputs, samples.targets), (samples.test_inputs, samples.test_targets)):
        np.testing.assert_allclose(y, np.tanh(x[:, 0]) - 0.5 * np.tanh(x[:, 1]), atol=1e-15)
    assert (samples.shift, samples.scale) == (0.0, 1.0)
    noisy = prepare_table(table(2000), file_data(), teacher(0.3))
    clean = prepare_table(table(2000), file_data(), teacher())
    assert (noisy.targets - clean.targets).std() == pytest.approx(0.3, rel=0.1)


@pytest.mark.parametrize(
    ("source", "changes", "phrase"),
    [
        (table(columns=5), {}, "5 columns"),
        (table(columns=1), {}, "1 columns"),
        (table(rows=3), {}, "3 training rows for 3 inputs"),
        (table(rows=10), {"test_fraction": 0.8}, "2 training rows"),
        (table(columns=2), {"components": 3}, "2 input columns"),
        (Table(table().inputs, np.full(60, 0.1)), {}, "all training targets are equal"),
        (Table(np.ones((20, 3)), np.arange(20.0)), {}, "eigenvalue"),
        (Table(table().inputs, 1e300 * np.arange(60.0)), {}, "out of range"),
        (Table(table().inputs, 1e-300 * np.arange(60.0)), {}, "out of range"),
    ],
)
def test_what_cannot_be_learned_from_is_one_line(
    source: Table, changes: dict[str, Any], phrase: str
) -> None:
    with pytest.raises(InputError) as error:
        prepare_table(source, file_data(**changes), None)
    assert phrase in str(error.value)
    assert len(str(error.value).splitlines()) == 1

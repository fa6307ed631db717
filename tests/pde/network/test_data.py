"""Data laws: moments, whitening, the range of singular ones, and independent streams."""

from typing import Any

import numpy as np
import pytest

from bnflow.kernels.errors import InputError
from bnflow.pde.config.data import Population, Sampled
from bnflow.pde.geometry import BatchNormMetric
from bnflow.pde.network.activations import activation
from bnflow.pde.network.data import Samples, draw_samples, generator, normalised, population
from bnflow.pde.network.target import Linear, NeuronTeacher

Array = np.ndarray
COVARIANCE = [[4.0, 1.0, 0.0], [1.0, 2.0, 0.5], [0.0, 0.5, 1.0]]
MEAN = [1.0, -2.0, 0.5]
EYE = np.eye(3)


def teacher(noise: float = 0.0) -> NeuronTeacher:
    return NeuronTeacher(np.array([1.0, -0.5]), EYE[:2], activation("tanh"), noise)


def drawn(noise: float = 0.0, **changes: Any) -> Samples:
    law = {"kind": "sampled", "covariance": COVARIANCE, "mean": MEAN, "samples": 4000}
    return draw_samples(Sampled.model_validate({**law, **changes}), teacher(noise))


def raw(samples: Samples, whitened: Array) -> Array:
    """The rows before normalisation."""
    return np.asarray(samples.mean + whitened @ BatchNormMetric(samples.covariance).square_root)


def assert_normalised(samples: Samples) -> None:
    """Mean 0 and covariance 1, with 1/n, of the training rows themselves."""
    x = samples.inputs
    np.testing.assert_allclose(x.mean(0), 0, rtol=0, atol=1e-13)
    np.testing.assert_allclose(x.T @ x / len(x), np.eye(x.shape[1]), rtol=0, atol=1e-12)


def test_drawn_rows_have_the_moments_of_the_law_and_are_whitened_by_their_own() -> None:
    samples = drawn()
    error = 4 / np.sqrt(4000)  # four standard errors, variances up to 4
    np.testing.assert_allclose(samples.mean, MEAN, rtol=0, atol=2 * error)
    np.testing.assert_allclose(samples.covariance, COVARIANCE, rtol=0, atol=2**0.5 * 4 * error)
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
        np.testing.assert_allclose(
            targets, np.tanh(x[:, 0]) - 0.5 * np.tanh(x[:, 1]), rtol=0, atol=1e-12
        )


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


# -- singular laws -------------------------------------------------------------------------------

FACTOR = np.array([[1.0, 0.5], [0.0, 1.0], [2.0, -1.0]])  # columns mix two independent inputs
SINGULAR = (FACTOR @ FACTOR.T).tolist()


def test_a_singular_law_is_posed_on_its_range() -> None:
    law = population(Population.model_validate({"covariance": SINGULAR, "mean": MEAN}))
    assert law.basis is not None
    np.testing.assert_allclose(law.basis @ law.basis.T, np.eye(2), rtol=0, atol=1e-15)
    np.testing.assert_allclose(
        law.basis.T @ law.covariance @ law.basis, SINGULAR, rtol=0, atol=1e-14
    )
    assert law.mean.tolist() == [0, 0]
    assert law.centre is not None
    assert law.centre.tolist() == MEAN


def test_rows_of_a_singular_law_have_its_moments_and_the_target_sees_them_whitened() -> None:
    """The target is linear in the whitened inputs of the law, so of the rows, up to a rotation."""
    config = {"kind": "sampled", "covariance": SINGULAR, "mean": MEAN, "samples": 4000}
    data = Sampled.model_validate(config)
    samples = draw_samples(data, Linear(np.array([1.0, -2.0])))
    assert samples.basis is not None
    assert samples.centre is not None
    assert_normalised(samples)
    raw_rows = samples.centre + raw(samples, samples.inputs) @ samples.basis
    np.testing.assert_allclose(np.cov(raw_rows.T), SINGULAR, rtol=0, atol=5 * 4 * 4 / np.sqrt(4000))
    law = population(data)
    assert law.basis is not None
    whitened = (raw_rows - MEAN) @ law.basis.T @ BatchNormMetric(law.covariance).inverse_square_root
    np.testing.assert_allclose(samples.targets, whitened @ [1.0, -2.0], rtol=0, atol=1e-10)


def test_no_more_rows_than_columns_span_one_dimension_less_than_there_are_rows() -> None:
    data = Sampled.model_validate({"kind": "sampled", "covariance": [3, 2, 1, 1], "samples": 3})
    samples = draw_samples(data, Linear(np.ones(4)))
    assert samples.inputs.shape == (3, 2) == (3, data.d)
    # three whitened points in the plane are an equilateral triangle
    sides = np.linalg.norm(samples.inputs - np.roll(samples.inputs, 1, axis=0), axis=1)
    np.testing.assert_allclose(sides, np.sqrt(6), rtol=1e-12)


def test_rows_that_do_not_vary_are_refused() -> None:
    with pytest.raises(InputError, match="all training inputs are equal"):
        normalised(np.full((5, 2), 0.1), np.zeros((0, 2)))

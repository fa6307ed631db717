"""What a layer does to a row, and the one-line errors of what it cannot do."""

import numpy as np
import pytest

from bnflow import InputError
from bnflow.depth import LayerSpec, gram_map, simulate
from bnflow.depth.layers import centred, checked_gram

RNG = np.random.default_rng(5)


def rows(count: int = 7, batch: int = 6) -> np.ndarray:
    return RNG.standard_normal((count, batch)) + 0.5


def test_full_normalization_is_the_textbook_one() -> None:
    z = rows()
    made = LayerSpec("tanh", gamma=1.3, beta=0.2, eps=0.1).rows(z)
    mean, variance = z.mean(axis=1, keepdims=True), z.var(axis=1, keepdims=True)
    wanted = np.tanh(1.3 * (z - mean) / np.sqrt(variance + 0.1) + 0.2)
    np.testing.assert_allclose(made, wanted, rtol=1e-13)


@pytest.mark.parametrize("variant", ["rms", "std"])
def test_rescaling_alone_leaves_the_mean_and_divides_by_its_own_size(variant: str) -> None:
    z = rows()
    size = np.sqrt((z**2).mean(axis=1)) if variant == "rms" else z.std(axis=1)
    made = LayerSpec("linear", recenter=False, variant=variant).rows(z)
    np.testing.assert_allclose(made, z / size[:, None], rtol=1e-13)


def test_without_parts_a_layer_is_its_activation() -> None:
    z = rows()
    made = LayerSpec("relu", recenter=False, rescale=False).rows(z)
    np.testing.assert_array_equal(made, np.maximum(z, 0))


def test_the_covariance_has_weights_and_biases() -> None:
    """Against W H + b 1^T written out: E over W of (sigma_w^2/n) H^T H + sigma_b^2."""
    spec, h = LayerSpec(sigma_w=1.5, sigma_b=0.5), rows(3, 4)
    np.testing.assert_allclose(spec.covariance(h.T @ h / 3), 2.25 * h.T @ h / 3 + 0.25)


def test_centring_is_a_projection_on_both_sides() -> None:
    g = np.cov(rows(9, 5).T)
    p = np.eye(5) - 1 / 5
    np.testing.assert_allclose(centred(g), p @ g @ p, atol=1e-15)


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ({"sigma_w": -1.0}, "sigma_w = -1.0 must be a number > 0"),
        ({"sigma_w": 0.0}, "sigma_w = 0.0 must be a number > 0"),
        ({"sigma_b": -0.5}, "sigma_b = -0.5 must be 0 or a number > 0"),
        ({"gamma": np.nan}, "gamma = nan must be"),
        ({"beta": np.inf}, "beta = inf must be finite"),
        ({"eps": -1e-3}, "eps = -0.001 must be"),
        ({"variant": "stdev"}, '"stdev" must be rms or std'),
        ({"activation": "rleu"}, "did you mean relu"),
        ({"activation": 3}, "activation = 3 must be a name"),
        ({"gamma": "a"}, 'gamma = "a" must be a number > 0'),
        ({"beta": None}, "beta = None must be finite"),
        (
            {"sigma_w": 1e200},
            r"sigma_w = 1e\+200 must be a number > 0 of ordinary size, up to 1e\+100",
        ),
        ({"gamma": 1e-200}, "gamma = 1e-200 must be a number > 0 of ordinary size"),
        ({"beta": -1e200}, r"beta = -1e\+200 must be finite, up to 1e\+100"),
        ({"eps": True}, "eps = true must be 0 or a number > 0"),
        ({"recenter": "no"}, 'recenter = "no" must be True or False'),
    ],
)
def test_numbers_out_of_range_are_refused_in_one_line(numbers: dict, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        LayerSpec(**numbers)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("spec", "gram", "words"),
    [
        (LayerSpec(), np.ones((3, 3)), "singular: it has no variation over the batch"),
        (LayerSpec(recenter=False), np.zeros((3, 3)), "singular: it has nothing but zeros"),
        (LayerSpec(), [[1.0]], "a batch of 1 less its mean is zero; give 2 inputs"),
        (LayerSpec(recenter=False, variant="std"), [[1.0]], "a batch of 1"),
        (LayerSpec(), np.ones(3), r"shape \(3,\) must be \(B, B\)"),
        (LayerSpec(), [[1.0, np.nan], [0.0, 1.0]], "not finite"),
        (LayerSpec(), [[1.0, 0.3], [0.0, 1.0]], "not symmetric"),
        (LayerSpec(), [[1.0, 2.0], [2.0, 1.0]], "eigenvalue -1 < 0"),
        (LayerSpec(), [[1.0, 0.0], [0.0]], r"\(B, B\) real numbers"),
        (LayerSpec(), 1j * np.eye(2), r"\(B, B\) real numbers"),
        (LayerSpec(), "eye", r"\(B, B\) real numbers"),
    ],
)
def test_what_is_no_gram_matrix_or_vanishes_is_refused(spec, gram, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        gram_map(spec, gram)
    assert "\n" not in str(caught.value)


def test_a_singular_gram_matrix_is_fine_where_nothing_divides_by_it() -> None:
    assert checked_gram(LayerSpec(eps=0.1), np.ones((3, 3))).shape == (3, 3)
    assert checked_gram(LayerSpec(rescale=False), np.ones((3, 3))).shape == (3, 3)
    assert checked_gram(LayerSpec(sigma_b=0.5, recenter=False), np.zeros((3, 3))).shape == (3, 3)


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ((-5, 3, 2), "width = -5 must be an integer >= 1"),
        ((2.5, 3, 2), "width = 2.5 must be"),
        ((10, 0, 2), "depth = 0 must be"),
        ((10, 3, True), "nets = True must be"),
    ],
)
def test_sizes_are_positive_integers(sizes: tuple, words: str) -> None:
    with pytest.raises(InputError, match=words):
        simulate(LayerSpec(), np.eye(3), *sizes, np.random.default_rng(0))  # type: ignore[call-arg]

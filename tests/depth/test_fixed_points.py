"""Where the map rests: closed forms, directions, groups and what is refused."""

import numpy as np
import pytest

from bnflow import InputError, NumericalFailure
from bnflow.depth import LayerSpec, fixed_point, gram_map, mean_field, simulate
from bnflow.depth.fixed_points import _solved
from bnflow.depth.gram_symmetric import symmetric_gram

ROUNDING = 1e-10  # `TOLERANCE` of the residual, over 1 - kappa of the two numbers


@pytest.mark.parametrize("batch", [2, 3, 8, 32])
def test_linear_layers_orthogonalise_or_make_a_simplex(batch: int) -> None:
    alone = fixed_point(LayerSpec("linear", recenter=False, gamma=1.5), batch).gram
    np.testing.assert_allclose(alone, 2.25 * np.eye(batch), atol=batch * ROUNDING)
    full = fixed_point(LayerSpec("linear"), batch).gram
    np.testing.assert_allclose(full, symmetric_gram(batch, 1.0, -1 / (batch - 1)), atol=ROUNDING)


@pytest.mark.parametrize("batch", [2, 3, 8, 32])
def test_full_batch_normalization_before_relu(batch: int) -> None:
    c = -1 / (batch - 1)
    off = (np.sqrt(1 - c * c) + c * (np.pi - np.arccos(c))) / (2 * np.pi)
    found = fixed_point(LayerSpec("relu"), batch)
    np.testing.assert_allclose(found.gram, symmetric_gram(batch, 0.5, off), atol=ROUNDING)
    assert found.residual <= 1e-12


@pytest.mark.parametrize(
    "spec",
    [
        LayerSpec("relu", recenter=False),
        LayerSpec("tanh"),
        LayerSpec("relu", eps=0.2, sigma_b=0.4),
        LayerSpec("sin", False, False, sigma_w=1.5, sigma_b=0.3),
    ],
    ids=["rs", "full-tanh", "eps-biases", "plain-sin"],
)
def test_the_map_keeps_what_is_found(spec: LayerSpec) -> None:
    """And leads there from a matrix without any symmetry, but for tanh, whose map is sampled."""
    found = fixed_point(spec, 4).gram
    np.testing.assert_allclose(gram_map(spec, found).gram, found, atol=1e-9)
    if spec.phi.name != "tanh":
        start = np.diag([1.0, 2.0, 0.5, 0.7]) + 0.2
        np.testing.assert_allclose(mean_field(spec, start, 400).grams[-1], found, atol=1e-8)


def test_simulated_networks_gather_around_it() -> None:
    """Their mean is G* but for terms of order 1/n and 4 standard errors."""
    spec, n = LayerSpec("relu", recenter=False), 200
    found = fixed_point(spec, 3).gram
    rng = np.random.Generator(np.random.Philox(1))
    made = simulate(spec, np.eye(3), n, 20, 600, rng, depths=[20]).grams[0]
    error = made.std(axis=0) / np.sqrt(len(made))
    assert (np.abs(made.mean(axis=0) - found) <= 4 * error + 3 / n).all()


def test_plain_relu_has_one_direction() -> None:
    found = fixed_point(LayerSpec("relu", False, False), 4, unit_trace=True).gram
    np.testing.assert_allclose(found, np.ones((4, 4)), atol=1e-5)  # c -> 1 as 1/l^2


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (LayerSpec("gelu", rescale=False), "layers of gelu lead to zero"),
        (LayerSpec("quadratic", False, False, sigma_w=9.0), "layers of quadratic lead to infinity"),
        (LayerSpec("sin", False, False), "a residual of .* is left, there is none or"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_where_layers_lead_nowhere_it_is_told(spec: LayerSpec, words: str) -> None:
    with pytest.raises(NumericalFailure, match=words) as caught:
        fixed_point(spec, 2, points=16)
    assert "\n" not in str(caught.value)


def test_a_scale_is_asked_for() -> None:
    """Biases are none where RC takes them away: relu would shrink until nothing is left."""
    with pytest.raises(InputError, match="no scale of its own"):
        fixed_point(LayerSpec("relu", rescale=False, sigma_b=0.3), 4)
    with pytest.raises(InputError, match="no scale of its own"):
        fixed_point(LayerSpec("relu", rescale=False), 4)
    with pytest.raises(InputError, match="2 inputs at least"):
        fixed_point(LayerSpec(), 1)
    with pytest.raises(InputError, match="sum to 5; give sizes that sum to 6"):
        fixed_point(LayerSpec(), 6, groups=(3, 2), start=np.eye(6))
    with pytest.raises(InputError, match="2 groups need a start"):
        fixed_point(LayerSpec(), 6, groups=(5, 1))
    with pytest.raises(InputError, match="batch = 6 with a start of 3 inputs"):
        fixed_point(LayerSpec(), 6, start=np.eye(3))


def test_a_root_far_from_where_the_layers_lead_is_not_taken() -> None:
    """x -> x + 1e-4 (10 - x)/(1 + |x|): still below 1 after all layers, and solved by 10."""
    found = _solved(lambda x: x + 1e-4 * (10 - x) / (1 + np.abs(x)), np.zeros(1))
    assert 0 < found[0] < 2

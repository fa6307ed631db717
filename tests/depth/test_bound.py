"""The bound for all depths lies above simulated networks; its parts are what they claim."""

import numpy as np
import pytest

from bnflow import InputError
from bnflow.depth import LayerSpec, all_depth_bound, fixed_point, gram_map, row_bound, simulate


@pytest.mark.parametrize("name", ["linear", "relu", "abs", "tanh", "sin"])
def test_no_row_is_larger_than_its_bound(name: str) -> None:
    spec = LayerSpec(name, gamma=1.7)
    rows = spec.rows(np.random.default_rng(0).standard_cauchy((2000, 6)))
    assert np.max(np.sum(rows**2, axis=1)) <= row_bound(spec, 6) * (1 + 1e-12)


@pytest.mark.parametrize("recenter", [True, False])
def test_one_layer_adds_no_more_than_it_says(recenter: bool) -> None:
    """E||G - T(G)||^2 <= R^2/n, with 4 standard errors of room on neither side needed."""
    spec, n, batch = LayerSpec("relu", recenter), 25, 5
    h = np.random.default_rng(1).standard_normal((9, batch))
    gram = h.T @ h / 9
    made = simulate(spec, gram, n, 1, 2000, np.random.Generator(np.random.Philox(0)))
    squares = made.errors(gram_map(spec, gram).gram)[1] ** 2
    assert squares.mean() <= row_bound(spec, batch) ** 2 / n


def test_linear_layers_stay_under_it_at_every_depth() -> None:
    """kappa = B/(B + 2), and C = 1 near I, where J is symmetric."""
    spec, n, batch = LayerSpec("linear", recenter=False), 100, 4
    rng = np.random.Generator(np.random.Philox(1))
    made = simulate(spec, np.eye(batch), n, 200, 50, rng)
    fixed = fixed_point(spec, batch).gram
    bound = float(all_depth_bound(spec, batch, n, batch / (batch + 2)))
    assert made.errors(fixed).mean(axis=1).max() < bound
    assert all_depth_bound(spec, batch, [n, 4 * n], 2 / 3)[1] == pytest.approx(bound / 2)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((LayerSpec(), 4, 10, 1.0), "rate = 1.0 must be in"),
        ((LayerSpec(), 4, 10, 0.5, 0.5), "factor = 0.5 must be >= 1"),
        ((LayerSpec(), 4, -3, 0.5), "width = -3 must be >= 1"),
        ((LayerSpec("relu", rescale=False), 4, 10, 0.5), "infinite or not known for relu"),
        ((LayerSpec("gelu"), 4, 10, 0.5), "infinite or not known for gelu"),
    ],
)
def test_without_its_assumptions_there_is_no_bound(arguments: tuple, words: str) -> None:
    with pytest.raises(InputError, match=words):
        all_depth_bound(*arguments)

"""Exact laws without batch normalization, against moments and logarithms taken otherwise."""

import numpy as np
import pytest

from bnflow import InputError
from bnflow.depth import LayerSpec, linear_error, one_input_error, one_input_log, simulate

LINEAR = LayerSpec("linear", False, False)
RELU = LayerSpec("relu", False, False, sigma_w=np.sqrt(2))


def test_one_input_is_the_case_of_one() -> None:
    """u = v: the sum of two terms becomes (1 + 2/n)^l - 1."""
    depths = [0, 1, 10, 1000]
    found = linear_error(LINEAR, [[3.0]], 50, depths)
    np.testing.assert_allclose(found, 9 * one_input_error(LINEAR, 50, depths), rtol=1e-12)


def test_wishart_moments_of_one_layer() -> None:
    """E||W - G||^2 = (||G||^2 + (tr G)^2)/n for W ~ Wishart(G, n)/n."""
    gram = np.array([[2.0, 0.3], [0.3, 1.0]])
    wanted = (np.sum(gram**2) + np.trace(gram) ** 2) / 40
    assert linear_error(LINEAR, gram, 40, [1])[0] == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize(("spec", "growth"), [(LINEAR, 2), (RELU, 5)], ids=["linear", "relu"])
def test_logarithms_of_simulated_networks(spec: LayerSpec, growth: int) -> None:
    """Mean and variance within 4 standard errors, and the typical fall of (k - 1) l/(2n)."""
    n, depth, nets = 40, 30, 4000
    rng = np.random.Generator(np.random.Philox(8))
    made = np.log(simulate(spec, [[1.0]], n, depth, nets, rng, depths=[depth]).grams[0, :, 0, 0])
    law = one_input_log(spec, n, [depth])
    assert abs(made.mean() - law.mean[0]) <= 4 * made.std() / np.sqrt(nets)
    assert abs(made.var() - law.variance[0]) <= 4 * made.var() * np.sqrt(2 / nets)
    typical = -growth * depth / (2 * n)
    assert law.mean[0] == pytest.approx(typical, rel=6 / n + 0.05)


@pytest.mark.parametrize("depths", [[-1], [1.5], ["a"]])
def test_depths_are_layers(depths: list) -> None:
    for law in (one_input_error, one_input_log):
        with pytest.raises(InputError, match=r"depths = \[.*must be integers >= 0"):
            law(RELU, 10, depths)
    with pytest.raises(InputError, match="must be integers >= 0"):
        linear_error(LINEAR, [[1.0]], 10, depths)


def test_what_has_no_exact_law_is_refused() -> None:
    with pytest.raises(InputError, match="those of plain layers: relu with recenter = True"):
        one_input_error(LayerSpec(), 10, [1])
    with pytest.raises(InputError, match="relu is not linear"):
        linear_error(RELU, [[1.0]], 10, [1])
    leaky = {"kind": "piecewise-linear", "knots": [-1, 0, 1], "values": [-0.1, 0, 1]}
    with pytest.raises(InputError, match="has no such formula"):
        one_input_log(LayerSpec(leaky, False, False), 10, [1])

"""The noise around fixed points: closed constants, their equation, and simulated networks."""

import numpy as np
import pytest

from bnflow import InputError, Notice
from bnflow.depth import LayerSpec, fixed_point, jacobian, noise_covariance, simulate
from bnflow.depth.gram_symmetric import symmetric_gram


@pytest.mark.parametrize("batch", [3, 8, 16])
def test_the_constant_of_linear_layers(batch: int) -> None:
    """n E||G - I||^2 -> B (B-1)(B+2)^2/(4 (B+1)); with RC the same in D = B - 1, times (B/D)^2."""

    def constant(d: int) -> float:
        return d * (d - 1) * (d + 2) ** 2 / (4 * (d + 1))

    found = noise_covariance(LayerSpec("linear", recenter=False), np.eye(batch))
    assert found.constant == pytest.approx(constant(batch), rel=1e-10)
    assert found.rate == pytest.approx(batch / (batch + 2), abs=1e-8)
    d, simplex = batch - 1, symmetric_gram(batch, 1.0, -1 / (batch - 1))
    found = noise_covariance(LayerSpec("linear"), simplex)
    assert found.constant == pytest.approx((batch / d) ** 2 * constant(d), rel=1e-10)


def test_two_inputs_keep_no_memory() -> None:
    """RC and RS leave (s, -s), s = +-1: relu keeps one of the two, with equal odds, J = 0.

    n Cov of the mean of n such: G_11 and G_22 are K/n and 1 - K/n, of variance 1/4 each.
    """
    found = noise_covariance(LayerSpec("relu"), fixed_point(LayerSpec("relu"), 2).gram)
    assert found.rate < 1e-12
    assert found.constant == pytest.approx(0.5, rel=1e-10)
    linear = noise_covariance(LayerSpec("linear"), symmetric_gram(2, 1.0, -1.0))
    assert abs(linear.constant) < 1e-12


def test_the_stationary_covariance_solves_its_equation() -> None:
    spec = LayerSpec("relu")
    fixed = fixed_point(spec, 4).gram
    found, j = noise_covariance(spec, fixed), jacobian(spec, fixed).matrix
    again = j @ found.stationary @ j.T + found.one_layer
    np.testing.assert_allclose(found.stationary, again, atol=1e-12)


@pytest.mark.parametrize(
    "name", ["linear", "relu", *(pytest.param(n, marks=pytest.mark.slow) for n in ("tanh", "sin"))]
)
def test_the_constant_is_that_of_simulated_networks(name: str) -> None:
    """Within 3 %: 8 layers 12 apart (kappa^12 < 0.02) of 400 networks err by 0.8 %.

    At n = 256 terms of order 1/n are below 1 % (measured: 2 % at 128 for relu).
    """
    spec, n = LayerSpec(name), 256
    fixed = fixed_point(spec, 4).gram
    rng = np.random.Generator(np.random.Philox(3))
    found = simulate(spec, fixed, n, 100, 400, rng, depths=range(16, 101, 12))
    measured = n * float(np.mean(found.errors(fixed) ** 2))
    predicted = noise_covariance(spec, fixed, points=4096)
    assert predicted.standard_error <= 0.005 * predicted.constant
    assert measured == pytest.approx(predicted.constant, rel=0.03)


def test_noise_that_grows_for_ever_has_no_constant() -> None:
    with pytest.raises(InputError, match="rate is 1 >= 1"):
        noise_covariance(LayerSpec("linear", False, False), np.eye(3))


def test_away_from_a_fixed_point_it_is_told() -> None:
    with pytest.warns(Notice, match="no fixed point"):
        noise_covariance(LayerSpec("relu"), np.diag([1.0, 2.0, 3.0]))

"""eta* = 2 (1 + momentum)/lambda_max, by training runs on both sides of it."""

import numpy as np
import pytest

from bnflow.depth.fisher import (
    RandomNet,
    convolutional,
    critical_step,
    dense,
    descend,
    explosion_step,
    fisher_theory,
    grows,
    max_learning_rate,
)
from bnflow.depth.layers import LayerSpec
from bnflow.kernels.errors import InputError

NETS = {"dense": dense([20, 40, 40, 3]), "convolutional": convolutional(6, [1, 8, 12], 3)}
KINDS = ("plain", "frozen", "full")
MOMENTA = (0.0, 0.9)


def minimum(name: str, kind: str):
    """A network at a theta that is the minimum for its own values; data, generator."""
    normalised = kind != "plain"
    spec = LayerSpec(
        recenter=normalised, rescale=normalised, gamma=0.7, sigma_w=2**0.5, sigma_b=0.5**0.5
    )
    net, rng = RandomNet(NETS[name], spec), np.random.default_rng(1)
    theta, x = net.draw(rng), rng.standard_normal((20, net.architecture.inputs))
    return net.frozen(theta, x) if kind == "frozen" else net, theta, x, rng


@pytest.mark.parametrize("momentum", MOMENTA)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NETS)
def test_noise_grows_above_and_not_below(name: str, kind: str, momentum: float) -> None:
    """At 1.02 eta* the unstable mode grows by 1.04 a step or more, its share of the loss by 1.08.

    400 steps: 1e13 times a share of at least 1e-3; a run stops at 1e6. At 0.98 eta* a transient of
    the momentum multiplies the loss of that mode by up to 29.2, by its recursion from rest.
    """
    net, theta, x, rng = minimum(name, kind)
    y, start = net.forward(theta, x), theta + 1e-6 * net.draw(rng)
    rate = float(max_learning_rate(net.lambda_max(theta, x), momentum))
    growths = []
    for factor in (1.02, 0.98):
        run = descend(net, start, x, y, factor * rate, epochs=400, momentum=momentum, ceiling=1e6)
        growths.append(run.growth)
        assert grows(run) == (factor > 1)
    assert growths[0] >= 1e6
    assert growths[1] < 30
    assert run.loss[-1] < run.loss[0]


@pytest.mark.parametrize("momentum", MOMENTA)
@pytest.mark.parametrize("kind", KINDS)
def test_bisection_finds_the_critical_step(kind: str, momentum: float) -> None:
    """A bracket of 1 % around eta*, widened by what 300 steps can tell apart, 1/300."""
    net, theta, x, rng = minimum("dense", kind)
    found = critical_step(net, theta, x, rng, momentum=momentum)
    assert found.upper <= 1.01 * found.lower
    assert found.lower / 1.0034 <= found.predicted <= 1.0034 * found.upper
    assert found.lower <= found.value <= found.upper
    assert found.tried[found.happened].min() == found.upper
    assert found.tried[~found.happened].max() == found.lower


def test_far_from_a_minimum_training_explodes_later() -> None:
    """Plain ReLU networks: a catapult from a random start; a second number, above eta*."""
    net, theta, x, rng = minimum("dense", "plain")
    y = rng.standard_normal((20, 3))
    found = explosion_step(net, theta, x, y)
    assert found.lower > 2 * found.predicted
    assert found.upper <= 1.05 * found.lower
    assert descend(net, theta, x, y, found.lower, epochs=100).growth <= 1e3
    assert descend(net, theta, x, y, found.upper, epochs=100).growth > 1e3


def test_a_search_without_end_gives_a_half_open_bracket() -> None:
    """With the last weights at zero and targets zero, nothing ever explodes."""
    net, theta, x, _ = minimum("dense", "full")
    theta[-3 * 41 :] = 0.0
    found = explosion_step(net, theta, x, np.zeros((20, 3)), epochs=2)
    assert found.upper == np.inf
    assert not found.happened.any()
    assert found.value == np.inf


def test_bad_input_is_one_line() -> None:
    net, theta, x, rng = minimum("dense", "plain")
    with pytest.raises(InputError, match="tolerance = 0 must be a number > 0"):
        critical_step(net, theta, x, rng, tolerance=0)
    with pytest.raises(InputError, match="epochs = 2 must be an integer >= 7"):
        critical_step(net, theta, x, rng, epochs=2)
    with pytest.raises(InputError, match="noise = 0 must be a number > 0"):
        critical_step(net, theta, x, rng, noise=0)
    with pytest.raises(InputError, match="ceiling = nan must be at least 1"):
        explosion_step(net, theta, x, np.ones((20, 3)), ceiling=np.nan)


@pytest.mark.slow
@pytest.mark.parametrize("momentum", MOMENTA)
@pytest.mark.parametrize("kind", ["frozen", "full"])
def test_theory_predicts_the_critical_step_of_a_wide_network(kind: str, momentum: float) -> None:
    """Width 400. The bound of lambda_max bounds the step from above; full statistics attain it."""
    spec = LayerSpec(gamma=0.5, sigma_w=2**0.5, sigma_b=0.5**0.5)
    net, rng = RandomNet(dense([200, 400, 400, 3]), spec), np.random.default_rng(2)
    theta, x = net.draw(rng), rng.standard_normal((60, 200))
    net = net.frozen(theta, x) if kind == "frozen" else net
    theory = fisher_theory(
        net.architecture, spec, samples=60, variance="centred", statistics=kind
    ).quotient
    rate = float(max_learning_rate(theory, momentum))
    found = critical_step(net, theta, x, rng, momentum=momentum)
    assert found.upper < 1.03 * rate
    if kind == "full":
        assert found.lower > 0.9 * rate

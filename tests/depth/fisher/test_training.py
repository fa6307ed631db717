"""Gradient descent: against the closed solution of a linear network, and its own definition."""

import numpy as np
import pytest

from bnflow.depth.fisher import RandomNet, convolutional, dense, descend
from bnflow.depth.layers import LayerSpec
from bnflow.kernels.errors import InputError

LINEAR = LayerSpec("linear", recenter=False, rescale=False)


def problem(net: RandomNet, rows: int = 12):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((rows, net.architecture.inputs))
    return net.draw(rng), x, rng.standard_normal((rows, net.architecture.outputs))


def test_one_affine_map_follows_heavy_ball_exactly() -> None:
    """f = x w + b is least squares: iterates by the recursion of the normal equations.

    Rounding of 50 steps of sums of 12 terms.
    """
    net = RandomNet(dense([3, 1]), LINEAR)
    theta, x, y = problem(net)
    run = descend(net, theta, x, y, 0.3, epochs=50, momentum=0.8)
    a = np.hstack([x, np.ones((12, 1))])
    before = now = theta
    losses = []
    for _ in range(50):
        losses.append(0.5 * np.mean((a @ now - y[:, 0]) ** 2))
        step = -0.3 * a.T @ (a @ now - y[:, 0]) / 12
        now, before = now + step + 0.8 * (now - before), now
    losses.append(0.5 * np.mean((a @ now - y[:, 0]) ** 2))
    assert run.theta == pytest.approx(now, rel=1e-10, abs=1e-12)
    assert run.loss == pytest.approx(losses, rel=1e-10)


@pytest.mark.parametrize("net", [dense([4, 8, 2]), convolutional(6, [1, 3], 2)], ids=["fc", "conv"])
def test_a_step_goes_down_the_loss(net) -> None:
    """By eta |grad L|^2 to first order: halving eta halves the relative defect."""
    network = RandomNet(net, LayerSpec("tanh", sigma_b=0.3))
    theta, x, y = problem(network)
    at = network.at(theta, x)
    slope = at.vjp((at.output - y) / len(y))
    defects = []
    for rate in (1e-4, 5e-5):
        run = descend(network, theta, x, y, rate, epochs=1)
        defects.append(1 - (run.loss[0] - run.loss[1]) / (rate * slope @ slope))
        assert run.theta == pytest.approx(theta - rate * slope, abs=1e-14)
    assert defects[0] == pytest.approx(2 * defects[1], rel=0.05)
    assert abs(defects[0]) < 0.01


def test_mini_batches_see_every_row_once_an_epoch() -> None:
    """With one affine map and a tiny rate, an epoch of k batches is k full steps to order eta^2."""
    net = RandomNet(dense([3, 2]), LINEAR)
    theta, x, y = problem(net)
    rate, rng = 1e-6, np.random.default_rng(1)
    run = descend(net, theta, x, y, rate, epochs=1, batch=4, rng=rng)
    whole = descend(net, theta, x, y, 3 * rate, epochs=1)
    assert np.abs(run.theta - whole.theta).max() < 1e-4 * np.abs(whole.theta - theta).max()
    again = descend(net, theta, x, y, rate, epochs=1, batch=4, rng=np.random.default_rng(1))
    assert np.array_equal(run.theta, again.theta)


def test_a_ceiling_stops_and_overflow_is_infinite_growth() -> None:
    net = RandomNet(dense([3, 8, 1]), LayerSpec(recenter=False, rescale=False))
    theta, x, y = problem(net)
    run = descend(net, theta, x, y, 1e3, epochs=50, ceiling=10.0)
    assert len(run.loss) == 2
    assert run.growth > 10.0
    assert descend(net, theta, x, y, 1e3, epochs=50).growth == np.inf


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"learning_rate": 0.0}, "learning_rate = 0.0 must be a number > 0"),
        ({"momentum": 1.0}, "momentum = 1.0 must be at least 0 and below 1"),
        ({"epochs": 0}, "epochs = 0 must be an integer >= 1"),
        ({"batch": 4}, "batch = 4 shuffles; give rng"),
        ({"batch": 13, "rng": np.random.default_rng(0)}, "batch = 13 is more than the 12 data"),
        ({"batch": 4, "rng": 3}, "rng = 3 must be a generator"),
        ({"learning_rate": "a"}, "learning_rate = a must be a number > 0"),
        ({"y": np.full((12, 1), np.nan)}, "targets have an entry that is not finite"),
        ({"y": np.ones(12)}, r"targets of shape \(12,\) must be \(12, 1\)"),
    ],
)
def test_bad_input_is_one_line(settings, message: str) -> None:
    net = RandomNet(dense([3, 1]), LINEAR)
    theta, x, y = problem(net)
    arguments = {"y": y, "learning_rate": 0.1, "epochs": 1} | settings
    with pytest.raises(InputError, match=message):
        descend(net, theta, x, **arguments)

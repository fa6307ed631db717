"""Networks and their derivatives, against a loop over neurons and differences."""

from dataclasses import replace

import numpy as np
import pytest

from bnflow.depth.fisher import RandomNet, convolutional, dense
from bnflow.depth.fisher.architecture import Architecture
from bnflow.depth.fisher.normalization import normalized
from bnflow.depth.layers import LayerSpec
from bnflow.kernels.errors import InputError

NETS = {
    "dense": dense([5, 9, 7, 3]),
    "circular": convolutional(8, [2, 3, 4], 3),
    "zero": convolutional(7, [1, 3, 4], 2, padding="zero"),
    "valid": convolutional(7, [1, 3, 4], 2, padding="valid", stride=1),
}
NORMS = {
    "plain": {"recenter": False, "rescale": False},
    "bn": {},
    "recentred": {"rescale": False},
    "rms": {"recenter": False},
    "std": {"recenter": False, "variant": "std"},
}
ROWS = 6
EPS = np.finfo(float).eps


def made(net: Architecture, norm: str, spatial: str = "location", **more):
    """A smooth network with every number of the layer away from its default; theta, and data."""
    numbers = {"gamma": 1.3, "beta": 0.2, "sigma_w": 1.4, "sigma_b": 0.7, "eps": 0.01}
    spec = LayerSpec("tanh", **NORMS[norm], **(numbers | more))
    network, rng = RandomNet(net, spec, spatial), np.random.default_rng(3)
    return network, network.draw(rng), rng.standard_normal((ROWS, net.inputs)), rng


def test_forward_is_the_chain_of_formulas() -> None:
    """Neuron by neuron, in the words of the definition. Rounding of sums of 10 terms."""
    net, theta, x, _ = made(NETS["dense"], "bn")
    h, start = x, 0
    for m, n in ((5, 9), (9, 7), (7, 3)):
        w = theta[start : start + m * n].reshape(n, m)
        b = theta[start + m * n : start + (m + 1) * n]
        start += (m + 1) * n
        z = np.array([[w[i] @ row + b[i] for i in range(n)] for row in h])
        h = np.empty_like(z)
        for i in range(n):
            mean = sum(z[:, i]) / ROWS
            variance = sum((z[:, i] - mean) ** 2) / ROWS
            h[:, i] = np.tanh(1.3 * (z[:, i] - mean) / np.sqrt(variance + 0.01) + 0.2)
    np.testing.assert_allclose(net.forward(theta, x), z, rtol=0, atol=1e3 * EPS * np.abs(z).max())


@pytest.mark.parametrize("spatial", ["location", "shared"])
def test_statistics_run_over_the_right_axes(spatial: str) -> None:
    """Normalised values of every hidden layer have mean 0 and mean square 1 over them."""
    net, theta, x, _ = made(NETS["circular"], "bn", spatial, eps=0.0)
    axes = (0,) if spatial == "location" else (0, 1)
    for bend in net.at(theta, x).bends:
        zhat = bend.norm.value
        assert np.abs(zhat.mean(axes)).max() < 1e2 * EPS
        assert np.abs((zhat**2).mean(axes) - 1).max() < 1e2 * EPS
        if spatial == "shared":  # and over no smaller set
            assert np.abs(zhat.mean(0)).max() > 1e-3


@pytest.mark.parametrize("spatial", ["location", "shared"])
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", NETS)
def test_derivatives_of_every_network(name: str, norm: str, spatial: str) -> None:
    """J v is the slope of f along v, and J^T its transpose; with statistics held constant too.

    Fourth-order differences with step h err by C (h |v|)^4 + eps/h with |v| about 10: with h = 1e-4
    by 1e-12 C + 1e-12, and C, of fifth derivatives along v, is of order 1e2.
    """
    net, theta, x, rng = made(NETS[name], norm, spatial)
    for each in (net, net.frozen(theta, x)):
        at, v = each.at(theta, x), rng.standard_normal(theta.size)
        u, slope = rng.standard_normal(at.output.shape), at.jvp(v)

        def moved(h: float, each=each, v=v) -> np.ndarray:
            return each.forward(theta + h * v, x)

        h = 1e-4
        wanted = (8 * (moved(h) - moved(-h)) - (moved(2 * h) - moved(-2 * h))) / (12 * h)
        assert np.abs(slope - wanted).max() < 1e-9 * np.abs(wanted).max()
        assert np.vdot(u, slope) == pytest.approx(at.vjp(u) @ v, rel=1e-11)


def test_frozen_is_the_same_function_there_with_another_derivative() -> None:
    net, theta, x, rng = made(NETS["dense"], "bn")
    frozen, v = net.frozen(theta, x), rng.standard_normal(theta.size)
    scale = np.abs(net.forward(theta, x)).max()
    assert np.abs(frozen.forward(theta, x) - net.forward(theta, x)).max() <= 1e2 * EPS * scale
    full, constant = net.jvp(theta, x, v), frozen.jvp(theta, x, v)
    assert np.abs(full - constant).max() > 0.1 * np.abs(full).max()
    assert frozen.forward(theta, x[:1]).shape == (1, 3)  # one datum needs no batch now


def test_biases_before_normalization_do_nothing() -> None:
    """Recentering takes them away: their entries of J^T u vanish to rounding."""
    net, theta, x, rng = made(NETS["dense"], "bn")
    gradient = net.vjp(theta, x, rng.standard_normal((ROWS, 3)))
    biases = [bias for _, _, bias in net.architecture.split(gradient)]
    assert max(np.abs(bias).max() for bias in biases[:-1]) < 1e2 * EPS * np.abs(gradient).max()
    assert np.abs(biases[-1]).min() > 1e-3


def test_draws_have_the_variances_that_are_asked_for() -> None:
    """Mean squares of k normal numbers, within 5 standard errors sqrt(2/k)."""
    net = RandomNet(dense([50, 400, 300]), LayerSpec(sigma_w=1.5, sigma_b=0.4))
    theta = net.draw(np.random.default_rng(0))
    for layer, weight, bias in net.architecture.split(theta):
        for part, variance in ((weight, 1.5**2 / layer.fan_in), (bias, 0.4**2)):
            assert (part**2).mean() == pytest.approx(variance, rel=5 * np.sqrt(2 / part.size))


def test_bad_input_is_one_line() -> None:
    net, theta, x, _ = made(NETS["dense"], "bn", eps=0.0)
    with pytest.raises(InputError, match='spatial = "local" must be location or shared; did you'):
        replace(net, spatial="local")
    with pytest.raises(InputError, match='"step" has no gradient'):
        RandomNet(net.architecture, LayerSpec("step"))
    with pytest.raises(InputError, match=r"parameters of shape \(3,\): the network takes \(148,\)"):
        net.forward(np.ones(3), x)
    with pytest.raises(InputError, match="a batch of 1 less its mean is zero"):
        net.forward(theta, x[:1])
    with pytest.raises(InputError, match="a neuron is constant over the data"):
        net.forward(theta, np.ones((4, 5)))
    for wrong in (np.full((6, 5), np.nan), np.full((6, 5), np.inf)):
        with pytest.raises(InputError, match="not finite; leave out its row"):
            net.forward(theta, wrong)
    with pytest.raises(InputError, match=r"data of shape \(0, 5\)"):
        net.forward(theta, np.zeros((0, 5)))
    with pytest.raises(InputError, match=r"v of shape \(150,\) must be \(148,\)"):
        net.jvp(theta, x, np.ones(150))
    for u in (np.ones(ROWS), np.ones((ROWS, 4)), np.ones((ROWS + 1, 3))):
        with pytest.raises(InputError, match=r"u of shape .* must be \(6, 3\)"):
            net.vjp(theta, x, u)
    with pytest.raises(InputError, match="rng = 0 must be a generator"):
        net.draw(0)
    with pytest.raises(InputError, match="tolerance = nan must be"):
        net.lambda_max(theta, x, tolerance=np.nan)


def test_a_neuron_that_is_constant_but_for_rounding_is_constant() -> None:
    """The mean of 49 equal numbers is one rounding off, and BN would divide by that."""
    z = np.full((49, 1, 1), 0.1)
    assert z.mean() != 0.1
    with pytest.raises(InputError, match="a neuron is constant over the data"):
        normalized(z, LayerSpec(), "location")

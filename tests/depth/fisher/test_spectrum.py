"""Eigenvalues without matrices, against the Fisher information written out."""

import numpy as np
import pytest

from bnflow.depth.fisher import RandomNet, convolutional, dense
from bnflow.depth.layers import LayerSpec

NETS = {"dense": dense([6, 20, 15, 4]), "convolutional": convolutional(6, [1, 4, 5], 3)}


def information(at, size: int) -> np.ndarray:
    """I, (P, P): the mean over the data of grad f_k grad f_k^T, summed over outputs."""
    gradients = []
    for index in np.ndindex(at.output.shape):
        u = np.zeros_like(at.output)
        u[index] = 1.0
        gradients.append(at.vjp(u))
    jacobian = np.array(gradients)
    assert jacobian.shape[1] == size
    return jacobian.T @ jacobian / len(at.output)


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("name", NETS)
def test_lanczos_finds_the_largest_eigenvalue(name: str, frozen: bool) -> None:
    """To the tolerance asked for; all eigenvalues by the (P, P) matrix, which it never forms."""
    net, rng = RandomNet(NETS[name], LayerSpec(sigma_b=0.5)), np.random.default_rng(0)
    theta, x = net.draw(rng), rng.standard_normal((12, net.architecture.inputs))
    net = net.frozen(theta, x) if frozen else net
    wanted = np.linalg.eigvalsh(information(net.at(theta, x), theta.size))[-1]
    assert net.lambda_max(theta, x, tolerance=1e-10) == pytest.approx(wanted, rel=1e-9)


def test_a_dual_of_one_or_two_is_formed() -> None:
    net, rng = RandomNet(dense([3, 5, 1]), LayerSpec(sigma_b=0.5)), np.random.default_rng(0)
    theta, x = net.draw(rng), rng.standard_normal((2, 3))
    wanted = np.linalg.eigvalsh(information(net.at(theta, x), theta.size))[-1]
    assert net.lambda_max(theta, x) == pytest.approx(wanted, rel=1e-12)


def test_the_constant_direction_is_the_mean_gradient() -> None:
    """By layers, weights and biases apart; and a Rayleigh quotient is no more than lambda_max."""
    net, rng = RandomNet(NETS["dense"], LayerSpec(sigma_b=0.5)), np.random.default_rng(1)
    theta, x = net.draw(rng), rng.standard_normal((10, 6))
    net = net.frozen(theta, x)
    found, at = net.constant_direction(theta, x), net.at(theta, x)
    for k in range(4):
        mean = np.zeros_like(theta)
        for row in range(10):
            u = np.zeros((10, 4))
            u[row, k] = 1.0
            mean += at.vjp(u) / 10
        assert found.quotient[k] == pytest.approx(mean @ mean, rel=1e-12)
        first = (mean[:120] ** 2).sum(), (mean[120:140] ** 2).sum()
        assert (found.weights[k, 0], found.biases[k, 0]) == pytest.approx(first, rel=1e-12)
    assert found.quotient.max() <= net.lambda_max(theta, x) * (1 + 1e-6)

"""Sums over pairs in tiles, against dense matrices; the antipodal identities."""

import numpy as np
import pytest

from bnflow.kernels.reference.interaction import POINTS, ROWS, pair_backward, pair_forward
from bnflow.pde.network.activations import ACTIVATIONS

NAMES = ["relu", "erf", "tanh"]
SIZES = [
    (1, 1),
    (1, 257),
    (31, 33),
    (257, 1),
    (33, 257),
    (POINTS, ROWS),
    (2 * POINTS + 1, ROWS - 1),
]


def remainder(name: str, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The activation less its linear part, from the public table alone."""
    sigma = ACTIVATIONS[name]
    return sigma.value(z) - sigma.linear * z - sigma.constant, sigma.slope(z) - sigma.linear


def cloud(points: int, rows: int, d: int) -> tuple[np.ndarray, ...]:
    random = np.random.default_rng((points, rows, d))
    v = random.standard_normal((points, d))
    v /= np.linalg.norm(v, axis=1, keepdims=True)
    return v, random.standard_normal((rows, d)), *map(random.standard_normal, (points, rows))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("points", "rows"), SIZES)
@pytest.mark.parametrize("d", [2, 3, 4])
def test_pairs_equal_dense_products(name: str, points: int, rows: int, d: int) -> None:
    v, x, c, e = cloud(points, rows, d)
    value, slope = remainder(name, v @ x.T)
    sums, gradients = pair_backward(name, v, x, e)
    forward = pair_forward(name, v, x, c)
    eps = 16 * np.finfo(float).eps  # of sums of absolute values, any order of summation
    assert (np.abs(forward - c @ value) <= eps * (np.abs(c) @ np.abs(v @ x.T) + 1)).all()
    scale = np.abs(e) @ (1 + np.abs(x).sum(1))
    assert np.abs(sums - value @ e).max() <= eps * scale * d
    assert np.abs(gradients - slope @ (e[:, None] * x)).max() <= eps * scale


@pytest.mark.parametrize("name", NAMES)
def test_antipodes_follow_from_parity(name: str) -> None:
    v, x, _, e = cloud(31, 300, 3)
    parity = ACTIVATIONS[name].parity
    sums, gradients = pair_backward(name, v, x, e)
    opposite, turned = pair_backward(name, -v, x, e)
    atol = 1e-15 * np.abs(e).sum() * np.abs(x).max()
    np.testing.assert_allclose(opposite, parity * sums, rtol=0, atol=atol)
    np.testing.assert_allclose(turned, -parity * gradients, rtol=0, atol=atol)


def test_gradient_is_the_derivative_of_the_sum() -> None:
    v, x, _, e = cloud(5, 40, 3)
    gradients, h = pair_backward("tanh", v, x, e)[1], 1e-5
    for axis, step in enumerate(h * np.eye(3)):
        up, down = (pair_backward("tanh", v + s * step, x, e)[0] for s in (1, -1))
        # third derivative of tanh <= 2, times |x|^3: h^2 / 6 of it; rounding 1e-16 / h of the sum
        bound = h**2 / 3 * np.abs(e) @ np.abs(x[:, axis]) ** 3 + 1e-15 / h * np.abs(e).sum()
        assert np.abs((up - down) / (2 * h) - gradients[:, axis]).max() < bound


def test_a_row_on_the_kink_counts_as_below() -> None:
    """sigma'(0) = 0 for relu: the remainder's slope there is -1/2."""
    v, x = np.array([[1.0, 0.0]]), np.array([[0.0, 2.0]])
    sums, gradients = pair_backward("relu", v, x, np.array([3.0]))
    assert sums.tolist() == [0.0]
    assert gradients.tolist() == [[0.0, -3.0]]

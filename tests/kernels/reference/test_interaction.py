"""Sums over pairs in tiles, against dense matrices; the antipodal identities."""

import numpy as np
import pytest

from bnflow.kernels.reference.activations import REMAINDERS, bent, clipped
from bnflow.kernels.reference.interaction import POINTS, ROWS, pair_backward, pair_forward

ALL = {**REMAINDERS, "bent": bent((0.0, 0.5), (1.0, -2.0)), "clipped": clipped((0.5,), (1.5,))}
ODD = ("erf", "tanh", "sin", "sign", "clipped")
# enough for the sums themselves: masked, homogeneous, and neither
NAMES = ["abs", "square", "tanh"]
SIZES = [
    (1, 1),
    (1, 257),
    (31, 33),
    (257, 1),
    (33, 257),
    (POINTS, ROWS),
    (2 * POINTS + 1, ROWS - 1),
]


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
    value, slope = ALL[name].value(v @ x.T), ALL[name].slope(v @ x.T)
    sums, gradients = pair_backward(ALL[name], v, x, e)
    forward = pair_forward(ALL[name], v, x, c)
    eps = 16 * np.finfo(float).eps  # of sums of absolute values, any order of summation
    assert (np.abs(forward - c @ value) <= eps * (np.abs(c) @ (1 + (v @ x.T) ** 2))).all()
    scale = np.abs(e) @ (1 + np.abs(x).sum(1)) ** 2
    assert np.abs(sums - value @ e).max() <= eps * scale * d
    assert np.abs(gradients - slope @ (e[:, None] * x)).max() <= eps * scale


@pytest.mark.parametrize("name", ALL)
def test_every_remainder_goes_through_the_sums(name: str) -> None:
    v, x, c, e = cloud(9, 20, 3)
    z = v @ x.T
    forward = pair_forward(ALL[name], v, x, c)
    np.testing.assert_allclose(forward, c @ ALL[name].value(z), rtol=0, atol=1e-13)
    sums, gradients = pair_backward(ALL[name], v, x, e)
    np.testing.assert_allclose(sums, ALL[name].value(z) @ e, rtol=0, atol=1e-13)
    expected = ALL[name].slope(z) @ (e[:, None] * x)
    np.testing.assert_allclose(gradients, expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("name", ALL)
def test_antipodes_follow_from_parity(name: str) -> None:
    v, x, _, e = cloud(31, 300, 3)
    parity = -1 if name in ODD else +1
    sums, gradients = pair_backward(ALL[name], v, x, e)
    opposite, turned = pair_backward(ALL[name], -v, x, e)
    atol = 1e-15 * np.abs(e).sum() * np.abs(x).max() ** 2
    np.testing.assert_allclose(opposite, parity * sums, rtol=0, atol=atol)
    np.testing.assert_allclose(turned, -parity * gradients, rtol=0, atol=atol)


def test_gradient_is_the_derivative_of_the_sum() -> None:
    v, x, _, e = cloud(5, 40, 3)
    gradients, h = pair_backward(REMAINDERS["tanh"], v, x, e)[1], 1e-5
    for axis, step in enumerate(h * np.eye(3)):
        up, down = (pair_backward(REMAINDERS["tanh"], v + s * step, x, e)[0] for s in (1, -1))
        # third derivative of tanh <= 2, times |x|^3: h^2 / 6 of it; rounding 1e-16 / h of the sum
        bound = h**2 / 3 * np.abs(e) @ np.abs(x[:, axis]) ** 3 + 1e-15 / h * np.abs(e).sum()
        assert np.abs((up - down) / (2 * h) - gradients[:, axis]).max() < bound


def test_a_row_on_the_kink_counts_as_below() -> None:
    """The slope of |z| at 0 is -1, so that sigma'(0) = 0 for relu."""
    v, x = np.array([[1.0, 0.0]]), np.array([[0.0, 2.0]])
    sums, gradients = pair_backward(REMAINDERS["abs"], v, x, np.array([3.0]))
    assert sums.tolist() == [0.0]
    assert gradients.tolist() == [[0.0, -6.0]]

"""The field of neurons: derivative of the risk in every weight, whatever the expectation is."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.polynomial.hermite_e import hermegauss

from bnflow.kernels import select
from bnflow.pde.geometry import BatchNormMetric
from bnflow.pde.network.activations import ACTIVATIONS, Activation, activation
from bnflow.pde.network.loss import Loss, SquareLoss
from bnflow.pde.network.target import NeuronTeacher
from bnflow.pde.particles.interaction import (
    HomogeneousInteraction,
    KernelInteraction,
    NeuronInteraction,
    RowInteraction,
    Rows,
)
from bnflow.pde.particles.session import NeuronSession

Make = Callable[..., NeuronSession]
RNG = np.random.default_rng(7)
PIECES = {"kind": "piecewise-linear", "knots": [-1, 0.5, 2], "values": [0.3, 0, 1]}
SPECS = [*ACTIVATIONS, {"kind": "tanh", "gain": 2.0}, PIECES]


def rows(count: int, d: int) -> Rows:
    return Rows(RNG.standard_normal((count, d)), RNG.standard_normal(count))


def on_rows(sigma: Activation, d: int = 3, loss: Loss | None = None) -> RowInteraction:
    test = rows(7, d)
    return RowInteraction(sigma, loss or SquareLoss(), rows(300, d), test, select("numpy"))


def teacher(d: int, sigma: Activation) -> NeuronTeacher:
    e = RNG.standard_normal((2, d))
    return NeuronTeacher(np.array([1.0, -0.5]), e / np.linalg.norm(e, axis=1)[:, None], sigma, 0.3)


def unit(shape: tuple[int, ...]) -> np.ndarray:
    x = RNG.standard_normal(shape)
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_rows_give_the_dense_formula(spec: object) -> None:
    sigma = activation(spec)
    made, p, c = on_rows(sigma), RNG.standard_normal((2, 40, 3)), RNG.standard_normal((2, 40))
    response = made.respond(p, c)
    for k in range(2):
        z = p[k] @ made.rows.inputs.T
        off = c[k] @ sigma.value(z) - made.rows.targets
        n = len(off)
        assert response.risk[k] == pytest.approx(0.5 * off @ off / n, rel=1e-12)
        np.testing.assert_allclose(response.h[k], sigma.value(z) @ off / n, rtol=1e-9, atol=1e-11)
        slope = sigma.slope(z) @ (off[:, None] * made.rows.inputs) / n
        np.testing.assert_allclose(response.gradient[k], slope, rtol=1e-9, atol=1e-11)


def rate(made: NeuronInteraction, p: np.ndarray, c: np.ndarray, h: float = 1e-5) -> tuple:
    """dR/dc of neuron 1 and dR/dp of neuron 2, replica 0, by central differences."""
    in_c, in_p = np.zeros_like(c), np.zeros_like(p)
    in_c[0, 1] = in_p[0, 2, 0] = h
    by_c = (made.respond(p, c + in_c).risk - made.respond(p, c - in_c).risk) / (2 * h)
    by_p = (made.respond(p + in_p, c).risk - made.respond(p - in_p, c).risk) / (2 * h)
    return by_c[0], by_p[0]


def test_h_is_the_derivative_of_the_risk_in_c_and_its_gradient_that_in_the_points() -> None:
    """dR/dc_j = h(p_j), dR/dp_j = c_j grad h(p_j)."""
    p, c = RNG.standard_normal((1, 9, 3)), RNG.standard_normal((1, 9))
    for made in (
        on_rows(activation("tanh")),
        HomogeneousInteraction(
            KernelInteraction(activation("relu"), teacher(3, activation("erf")), 3, select("numpy"))
        ),
    ):
        response, (by_c, by_p) = made.respond(p, c), rate(made, p, c)
        assert response.h[0, 1] == pytest.approx(by_c, rel=1e-6)
        assert c[0, 2] * response.gradient[0, 2, 0] == pytest.approx(by_p, rel=1e-5)


@pytest.mark.parametrize(("name", "d"), [("relu", 2), ("relu", 3), ("tanh", 3), ("gelu", 2)])
def test_population_is_the_limit_of_rows_on_a_quadrature_of_the_law(name: str, d: int) -> None:
    """Gauss-Hermite rows with weights, exact but for the kink of relu, whose slope they miss."""
    sigma, nodes = activation(name), 60
    wanted = teacher(d, sigma)
    x, w = hermegauss(nodes)
    inputs = np.stack([g.ravel() for g in np.meshgrid(*[x] * d)], axis=1)
    weight = np.prod(np.stack([g.ravel() for g in np.meshgrid(*[w] * d)]), axis=0)
    weight /= weight.sum()
    v, c = unit((1, 12, d)), RNG.standard_normal((1, 12))
    made = KernelInteraction(sigma, wanted, d, select("numpy"))
    response = made.respond(v, c)
    z = v[0] @ inputs.T
    off = c[0] @ sigma.value(z) - wanted.value(inputs, inputs)
    assert response.risk[0] == pytest.approx(
        0.5 * weight @ off**2 + 0.5 * 0.3**2, rel=3e-3 if name == "relu" else 1e-7
    )
    close = 2e-2 if name == "relu" else 1e-7
    np.testing.assert_allclose(response.h[0], sigma.value(z) @ (weight * off), atol=close)
    if name == "relu":
        return  # its gradient: test_circle, and finite differences above
    slope = sigma.slope(z) @ ((weight * off)[:, None] * inputs)
    tangent = slope - v[0] * (v[0] * slope).sum(axis=1, keepdims=True)
    ours = response.gradient[0] - v[0] * (v[0] * response.gradient[0]).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(ours, tangent, atol=close)


def test_tiles_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    made = KernelInteraction(activation("tanh"), teacher(3, activation("tanh")), 3, select("numpy"))
    v, c = unit((1, 23, 3)), RNG.standard_normal((1, 23))
    whole = made.respond(v, c)
    monkeypatch.setattr("bnflow.kernels.reference.overlaps.TILE", 7)
    parts = made.respond(v, c)
    np.testing.assert_allclose(parts.h, whole.h, rtol=1e-13)
    np.testing.assert_allclose(parts.gradient, whole.gradient, rtol=1e-12, atol=1e-14)


def test_sorted_sums_and_tiles_are_the_same_field() -> None:
    """relu of any gain goes by sorting on the circle; by tiles in other dimensions."""
    v, c = unit((1, 30, 2)), RNG.standard_normal((1, 30))
    wanted = teacher(2, activation("relu"))
    for gain in (1.0, 2.0):
        sort = KernelInteraction(activation("relu", gain), wanted, 2, select("numpy"))
        tile = KernelInteraction(activation("relu", gain), wanted, 3, select("numpy"))
        assert sort.description() != tile.description()
        ours, theirs = sort.respond(v, c), tile.respond(v, c)
        assert ours.risk == pytest.approx(theirs.risk, rel=1e-9)
        np.testing.assert_allclose(ours.h, theirs.h, rtol=1e-7, atol=1e-8)


def test_few_neurons_on_a_circle_go_by_pairs_where_the_backend_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wanted, kernels = teacher(2, activation("relu")), select("numpy")
    monkeypatch.setattr(type(kernels), "sorts_from", 31)
    made = KernelInteraction(activation("relu"), wanted, 2, kernels)
    assert made.description() == "sorted sums on the circle, dual-kernel tiles below 31"
    tile = KernelInteraction(activation("relu"), wanted, 3, kernels)
    for count, same in ((30, True), (31, False)):
        v, c = unit((1, count, 2)), RNG.standard_normal((1, count))
        ours, theirs = made.respond(v, c), tile.respond(v, c)
        assert np.array_equal(ours.gradient, theirs.gradient) == same
        assert made.replayable(count) == same
        assert tile.replayable(count)
        np.testing.assert_allclose(ours.h, theirs.h, rtol=1e-7, atol=1e-8)


def test_risks_on_held_out_rows() -> None:
    made, p, c = (
        on_rows(activation("erf")),
        RNG.standard_normal((2, 5, 3)),
        RNG.standard_normal((2, 5)),
    )
    off = c[1] @ activation("erf").value(p[1] @ made.test.inputs.T) - made.test.targets
    assert made.test_risk(p, c)[1] == pytest.approx(0.5 * (off**2).mean())
    none = Rows(np.empty((0, 3)), np.empty(0))
    bare = RowInteraction(made.activation, made.loss, made.rows, none, made.kernels)
    assert np.isnan(bare.test_risk(p, c)).all()


def test_a_plain_network_meets_the_raw_rows_and_a_normalised_one_the_whitened(
    neurons: Make,
) -> None:
    """Rows of mean (3, -1): seen by w.x, removed by batch normalization."""
    data = {
        "kind": "sampled",
        "covariance": [[2.0, 0.5], [0.5, 1.0]],
        "mean": [3.0, -1.0],
        "samples": 50,
    }
    plain = neurons(data=data, network__batch_norm=False)
    normal = neurons(data=data)
    whitened = normal.flow.interaction.rows.inputs  # type: ignore[attr-defined]
    raw = plain.flow.interaction.rows.inputs  # type: ignore[attr-defined]
    np.testing.assert_allclose(whitened.mean(axis=0), 0.0, atol=1e-13)
    np.testing.assert_allclose(whitened.T @ whitened / 50, np.eye(2), atol=1e-12)
    np.testing.assert_allclose(raw.mean(axis=0), plain.problem.data.mean, rtol=1e-12)
    root = BatchNormMetric(plain.problem.data.covariance).square_root
    np.testing.assert_allclose(raw, whitened @ root + raw.mean(axis=0), rtol=1e-10)

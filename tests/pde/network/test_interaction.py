"""The interaction: h = dR/dc and its gradient, against dense sums and finite differences."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import erf

from bnflow.kernels import select
from bnflow.kernels.errors import Notice
from bnflow.pde.geometry import BatchNormMetric, Chart, CubedSphere, Stations
from bnflow.pde.geometry.chart import Coordinates
from bnflow.pde.network import kernel_sums
from bnflow.pde.network.activations import ACTIVATIONS, Activation, activation
from bnflow.pde.network.data import Samples
from bnflow.pde.network.dual import DualKernel
from bnflow.pde.network.interaction import PopulationInteraction, Response, SampledInteraction
from bnflow.pde.network.loss import HuberLoss, LogisticLoss, SquareLoss
from bnflow.pde.network.pairs import Way
from bnflow.pde.network.target import NeuronTeacher

Array = np.ndarray
SIGMA: dict[str, Callable[[Array], Array]] = {  # written again
    "relu": lambda z: np.maximum(z, 0),
    "linear": lambda z: z,
    "erf": erf,
    "tanh": np.tanh,
    "gelu": lambda z: z * (1 + erf(z / np.sqrt(2))) / 2,
    "softplus": lambda z: np.log1p(np.exp(z)),
    "sin": np.sin,
    "cos": np.cos,
    "abs": np.abs,
    "step": lambda z: (z > 0).astype(float),
    "quadratic": lambda z: z**2,
    # slopes -1, 2, 0.5 with kinks at -0.4 and 0.9: an affine part, and parts of both parities
    "bent": lambda z: 0.3 - z + 3 * np.maximum(z + 0.4, 0) - 1.5 * np.maximum(z - 0.9, 0),
}
KINKS = {"relu": [0.0], "abs": [0.0], "step": [0.0], "bent": [-0.4, 0.9]}
BENT = {"kind": "piecewise-linear", "knots": [-1.4, -0.4, 0.9, 1.9], "values": [1.7, 0.7, 3.3, 3.8]}
KAPPA: dict[str, Callable[[Array], Array]] = {  # closed forms, written again
    "relu": lambda c: (
        (np.sqrt(np.maximum(1 - c * c, 0)) + c * (np.pi - np.arccos(c))) / (2 * np.pi)
    ),
    "linear": lambda c: c,
    "erf": lambda c: 2 / np.pi * np.arcsin(2 * c / 3),
}
METRICS = {
    2: BatchNormMetric([[4.0, 1.0], [1.0, 1.0]]),
    3: BatchNormMetric([5.0, 1.0, 0.5], 1.3),
    4: BatchNormMetric([2.0, 1.0, 0.5, 1.0]),
}


def made_of(name: str, gain: float = 1.0) -> Activation:
    return activation(BENT if name == "bent" else name, gain)


def directions_of(grid: CubedSphere) -> Array:
    return grid.centres.reshape(-1, grid.dimension)


def whitened(metric: BatchNormMetric, u: Array) -> Array:
    """From the eigenvectors, not from the metric's own root."""
    values, vectors = np.linalg.eigh(metric.covariance)
    v = u @ vectors * np.sqrt(values) @ vectors.T
    return np.asarray(v / np.linalg.norm(v, axis=-1, keepdims=True))


def edge_points(grid: CubedSphere) -> Array:
    slabs = []
    for axis in range(grid.axes):
        lines = [grid.xi_centres] * grid.axes
        lines[axis] = grid.xi_faces[[0, -1]]
        slabs.append(np.moveaxis(grid.points(lines), 1 + axis, 1))
    return np.stack(slabs, 1)


def tangents(u: Array) -> Array:
    return np.asarray(np.linalg.svd(u[None])[2][1:])


def assert_gradient(field: Callable[[Array], Array], u: Array, got: Array, atol: float) -> None:
    """`got` is tangent and its components are central differences of `field` along tangents."""
    u, got, h = u.reshape(-1, u.shape[-1]), got.reshape(-1, u.shape[-1]), 1e-5
    np.testing.assert_allclose(np.einsum("ki,ki->k", got, u), 0, atol=1e-12)
    for i in range(0, len(u), max(1, len(u) // 12)):
        for e in tangents(u[i]):
            ends = np.stack([u[i] + h * e, u[i] - h * e])
            ends /= np.linalg.norm(ends, axis=1, keepdims=True)  # moves along e by h + O(h^3)
            high, low = field(ends)
            assert got[i] @ e == pytest.approx((high - low) / (2 * h), abs=atol)


@pytest.mark.parametrize("loss", [SquareLoss(), HuberLoss(0.5), LogisticLoss()], ids=type)
def test_the_linear_response_is_the_derivative_of_the_response(loss: Any) -> None:
    """By central differences on rows, error h^2 x third derivative; residuals are off the bends."""
    _, grid, samples = sampled("erf", 3)
    samples = samples.labelled(np.sign(samples.targets), samples.test_targets)
    chart, kernels = Chart(METRICS[3]), select("numpy")
    made = SampledInteraction(made_of("erf"), loss, chart, Stations(grid), samples, kernels)
    c, more, h = weights(grid), grid.volume * grid.centres[..., 0], 3e-5
    assert_derivative(made, c, more, h)


@pytest.mark.parametrize("name", ["relu", "gelu", "linear"])
def test_the_linear_response_on_a_normal_law(name: str) -> None:
    """The field is affine in the weights: a difference of any length is exact."""
    grid = CubedSphere(3, 4)
    teacher = NeuronTeacher(np.array([1.0]), np.array([[0.6, 0.8, 0.0]]), made_of("relu"), 0.0)
    chart, kernels = Chart(METRICS[3]), select("numpy")
    made = PopulationInteraction(made_of(name), chart, Stations(grid), teacher, kernels)
    assert_derivative(made, weights(grid), grid.volume * grid.centres[..., 0], 1.0)


def assert_derivative(made: Any, c: Array, more: Array, h: float) -> None:
    got, ends = made.linear(c)(more), [made.respond(c + side * h * more) for side in (1, -1)]
    for name in ("h", "gradient", "edge_gradient"):
        expected = (getattr(ends[0], name) - getattr(ends[1], name)) / (2 * h)
        np.testing.assert_allclose(getattr(got, name), expected, rtol=0, atol=1e-8)


# -- rows ----------------------------------------------------------------------------------------


def rows(d: int, test: int = 0) -> Samples:
    random = np.random.default_rng(d)
    x, y = random.standard_normal((40, d)), random.standard_normal(40)
    metric = METRICS[d]
    held_out = random.standard_normal((test, d)), random.standard_normal(test)
    return Samples(np.zeros(d), metric.covariance, x, y, *held_out)


def sampled(name: str, d: int, test: int = 0) -> tuple[SampledInteraction, CubedSphere, Samples]:
    grid, samples = CubedSphere(d, {2: 6, 3: 4, 4: 4}[d]), rows(d, test)
    stations, kernels = Stations(grid), select("numpy")
    made = SampledInteraction(
        made_of(name), SquareLoss(), Chart(METRICS[d]), stations, samples, kernels
    )
    return made, grid, samples


def weights(grid: CubedSphere) -> Array:
    return np.random.default_rng(9).standard_normal(grid.shape) / grid.volume.size


@pytest.mark.parametrize("d", [2, 3, 4])
@pytest.mark.parametrize("name", SIGMA)
def test_rows_give_the_field_of_dense_sums(name: str, d: int) -> None:
    made, grid, samples = sampled(name, d)
    c, v = weights(grid), whitened(METRICS[d], directions_of(grid))
    features = SIGMA[name](v @ samples.inputs.T)
    f = c.ravel() @ features
    response = made.respond(c)
    residual = f - samples.targets
    assert response.risk == pytest.approx(0.5 * (residual**2).mean(), rel=1e-13)
    expected = (features @ residual / 40).reshape(grid.shape)
    np.testing.assert_allclose(response.h, expected, rtol=0, atol=1e-14)
    np.testing.assert_allclose(made.predict(c, samples.inputs), f, rtol=0, atol=1e-13)

    def field(u: Array) -> Array:
        return np.asarray(SIGMA[name](whitened(METRICS[d], u) @ samples.inputs.T) @ residual / 40)

    # h^2 x third derivative in u of 40 waves (below 10^2), rounding 1e-16 / h; kinks: same branch
    if name != "step":
        assert_gradient(field, grid.centres, response.gradient, 1e-8)
        assert_gradient(field, edge_points(grid), response.edge_gradient, 1e-8)


@pytest.mark.parametrize("name", SIGMA)
def test_the_field_is_the_derivative_of_the_risk(name: str) -> None:
    """The risk is quadratic in c: central differences are exact to rounding / step."""
    made, grid, _ = sampled(name, 3)
    c = weights(grid)
    h = made.respond(c).h
    for cell in [(0, 0, 0), (3, 1, 2), (5, 3, 3)]:
        step = np.zeros(grid.shape)
        step[cell] = 1e-3
        slope = (made.respond(c + step).risk - made.respond(c - step).risk) / 2e-3
        assert h[cell] == pytest.approx(slope, abs=1e-12)


def test_test_risk_is_over_held_out_rows_alone() -> None:
    made, grid, samples = sampled("tanh", 3, test=15)
    c, v = weights(grid), whitened(METRICS[3], directions_of(grid))
    f = c.ravel() @ np.tanh(v @ samples.test_inputs.T)
    expected = 0.5 * ((f - samples.test_targets) ** 2).mean()
    assert made.test_risk(c) == pytest.approx(expected, rel=1e-13)
    assert np.isnan(sampled("tanh", 3)[0].test_risk(c))
    assert "40 rows" in made.description()


# -- the law -------------------------------------------------------------------------------------


def taught(d: int, name: str) -> NeuronTeacher:
    e = np.array([[1.0, 0.3, -0.5, 0.2], [-0.2, 1.0, 0.8, -1.0]])[:, :d]
    e /= np.linalg.norm(e, axis=1, keepdims=True)
    return NeuronTeacher(np.array([1.0, -0.7]), e, made_of(name), 0.25)


def population(
    name: str,
    metric: BatchNormMetric,
    n: int,
    coordinates: Coordinates = "raw",
    way: Way = "auto",
) -> tuple[PopulationInteraction, CubedSphere]:
    grid = CubedSphere(metric.dimension, n)
    teacher, chart = taught(metric.dimension, name), Chart(metric, coordinates)
    numpy = select("numpy")
    return PopulationInteraction(made_of(name), chart, Stations(grid), teacher, numpy, way), grid


ISOTROPIC = BatchNormMetric([2.0, 2.0])
CASES = [(ISOTROPIC, 7), (METRICS[2], 6), (METRICS[3], 4), (METRICS[4], 4)]
cases = pytest.mark.parametrize(("metric", "n"), CASES, ids=["iso2", "2", "3", "4"])


@cases
@pytest.mark.parametrize("name", KAPPA)
def test_the_law_gives_the_field_of_dense_kernels(
    name: str, metric: BatchNormMetric, n: int
) -> None:
    made, grid = population(name, metric, n)
    teacher, kappa = taught(metric.dimension, name), KAPPA[name]
    c, v = weights(grid), whitened(metric, directions_of(grid))

    def cut(z: Array) -> Array:
        return np.clip(z, -1, 1)

    gram, overlap = kappa(cut(v @ v.T)), kappa(cut(v @ teacher.directions.T)) @ teacher.weights
    moment = (
        teacher.weights @ kappa(cut(teacher.directions @ teacher.directions.T)) @ teacher.weights
    )
    flat = c.ravel()
    response = made.respond(c)
    risk = 0.5 * (flat @ gram @ flat - 2 * flat @ overlap + moment + 0.25**2)
    assert response.risk == pytest.approx(risk, abs=1e-13)
    # arccos loses half the digits at c = 1, but kappa is C^1 there: 1e-16 ^ (3/4) at worst
    np.testing.assert_allclose(response.h.ravel(), gram @ flat - overlap, rtol=0, atol=1e-12)

    def field(u: Array) -> Array:
        x = whitened(metric, u)
        mine = kappa(cut(x @ v.T)) @ flat
        return np.asarray(mine - kappa(cut(x @ teacher.directions.T)) @ teacher.weights)

    # relu: kappa'' ~ (1-c)^(-1/2), so the neuron at the point itself leaves O(h |c|) = 1e-5 / 24
    atol = 1e-6 if name == "relu" else 1e-9
    assert_gradient(field, grid.centres, response.gradient, atol)
    assert_gradient(field, edge_points(grid), response.edge_gradient, atol)
    assert np.isnan(made.test_risk(c))


@pytest.mark.parametrize("name", ["relu", "tanh", "gelu", "bent"])
def test_the_laws_field_is_the_derivative_of_its_risk(name: str) -> None:
    made, grid = population(name, METRICS[3], 4)
    c = weights(grid)
    h = made.respond(c).h
    for cell in [(0, 0, 0), (3, 1, 2), (5, 3, 3)]:
        step = np.zeros(grid.shape)
        step[cell] = 1e-3
        slope = (made.respond(c + step).risk - made.respond(c - step).risk) / 2e-3
        assert h[cell] == pytest.approx(slope, abs=1e-12)


@cases
@pytest.mark.parametrize("name", sorted(SIGMA.keys() - KAPPA.keys()))
def test_parts_of_a_law_add_up_to_the_dense_kernel(
    name: str, metric: BatchNormMetric, n: int
) -> None:
    """DualKernel has its own test; here whitening, folding, parities and gradients."""
    made, grid = population(name, metric, n)
    kernel, teacher = DualKernel(made_of(name)), taught(metric.dimension, name)
    c, v = weights(grid), whitened(metric, directions_of(grid))
    flat, response = c.ravel(), made.respond(c)

    def field(u: Array) -> Array:
        x = whitened(metric, u)
        overlap = kernel.value(x @ teacher.directions.T) @ teacher.weights
        return np.asarray(kernel.value(x @ v.T) @ flat - overlap)

    np.testing.assert_allclose(response.h.ravel(), field(directions_of(grid)), rtol=0, atol=1e-12)
    moment = teacher.weights @ kernel.value(teacher.directions @ teacher.directions.T)
    overlap = kernel.value(v @ teacher.directions.T) @ teacher.weights
    risk = 0.5 * (flat @ (response.h.ravel() - overlap) + moment @ teacher.weights + 0.25**2)
    assert response.risk == pytest.approx(risk, rel=1e-12)
    # kinked: O(h |c|) of the neuron at the point itself; step: cusps, symmetric, h^2 x 1/angle^3
    atol = {"abs": 4e-6, "bent": 4e-6, "step": 1e-6}.get(name, 1e-8)
    assert_gradient(field, grid.centres, response.gradient, atol)
    assert_gradient(field, edge_points(grid), response.edge_gradient, atol)


# -- any network ---------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(
    name=st.sampled_from(sorted(SIGMA.keys() - {"step"})),
    gain=st.floats(0.3, 3.0),
    d=st.sampled_from([2, 3]),
    count=st.integers(1, 300),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_gradient_of_any_network_is_that_of_its_dense_sum(
    name: str, gain: float, d: int, count: int, seed: int
) -> None:
    """Where no row is so near to a kink that the difference would straddle it."""
    random = np.random.default_rng(seed)
    metric, grid = METRICS[d], CubedSphere(d, 4)
    x, y = random.standard_normal((count, d)), random.standard_normal(count)
    samples = Samples(np.zeros(d), metric.covariance, x, y, x[:0], y[:0])
    made = SampledInteraction(
        made_of(name, gain), SquareLoss(), Chart(metric), Stations(grid), samples, select("numpy")
    )
    c = random.standard_normal(grid.shape) / grid.volume.size
    u = directions_of(grid)
    features = SIGMA[name](gain * whitened(metric, u) @ x.T)
    residual = (c.ravel() @ features - y) / count
    response = made.respond(c)
    scale = 1 + np.abs(features @ np.abs(residual)).max()
    np.testing.assert_allclose(response.h.ravel(), features @ residual, rtol=0, atol=1e-13 * scale)

    def field(points: Array) -> Array:
        return np.asarray(SIGMA[name](gain * whitened(metric, points) @ x.T) @ residual)

    z, h = whitened(metric, u) @ x.T, 1e-5
    reach = 10 * h * np.abs(x).sum(axis=1)  # z moves by less: the map u -> v stretches by 4 or less
    clear = np.ones(len(u), bool)
    for kink in KINKS.get(name, []):
        clear &= (np.abs(z - kink / gain) > reach).all(axis=1)
    # h^2 / 6 x third derivatives in u: (4 gain |z|)^3 of waves at most, |z| < 6; rounding 1e-16 / h
    atol = h**2 * (24 * gain) ** 3 * scale + 1e-10 * scale
    gradient = response.gradient.reshape(len(u), d)[clear]
    if clear.any():
        assert_gradient(field, u[clear], gradient, atol)


def same(one: Response, other: Response) -> None:
    assert one.risk == pytest.approx(other.risk, abs=1e-13)
    np.testing.assert_allclose(one.h, other.h, rtol=0, atol=1e-13)
    np.testing.assert_allclose(one.gradient, other.gradient, rtol=0, atol=1e-12)
    np.testing.assert_allclose(one.edge_gradient, other.edge_gradient, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["relu", "erf", "tanh", "step", "bent"])
@pytest.mark.parametrize("n", [4, 7, 32])
@pytest.mark.parametrize("metric", [ISOTROPIC, METRICS[2]], ids=["isotropic", "any"])
def test_on_equal_whitened_angles_a_convolution_is_the_matrix_product(
    name: str, n: int, metric: BatchNormMetric
) -> None:
    coordinates: Coordinates = "raw" if metric.isotropic else "whitened"
    fast, grid = population(name, metric, n, coordinates)
    assert fast.description() == "FFT on the circle"

    slow, _ = population(name, metric, n, coordinates, "direct")
    assert "kept" in slow.description()
    same(fast.respond(weights(grid)), slow.respond(weights(grid)))


def test_an_almost_isotropic_circle_takes_the_matrices() -> None:
    """A convolution would be wrong by the anisotropy."""
    assert "kernel" in population("relu", BatchNormMetric([1.0, 1.00001]), 4)[0].description()


def test_tiles_that_do_not_fit_are_computed_again_with_a_notice_and_the_same_result(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kept, grid = population("relu", METRICS[3], 5)
    monkeypatch.setattr(kernel_sums, "KERNEL_BYTES", 0)
    monkeypatch.setattr(kernel_sums, "TILE_ROWS", 32)
    with pytest.warns(Notice, match='data.kind = "sampled"'):
        again, _ = population("relu", METRICS[3], 5)
    assert "every step" in again.description()
    same(kept.respond(weights(grid)), again.respond(weights(grid)))


def test_linear_networks_need_no_kernel_sums() -> None:
    assert population("linear", METRICS[3], 4)[0].description() == "matrix products of rank d"


def test_every_activation_is_tested() -> None:
    assert ACTIVATIONS.keys() == SIGMA.keys() - {"bent"}

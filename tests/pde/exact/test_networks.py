"""Neurons, the linear ODE, overlaps and the manufactured density, each against something else."""

import numpy as np
import pytest

from bnflow.pde import exact

WEIGHTS, ANGLES, VARIANCES = [1.0, -0.5], [0.3, 1.9], (10.0, 1.0)


def relu(z: np.ndarray) -> np.ndarray:
    return np.maximum(z, 0.0)


def identity(z: np.ndarray) -> np.ndarray:
    return z


@pytest.mark.parametrize("c", [-0.95, -0.3, 0.0, 0.8])
def test_overlaps_of_known_pairs(c: float) -> None:
    """Arc-cosine kernels of degree 1 and 0 (Cho and Saul 2009), and of polynomials."""
    known = (np.sqrt(1 - c * c) + c * (np.pi - np.arccos(c))) / (2 * np.pi)
    assert exact.overlap(relu, relu, c) == pytest.approx(known, abs=1e-12)

    def step(z: np.ndarray) -> np.ndarray:
        return np.heaviside(z, 0.5)

    known = 0.25 + np.arcsin(c) / (2 * np.pi)
    assert exact.overlap(step, step, c) == pytest.approx(known, abs=1e-12)
    assert exact.overlap(identity, identity, c) == pytest.approx(c, abs=1e-12)
    assert exact.overlap(np.square, np.square, c) == pytest.approx(1 + 2 * c * c, abs=1e-11)


def families() -> list[exact.Neurons]:
    rng = np.random.default_rng(2)
    rows, targets = rng.standard_normal((30, 2)) * [3.0, 1.0], rng.standard_normal(30)
    return [
        exact.CircleReluPopulation(np.diag(VARIANCES), WEIGHTS, ANGLES),
        exact.OnRows(rows, targets, np.tanh, lambda z: 1 / np.cosh(z) ** 2),
    ]


@pytest.mark.parametrize("field", families(), ids=["circle", "rows"])
def test_field_and_gradient_are_derivatives_of_the_risk(field: exact.Neurons) -> None:
    """dR/da_k = mass_k h_k and dR/du_k = mass_k a_k grad h_k, along the circle."""
    (u, mass), a = exact.circle_nodes(7), np.linspace(-1.0, 1.5, 7)
    _, h, gradient = field(u, a, mass)
    step, k = 1e-5, 2
    along = np.array([-u[k, 1], u[k, 0]])
    unit = np.eye(7)[k]
    up, down = (field(u, a + s * step * unit, mass)[0] for s in (1, -1))
    assert (up - down) / (2 * step) == pytest.approx(mass[k] * h[k], abs=1e-9)
    turned = [u + s * step * np.outer(unit, along) for s in (1, -1)]
    up, down = (field(each, a, mass)[0] for each in turned)
    assert (up - down) / (2 * step) == pytest.approx(mass[k] * a[k] * gradient[k] @ along, abs=1e-9)


def test_linear_risk_in_the_isotropic_plane_falls_as_exp_minus_t() -> None:
    """C = 1/2: R = |c|^2 exp(-t)/2."""
    times = [0.0, 0.7, 3.0]
    c = np.array(WEIGHTS) @ np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)
    found = exact.linear_risk(times, [2.0, 2.0], WEIGHTS, ANGLES, 0.4)
    np.testing.assert_allclose(found, 0.5 * c @ c * np.exp(-np.array(times)), rtol=1e-12)


def test_linear_risk_is_what_neurons_do() -> None:
    """Linear neurons on rows of moments exactly S, a random start: RK4 leaves 1e-8."""
    rows = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    c = np.array(WEIGHTS) @ np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)
    field = exact.OnRows(rows * np.sqrt(VARIANCES), rows @ c, identity, np.ones_like)
    u, mass = exact.circle_nodes(400)
    times = [0.0, 1.0, 2.0]
    found = exact.integrate(field, u, np.full(400, 0.4), mass, times, 0.02)
    assert found[-1] < exact.linear_risk(times, VARIANCES, WEIGHTS, ANGLES, 0.4)[-1]  # u moves too
    frozen = Still(field)
    found = exact.integrate(frozen, u, np.full(400, 0.4), mass, times, 0.02)
    expected = exact.linear_risk(times, VARIANCES, WEIGHTS, ANGLES, 0.4)
    np.testing.assert_allclose(found, expected, atol=1e-8)


class Still(exact.Neurons):
    """The same neurons with directions that do not move."""

    def __init__(self, field: exact.Neurons) -> None:
        self.field = field

    def __call__(self, u, a, mass):
        risk, h, gradient = self.field(u, a, mass)
        return risk, h, 0 * gradient


# -- the manufactured density ----------------------------------------------------------------------

T = 0.7
PHI, A = np.linspace(0.1, 6.0, 9), np.linspace(-0.5, 1.2, 5)
CASES = [
    {},
    {"inner": False},
    {"outer": False},
    {"ridge": 0.3, "temperature": 0.2},
    {"ridge": 0.3, "temperature": 0.2, "inner": False},
    {"ridge": 0.3, "temperature": 0.2, "outer": False},
]


@pytest.mark.parametrize("activation", ["relu", "linear"])
@pytest.mark.parametrize("terms", CASES, ids=str)
def test_the_source_closes_the_equation(activation, terms) -> None:
    """Every derivative by central differences of 1e-4; r = 1.3, condition 10."""
    made = exact.Manufactured(activation, VARIANCES, norm=1.3, **terms)
    e = 1e-4

    def difference(f, x):
        return (f(x + e) - f(x - e)) / (2 * e)

    def second(f, x):
        return (f(x + e) - 2 * f(x) + f(x - e)) / e**2

    total = difference(lambda t: made.density(PHI, A, t), T)
    if made.outer:
        h = made.field(PHI, T)[0][:, None]
        total -= difference(lambda a: made.density(PHI, a, T) * (h + made.ridge * a), A)
        total -= made.temperature * second(lambda a: made.density(PHI, a, T), A)
    if made.inner:
        flux = difference(
            lambda phi: A * made.density(phi, A, T) * made.field(phi, T)[1][:, None], PHI
        )
        heat = second(lambda phi: made.density(phi, A, T), PHI)
        total -= (flux + made.temperature * heat) / 1.3**2
    np.testing.assert_allclose(made.source(PHI, A, T), total, atol=2e-7)


def test_its_field_and_risk_are_those_of_neurons() -> None:
    """800 neurons on the circle with masses p and weight mu: the series' tail is 1e-9."""
    made = exact.Manufactured("relu", VARIANCES, WEIGHTS, ANGLES)
    field = exact.CircleReluPopulation(np.diag(VARIANCES), WEIGHTS, ANGLES, modes=200)
    u, share = exact.circle_nodes(800)
    phi = np.arctan2(u[:, 1], u[:, 0])
    mass = made.along_circle(phi, T)[0] * 2 * np.pi * share
    risk, h, _ = field(u, np.full(800, made.mean(T)), mass)
    assert made.risk(T) == pytest.approx(risk, abs=1e-8)
    np.testing.assert_allclose(made.field(phi, T)[0], h, atol=1e-8)
    np.testing.assert_allclose(made.direction(T), mass @ u, atol=1e-12)

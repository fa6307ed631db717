"""Targets: their function, and their overlap with a neuron, against quadrature over the plane."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.polynomial.legendre import leggauss

from bnflow import custom_activation
from bnflow.kernels.errors import InputError
from bnflow.pde.config import load_config
from bnflow.pde.network.activations import activation
from bnflow.pde.network.hermite import coefficients
from bnflow.pde.network.target import Target, Teacher, labelled, target

Array = np.ndarray
ANGLES = (0.3, 1.9, 4.0)
WEIGHTS = (1.0, -0.5, 0.8)
SINGLE = {"kind": "single-index", "hermite": [0.3, -0.5, 0.7, 0.2], "angle": 1.9}
LINEAR = {"kind": "linear", "coefficients": [0.8, -0.4]}


def made(name: str = "relu", d: int = 2, **table: Any) -> Target:
    """The target of a configuration, for a network of that activation on d columns."""
    config = load_config(
        {
            "data": {"kind": "sampled", "samples": 9, "covariance": np.eye(d)},
            "target": table,
        }
    )
    found = target(config.target, activation(name), d)
    assert found is not None
    return found


def teacher(name: str = "relu") -> Teacher:
    found = made(name, weights=WEIGHTS, angles=ANGLES)
    assert isinstance(found, Teacher)
    return found


def at(found: Target, x: Array) -> Array:
    """Its values at whitened inputs; the raw ones do not count."""
    return found.value(x, np.full(x.shape, np.nan))


def over_the_plane(function: Callable[[Array], Array], kinks: list[float]) -> float:
    """E f(x), x ~ N(0, I_2): 16 Gauss points on panels that end at the kinks of f."""
    ends = np.unique(np.mod([k + s * np.pi / 2 for k in kinks for s in (1, -1)], 2 * np.pi))
    ends = np.append(ends, ends[0] + 2 * np.pi)
    fine = np.unique(np.concatenate([np.linspace(a, b, 7) for a, b in pairwise(ends)]))
    nodes, weights = leggauss(16)
    t = (fine[:-1, None] + np.diff(fine)[:, None] / 2 * (1 + nodes)).ravel()
    in_t = (np.diff(fine)[:, None] / 2 * weights).ravel()
    radii = np.linspace(0, 9, 13)
    r = (radii[:-1, None] + np.diff(radii)[:, None] / 2 * (1 + nodes)).ravel()
    in_r = (np.diff(radii)[:, None] / 2 * weights).ravel() * r * np.exp(-r * r / 2)
    x = r[:, None, None] * np.stack([np.cos(t), np.sin(t)], -1)
    return float(in_r @ function(x) @ in_t / (2 * np.pi))


@pytest.mark.parametrize("student", ["relu", "erf", "linear", "tanh"])
@pytest.mark.parametrize("name", ["relu", "tanh"])
def test_correlation_and_second_moment(name: str, student: str) -> None:
    check_expectations(teacher(name), student, kinked=name == student == "relu")


@pytest.mark.parametrize("student", ["relu", "erf", "gelu", "step", "tanh"])
@pytest.mark.parametrize("table", [SINGLE, LINEAR], ids=["single-index", "linear"])
def test_single_index_and_linear_targets(table: dict[str, Any], student: str) -> None:
    found = made(student, **table)
    assert isinstance(found, Teacher)
    check_expectations(found, student)


@pytest.mark.parametrize("table", [SINGLE, LINEAR], ids=["single-index", "linear"])
def test_a_neuron_is_expanded_once_not_at_every_stage(
    table: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0

    def counted(*arguments: Any) -> Array:
        nonlocal calls
        calls += 1
        return coefficients(*arguments)

    monkeypatch.setattr("bnflow.pde.network.target.coefficients", counted)
    found, v = made(**table), np.array([[0.6, 0.8]])
    assert isinstance(found, Teacher)
    bell = custom_activation(lambda z: np.exp(-z * z), lambda z: -2 * z * np.exp(-z * z))
    for neuron in (activation("tanh", 1.2345), bell):
        calls = 0
        first, again = (found.correlation(v, neuron) for _ in range(2))
        assert calls == 1
        np.testing.assert_array_equal(first[0], again[0])


def check_expectations(y: Teacher, student: str, kinked: bool = False) -> None:
    """E y^2, E[y sigma] and its derivative along the circle, by quadrature of the plane."""
    sigma = activation(student)

    def value(x: Array) -> Array:
        return at(y, x.reshape(-1, 2)).reshape(x.shape[:-1])

    assert y.second_moment() == pytest.approx(
        over_the_plane(lambda x: value(x) ** 2, list(ANGLES)), abs=1e-9
    )
    angle = np.array([0.3, 2.5])
    v = np.stack([np.cos(angle), np.sin(angle)], 1)
    correlation, gradient = y.correlation(v, student)
    h = 1e-4
    for i, a in enumerate(angle):

        def overlap(phi: float) -> float:
            neuron = np.array([np.cos(phi), np.sin(phi)])
            return over_the_plane(lambda x: value(x) * sigma.value(x @ neuron), [*ANGLES, phi])

        assert correlation[i] == pytest.approx(overlap(a), abs=1e-9)
        tangent = np.array([-np.sin(a), np.cos(a)])
        slope = (overlap(a + h) - overlap(a - h)) / (2 * h)
        # h^2 / 6 x third derivative (below 5, but at the kink of relu's kappa: h / 2)
        bound = 1e-4 if kinked else 1e-7
        assert gradient[i] @ tangent == pytest.approx(slope, abs=bound)


def test_a_teacher_is_a_plain_sum_and_its_directions_are_normalised() -> None:
    found = made(d=3, weights=[2.0, -1.0], directions=[[3.0, 0.0, 4.0], [0.0, -2.0, 0.0]])
    x = np.array([[1.0, -2.0, 3.0], [0.5, 0.5, -1.0]])
    z = np.stack([0.6 * x[:, 0] + 0.8 * x[:, 2], -x[:, 1]], 1)
    expected = 2 * np.maximum(z[:, 0], 0) - np.maximum(z[:, 1], 0)
    np.testing.assert_allclose(at(found, x), expected, rtol=1e-15)


def test_its_activation_is_the_networks_unless_given() -> None:
    x = np.array([[0.7, 0.1]])
    one = {"weights": [1.0], "angles": [0.0]}
    assert at(made("tanh", **one), x)[0] == pytest.approx(np.tanh(0.7))
    assert at(made("tanh", **one, activation="linear"), x)[0] == pytest.approx(0.7)


def test_a_single_index_by_direction_is_the_one_by_angle() -> None:
    x = np.random.default_rng(0).standard_normal((20, 2))
    direction = {**SINGLE, "direction": [3 * np.cos(1.9), 3 * np.sin(1.9)]}
    del direction["angle"]
    np.testing.assert_allclose(at(made(**direction), x), at(made(**SINGLE), x), rtol=1e-13)


def test_classes_are_the_sign_of_the_value_with_its_noise() -> None:
    x = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 0.0], [0.2, 0.0]])
    found = made(kind="linear", coefficients=[1.0, 0.0], label="sign", noise=0.5)
    assert labelled(found, x, x, np.zeros(4)).tolist() == [1, -1, 1, 1]  # 0 counts as +1
    assert labelled(found, x, x, np.full(4, -1.0)).tolist() == [1, -1, -1, -1]


# -- functions -----------------------------------------------------------------------------------


def of_function(function: Callable[[Array], Any], **table: Any) -> Target:
    config = load_config(
        {"data": {"kind": "sampled", "samples": 9}, "target": {"kind": "function", **table}}
    )
    found = target(config.target, activation("relu"), 2, None, function)
    assert found is not None
    return found


def test_a_function_sees_the_raw_rows() -> None:
    raw = np.arange(6.0).reshape(3, 2)
    found = of_function(lambda x: x[:, 0] - x[:, 1] ** 2, noise=0.1)
    np.testing.assert_array_equal(found.value(raw * np.nan, raw), [-1.0, -7.0, -21.0])
    assert of_function(lambda x: x[:, :1] > 1).value(raw, raw).tolist() == [0, 1, 1]
    assert not isinstance(found, Teacher)


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (lambda x: x, r"gave float64 of shape \(3, 2\) for x of shape \(3, 2\); return one number"),
        (lambda x: 1.0, r"of shape \(\)"),
        (lambda x: x[:, 0] + 1j, "gave complex128"),
        (lambda x: np.log(x[:, 0] - 1), r"its value at x = \[.*\] is not finite"),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_what_a_function_may_not_return(function: Callable[[Array], Any], told: str) -> None:
    raw = np.arange(6.0).reshape(3, 2)
    with pytest.raises(InputError, match=told) as error:
        of_function(function).value(raw, raw)
    assert len(str(error.value).splitlines()) == 1


# -- singular data -------------------------------------------------------------------------------

BASIS = np.array([[1.0, 1.0, 0.0], [0.0, 0.0, np.sqrt(2)]]) / np.sqrt(2)  # columns 0 and 1 equal


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ({"weights": [1.0], "directions": [[2, 2, 0]]}, [1.0, 0.0]),
        (
            {"kind": "single-index", "hermite": [0, 1], "direction": [1, 1, np.sqrt(2)]},
            [0.5**0.5] * 2,
        ),
        ({"kind": "linear", "coefficients": [1, 1, 3]}, [2**0.5, 3.0]),
    ],
    ids=["teacher", "single-index", "linear"],
)
def test_vectors_of_the_range_are_taken_into_its_basis(table: Any, expected: list[float]) -> None:
    config = load_config(
        {"data": {"kind": "sampled", "samples": 9, "covariance": [1, 1, 1]}, "target": table}
    )
    found = target(config.target, activation("linear"), 3, BASIS)
    assert found is not None
    x = np.random.default_rng(0).standard_normal((5, 2))
    np.testing.assert_allclose(at(found, x), x @ expected, rtol=1e-14)


def test_a_vector_that_leaves_the_range_is_told_with_its_part_inside() -> None:
    config = load_config(
        {
            "data": {"kind": "sampled", "samples": 9, "covariance": [1, 1, 1]},
            "target": {"kind": "linear", "coefficients": [2, 0, 3]},
        }
    )
    with pytest.raises(InputError, match=r"target.coefficients leaves .* range is \[1, 1, 3\]"):
        target(config.target, activation("relu"), 3, BASIS)

"""Teachers: their function, and their overlap with a neuron, against quadrature over the plane."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from numpy.polynomial.legendre import leggauss

from bnflow.pde.config.data import Teacher as TeacherTarget
from bnflow.pde.network.activations import activation
from bnflow.pde.network.target import Teacher, evaluate_teacher

Array = np.ndarray
ANGLES = (0.3, 1.9, 4.0)
WEIGHTS = (1.0, -0.5, 0.8)


def teacher(name: str = "relu") -> Teacher:
    target = TeacherTarget.model_validate({"weights": WEIGHTS, "angles": ANGLES})
    return Teacher.from_config(target, name)


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
    y, sigma = teacher(name), activation(student)

    def value(x: Array) -> Array:
        return y.value(x.reshape(-1, 2)).reshape(x.shape[:-1])

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
        bound = 1e-4 if name == student == "relu" else 1e-7
        assert gradient[i] @ tangent == pytest.approx(slope, abs=bound)


def test_a_teacher_is_a_plain_sum_and_its_directions_are_normalised() -> None:
    target = TeacherTarget.model_validate(
        {"weights": [2.0, -1.0], "directions": [[3.0, 0.0, 4.0], [0.0, -2.0, 0.0]]}
    )
    x = np.array([[1.0, -2.0, 3.0], [0.5, 0.5, -1.0]])
    z = np.stack([0.6 * x[:, 0] + 0.8 * x[:, 2], -x[:, 1]], 1)
    expected = 2 * np.maximum(z[:, 0], 0) - np.maximum(z[:, 1], 0)
    np.testing.assert_allclose(evaluate_teacher(target, "relu", x), expected, rtol=1e-15)


def test_its_activation_is_the_networks_unless_given() -> None:
    target = {"weights": [1.0], "angles": [0.0]}
    x = np.array([[0.7, 0.1]])
    plain = TeacherTarget.model_validate(target)
    own = TeacherTarget.model_validate({**target, "activation": "linear"})
    assert evaluate_teacher(plain, "tanh", x)[0] == pytest.approx(np.tanh(0.7))
    assert evaluate_teacher(own, "tanh", x)[0] == pytest.approx(0.7)

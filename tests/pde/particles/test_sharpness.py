"""Sharpness of neurons against the eigenvalues of all numerical derivatives of the network."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bnflow.pde.particles import sharpness as module
from bnflow.pde.particles.flow import NeuronFlow, _met_at
from bnflow.pde.particles.interaction import RowInteraction
from bnflow.pde.particles.session import NeuronSession
from bnflow.pde.particles.sharpness import sharpness
from bnflow.pde.particles.state import NeuronState

Make = Callable[..., NeuronSession]
STEP = 1e-6  # of the differences: their error is about 1e-9
AFFINE = {
    "initial__gamma": {"kind": "uniform", "range": [0.5, 1.5]},
    "initial__beta": {"kind": "normal", "std": 0.5},
}


def output(flow: NeuronFlow, state: NeuronState) -> Any:
    interaction = flow.interaction
    assert isinstance(interaction, RowInteraction)
    points = _met_at(flow.chart.points(state.x), state.affine)[0]
    return interaction.predict(points, state.mass * state.a[0], interaction.rows.inputs)


def derivative(flow: NeuronFlow, array: Any, index: Any, along: Any, state: NeuronState) -> Any:
    """Of the output in an array of the state, in place."""
    kept, sides = array[index].copy(), []
    for sign in (1, -1):
        array[index] = kept + sign * STEP * along
        sides.append(output(flow, state))
    array[index] = kept
    return (sides[0] - sides[1]) / (2 * STEP)


def jacobian(made: NeuronSession, state: NeuronState) -> Any:
    """(rows, weights): df per unit of length in the metric, rates and masses inside."""
    flow, problem, columns = made.flow, made.problem, []
    for j, mass in enumerate(state.mass):
        scale = 1 / np.sqrt(mass)
        if problem.trains_outer:
            rate = np.sqrt(problem.rates.outer)
            columns.append(rate * scale * derivative(flow, state.a, (0, j), 1.0, state))
        if problem.trains_inner:
            w, rate = state.x[0, j], np.sqrt(problem.rates.inner) / problem.metric.norm
            frame = np.linalg.svd(w[None])[2][1:] if problem.normalised else np.eye(len(w))
            rate = rate if problem.normalised else rate * problem.metric.norm
            for along in frame:
                columns.append(rate * scale * derivative(flow, state.x, (0, j), along, state))
        if state.affine is not None and problem.affine is not None:
            for name, part in state.affine._asdict().items():
                if getattr(problem.affine, f"trains_{name}"):
                    columns.append(scale * derivative(flow, part, (0, j), 1.0, state))
    return np.array(columns).T


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"network__train": ["w"]},
        {"network__activation": "tanh", "network__weight_norm": 0.4},
        {"loss__kind": "huber", "loss__delta": 0.3},
        {"network__batch_norm": False, "data__mean": [0.3, 0, 1, 0, 0]},
        {"network__train": ["w", "a", "gamma", "beta"], "network__activation": "erf", **AFFINE},
        {"network__train": ["gamma"], **AFFINE},
        {"network__train": ["beta"], **AFFINE},
        {"training__rates": {"a": 0.5, "w": 2.0}},
    ],
    ids=str,
)
def test_on_rows_it_is_the_largest_singular_value_squared_of_the_jacobian(
    changes: dict[str, Any], neurons: Make
) -> None:
    made = neurons(5, solver__width=9, **changes)
    state = made.initial_state()
    assert isinstance(made.flow.interaction, RowInteraction)
    data = made.flow.interaction.rows
    bend = made.problem.loss.curvature(output(made.flow, state), data.targets) / len(data.targets)
    whole = np.sqrt(bend)[:, None] * jacobian(made, state)
    exact = np.linalg.norm(whole, 2) ** 2
    assert sharpness(made.flow, state) == pytest.approx(exact, rel=5e-5)


@pytest.mark.parametrize("coordinates", ["whitened", "ellipsoid"])
def test_coordinates_do_not_matter(coordinates: str, neurons: Make) -> None:
    one, two = (neurons(5, solver__coordinates=each) for each in ("raw", coordinates))
    pair = [sharpness(made.flow, made.initial_state()) for made in (one, two)]
    assert pair[0] == pytest.approx(pair[1], rel=1e-9)


@pytest.mark.parametrize("changes", [{}, {"network__batch_norm": False}], ids=str)
@pytest.mark.parametrize("activation", ["relu", "abs"])
def test_on_a_normal_law_it_is_that_of_an_integral_over_inputs(
    activation: str, changes: dict[str, Any], neurons: Make
) -> None:
    """Homogeneous: inputs on the circle of radius sqrt(2) have all second moments of the law."""
    made = neurons(network__activation=activation, data__covariance=[3.0, 1.0], **changes)
    state, problem = made.initial_state(), made.problem
    count, metric = 20_000, problem.metric
    angle = 2 * np.pi * (np.arange(count) + 0.5) / count
    xt = np.sqrt(2) * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    if problem.normalised:
        points, rows = made.flow.chart.points(state.x)[0], xt
        root = np.stack([_root(mobility) for mobility in metric.mobility(points)])
    else:
        points, rows = state.x[0], xt @ metric.square_root
        root = np.stack([np.eye(2)] * len(points))
    z, weight = rows @ points.T, np.sqrt(state.mass)
    slope = problem.activation.slope(z)[..., None] * rows[:, None, :]
    moved = np.einsum("kja,jab->kjb", slope, root) * (weight * state.a[0])[:, None]
    whole = np.concatenate([problem.activation.value(z) * weight, moved.reshape(count, -1)], axis=1)
    exact = np.linalg.eigvalsh(whole.T @ whole / count)[-1]
    # the kinks of two neurons within an angle of the inputs: 1/count each; TURN of the second slope
    assert sharpness(made.flow, state) == pytest.approx(exact, rel=2e-4)


def _root(mobility: Any) -> Any:
    values, vectors = np.linalg.eigh(mobility)
    return vectors * np.sqrt(np.maximum(values, 0.0))


def test_it_is_not_known_where_it_costs_too_much_or_has_no_bound(
    neurons: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = neurons(network__activation="step", target__activation="relu")
    assert np.isnan(sharpness(made.flow, made.initial_state()))
    made = neurons()
    monkeypatch.setattr(module, "MOST_PAIRED", 19)
    assert np.isnan(sharpness(made.flow, made.initial_state()))

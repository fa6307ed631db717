"""Audits of neurons that were moved by hand, and beside a density of the same problem."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bnflow.pde.network.affine import Affine
from bnflow.pde.particles.audits import audit
from bnflow.pde.particles.flow import NeuronField
from bnflow.pde.particles.session import NeuronSession
from bnflow.pde.particles.state import NeuronState, Origin
from bnflow.pde.session import Session

Make = Callable[..., NeuronSession]


def observed(made: NeuronSession, state: NeuronState) -> dict[str, Any]:
    field = made.flow.field(state.x, state.a, state.mass, state.affine)
    energy = made.flow.energy(field, state.a, state.mass)
    return audit(made.flow, state, field, float(energy.mean()), float(field.dissipation.mean()))


def turned(made: NeuronSession, angle: float) -> NeuronState:
    """All directions of the chart turned in the first plane, from an origin as drawn."""
    state = made.initial_state()
    state.origin = Origin.of(state)
    turn = np.eye(made.problem.dimension)
    turn[:2, :2] = [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]
    state.x = state.x @ turn
    return state


@pytest.mark.parametrize(
    "changes",
    [{}, {"network__metric": "round", "solver__coordinates": "whitened"}],
    ids=["bn", "round"],
)
def test_displacement_is_the_length_in_the_metric(changes: dict[str, Any], neurons: Make) -> None:
    """On a circle of radius r every neuron has gone r x angle, and |shift| in a."""
    made = neurons(network__weight_norm=1.5, solver__replicas=2, **changes)
    state = turned(made, 2.0)
    state.a = state.a + 0.7
    got = observed(made, state)["displacement"]
    assert got == pytest.approx(np.hypot(1.5 * 2.0, 0.7), rel=1e-12)


def test_displacement_of_a_plain_network_and_of_scales_and_shifts(neurons: Make) -> None:
    plain = neurons(network__batch_norm=False)
    state = plain.initial_state()
    state.origin = Origin.of(state)
    state.x = state.x + np.array([0.3, -0.4])
    assert observed(plain, state)["displacement"] == pytest.approx(0.5, rel=1e-12)
    made = neurons(5, network__train=["a", "gamma", "beta"])
    state = made.initial_state()
    state.origin = Origin.of(state)
    assert state.affine is not None
    state.affine = Affine(state.affine.gamma + 0.3, state.affine.beta - 0.4)
    assert observed(made, state)["displacement"] == pytest.approx(0.5, rel=1e-12)


def test_mass_has_changed_its_sign_where_a_has_now(neurons: Make) -> None:
    made = neurons(solver__sampling="quadrature", solver__width=60)
    state = made.initial_state()
    state.origin = Origin.of(state)
    state.a = np.where(state.x[..., 0] > 0, -state.a, 2 * state.a)
    expected = state.mass @ ((state.x[0, :, 0] > 0) & (state.a[0] != 0))
    assert observed(made, state)["sign_changed_mass"] == pytest.approx(expected, rel=1e-12)


def test_a_state_without_origin_does_not_know(neurons: Make) -> None:
    made = neurons()
    got = observed(made, replace(made.initial_state(), origin=None))
    assert np.isnan(got["displacement"])
    assert np.isnan(got["sign_changed_mass"])


def test_stationarity_leaves_the_rates_out(neurons: Make) -> None:
    """Without noise it is the dissipation at rates of 1; with noise a law of neurons has none."""
    made, plain = neurons(5, training__rates={"a": 0.3, "w": 2.0}), neurons(5)
    state = made.initial_state()
    one, two = observed(made, state), observed(plain, state)
    assert one["stationarity"] == pytest.approx(two["dissipation"], rel=1e-12)
    assert one["dissipation"] != pytest.approx(two["dissipation"], rel=0.01)
    noisy = neurons(5, training__temperature=0.1, training__ridge=0.1)
    assert np.isnan(observed(noisy, noisy.initial_state())["stationarity"])


def test_neurons_and_density_agree_on_the_flow(neurons: Make) -> None:
    """Nodes of a quadrature, t = 0.3: their coupling is below the density's way, and near it."""
    keys: dict[str, Any] = {
        "network.activation": "erf", "target.activation": "erf", "data.covariance": [2.0, 1.0],
        "time.end": 0.3, "time.save": [0.3],
    }  # fmt: skip
    config = neurons().config.replace(**keys)
    exact = NeuronSession.prepare(
        config.replace(**{"solver.sampling": "quadrature", "solver.width": 400})
    )
    grid = config.replace(
        **{"solver.method": "grid", "solver.width": 1000, "solver.cells": 24, "solver.a_cells": 48}
    )
    *_, ours = exact.driver().frames()
    *_, its = Session.prepare(grid).driver().frames()
    assert ours.diagnostics["displacement"] <= its.diagnostics["displacement"] * (1 + 1e-3)
    # the grid is of second order, and its law of a wider by width^2/12 = 1e-3
    for name in ("stationarity", "sharpness", "critical_steps", "displacement"):
        assert its.diagnostics[name] == pytest.approx(ours.diagnostics[name], rel=1e-2)


def test_the_mass_that_changes_its_sign_is_what_passes_zero_on_a_grid(neurons: Make) -> None:
    """Nothing comes back so early; 3,000 stratified neurons: 3 sqrt(p (1-p)/3000) = 1.5e-2."""
    end = {"time.end": 0.3, "time.save": [0.3]}
    config = neurons().config.replace(**end)
    many = {"solver.sampling": "stratified", "solver.width": 3000}
    *_, ours = NeuronSession.prepare(config.replace(**many)).driver().frames()
    grid = {"solver.method": "grid", "solver.width": 1000, "solver.cells": 24}
    *_, its = Session.prepare(config.replace(**grid)).driver().frames()
    changed = its.diagnostics["sign_changed_mass"]
    assert changed == pytest.approx(ours.diagnostics["sign_changed_mass"], abs=1.5e-2)
    assert changed > 0.05


def test_field_knows_the_outer_weights_that_it_is_of(neurons: Make) -> None:
    made = neurons()
    state = made.initial_state()
    field = made.flow.field(state.x, state.a, state.mass)
    assert isinstance(field, NeuronField)
    assert field.a is state.a

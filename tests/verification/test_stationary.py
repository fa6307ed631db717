"""Stationary states of noisy training: of the flow, by self-consistency, and by a quadrature.

A linear network with a linear target on normal inputs is solved by hand (`pde.exact.stationary`),
with respect to dS(u), the volume of the metric, not dS(v): that is where a forgotten volume factor
shows.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bnflow.pde.config import load_config
from bnflow.pde.density.flow import Flow
from bnflow.pde.density.state import State
from bnflow.pde.diagnostics import audit
from bnflow.pde.exact import stationary_linear_risk
from bnflow.pde.session import Session
from bnflow.pde.stationary import Stationary, stationary_state

TAU, RIDGE, TARGET = 0.1, 0.5, [1.0, -0.6]
LINEAR: dict[str, Any] = {
    "network": {"activation": "linear"},
    "target": {"kind": "linear", "coefficients": TARGET},
    "training": {"temperature": TAU, "ridge": RIDGE},
    "initial": {"a": {"kind": "normal", "std": 0.45}},
}
RELU: dict[str, Any] = {"training": {"temperature": 0.2, "ridge": 1.0}}
LIST: dict[str, Any] = {
    "network": {"train": ["w"]},
    "initial": {"a": {"kind": "two-point", "values": [-1.0, 1.0]}},
    "training": {"temperature": 0.3},
}


def prepared(config: dict[str, Any], cells: int, **changes: Any) -> Session:
    keys = {name.replace("__", "."): value for name, value in changes.items()}
    return Session.prepare(
        load_config(config, {"solver.cells": cells, "solver.a_cells": 2 * cells, **keys})
    )


def read(flow: Flow, state: State) -> dict[str, Any]:
    moments = flow.moments(state)
    return audit(flow, state, flow.field(state, moments), moments)


def by_hand(covariance: list[float]) -> float:
    """The risk of the linear network's stationary state."""
    return stationary_linear_risk(covariance, TARGET, RIDGE, TAU)


@pytest.mark.parametrize("covariance", [[1.0, 1.0], [10.0, 1.0]])
@pytest.mark.parametrize("coordinates", ["raw", "whitened"])
def test_the_linear_network_agrees_with_the_solution_by_hand(
    covariance: list[float], coordinates: str
) -> None:
    """In second order or better; the sum over a normal law in a is exact beyond all orders."""
    errors = []
    for cells in (8, 16):
        made = prepared(LINEAR, cells, data__covariance=covariance, solver__coordinates=coordinates)
        found = stationary_state(made.flow, made.initial_state())
        risk = read(made.flow, found.state)["risk"]
        errors.append(abs(risk / by_hand(covariance) - 1))
    assert errors[1] <= 2e-3
    assert errors[1] <= max(errors[0] / 3.5, 1e-9)


def test_a_forgotten_volume_factor_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whitened cells measured by dS(v): the stationary risk is that of the isotropic law."""
    made = prepared(LINEAR, 16, data__covariance=[10.0, 1.0], solver__coordinates="whitened")
    flow = made.flow
    monkeypatch.setattr(flow, "cell_volume", flow.sphere.volume * np.ones(1))
    state = made.initial_state()
    state.rho /= (state.rho * flow.cell_volume[..., None]).sum() * state.axis.weight
    risk = read(flow, stationary_state(flow, state).state)["risk"]
    assert risk == pytest.approx(by_hand([1.0, 1.0]), rel=1e-4)
    assert abs(risk / by_hand([10.0, 1.0]) - 1) > 0.01


def relaxed(made: Session, found: Stationary, tilt: Callable[..., Any]) -> Any:
    """The run from a tilted stationary state, at its last time."""
    flow, state = made.flow, State(found.state.rho.copy(), found.state.axis)
    weight = flow.cell_volume[..., None]
    over = tuple(range(state.rho.ndim - (0 if flow.problem.trains_outer else 1)))
    before = (state.rho * weight).sum(axis=over, keepdims=True)
    state.rho *= 1 + 0.3 * tilt(flow.sphere.centres)[..., None]
    state.rho *= before / (state.rho * weight).sum(axis=over, keepdims=True)
    driver = made.driver(restart=state.packed())
    driver.extend = False
    *_, last = driver.frames()
    return last


def long_flows() -> list[Any]:
    """Networks x grids; the stiffer ones of those with a trained are slow."""
    found = []
    for name, config in (("linear", LINEAR), ("relu", RELU), ("list", LIST)):
        for condition, coordinates in ((1.0, "raw"), (10.0, "raw"), (10.0, "whitened")):
            slow = coordinates == "whitened" and config is not LIST
            marks = [pytest.mark.slow] if slow else []
            case = (config, [condition, 1.0], coordinates)
            found.append(
                pytest.param(*case, marks=marks, id=f"{name}, {condition:g}:1, {coordinates}")
            )
    return found


@pytest.mark.parametrize(("config", "covariance", "coordinates"), long_flows())
def test_the_long_flow_ends_in_the_self_consistent_state(
    config: dict[str, Any], covariance: list[float], coordinates: str
) -> None:
    """On one grid to the flow's own slow mode, since its flux keeps Gibbs states exactly."""
    warm = {} if config is LIST else {"training__temperature": 0.4}  # few barriers, no slow mode
    keys = {"data__covariance": covariance, "solver__coordinates": coordinates}
    made = prepared(config, 8, **keys, time__end=30.0, time__save=[], **warm)
    found = stationary_state(made.flow, made.initial_state())
    last = relaxed(made, found, lambda u: u[..., 0])
    apart = abs(last.fields["rho"] - found.state.rho) * made.flow.cell_volume[..., None]
    assert apart.sum() * found.state.axis.weight <= 2e-3
    assert last.diagnostics["free_energy"] == pytest.approx(
        read(made.flow, found.state)["free_energy"], abs=1e-6
    )
    assert last.diagnostics["mass"] == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("covariance", [[1.0, 1.0], [10.0, 1.0]])
@pytest.mark.parametrize("config", [LINEAR, RELU, LIST], ids=["linear", "relu", "list"])
def test_raw_and_whitened_grids_have_one_stationary_state(
    config: dict[str, Any], covariance: list[float]
) -> None:
    """Risk and free energy, each per Riemannian volume, to second order."""
    apart = []
    for cells in (12, 24):
        values = []
        for coordinates in ("raw", "whitened"):
            made = prepared(
                config, cells, data__covariance=covariance, solver__coordinates=coordinates
            )
            audited = read(made.flow, stationary_state(made.flow, made.initial_state()).state)
            values.append([audited["risk"], audited["free_energy"]])
        apart.append(abs(np.array(values[0]) - np.array(values[1])))
    assert (apart[1] <= 1e-3).all()
    assert (apart[1] <= np.maximum(apart[0] / 3.5, 1e-9)).all()

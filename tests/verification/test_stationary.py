"""Stationary states of noisy training: of the flow, by self-consistency, and by a quadrature.

A linear network with a linear target on normal inputs is solved by hand. With h = (m - b).v,
m = int a v drho, the Gibbs state is normal in a, of mean -h/lambda, and

    m = -int v (h/lambda) p,   p ~ exp(h^2/(2 lambda tau)),   with respect to dS(u)

dS(u), the volume of the metric, not dS(v): that is where a forgotten volume factor shows.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.optimize import root

from bnflow.pde.config import load_config
from bnflow.pde.density.flow import Flow
from bnflow.pde.density.state import State
from bnflow.pde.diagnostics import audit
from bnflow.pde.session import Session
from bnflow.pde.stationary import Stationary, stationary_state

TAU, RIDGE, TARGET = 0.1, 0.5, np.array([1.0, -0.6])
LINEAR: dict[str, Any] = {
    "network": {"activation": "linear"},
    "target": {"kind": "linear", "coefficients": TARGET.tolist()},
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
    """The risk of the linear network's stationary state, from equal angles of u."""
    angle = (np.arange(2000) + 0.5) * 2 * np.pi / 2000
    image = np.stack([np.cos(angle), np.sin(angle)], axis=1) * np.sqrt(covariance)
    v = image / np.linalg.norm(image, axis=1, keepdims=True)

    def mismatch(m: np.ndarray) -> np.ndarray:
        h = v @ (m - TARGET)
        share = np.exp((h**2 - (h**2).max()) / (2 * RIDGE * TAU))
        return m + (share / share.sum() * h / RIDGE) @ v

    m = root(mismatch, 0.5 * TARGET, tol=1e-13).x
    return float(0.5 * ((m - TARGET) ** 2).sum())


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


@pytest.mark.parametrize("covariance", [[1.0, 1.0], [10.0, 1.0]])
@pytest.mark.parametrize(
    ("config", "end"), [(LINEAR, 32.0), (RELU, 30.0), (LIST, 30.0)], ids=["linear", "relu", "list"]
)
def test_the_long_flow_ends_in_the_self_consistent_state(
    config: dict[str, Any], end: float, covariance: list[float]
) -> None:
    """On one grid to the flow's own slow mode, since its flux keeps Gibbs states exactly."""
    warm = {} if config is LIST else {"training__temperature": 0.4}  # few barriers, no slow mode
    made = prepared(config, 8, data__covariance=covariance, time__end=end, time__save=[], **warm)
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

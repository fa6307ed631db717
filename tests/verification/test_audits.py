"""What must hold along every run: mass, positivity, falling risk, energy balance, order in time."""

import tracemalloc

import numpy as np
import pytest

import bnflow
from bnflow.kernels import select
from bnflow.pde.config import load_config
from bnflow.pde.density.field import Field
from bnflow.pde.density.flow import Flow
from bnflow.pde.density.state import State
from bnflow.pde.session import Session
from bnflow.pde.stepping.control import StepControl
from bnflow.pde.stepping.driver import Driver

SAMPLED_SPHERE = {
    "data": {"kind": "sampled", "covariance": [3.0, 1.0, 0.5], "samples": 200},
    "target": {"weights": [1.0, -0.5], "directions": [[1, 0, 0], [0, 1, 1]]},
    "solver": {"cells": 12, "a_cells": 24},
    "time": {"end": 2.0, "save": [0.5, 1.0]},
}


def test_mass_and_minimum_over_a_thousand_steps() -> None:
    """Drift <= 1e-12; every cell >= 0 exactly, through tails that underflow."""
    run = bnflow.solve(None, **{"solver.cells": 32, "time.cfl": 0.2, "time.save": []})
    assert run.step[-1] >= 1000
    assert abs(run.mass - 1).max() <= 1e-12
    assert run.min_density.min() >= 0.0


@pytest.mark.parametrize("scheme", ["upwind", "muscl"])
@pytest.mark.parametrize("config", [None, SAMPLED_SPHERE], ids=["circle", "sphere"])
def test_risk_never_rises(config, scheme: str) -> None:
    run = bnflow.solve(config, **{"solver.scheme": scheme, "time.end": 2.0, "time.save": []})
    risk = np.concatenate([run.risk[:1], run.log["risk"]])
    assert np.diff(risk).max() <= 4 * np.finfo(float).eps * risk[0]
    assert run.min_density.min() >= 0.0


def test_dissipation_defect_is_small_and_second_order() -> None:
    """|F(0) - F(t) - int D| / (F(0) - F(t)) on circle-teacher; dt ~ sqrt(tolerance) ~ h."""
    defects = [
        bnflow.solve(
            None, **{"solver.cells": n, "solver.a_cells": n, "solver.tolerance": tolerance}
        ).dissipation_defect[1:]
        for n, tolerance in ((32, 4e-3), (64, 1e-3))
    ]
    assert max(defects[0]) <= 3e-3
    assert (np.log2(defects[0] / defects[1]) >= 1.7).all()


def with_fields_of_every_stage(session: Session, end: float, steps: int) -> float:
    """Risk at `end` by classical SSP-RK2: both stages with their own field."""
    flow, state = session.flow, session.initial_state()
    dt = end / steps
    for _ in range(steps):
        ahead = flow.euler(state, flow.field(state).velocity, dt)
        twice = flow.euler(ahead, flow.field(ahead).velocity, dt)
        state = State(0.5 * (state.rho + twice.rho), state.axis)
    return flow.field(state).risk


def frozen(session: Session, end: float, cfl: float) -> tuple[float, int]:
    """Risk at `end` by the driver: frozen, extrapolated fields; steps bound by cfl alone."""
    control = StepControl(cfl, tolerance=1e9)
    driver = Driver(session.flow, session.initial_state(), control, [end], extend=False)
    *_, last = driver.frames()
    return float(last.diagnostics["risk"]), last.step


def circle_session() -> Session:
    return Session.prepare(
        load_config(None, {"solver.cells": 32, "solver.a_cells": 48, "solver.a_range": [-5.0, 5.0]})
    )


@pytest.mark.filterwarnings("ignore::bnflow.Notice")
def test_frozen_fields_equal_fields_of_every_stage() -> None:
    """One interaction a step instead of two: risks agree to 1e-4 relative at t = 2, CFL 0.45."""
    session = circle_session()
    risk, steps = frozen(session, 2.0, 0.45)
    assert risk == pytest.approx(with_fields_of_every_stage(session, 2.0, steps), rel=1e-4)


@pytest.mark.filterwarnings("ignore::bnflow.Notice")
def test_second_order_in_time() -> None:
    """On a fixed grid, halving the step divides the change of the risk by 4 (+- 0.3)."""
    session = circle_session()
    coarse, middle, fine = (frozen(session, 1.0, cfl)[0] for cfl in (0.4, 0.2, 0.1))
    assert (coarse - middle) / (middle - fine) == pytest.approx(4.0, abs=0.3)


def test_field_tolerance_bounds_the_error_where_cfl_does_not() -> None:
    """Outer weights alone: the CFL number of 16 cells allows steps that are per cents wrong."""
    base = {
        "network": {"train": ["a"], "activation": "linear"},
        "solver": {"a_cells": 16},
        "time": {"end": 2.0, "save": []},
    }
    fine = bnflow.solve(base, **{"solver.tolerance": 1e-5}).risk[-1]
    loose, default = (
        bnflow.solve(base, **{"solver.tolerance": tolerance}) for tolerance in (1e6, 1e-3)
    )
    assert loose.step[-1] < default.step[-1]
    assert abs(loose.risk[-1] - fine) > 0.01 * fine
    assert abs(default.risk[-1] - fine) < 0.1 * abs(loose.risk[-1] - fine)
    assert abs(default.risk[-1] - fine) < 2e-3 * default.risk[0]


def test_cost_of_sampled_data_has_no_array_of_pairs() -> None:
    """40,000 rows x 6,144 directions would be 2 GB; a field costs less than 40 MB."""
    config = {**SAMPLED_SPHERE, "data": {**SAMPLED_SPHERE["data"], "samples": 40_000}}
    session = Session.prepare(load_config(config, {"solver.cells": 32, "solver.a_cells": 4}))
    state = session.initial_state()
    tracemalloc.start()
    try:
        session.flow.field(state)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 40e6


def test_discrete_field_is_the_gradient_of_the_discrete_risk() -> None:
    """h_j = dR/dc_j exactly, so an Euler step of the outer weights lowers R by dt int h^2 drho."""
    session = Session.prepare(load_config(SAMPLED_SPHERE, {"network.train": ["a"]}))
    flow: Flow = session.flow
    state = session.initial_state()
    moments = flow.moments(state)
    field: Field = flow.field(state, moments)
    dt = 1e-5
    ahead = flow.field(flow.euler(state, field.velocity, dt))
    expected = (field.h**2 * moments[0] * flow.cell_volume).sum()
    # O(dt) from the curvature of R, and the wall cells' share of the mass (2e-8)
    assert (field.risk - ahead.risk) / dt == pytest.approx(expected, rel=1e-4)


def test_backend_is_named() -> None:
    assert select("auto").name == "numpy"

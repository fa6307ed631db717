"""Stabilised stages: their polynomial, how far they are stable, and what a step keeps."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.polynomial import Legendre

from bnflow.kernels import Velocity
from bnflow.kernels.errors import Notice
from bnflow.pde.density.state import State
from bnflow.pde.session import Session
from bnflow.pde.stationary import gibbs
from bnflow.pde.stepping.control import DRIFT, MARGIN, MOST_STAGES, StepControl
from bnflow.pde.stepping.stabilised import explicit, stabilised
from bnflow.pde.stepping.tableaux import legendre

Make = Callable[..., Session]
Array = Any
CONTROL = StepControl(cfl=0.45, tolerance=1e-3)
STAGES = range(3, MOST_STAGES + 1, 2)
NOISE: dict[str, Any] = {"training__temperature": 0.2, "training__ridge": 0.3}


def amplification(stages: int, z: Array) -> Array:
    """Of y' = z y, dt = 1, by the recursion."""
    first, rows = legendre(stages)
    before, now = np.ones_like(z), 1 + first * z
    for mu, nu, m, g in rows:
        mixed = mu * now + nu * before + 1 - mu - nu
        before, now = now, mixed + m * z * now + g * z
    return now


# -- the polynomial --------------------------------------------------------------------------------


@pytest.mark.parametrize("stages", STAGES)
def test_the_amplification_is_a_shifted_legendre_polynomial(stages: int) -> None:
    """a + b P_s(1 + w z), b = (s^2 + s - 2)/(2 s (s + 1)): Meyer, Balsara, Aslam 2014, eq. 16."""
    s, z = stages, np.linspace(-30, 1, 50)
    b = (s * s + s - 2) / (2 * s * (s + 1))
    expected = 1 - b + b * Legendre.basis(s)(1 + 4 * z / (s * s + s - 2))
    np.testing.assert_allclose(amplification(s, z), expected, rtol=1e-10, atol=1e-10)
    small = np.array([-1e-3, 1e-3])
    rest = amplification(s, small) - (1 + small + small**2 / 2)
    assert abs(rest).max() < 2e-10  # z^3/6 at most


@pytest.mark.parametrize("stages", STAGES)
def test_it_is_stable_to_its_reach_and_not_much_further(stages: int) -> None:
    reach = (stages**2 + stages - 2) / 2
    assert abs(amplification(stages, np.linspace(-reach, 0, 3000))).max() <= 1 + 1e-12
    assert abs(amplification(stages, np.array([-1.6 * reach]))).max() > 1


@pytest.mark.parametrize("stages", STAGES)
@pytest.mark.parametrize("drift", [0.1, 0.5, DRIFT])
def test_drift_is_stable_too_at_the_longest_step(stages: int, drift: float) -> None:
    """On waves: upwind states with centred slopes at that drift number, diffusion for the rest."""
    angle = np.linspace(1e-3, np.pi, 3000)
    turn = np.exp(1j * angle)
    carried = -(1 - 1 / turn) * (1 + 0.25 * (turn - 1 / turn))
    diffusion = (stages**2 + stages - 2) / (4 * MARGIN) - drift
    z = drift * carried - diffusion * (1 - np.cos(angle))
    assert abs(amplification(stages, z)).max() <= 1 + 1e-9


def test_as_many_stages_as_the_step_needs_and_the_step_as_long_as_they_bear() -> None:
    longest = CONTROL.stabilised(0.0, 10.0)
    assert longest == pytest.approx(54 / (4 * MARGIN) / 10)
    assert CONTROL.stages(longest, 0.0, 10.0) == MOST_STAGES
    assert CONTROL.stages(longest / 100, 0.0, 10.0) == 3
    assert CONTROL.stages(0.5, 1.0, 10.0) == 5  # 5.6 borne, and 2 by three
    assert CONTROL.stabilised(20.0, 1.0) == pytest.approx(DRIFT / 20)
    assert StepControl(0.2, 1.0).stabilised(20.0, 1.0) == pytest.approx(0.4 / 20)
    assert StepControl(0.2, 1.0).stabilised(0.0, 10.0) == pytest.approx(longest * 0.4 / DRIFT)
    assert CONTROL.stabilised(0.0, 0.0) == float("inf")


# -- one step --------------------------------------------------------------------------------------


def prepared(session: Make, **changes: Any) -> tuple[Session, State, Velocity, float]:
    """A smooth density, its frozen velocity, and the longest explicit step."""
    made = session(solver__cells=12, solver__a_cells=32, solver__a_range=[-4.0, 4.0], **NOISE)
    flow, state = made.flow, made.initial_state()
    field = flow.field(state)
    velocity = flow.heated(field.velocity, field.h, 0.2)
    state.rho = gibbs(flow, state, 0.7 * field.h + 0.2, 0.5)
    rates = flow.rate(velocity, state.axis), flow.diffusion_rate(0.2, state.axis)
    return made, state, velocity, CONTROL.damped(*rates)


def distance(made: Session, one: Array, other: Array) -> float:
    return float((abs(one - other) * made.flow.cell_volume[..., None]).sum())


@pytest.mark.parametrize("stages", [5, MOST_STAGES])
def test_a_step_is_of_second_order_in_its_length(stages: int, session: Make) -> None:
    """Against a hundred explicit ones: the error of one step falls by eight, within a half."""
    made, start, velocity, longest = prepared(session)
    errors = []
    for dt in (4 * longest, 2 * longest):
        one, many = State(start.rho.copy(), start.axis), State(start.rho.copy(), start.axis)
        assert stabilised(made.flow, one, velocity, dt, stages)
        for _ in range(100):
            assert not made.flow.advance(many, velocity, dt / 100)
        errors.append(distance(made, one.rho, many.rho))
    assert errors[0] < 0.05 * distance(made, start.rho, many.rho)
    assert np.log2(errors[0] / errors[1]) >= 2.3  # limiters switch, so not quite three


def test_a_gibbs_state_is_not_moved(session: Make) -> None:
    made, state, velocity, longest = prepared(session)
    assert velocity.heat is not None
    state.rho = gibbs(made.flow, state, velocity.heat.h, 0.2)
    before = state.rho.copy()
    for _ in range(100):
        assert stabilised(made.flow, state, velocity, 8 * longest, MOST_STAGES)
    assert distance(made, state.rho, before) * state.axis.weight <= 1e-14


def test_a_step_that_would_go_below_zero_changes_nothing_and_is_made_explicitly(
    session: Make,
) -> None:
    """All in one cell: as on any vacuum, long stages overshoot and short ones do not."""
    made, state, velocity, longest = prepared(session)
    state.rho[...] = 0.0
    state.rho[1, 3, 20] = 1 / (made.flow.cell_volume[1, 3] * state.axis.weight)
    before = state.rho.copy()
    assert not stabilised(made.flow, state, velocity, 8 * longest, MOST_STAGES)
    np.testing.assert_array_equal(state.rho, before)
    explicit(made.flow, state, velocity, 8 * longest, CONTROL)
    assert state.rho.min() >= 0.0
    assert (state.rho > 0).sum() > 100
    assert distance(made, state.rho, 0.0) * state.axis.weight == pytest.approx(1, abs=1e-13)


# -- runs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["upwind", "muscl", "weno"])
@pytest.mark.parametrize("d", [2, 3])
def test_longer_steps_end_where_explicit_ones_do(d: int, scheme: str, session: Make) -> None:
    """In fewer steps, with a risk that differs by less than the field's tolerance asks."""
    size: dict[str, Any] = {"solver__cells": 24 if d == 2 else 8, "solver__a_cells": 24}
    ends = {}
    for diffusion in ("explicit", "auto"):
        made = session(
            d,
            solver__scheme=scheme,
            solver__diffusion=diffusion,
            solver__tolerance=1e-4,
            time__save=[],
            **size,
            **NOISE,
        )
        driver = made.driver()
        told = [driver.energy]
        driver.report = lambda _, d=driver, t=told: t.append(d.energy)
        *_, last = driver.frames()
        assert np.diff(told).max() <= 0
        assert driver.state.rho.min() >= 0
        assert last.diagnostics["mass"] == pytest.approx(1, abs=1e-12)
        ends[diffusion] = last
    slow, fast = ends["explicit"], ends["auto"]
    assert fast.step <= 0.6 * slow.step
    for name in ("risk", "free_energy", "a_second_moment"):
        assert fast.diagnostics[name] == pytest.approx(slow.diagnostics[name], abs=1e-5)


def test_many_attempts_in_vain_are_told_once(
    session: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bnflow.pde.stepping.driver.stabilised", lambda *_: False)
    driver = session(solver__cells=24, time__end=1.0, time__save=[], **NOISE).driver()
    with pytest.warns(Notice, match='"explicit" saves the attempts') as told:
        list(driver.frames())
    assert sum("attempts" in str(each.message) for each in told) == 1
    monkeypatch.undo()
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*saves the attempts", category=Notice)
        list(session(solver__cells=24, time__end=1.0, time__save=[], **NOISE).driver().frames())


def test_longer_steps_keep_the_energy_balance_of_a_narrow_law(session: Make) -> None:
    """D falls by ten while the law spreads and the field hardly changes: as far off as explicit."""
    off = {}
    for diffusion in ("explicit", "auto"):
        made = session(
            network__train=["w"],
            initial__w={"kind": "vmf", "mean": [1.0, 0.0], "concentration": 300.0},
            initial__a={"kind": "two-point", "values": [-0.5, 0.5]},
            training__temperature=0.1,
            solver__cells=64,
            solver__diffusion=diffusion,
            time__end=0.2,
            time__save=[],
        )
        *_, last = made.driver().frames()
        off[diffusion] = float(last.diagnostics["dissipation_defect"])
        steps = last.step
    assert off["auto"] <= off["explicit"] + 0.03  # control.EVEN
    assert steps <= 30  # of 160 explicit ones

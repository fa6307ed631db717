"""The loop: exact save times, second order, guards that stop it, and bitwise continuation."""

import warnings
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from scipy.linalg import expm

from bnflow.kernels.errors import Notice, NumericalFailure
from bnflow.pde.density.state import State
from bnflow.pde.frame import Frame
from bnflow.pde.network.target import NeuronTeacher
from bnflow.pde.session import Session
from bnflow.pde.stepping.control import StepControl
from bnflow.pde.stepping.driver import Driver, Report

Make = Callable[..., Session]
ignored = pytest.mark.filterwarnings("ignore::bnflow.kernels.errors.Notice")


def run(made: Session, **options: Any) -> list[Frame]:
    return list(made.driver(**options).frames())


@pytest.mark.parametrize("train", [["w", "a"], ["w"], ["a"]])
def test_frames_come_at_the_save_times_exactly(train: list[str], session: Make) -> None:
    frames = run(session(time__save=[0.1, 0.2, 0.3 - 1e-9, 0.3], network__train=train))
    assert [frame.time for frame in frames] == [0.0, 0.1, 0.2, 0.3 - 1e-9, 0.3, 0.4]
    assert all(a.step < b.step for a, b in pairwise(frames))


def test_the_log_and_the_report_tell_every_step_once(session: Make) -> None:
    told: list[Report] = []
    frames = run(session(), report=told.append)
    log = {name: np.concatenate([f.log[name] for f in frames]) for name in frames[0].log}
    assert len(told) == frames[-1].step == len(log["time"])
    assert [r.step for r in told] == list(range(1, len(told) + 1))
    for name, attribute in (("time", "time"), ("dt", "dt"), ("risk", "risk")):
        assert log[name].tolist() == [getattr(r, attribute) for r in told]
    assert len(frames[0].log["time"]) == 0
    np.testing.assert_allclose(np.cumsum(log["dt"]), log["time"], rtol=1e-13)
    for frame in frames[1:]:
        assert frame.log["time"][-1] == frame.time
        assert frame.log["risk"][-1] == frame.diagnostics["risk"]
        assert len(frame.log["time"]) > 0
    # the energy balance by the trapezoidal rule over the logged steps
    rate = np.concatenate([[frames[0].diagnostics["dissipation"]], log["dissipation"]])
    lost = (0.5 * (rate[1:] + rate[:-1]) * log["dt"]).sum()
    fallen = frames[0].diagnostics["risk"] - frames[-1].diagnostics["risk"]
    defect = abs(fallen - lost) / fallen
    assert frames[-1].diagnostics["dissipation_defect"] == pytest.approx(defect, rel=1e-9)


def test_steps_stay_below_the_cfl_bound_and_the_growth_limit(session: Make) -> None:
    made = session(time__end=2.0, time__save=[2.0])
    driver, rates = made.driver(), []
    advance = driver.flow.advance

    def watched(state: State, velocity: Any, dt: float) -> bool:
        rates.append(dt * driver.flow.rate(velocity, state.axis))
        return advance(state, velocity, dt)

    driver.flow.advance = watched  # type: ignore[method-assign]
    try:
        dt = list(driver.frames())[-1].log["dt"]
    finally:
        del driver.flow.advance
    assert max(rates) <= 0.45
    assert (dt[1:] <= 2 * dt[:-1] * (1 + 1e-12)).all()


class Fixed(StepControl):
    """Steps of one length, whatever the field says."""

    def __init__(self, dt: float) -> None:
        super().__init__(cfl=dt, tolerance=1.0)

    def stable(self, rate: float) -> float:
        return self.cfl

    def accurate(self, dt: float, miss: float) -> float:
        return self.cfl

    def first_change(self) -> float:
        return float("inf")


@ignored
def test_second_order_in_time_where_the_exact_solution_is_a_matrix_exponential(
    session: Make,
) -> None:
    """a alone trained, linear activation: dm/dt = -(K c - b) m0, c = m dV; errors / 4 a halving.

    Balanced slopes make the first moment exact in space, so all of the error is the clock's.
    """
    made = session(
        network__activation="linear", network__train=["a"], target__activation="linear",
        initial__a={"kind": "normal", "mean": 0.3, "std": 0.4}, solver__a_range=[-5, 5],
        solver__a_cells=60,
    )  # fmt: skip
    flow, state = made.flow, made.initial_state()
    teacher = made.problem.teacher
    assert isinstance(teacher, NeuronTeacher)
    v = flow.whitened.reshape(-1, 2)
    m0, m1 = (m.ravel() for m in flow.moments(state)[:2])
    c, volume = m1 * flow.cell_volume.ravel(), flow.cell_volume.ravel()
    pull = v @ (teacher.weights @ teacher.directions)
    # c' = -dV m0 (v v' c - pull); one more row carries the constant
    system = np.zeros((len(c) + 1, len(c) + 1))
    system[:-1, :-1] = -(volume * m0)[:, None] * (v @ v.T)
    system[:-1, -1] = volume * m0 * pull
    exact = (expm(system * 1.0) @ np.append(c, 1.0))[:-1]
    errors = []
    for steps in (8, 16, 32):
        driver = Driver(flow, made.initial_state(), Fixed(1 / steps), [1.0], extend=False)
        *_, last = driver.frames()
        assert last.step == steps
        got = driver.moments[1].ravel() * volume
        errors.append(np.abs(got - exact).sum())
    assert errors[0] / errors[1] == pytest.approx(4, abs=0.5)
    assert errors[1] / errors[2] == pytest.approx(4, abs=0.3)


def test_the_first_step_is_taken_with_the_field_at_its_midpoint(session: Make) -> None:
    made = session()
    driver, used = made.driver(), []
    advance = driver.flow.advance

    def watched(state: State, velocity: Any, dt: float) -> bool:
        used.append((velocity, dt))
        return advance(state, velocity, dt)

    driver.flow.advance = watched  # type: ignore[method-assign]
    try:
        next(frames := driver.frames())
        next(frames)
    finally:
        del driver.flow.advance
    (velocity, dt), (_, second) = used[:2]
    start = made.initial_state()
    middle = made.flow.field(made.flow.euler(start, made.flow.field(start).velocity, dt / 2))
    assert velocity.outer is not None
    np.testing.assert_allclose(velocity.outer, middle.velocity.outer, rtol=1e-13, atol=1e-15)
    assert second <= 2 * dt


# -- guards --------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of sums with infinity
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_start_that_is_not_finite_is_named_with_index_and_time(bad: float, session: Make) -> None:
    made = session()
    state = made.initial_state()
    state.rho[1, 2, 5] = bad
    with pytest.raises(NumericalFailure, match=r"rho is not finite at index \(1, 2, 5\), t = 0"):
        made.driver(state.packed())


def test_a_density_that_breaks_on_the_way_stops_before_anything_is_handed_out(
    session: Make,
) -> None:
    made = session(time__save=[0.05, 0.1, 0.2])
    frames: list[Frame] = []

    def poison(report: Report) -> None:
        if report.time > 0.1:
            driver.state.rho[0, 0, 0] = np.nan

    driver = made.driver(report=poison)
    with pytest.raises(NumericalFailure, match=r"rho is not finite at index \(0, 0, 0\), t = 0.1"):
        frames.extend(driver.frames())  # what came before stays
    assert [frame.time for frame in frames] == [0.0, 0.05, 0.1]
    assert all(np.isfinite(frame.fields["rho"]).all() for frame in frames)


DRIFT: dict[str, Any] = {
    "network__train": ["a"],
    "initial__a": {"kind": "normal", "mean": 0.0, "std": 0.1},
    "solver__a_cells": 40,
    "time__end": 4.0,
    "time__save": [0.0],
}


def test_mass_at_a_fixed_wall_is_noticed_and_then_stops_the_run_with_the_range_to_use(
    session: Make,
) -> None:
    made = session(**DRIFT, solver__a_range=[-0.7, 0.7])
    with (
        pytest.warns(Notice, match=r"near the walls of solver.a_range .* stops at 1e-04"),
        pytest.raises(NumericalFailure) as error,
    ):
        run(made)
    text = str(error.value)
    assert 'set a_range = "auto", or [-1.05, 1.05]' in text  # a quarter more on each side
    assert len(text.splitlines()) == 1


def test_an_automatic_range_grows_and_keeps_every_moment(session: Make) -> None:
    made = session(**DRIFT)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first, last = run(made)
    assert last.a_first < 0
    assert last.fields["rho"].shape[-1] > first.fields["rho"].shape[-1]
    assert last.diagnostics["mass"] == pytest.approx(1, abs=1e-13)
    assert last.diagnostics["wall_mass"] < 1e-6
    unlimited = run(session(**{**DRIFT, "solver__a_range": [-4.2, 4.2], "solver__a_cells": 280}))
    # the same cells (width 0.03) on an axis long enough from the start
    assert last.diagnostics["risk"] == pytest.approx(unlimited[-1].diagnostics["risk"], rel=1e-3)


def test_the_run_ends_at_the_first_step_below_the_asked_risk_and_saves_it(session: Make) -> None:
    whole = run(session(time__end=2.0, time__save=[0.5, 1.0, 1.5]))
    risks = [frame.diagnostics["risk"] for frame in whole]
    between = float(np.mean([risks[1], risks[2]]))
    stopped = run(session(time__end=2.0, time__save=[0.5, 1.0, 1.5], time__stop={"risk": between}))
    assert [frame.time for frame in stopped[:-1]] == [0.0, 0.5]
    assert 0.5 < stopped[-1].time < 1.0
    before, last = stopped[-1].log["risk"][-2:]
    assert last <= between < before


# -- continuation --------------------------------------------------------------------------------


def assert_same(one: Mapping[str, Any], other: Mapping[str, Any]) -> None:
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)  # NaN equals NaN


CASES: list[dict[str, Any]] = [
    {},
    {"d": 3},
    {"network__train": ["w"], "initial__a": {"kind": "two-point"}},
    {"d": 3, "network__train": ["a"], "solver__scheme": "upwind", "time__cfl": 1.0},
    {**DRIFT, "time__save": [0.5, 1.0, 2.0, 3.0]},  # the axis grows on the way
    {"solver__scheme": "weno", "solver__coordinates": "whitened"},
    {"d": 3, "network__metric": "round", "training__rates": {"a": 0.5, "w": 2.0}},
]
NAMES = ["circle", "sphere", "list", "upwind", "growing", "weno", "round"]


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_from_any_frame_the_run_goes_on_bitwise(case: dict[str, Any], session: Make) -> None:
    made = session(**case)
    frames = run(made)
    for position, frame in enumerate(frames):
        restart = State.unpacked(frame.restart).packed()
        assert_same(restart, frame.restart)
        later = run(session(**case), restart=restart)
        expected = frames[position + 1 :] if position else frames
        assert len(later) == len(expected)
        for got, want in zip(later, expected, strict=True):
            assert (got.time, got.step, got.a_first) == (want.time, want.step, want.a_first)
            for part in ("fields", "diagnostics", "log", "restart"):
                assert_same(getattr(got, part), getattr(want, part))


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_mass_sign_and_risk_are_audited_sound(case: dict[str, Any], session: Make) -> None:
    frames = run(session(**case))
    log = np.concatenate([frame.log["risk"] for frame in frames])
    start = float(np.asarray(frames[0].diagnostics["risk"]))
    assert (np.diff([start, *log]) <= 4 * np.finfo(float).eps * start).all()
    for frame in frames:
        assert frame.diagnostics["mass"] == pytest.approx(1, abs=1e-13)
        assert np.asarray(frame.diagnostics["min_density"]) >= 0
        assert frame.fields["rho"].min() == frame.diagnostics["min_density"]


def test_a_frame_is_not_touched_by_later_steps(session: Make) -> None:
    driver = session().driver()
    frames = driver.frames()
    first = next(frames)
    kept = first.fields["rho"].copy(), first.restart["rho"].copy()
    list(frames)
    assert (first.fields["rho"] == kept[0]).all()
    assert (first.restart["rho"] == kept[1]).all()


@pytest.mark.filterwarnings("ignore::bnflow.Notice")
def test_a_run_goes_on_bitwise_from_steps_that_extended_the_axis(session: Make) -> None:
    """The field after an extension is summed over the new cells, in both runs.

    One of a few extensions in ten shows a different order of summation, so many are tried: the next
    frame must be the same, from every frame whose axis has just grown.
    """
    grown = 0
    for value in (0.1, 0.12, 0.15, 0.2):
        made = session(
            initial__a={"kind": "constant", "value": value},
            solver__cells=16,
            solver__a_cells=16,
            time__end=1.0,
            time__save=np.linspace(0.002, 1.0, 150).tolist(),
        )
        frames = run(made)
        for position, (now, then) in enumerate(pairwise(frames[1:])):
            before = frames[position]
            if now.fields["rho"].shape == before.fields["rho"].shape:
                continue
            grown += 1
            again = next(made.driver(now.restart).frames())
            assert (again.fields["rho"] == then.fields["rho"]).all()
    assert grown >= 4


def test_save_times_next_to_each_other_are_no_stall(session: Make) -> None:
    times = [0.0, 1e-14, 2e-14, 0.1, 0.1 + 1e-15, 0.2]
    assert [frame.time for frame in run(session(time__end=0.2, time__save=times))] == times


def test_a_tolerance_that_no_step_meets_stops_the_run_and_is_named(session: Make) -> None:
    made = session(time__end=1e9, solver__tolerance=1e-9)
    with pytest.raises(NumericalFailure, match=r"shrunk .* bound by"):
        run(made)

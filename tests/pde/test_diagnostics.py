"""Audits of densities whose answers are known, or summed cell by cell."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bnflow.pde import diagnostics
from bnflow.pde.config import load_config
from bnflow.pde.density.state import State
from bnflow.pde.session import Session
from bnflow.pde.stationary import stationary_state

Make = Callable[..., Session]
TRAIN = [["w", "a"], ["w"], ["a"]]


def tilted(made: Session) -> State:
    """A density that depends on direction and a, of mass one."""
    state, flow = made.initial_state(), made.flow
    a, u = state.axis.values, flow.sphere.centres
    state.rho *= np.exp(0.7 * u[..., :1] * a + 0.2 * u[..., -1:])
    state.rho /= (state.rho * flow.cell_volume[..., None]).sum() * state.axis.weight
    return state


@pytest.mark.parametrize("d", [2, 3])
@pytest.mark.parametrize("train", TRAIN)
def test_dissipation_is_the_mean_square_speed_of_what_is_trained(
    d: int, train: list[str], session: Make
) -> None:
    made = session(d, network__train=train, network__weight_norm=1.5)
    state, flow = tilted(made), made.flow
    moments = flow.moments(state)
    field = flow.field(state)
    gradient = flow.interaction.respond(moments[1] * flow.cell_volume).gradient
    total = 0.0
    for cell in np.ndindex(*flow.sphere.shape):
        for i, a in enumerate(state.axis.values):
            mass = state.rho[(*cell, i)] * flow.cell_volume[cell] * state.axis.weight
            if "a" in train:
                total += mass * field.h[cell] ** 2
            if "w" in train:
                total += mass * a**2 * (gradient[cell] @ gradient[cell]) / 1.5**2
    assert diagnostics.dissipation(flow, field, moments) == pytest.approx(total, rel=1e-12)


@pytest.mark.parametrize("train", TRAIN)
def test_dissipation_is_the_rate_at_which_the_risk_falls(train: list[str], session: Make) -> None:
    """dR/dt = -D, by a short Euler step; D is a sum over centres, second order in the cell size."""
    made = session(network__train=train, solver__cells=32, solver__a_cells=24)
    state, flow = tilted(made), made.flow
    field, dt = flow.field(state), 1e-5
    after = flow.field(flow.euler(state, field.velocity, dt))
    rate = diagnostics.dissipation(flow, field, flow.moments(state))
    assert (field.risk - after.risk) / dt == pytest.approx(rate, rel=1e-2)


def test_entropy_of_a_uniform_law_is_minus_log_of_its_volume(session: Make) -> None:
    """And empty cells count 0 log 0 = 0."""
    made = session(initial__a={"kind": "uniform", "range": [-1, 1]}, solver__a_range=[-1.5, 1.5])
    state = made.initial_state()
    assert (state.rho == 0).any()
    assert diagnostics.entropy(made.flow, state) == pytest.approx(-np.log(2 * np.pi * 2), rel=1e-12)


def test_wall_mass_is_that_of_the_two_outermost_cells_of_each_side(session: Make) -> None:
    made = session()
    state, flow = tilted(made), made.flow
    law = (flow.cell_volume[..., None] * state.rho).sum(tuple(range(2))) * state.axis.weight
    low, high = diagnostics.wall_mass(flow, state)
    assert low == pytest.approx(law[:2].sum(), rel=1e-13)
    assert high == pytest.approx(law[-2:].sum(), rel=1e-13)


@pytest.mark.parametrize(("width", "unresolved"), [(1.5, True), (2.5, True), (4.0, False)])
@pytest.mark.parametrize("along", ["a", "direction"])
def test_ridges_narrower_than_three_cells_are_counted(
    width: float, unresolved: bool, along: str, session: Make
) -> None:
    """A Gaussian ridge of that many cells at half height, in the middle of a panel or of a."""
    made = session(solver__cells=15, solver__a_cells=15)
    state, flow = made.initial_state(), made.flow
    ridge = np.exp(-4 * np.log(2) * ((np.arange(15) - 7) / width) ** 2)
    other = np.ones(15) if along == "a" else np.linspace(1, 2, 15)
    shape = np.outer(other, ridge) if along == "a" else np.outer(ridge, other)
    state.rho = np.broadcast_to(shape, state.rho.shape).copy()
    mass = (state.rho * flow.cell_volume[..., None]).sum() * state.axis.weight
    share = diagnostics.unresolved_mass(flow, state) / mass
    crest = (1 / ridge.sum()) if unresolved else 0.0
    assert share == pytest.approx(crest, rel=1e-12)


def test_neighbours_in_a_list_are_not_compared(session: Make) -> None:
    law = {"kind": "two-point", "values": [-1.0, 1.0]}
    made = session(initial__a=law, network__train=["w"])
    assert diagnostics.unresolved_mass(made.flow, made.initial_state()) == 0.0


def test_the_defect_is_relative_to_what_the_energy_has_fallen(session: Make) -> None:
    state = session().initial_state()
    state.start_energy, state.dissipated = 2.0, 0.9
    assert diagnostics.defect(state, 1.0) == pytest.approx(0.1)
    # an energy that has not fallen, or has risen, is off by all that should have been dissipated
    assert diagnostics.defect(state, 2.0) == pytest.approx(1.0)
    assert diagnostics.defect(state, 2.9) == pytest.approx(2.0)
    state.dissipated = 0.0
    assert np.isnan(diagnostics.defect(state, 2.0))


@pytest.mark.parametrize("d", [2, 3])
def test_the_audit_sums_over_cells(d: int, session: Make) -> None:
    made = session(d)
    state, flow = tilted(made), made.flow
    moments, field = flow.moments(state), flow.field(state)
    got: dict[str, Any] = diagnostics.audit(flow, state, field, moments)
    mass = state.rho * flow.cell_volume[..., None] * state.axis.weight
    a = state.axis.values
    assert got["mass"] == pytest.approx(1, abs=1e-13)
    assert got["a_mean"] == pytest.approx((mass * a).sum(), abs=1e-13)
    assert got["a_second_moment"] == pytest.approx((mass * a**2).sum(), rel=1e-12)
    assert got["min_density"] == state.rho.min()
    assert got["sup_h"] == np.abs(field.h).max()
    assert got["risk"] == got["free_energy"] == field.risk
    v = flow.whitened.reshape(-1, d)
    second = np.einsum("ka,ki,kj->ij", mass.reshape(len(v), -1), v, v)
    np.testing.assert_allclose(got["w_second_moment"], second, rtol=0, atol=1e-14)
    assert np.trace(got["w_second_moment"]) == pytest.approx(1, abs=1e-13)
    known_law = d == 2
    assert (got["population_risk"] == got["risk"]) == known_law
    assert np.isnan(got["test_risk"]) == known_law
    assert np.isnan(got["population_risk"]) != known_law


def test_a_max_ignores_cells_with_a_trace_of_mass(session: Make) -> None:
    made = session()
    state, flow = made.initial_state(), made.flow
    state.rho[...] = 0
    state.rho[0, 0, 4] = 1.0
    state.rho[0, 0, 11] = 1e-12
    field = flow.field(state)
    got = diagnostics.audit(flow, state, field, flow.moments(state))
    assert got["a_max"] == abs(state.axis.values[4])


def test_no_wall_is_watched_where_a_is_frozen(session: Make) -> None:
    made = session(network__train=["w"])
    state = made.initial_state()
    state.rho[..., 0] = 1.0
    got = diagnostics.audit(made.flow, state, made.flow.field(state), made.flow.moments(state))
    assert got["wall_mass"] == 0.0


@pytest.mark.parametrize("held_out", [0.0, 0.2])
def test_sampled_data_never_claim_the_laws_risk(held_out: float, session: Make) -> None:
    """population_risk is for a law that is known in closed form; rows are a sample of it."""
    changes = {"data.test_fraction": held_out, "data.kind": "sampled", "data.samples": 30}
    made = Session.prepare(load_config(None, {"solver.cells": 4, "solver.a_cells": 8, **changes}))
    state = made.initial_state()
    got = diagnostics.audit(made.flow, state, made.flow.field(state), made.flow.moments(state))
    assert np.isnan(np.asarray(got["population_risk"]))
    assert np.isnan(np.asarray(got["test_risk"])) == (held_out == 0.0)


@pytest.mark.parametrize("train", TRAIN)
@pytest.mark.parametrize("tau", [0.0, 0.05])
def test_with_noise_and_ridge_dissipation_is_the_rate_at_which_the_free_energy_falls(
    tau: float, train: list[str], session: Make
) -> None:
    """dF/dt = -D with F = R + lambda/2 E a^2 + tau int rho log rho, by a short Euler step."""
    keys = {"training__temperature": tau, "training__ridge": 0.4, "network__weight_norm": 1.5}
    made = session(network__train=train, solver__cells=32, solver__a_cells=48, **keys)
    state, flow = tilted(made), made.flow
    moments = flow.moments(state)
    field, dt = flow.field(state, moments), 1e-5
    after = flow.euler(state, flow.heated(field.velocity, field.h, tau), dt)
    mass = state.rho * flow.cell_volume[..., None] * state.axis.weight
    energy = field.risk + 0.2 * (mass * state.axis.values**2).sum()
    energy += tau * (mass * np.log(state.rho)).sum()
    now = diagnostics.free_energy(flow, state, field, moments)
    assert now == pytest.approx(energy, rel=1e-12)
    later = diagnostics.free_energy(flow, after, flow.field(after), flow.moments(after))
    rate = diagnostics.dissipation(flow, field, moments, state)
    assert (now - later) / dt == pytest.approx(rate, rel=2e-2)
    assert diagnostics.audit(flow, state, field, moments)["free_energy"] == now


@pytest.mark.parametrize("train", TRAIN)
@pytest.mark.parametrize("tau", [0.0, 0.05])
def test_stationarity_leaves_the_rates_out_and_the_speed_has_them_squared(
    tau: float, train: list[str], session: Make
) -> None:
    """Against dissipations of other problems: rates of 1 and both layers, or one alone."""
    keys = {"training__temperature": tau, "training__ridge": 0.4, "solver__cells": 8}
    made = session(network__train=train, training__rates={"a": 0.3, "w": 2.0}, **keys)
    state = tilted(made)

    def lost(which: list[str]) -> float:
        plain = session(network__train=which, **keys)
        field, moments = plain.flow.field(state), plain.flow.moments(state)
        return diagnostics.dissipation(plain.flow, field, moments, state)

    moments = made.flow.moments(state)
    driving = diagnostics.slopes(made.flow, made.flow.field(state), moments, state)
    squares = {"a": 0.09, "w": 4.0}
    assert driving.stationarity == pytest.approx(lost(train), rel=1e-12)
    speed = sum(squares[name] * lost([name]) for name in train) ** 0.5
    assert driving.speed == pytest.approx(speed, rel=1e-12)


@pytest.mark.parametrize("train", TRAIN)
def test_stationarity_is_zero_at_a_gibbs_state(train: list[str], session: Make) -> None:
    made = session(network__train=train, training__temperature=0.05, training__ridge=0.5)
    state = stationary_state(made.flow, made.initial_state()).state
    moments = made.flow.moments(state)
    rest = diagnostics.slopes(made.flow, made.flow.field(state), moments, state).stationarity
    start = made.initial_state()
    moments = made.flow.moments(start)
    begin = diagnostics.slopes(made.flow, made.flow.field(start), moments, start).stationarity
    assert rest <= 1e-7 * begin  # densities below a trace have no logarithm in it


@pytest.mark.parametrize("loss", [{"kind": "square"}, {"kind": "huber", "delta": 0.3}])
def test_the_certificate_bounds_the_gain_of_every_competitor_and_is_sharp(
    loss: dict[str, Any], session: Make
) -> None:
    """R is convex; towards a Dirac where |h| is largest it falls at the rate of the certificate."""
    made = session(3, loss=loss)
    state, flow, random = tilted(made), made.flow, np.random.default_rng(0)
    moments = flow.moments(state)
    field, outer = flow.field(state, moments), moments[1] * flow.cell_volume
    bound, size = diagnostics.certificate(flow, state, field, moments)
    assert size == 1.5  # of the teacher
    for width in (1, 3, 50, outer.size):
        other = np.zeros(outer.size)
        chosen = random.choice(outer.size, width, replace=False)
        other[chosen] = random.standard_normal(width)
        other *= size / np.abs(other).sum()
        risk = flow.interaction.respond(other.reshape(outer.shape)).risk
        assert field.risk - risk <= bound
    best = np.zeros(outer.shape)
    worst = np.unravel_index(np.abs(field.h).argmax(), best.shape)
    best[worst] = -size * np.sign(field.h[worst])
    share = 1e-6
    mixed = flow.interaction.respond((1 - share) * outer + share * best).risk
    assert (field.risk - mixed) / share == pytest.approx(bound, rel=1e-4)


def test_without_a_teacher_of_its_kind_the_certificate_is_for_networks_of_its_size(
    session: Make,
) -> None:
    made = session(target__activation="erf")
    state, flow = tilted(made), made.flow
    moments = flow.moments(state)
    size = diagnostics.certificate(flow, state, flow.field(state, moments), moments)[1]
    mass = state.rho * flow.cell_volume[..., None] * state.axis.weight
    assert size == pytest.approx((mass * np.abs(state.axis.values)).sum(), rel=1e-12)


@pytest.mark.parametrize("tau", [0.0, 0.05])
def test_the_flux_through_zero_is_what_the_mass_of_positive_a_changes_by(
    tau: float, session: Make
) -> None:
    """In every direction, one Euler step; second order in the cells of a."""
    off = []
    for cells in (24, 48):
        made = session(
            network__train=["a"], training__temperature=tau, training__rates={"a": 0.5},
            training__ridge=0.2, solver__a_range=[-3, 3], solver__a_cells=cells,
        )  # fmt: skip
        state, flow = tilted(made), made.flow
        field, dt = flow.field(state), 1e-6
        after = flow.euler(state, flow.heated(field.velocity, field.h, tau), dt)
        change = (after.rho - state.rho)[..., cells // 2 :].sum(axis=-1) * state.axis.weight
        exact = (np.abs(change) * flow.cell_volume).sum() / dt
        off.append(abs(diagnostics.sign_flux(flow, state, field) / exact - 1))
    assert off[1] < 0.02
    assert off[1] < 0.4 * off[0] or off[1] < 1e-8


def test_nothing_passes_zero_where_a_is_frozen_or_has_one_sign(session: Make) -> None:
    for changes in (
        {"network__train": ["w"]},
        {"initial__a": {"kind": "normal", "mean": 2.0, "std": 0.2}, "solver__a_range": [0.5, 4]},
    ):
        made = session(**changes)
        state = made.initial_state()
        assert diagnostics.sign_flux(made.flow, state, made.flow.field(state)) == 0.0


def test_the_way_is_not_shorter_than_the_distance_and_equals_it_where_nothing_turns(
    session: Make,
) -> None:
    """a alone trained: every column is shifted as a whole, by the change of its mean."""
    made = session(network__train=["a"], solver__a_cells=40, time__end=0.5, time__save=[0.5])
    driver = made.driver()
    start = made.flow.moments(driver.state)
    *_, last = driver.frames()
    shift = (driver.moments[1] - start[1]) / start[0]
    distance = float((shift**2 * start[0] * made.flow.cell_volume).sum() ** 0.5)
    assert distance <= last.diagnostics["displacement"] <= 1.01 * distance
    assert distance > 0.05

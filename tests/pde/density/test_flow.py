"""A problem on a grid: its start, its velocity, its largest step."""

import warnings
from collections.abc import Callable
from typing import Any
from weakref import ref

import numpy as np
import pytest

from bnflow.kernels import Velocity
from bnflow.kernels.errors import Notice
from bnflow.pde.geometry.axis import CellAxis, ListAxis
from bnflow.pde.session import Session

Make = Callable[..., Session]
LAWS: list[dict[str, Any]] = [
    {"kind": "normal", "mean": 0.2, "std": 0.5},
    {"kind": "uniform", "range": [-0.3, 0.9]},
    {"kind": "constant", "value": 0.4},
    {"kind": "two-point", "values": [1.0, -0.5]},
]
MEAN = [0.2, 0.3, 0.4, 0.25]


@pytest.mark.parametrize("d", [2, 3])
@pytest.mark.parametrize("train", [["w", "a"], ["w"], ["a"]])
@pytest.mark.parametrize(("law", "mean"), list(zip(LAWS, MEAN, strict=True)))
@pytest.mark.filterwarnings("ignore::bnflow.kernels.errors.Notice")
def test_the_start_has_mass_one_the_laws_mean_and_no_preferred_direction(
    d: int, train: list[str], law: dict[str, Any], mean: float, session: Make
) -> None:
    made = session(d, initial__a=law, network__train=train, network__weight_norm=1.5)
    state, flow = made.initial_state(), made.flow
    weight = flow.cell_volume[..., None] * state.axis.weight
    assert flow.cell_volume.sum() == pytest.approx(flow.sphere.total_volume * 1.5 ** (d - 1))
    assert (state.rho * weight).sum() == pytest.approx(1, abs=1e-13)
    assert (state.rho * weight * state.axis.values).sum() == pytest.approx(mean, abs=1e-9)
    assert (state.rho == state.rho.reshape(-1, state.axis.count)[0]).all()
    assert state.rho.min() >= 0
    listed = law["kind"] in ("constant", "two-point") and "a" not in train
    assert isinstance(state.axis, ListAxis if listed else CellAxis)
    if listed:
        assert state.axis.values.tolist() == sorted(law.get("values", [law.get("value")]))


def test_a_list_is_exact_and_gives_no_notice(session: Make) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", Notice)
        state = session(initial__a=LAWS[3], network__train=["w"]).initial_state()
    assert state.axis.values.tolist() == [-0.5, 1.0]


@pytest.mark.parametrize("cells", [4, 5, 64])
def test_an_automatic_range_leaves_half_a_cell_beside_the_outermost_atom(
    cells: int, session: Make
) -> None:
    made = session(initial__a={"kind": "two-point", "values": [-1.0, 1.0]}, solver__a_cells=cells)
    with pytest.warns(Notice, match="same mass and mean"):
        axis = made.initial_state().axis
    assert axis.values[0] <= -1 + 1e-12
    assert axis.values[-1] >= 1 - 1e-12


def test_a_fixed_range_is_taken_as_it_is(session: Make) -> None:
    axis = session(solver__a_range=[-3.0, 2.5]).initial_state().axis
    assert axis.span == (-3.0, 2.5)
    assert axis.count == 12


@pytest.mark.parametrize("d", [2, 3])
def test_the_field_moves_a_by_minus_h_and_directions_down_h(d: int, session: Make) -> None:
    """Face velocities are -1/r^2 grad h . (covector x measure): the midpoint flux of grad h."""
    made = session(d, network__weight_norm=1.5)
    flow, state = made.flow, made.initial_state()
    state.rho *= 1 + flow.sphere.centres[..., :1] * np.sign(state.axis.values)
    moments = flow.moments(state)
    response = flow.interaction.respond(moments[1] * flow.cell_volume)
    field = flow.field(state)
    assert (field.velocity.outer == -response.h).all()
    square = (response.gradient**2).sum(-1) / 1.5**2
    np.testing.assert_allclose(field.slope_square, square, rtol=1e-14)
    assert field.risk == response.risk
    edges = response.edge_gradient
    for axis, faces in enumerate(field.velocity.faces):
        weights = np.moveaxis(flow.sphere.face_weights[axis], 1 + axis, 1)
        lines = np.moveaxis(faces, 1 + axis, 1)
        for side in (0, 1):
            flux = -(edges[:, axis, side] * weights[:, -side]).sum(-1) / 1.5**2
            np.testing.assert_allclose(lines[:, -side], flux, rtol=0, atol=1e-15)


@pytest.mark.parametrize("limits", [[-1.0, 2.5], [-2.5, 1.0]])
@pytest.mark.parametrize("train", [["w", "a"], ["w"], ["a"]])
def test_rate_is_the_largest_share_that_leaves_a_cell(
    limits: list[float], train: list[str], session: Make
) -> None:
    """Against a loop over cells; the a speed counts at the wall, |a| of the axis' end."""
    narrow = {"kind": "normal", "std": 0.1}
    made = session(3, network__train=train, solver__a_range=limits, initial__a=narrow)
    flow, state = made.flow, made.initial_state()
    random = np.random.default_rng(0)
    faces = [random.standard_normal(w.shape[:-1]) for w in flow.face_weights]
    outer = random.standard_normal(flow.sphere.shape)
    velocity = Velocity(faces if "w" in train else [], outer if "a" in train else None)
    largest = 0.0
    for cell in np.ndindex(*flow.sphere.shape):
        for a in limits:
            leaving = 0.0
            for axis, face in enumerate(velocity.faces):
                high = list(cell)
                high[1 + axis] += 1
                leaving += max(-a * face[cell], 0) + max(a * face[tuple(high)], 0)
            rate = leaving / float(flow.volume[cell])
            if velocity.outer is not None:
                rate += float(abs(velocity.outer[cell])) / state.axis.weight
            largest = max(largest, rate)
    assert flow.rate(velocity, state.axis) == pytest.approx(largest, rel=1e-13)


@pytest.mark.parametrize("d", [2, 3])
def test_a_step_at_the_largest_stable_length_keeps_mass_and_sign(d: int, session: Make) -> None:
    made = session(d)
    flow, state = made.flow, made.initial_state()
    velocity = flow.field(state).velocity
    weight = flow.cell_volume[..., None] * state.axis.weight
    for _ in range(5):
        flow.advance(state, velocity, 0.5 * (1 - 1e-8) / flow.rate(velocity, state.axis))
    assert state.rho.min() >= 0
    assert (state.rho * weight).sum() == pytest.approx(1, abs=1e-14)


def test_advance_is_the_average_of_two_euler_steps(session: Make) -> None:
    """SSP-RK2: rho_1 = (rho_0 + E E rho_0) / 2; `euler` leaves the state alone."""
    made = session()
    flow, state = made.flow, made.initial_state()
    velocity, start = flow.field(state).velocity, state.rho.copy()
    twice = flow.euler(flow.euler(state, velocity, 0.01), velocity, 0.01)
    assert (state.rho == start).all()
    assert twice.time == 0.02
    flow.advance(state, velocity, 0.01)
    np.testing.assert_allclose(state.rho, 0.5 * (start + twice.rho), rtol=0, atol=1e-15)


def test_scratch_of_a_shorter_axis_goes_before_that_of_a_longer_one_comes(
    session: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = session(training__temperature=0.1)
    flow, rho = made.flow, made.initial_state().rho
    held = [ref(each) for each in flow.scratch(rho)]
    longer, whole = flow.kernels.regrid(rho, 2, 3), np.empty_like

    def counted(like: np.ndarray) -> np.ndarray:
        assert [each() for each in held] == [None] * 3
        return whole(like)

    monkeypatch.setattr(np, "empty_like", counted)
    assert [each.shape for each in flow.scratch(longer)] == [longer.shape] * 3

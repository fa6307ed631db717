"""The numbers of a step, in their order, beside what they are said to be."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bnflow.pde.particles.attempt import Judged, Means, Stepper
from bnflow.pde.particles.session import NeuronSession
from bnflow.pde.stepping.runge_kutta import estimated_error
from bnflow.pde.stepping.tableaux import TABLEAUX, Tableau

Make = Callable[..., NeuronSession]
EVERYTHING = {"network__train": ["w", "a", "gamma", "beta"], "training__ridge": 0.1}


def tried(made: NeuronSession, tableau: Tableau, dt: float) -> tuple[Any, ...]:
    stepper, state = Stepper(made.flow, tableau), made.initial_state()
    start = (state.x, state.a, state.lost, *(state.affine or ()))
    first = stepper.seen(start, state.mass).slope
    step = (start, first, state.mass, np.array([dt]))
    return stepper.moved(*step), stepper.tried(*step), state


@pytest.mark.parametrize("affine", [False, True])
def test_a_step_is_judged_by_means_and_norms(affine: bool, neurons: Make) -> None:
    made = neurons(d=5, solver__replicas=2, **(EVERYTHING if affine else {}))
    tableau, dt, flow = TABLEAUX["dormand-prince"], 0.05, made.flow
    moved, attempt, state = tried(made, tableau, dt)
    field, judged, mass = attempt.field, Judged.of(attempt.numbers), state.mass
    ridge = 0.5 * flow.problem.ridge * (mass * attempt.point[1] ** 2).sum(axis=1)
    means = Means(True, field.risk.mean(), (field.risk + ridge).mean(), field.dissipation.mean())
    assert vars(judged.means) == pytest.approx(vars(means), rel=1e-13)
    assert judged.drift == float(moved.drift) > 0
    off = estimated_error(tableau, moved.stages, attempt.slope, dt)
    assert judged.off_lost == pytest.approx(np.abs(off[2]).mean(), rel=1e-13)
    assert judged.lost == pytest.approx(np.abs(attempt.point[2]).mean(), rel=1e-13)
    start = (state.x, state.a, state.lost, *(state.affine or ()))
    kinds = [(0,), (1,), *([(3, 4)] if affine else [])]
    assert len(judged.sizes) == len(kinds)
    for found, kind in zip(judged.sizes, kinds, strict=True):
        wanted = [
            np.sqrt(
                sum((mass * (point[k] ** 2).reshape(*point[1].shape, -1).sum(-1)) for k in kind)
                .sum(axis=1)
                .mean()
            )
            for point in (off, attempt.point, start)
        ]
        assert found == pytest.approx(wanted, rel=1e-12)


def test_a_method_without_an_error_has_none(neurons: Make) -> None:
    moved, attempt, _ = tried(neurons(), TABLEAUX["rk4"], 0.05)
    judged = Judged.of(attempt.numbers)
    assert (judged.off_lost, judged.lost, judged.sizes) == (0.0, 0.0, ())
    assert all(np.array_equal(a, b) for a, b in zip(moved.point, attempt.point, strict=True))


def test_a_field_that_is_not_finite_is_told(neurons: Make) -> None:
    made = neurons()
    stepper, state = Stepper(made.flow, TABLEAUX["rk4"]), made.initial_state()
    point = (state.x, state.a.copy(), state.lost)
    assert Means.of(stepper.seen(point, state.mass).numbers).finite
    point[1][0, 3] = np.nan
    with np.errstate(invalid="ignore"):
        assert not Means.of(stepper.seen(point, state.mass).numbers).finite

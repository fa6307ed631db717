"""What a step on the grid looks at, number by number, beside where else it is computed."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bnflow.pde.density.field import extrapolated
from bnflow.pde.diagnostics import sign_flux, slopes, wall_mass
from bnflow.pde.session import Session
from bnflow.pde.stepping.control import norm
from bnflow.pde.stepping.observation import Observer

Make = Callable[..., Session]


def seen(made: Session, predicted: Any = None) -> tuple[Any, Any]:
    flow, state = made.flow, made.initial_state()
    predicted = flow.volume if predicted is None else predicted
    return Observer(flow).seen(state.rho, predicted, state.axis), state


@pytest.mark.parametrize("d", [2, 3])
def test_its_numbers_are_in_order(d: int, session: Make) -> None:
    made = session(d=d, training__ridge=0.2)
    flow = made.flow
    h = seen(made)[0].felt.h
    predicted = h + 0.01 * np.cos(np.arange(h.size)).reshape(h.shape)
    observation, state = seen(made, predicted)
    moments = flow.moments(state)
    field = flow.field(state, moments)
    driving = slopes(flow, field, moments)
    assert np.array_equal(observation.moments, moments)
    assert observation.numbers.tolist() == [
        *(field.risk, 1.0, *wall_mass(flow, state), sign_flux(flow, state, field)),
        *(driving.outer, driving.inner),
        *(norm(flow.kernels, each, flow.volume) for each in (field.h, field.h - predicted)),
        flow.rate(field.velocity, state.axis),
    ]


def test_a_field_that_is_not_finite_is_told(session: Make) -> None:
    made = session()
    flow, state = made.flow, made.initial_state()
    state.rho[0, 0, 3] = np.inf
    with np.errstate(invalid="ignore"):
        told = Observer(flow).seen(state.rho, flow.volume, state.axis)
    assert told.numbers[1] == 0.0


@pytest.mark.parametrize("train", [["w", "a"], ["w"], ["a"]])
def test_the_velocity_ahead_comes_with_its_rate(train: list[str], session: Make) -> None:
    made = session(network__train=train)
    flow, (first, state) = made.flow, seen(made)
    now, axis = first.felt, state.axis
    before = flow.felt(0.5 * first.moments)[1]
    share, weight = np.array([0.3]), axis.weight
    got = Observer(flow).ahead(
        now.velocity, before.velocity, (now.h, before.h), share, axis.span, weight
    )
    wanted = extrapolated(now.velocity, before.velocity, 0.3)
    for one, other in zip(got.velocity.faces, wanted.faces, strict=True):
        assert np.array_equal(one, other)
    assert (got.velocity.outer is None) == (wanted.outer is None)
    assert np.array_equal(got.h, now.h + 0.3 * (now.h - before.h))
    assert float(got.rate) == flow.rate(wanted, axis)
    unasked = Observer(flow).ahead(now.velocity, before.velocity, None, share, axis.span, weight)
    assert unasked.h is None

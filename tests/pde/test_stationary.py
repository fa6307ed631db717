"""Self-consistent Gibbs states: what they conserve, and what has none."""

from collections.abc import Callable

import numpy as np
import pytest

from bnflow.kernels.errors import InputError, NumericalFailure
from bnflow.pde.diagnostics import wall_mass
from bnflow.pde.session import Session
from bnflow.pde.stationary import gibbs, stationary_state

Make = Callable[..., Session]
TRAIN = [["w", "a"], ["w"], ["a"]]
NOISE = {"training__temperature": 0.05, "training__ridge": 0.5}


@pytest.mark.parametrize("d", [2, 3])
@pytest.mark.parametrize("train", TRAIN)
def test_mu_is_constant_over_what_noise_mixes_and_masses_are_kept(
    d: int, train: list[str], session: Make
) -> None:
    made = session(d, network__train=train, **NOISE)
    start, flow = made.initial_state(), made.flow
    found = stationary_state(flow, start)
    state, a = found.state, found.state.axis.values
    h = flow.field(state).h
    mu = h[..., None] * a + 0.25 * a**2 + 0.05 * np.log(state.rho)
    volume = flow.cell_volume[..., None]
    everywhere = tuple(range(mu.ndim))
    over = {"w,a": everywhere, "w": everywhere[:-1], "a": everywhere[-1:]}[",".join(train)]
    assert np.ptp(mu, axis=over).max() <= 1e-10
    for law in (start, state):
        assert (law.rho * volume).sum() * law.axis.weight == pytest.approx(1, abs=1e-13)
    if train == ["w"]:
        kept = [(law.rho * volume).sum(axis=over) for law in (start, state)]
    elif train == ["a"]:
        kept = [law.rho.sum(axis=-1) for law in (start, state)]
    else:
        kept = []
    if kept:
        np.testing.assert_allclose(kept[1], kept[0], rtol=1e-12)


def test_the_axis_of_a_is_extended_until_the_walls_are_empty(session: Make) -> None:
    made = session(training__temperature=0.5, training__ridge=0.2)
    start = made.initial_state()
    found = stationary_state(made.flow, start)
    assert found.state.axis.count > start.axis.count
    assert max(wall_mass(made.flow, found.state)) < 1e-8


def test_a_given_field_has_a_normal_law_of_a(session: Make) -> None:
    """Of mean -h/lambda and variance tau/lambda, on an axis that holds it."""
    made = session(solver__a_cells=60, training__ridge=0.5, training__temperature=0.05)
    state, flow = made.initial_state(), made.flow
    h = 0.2 * flow.sphere.centres[..., 0]
    rho, a = gibbs(flow, state, h, 0.05), state.axis.values
    mean = (rho * a).sum(axis=-1) / rho.sum(axis=-1)
    np.testing.assert_allclose(mean, -h / 0.5, atol=1e-9)
    spread = (rho * (a - mean[..., None]) ** 2).sum(axis=-1) / rho.sum(axis=-1)
    np.testing.assert_allclose(spread, 0.1, rtol=1e-9)


def test_what_has_no_stationary_state_is_refused(session: Make) -> None:
    made = session(training__temperature=0.1)
    with pytest.raises(InputError, match="give a ridge > 0"):
        stationary_state(made.flow, made.initial_state())
    made = session(training__ridge=0.1)
    with pytest.raises(InputError, match="no Gibbs state"):
        stationary_state(made.flow, made.initial_state())
    made = session(**NOISE)
    with pytest.raises(NumericalFailure, match="after 2 iterations"):
        stationary_state(made.flow, made.initial_state(), most=2)


def test_a_mode_that_swings_is_damped(session: Make) -> None:
    """Of slope -1.999 here: undamped it loses a thousandth of itself in an iteration."""
    law = {"kind": "two-point", "values": [-1, 1]}
    made = session(
        network__train=["w"], network__metric="round", network__weight_norm=1.3, initial__a=law,
        data__covariance=[10.0, 1.0], target__angles=[0.3, 1.9], solver__cells=12,
        solver__coordinates="whitened", training__temperature=0.1,
    )  # fmt: skip
    found = stationary_state(made.flow, made.initial_state(), most=60)
    assert found.residual <= 1e-12


def test_an_axis_that_would_not_fit_is_refused(
    session: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = session(**NOISE)
    start = made.initial_state()
    for tau in (1e20, float("inf")):
        with pytest.raises(InputError, match=r"spreads a over .* which do not fit in memory"):
            stationary_state(made.flow, start, tau)
    law = {"kind": "constant", "value": 0.0}
    made = session(initial__a=law, solver__a_range=[-1.0, 1.0], **NOISE)
    start = made.initial_state()
    needed = 6 * 12 * (0.05 / 0.5) ** 0.5 / start.axis.weight * start.rho.nbytes / start.axis.count
    monkeypatch.setattr(type(made.flow.kernels), "memory", lambda _: needed + 1)
    with pytest.raises(InputError, match="which do not fit in memory"):  # while it grows
        stationary_state(made.flow, start)

"""How deep a potential may be, over what noise mixes."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bnflow.kernels.errors import InputError, Notice
from bnflow.pde.density.potential import potential_range
from bnflow.pde.session import Session

Make = Callable[..., Session]


@pytest.mark.parametrize("ridge", [0.7, 0.0])
@pytest.mark.parametrize("train", [["w", "a"], ["w"], ["a"]])
def test_the_range_is_over_what_noise_mixes(train: list[str], ridge: float, session: Make) -> None:
    made = session(network__train=train, training__ridge=ridge)
    state = made.initial_state()
    h, a = np.random.default_rng(0).normal(size=made.flow.sphere.shape), state.axis.values
    psi = h[..., None] * a + 0.5 * ridge * a**2
    over: Any = {"w,a": (0, 1, 2), "w": (0, 1), "a": (2,)}[",".join(train)]
    spans = psi.max(axis=over) - psi.min(axis=over)
    got = potential_range(made.problem, h, state.axis)
    assert got == pytest.approx(float(np.max(spans)), rel=1e-14)


def test_a_temperature_too_low_is_refused_before_the_run_with_the_one_to_give(
    session: Make,
) -> None:
    with pytest.raises(InputError) as error:
        session(training__temperature=1e-4, training__ridge=0.1).driver()
    message = str(error.value)
    assert "training.temperature = 0.0001" in message
    assert "underflow beyond 650" in message
    assert len(message.splitlines()) == 1
    least = float(message.partition("at least ")[2].partition(",")[0])
    session(training__temperature=1.01 * least, training__ridge=0.1).driver()


def test_a_spread_without_end_is_told_at_the_start(session: Make) -> None:
    with pytest.warns(Notice, match="no stationary state"):
        session(training__temperature=0.1).driver()
    with warnings.catch_warnings():
        warnings.simplefilter("error", Notice)
        session(training__temperature=0.1, training__ridge=0.1).driver()
        session(training__temperature=0.1, network__train=["w"]).driver()
        session().driver()

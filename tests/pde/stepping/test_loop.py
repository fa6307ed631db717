"""The loop stops where it is asked to, between two steps, and goes on as if it had not."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from bnflow.kernels.errors import Notice
from bnflow.pde.frame import Frame
from bnflow.pde.session import Session
from bnflow.pde.stepping.control import spread
from bnflow.pde.stepping.loop import Loop


@dataclass
class Clock:
    """A state that is time alone."""

    time: float = 0.0
    step: int = 0
    start_energy: float = 1.0
    dissipated: float = 0.0


class Ticking(Loop):
    """Steps of 0.3, spread before a save time."""

    dissipation = 0.0
    risk = 1.0

    def __init__(self, saves: tuple[float, ...], state: Clock | None = None) -> None:
        super().__init__(saves)
        self.state = state or Clock()

    def _begin(self) -> None:
        pass

    def _step(self, until: float) -> None:
        dt, hit = spread(0.3, until - self.state.time)
        self.state.time = until if hit else self.state.time + dt
        self.state.step += 1
        self._record(dt)

    def _frame(self, whole: bool = True) -> Frame:
        return Frame(self.state.time, self.state.step, {}, 0, {}, self._taken_log())


SAVES = (0.0, 1.0, 2.0)


@pytest.mark.parametrize("after", range(1, 8))
def test_stopped_after_any_step_it_takes_the_same_steps_and_keeps_the_log(after: int) -> None:
    whole = Ticking(SAVES)
    frames = list(whole.frames())
    first = Ticking(SAVES)
    first.stop_when(lambda: first.state.step == after)
    begun = list(first.frames())
    assert [frame.interim for frame in begun[:-1]] == [False] * (len(begun) - 1)
    regular = [frame for frame in begun if not frame.interim]
    assert first.halted == (after < frames[-1].step)
    assert begun[-1].interim == (first.state.time not in SAVES)
    second = Ticking(SAVES, first.state)
    if begun[-1].interim:
        second.recall(begun[-1].log)
    ended = [frame for frame in second.frames() if frame.step > after]
    both = [*regular, *ended]
    assert [frame.time for frame in both] == [frame.time for frame in frames]
    for mine, theirs in zip(both, frames, strict=True):
        assert {n: a.tolist() for n, a in mine.log.items() if n != "dissipation_defect"} == {
            n: a.tolist() for n, a in theirs.log.items() if n != "dissipation_defect"
        }


def test_the_last_saved_time_is_the_end_whatever_is_asked() -> None:
    loop = Ticking((0.0, 0.1))
    loop.stop_when(lambda: True)
    assert [frame.interim for frame in loop.frames()] == [False, False]
    assert not loop.halted


class Leaking(Ticking):
    """Beside a risk that stays, an energy that falls, of which a tenth is not dissipated."""

    @property
    def energy(self) -> float:
        return 1.5 - 0.1 * self.state.time

    def _step(self, until: float) -> None:
        self.state.dissipated = 0.09 * until
        super()._step(until)


@pytest.mark.parametrize("steady", [True, False])
def test_an_energy_that_is_not_dissipated_is_told_once_at_a_saved_time(steady: bool) -> None:
    """Not while the temperature changes: that does work of its own."""
    told: list[tuple[float, str]] = []
    loop = Leaking(SAVES, Clock(start_energy=1.5))
    loop.steady = steady
    with warnings.catch_warnings():
        warnings.simplefilter("always", Notice)
        warnings.showwarning = lambda message, *_: told.append((loop.state.time, str(message)))
        list(loop.frames())
    assert [time for time, _ in told] == [1.0] * steady
    assert all("the energy balance is off by 10% at t = 1;" in text for _, text in told)


def test_a_balance_is_that_of_one_temperature_or_none(session: Callable[..., Session]) -> None:
    cooling = [[0.0, 0.2], [0.3, 0.05]]
    steady = {tau: session(training__temperature=tau).driver().steady for tau in (0.0, 0.2)}
    assert steady == {0.0: True, 0.2: True}
    assert not session(training__temperature=cooling).driver().steady

"""The loop that every method shares: from save time to save time, with a log and a report a step.

A subclass takes one step (`_step`), hands out a frame (`_frame`), and keeps its clock and its
accumulated energy balance in `state`. Save times are hit exactly; 0 and the last one are always
among them.

Asked to stop, it does so after the step that it is in, and hands out an interim frame there. Steps
depend on the state and on the next save time alone, so a run continued from there takes bitwise the
steps of the one that never stopped.
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...kernels.errors import Notice, NumericalFailure
from ..frame import Array, Frame
from ..rounding import ROUNDING

RISEN = 1.05  # of the energy at the start: more than any error of a sound run
UNBALANCED = 0.05  # of the energy that has fallen
STALL = 1e-9  # of the whole time: shorter steps are more than anyone waits for
LOG = ("time", "dt", "risk", "dissipation", "dissipation_defect")


@dataclass(frozen=True)
class Report:
    """One step, told as it happens."""

    time: float
    step: int
    dt: float
    risk: float
    defect: float


class Loop(ABC):
    """Runs a state through its save times.

    saves : the times, ascending; stop_risk : ends the run early, once the risk is below
    report : called after every step
    halted : whether it was asked to stop before its end, and has
    energy_noise : relative: a smaller fall of the energy means nothing
    steady : whether the temperature is one number, so that the energy is one function
    remedy : of a balance that is off, in the words of the configuration
    """

    energy_noise = ROUNDING["float64"].noise
    steady = True
    remedy = "lower solver.tolerance"

    state: Any  # its time, step, start_energy and dissipated are read here
    dissipation: float

    def __init__(
        self,
        saves: Sequence[float],
        stop_risk: float | None = None,
        report: Callable[[Report], None] | None = None,
    ) -> None:
        self.saves, self.stop_risk, self.report = tuple(saves), stop_risk, report
        self.log: dict[str, list[float]] = {name: [] for name in LOG}
        self.halted = self._told = False
        self._asked: Callable[[], bool] = lambda: False

    def stop_when(self, asked: Callable[[], bool]) -> None:
        """Ask after every step whether to stop there."""
        self._asked = asked

    def recall(self, log: Mapping[str, Array]) -> None:
        """Take over the log of an interim frame, for the next frame."""
        self.log = {name: list(log.get(name, ())) for name in LOG}

    def frames(self) -> Iterator[Frame]:
        """The saved times, one after the other; the first is t = 0 where the state is new."""
        if self.state.step == 0:
            self._begin()
            yield self._frame()
        for time in self.saves:
            if self._reached(time):
                continue
            while not self._reached(time) and not self.halted:
                self._step(time)
                self.halted = self._asked()
            whole = self._reached(time)
            self.halted = self.halted and not self._reached(self.saves[-1])
            yield replace(self._frame(whole), interim=not whole)
            if self.halted:
                return

    def walk(self, steps: int) -> None:
        """Take the first so many steps of a new state, or fewer to the end; there are no frames."""
        self._begin()
        for time in self.saves:
            while not self._reached(time) and self.state.step < steps:
                self._step(time)

    def _reached(self, time: float) -> bool:
        """Whether that time is reached, or the risk is low enough to end before."""
        low = self.stop_risk is not None and self.risk <= self.stop_risk
        return low or self.state.time >= time

    def _refuse_stall(self, dt: float, why: str) -> None:
        """A limit that would not let the run end in this life stops it, and is named."""
        if dt < STALL * self.saves[-1]:
            raise NumericalFailure(
                f"the step has shrunk to {dt:.1e} at t = {self.state.time:.4g}, step "
                f"{self.state.step}: it is bound by {why}"
            )

    @property
    @abstractmethod
    def risk(self) -> float:
        """R now."""

    @property
    def energy(self) -> float:
        """F now, which falls along the flow: the risk, where there is nothing else."""
        return self.risk

    @abstractmethod
    def _begin(self) -> None:
        """Remember what the start is compared with."""

    @abstractmethod
    def _step(self, until: float) -> None:
        """Take one step, not beyond `until`, and record it."""

    @abstractmethod
    def _frame(self, whole: bool = True) -> Frame:
        """The frame of the state as it is; takes the log with it.

        whole : at a saved time; at another one nothing is remembered that a run without the stop
            would not know, as the sharpness there
        """

    def _record(self, dt: float) -> None:
        state = self.state
        energy_defect = balance_defect(
            state.start_energy, self.energy, state.dissipated, self.energy_noise
        )
        row = (self.state.time, dt, self.risk, self.dissipation, energy_defect)
        for name, value in zip(LOG, row, strict=True):
            self.log[name].append(value)
        self._watch_balance(energy_defect)
        if self.report is not None:
            self.report(Report(self.state.time, self.state.step, dt, self.risk, energy_defect))

    def _watch_balance(self, energy_defect: float) -> None:
        """The energy of a gradient flow falls, by what is dissipated; steps too long break both.

        Judged after every step where the energy is the risk alone; with a ridge or a temperature at
        the saved times, as the first steps from a narrow law are rough; not while a temperature
        changes, which does work of its own.
        """
        bare = self.energy == self.risk
        if bare and self.risk > RISEN * self.state.start_energy + self.energy_noise:
            raise NumericalFailure(
                f"the risk has risen from {self.state.start_energy:.4g} to {self.risk:.4g} at t = "
                f"{self.state.time:.4g}: the steps are too long; {self.remedy}"
            )
        due = bare or (self.steady and self.state.time in self.saves)
        if due and energy_defect > UNBALANCED and not self._told:
            self._told = True
            warnings.warn(
                f"the energy balance is off by {energy_defect:.0%} at t = {self.state.time:.4g}; "
                f"{self.remedy}",
                Notice,
                stacklevel=2,
            )

    def _taken_log(self) -> dict[str, Array]:
        """The log since the last frame, which starts a new one."""
        log = {name: np.array(values) for name, values in self.log.items()}
        self.log = {name: [] for name in LOG}
        return log


def balance_defect(
    start: float, now: float, dissipated: float, noise: float = ROUNDING["float64"].noise
) -> float:
    """|F(0) - F - int D| / (F(0) - F); NaN before the energy has really fallen.

    Where the energy has not fallen although it should have, relative to int D.
    """
    fallen, least = start - now, noise * abs(start)
    scale = fallen if fallen > least else dissipated
    return abs(fallen - dissipated) / scale if scale > least else float("nan")

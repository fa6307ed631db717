"""What a run costs, measured: a few steps are taken, timed and thrown away.

The time of the whole is an estimate: later steps may be longer or shorter than the first ones.
"""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from time import perf_counter

from .particles.session import NeuronPlan
from .session import AnySession, Plan, plan_of
from .stepping.loop import Report

TRIAL_STEPS = 6
TRIAL_SECONDS = 3.0  # after that, two steps are enough


@dataclass(frozen=True)
class Cost:
    """A plan and what it takes.

    step_seconds : of one step; steps : to the end, at the length of the last one that was tried
    """

    plan: Plan | NeuronPlan
    step_seconds: float
    steps: int

    @property
    def seconds(self) -> float:
        """Of the whole run."""
        return self.steps * self.step_seconds

    def lines(self) -> list[str]:
        """Plan and cost for people."""
        return [
            *self.plan.lines(),
            f"step       {self.step_seconds:.3g} s, measured",
            f"time       about {duration(self.seconds)}, {self.steps:,} steps as long as the first",
        ]


class _Enough(Exception):
    """Ends the trial."""


def cost(session: AnySession) -> Cost:
    """Plan the run of a session, and time a few of its steps; nothing is kept."""
    end, start = session.config.time.end, perf_counter()
    clock, reports = [start], list[Report]()

    def tick(report: Report) -> None:
        clock.append(perf_counter())
        reports.append(report)
        late = len(reports) >= 2 and clock[-1] - start > TRIAL_SECONDS
        if late or len(reports) >= TRIAL_STEPS:
            raise _Enough

    with suppress(_Enough):
        for _frame in session.driver(report=tick).frames():
            pass
    durations = [after - before for before, after in pairwise(clock)]
    steady = sorted(durations[1:] or durations)  # the first one also prepares
    last = reports[-1]
    ahead = math.ceil((end - last.time) / last.dt - 1e-9)
    return Cost(plan_of(session), steady[len(steady) // 2], last.step + ahead)


def duration(seconds: float) -> str:
    """Word a duration.

    >>> duration(4.2), duration(90), duration(10_000), duration(1e6)
    ('4.2 s', '1.5 min', '2.8 h', '11.6 days')
    """
    for unit, size in (("days", 86_400.0), ("h", 3_600.0), ("min", 60.0)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.2g} s"

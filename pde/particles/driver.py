"""The steps of neurons in the loop: a Runge-Kutta pair with error control, or RK4 of fixed length.

    y = (x, a, int D ds[, gamma, beta]),   y' = F(y),   then x back onto its manifold

The error of a step is the 2-norm over all neurons, weighted by mass, relative to that of the
weights: inner ones, outer ones, and (gamma, beta), each against their own; or that of the energy it
dissipates, which is one more component of y, so its defect is of the integrator's order. A
non-finite field shortens the step, and stops the run before anything is handed out where no step is
short enough.

With noise a step is half a walk, a step of the flow, half a walk (`noise`). Its length is known
before it is drawn, so that the numbers do not choose it: that of the fixed step, or

    dt = sqrt(tolerance) / (fastest relative change of the weights, of the walk, of the ridge)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ...kernels.errors import NumericalFailure
from ..frame import Frame
from ..stepping.control import spread
from ..stepping.loop import Loop, Report
from ..stepping.runge_kutta import ErrorControl, Point, equal_steps
from ..stepping.tableaux import Tableau
from .attempt import Attempt, Judged, Means, Seen, Stepper, affine_of, joined, norm
from .audits import audit
from .flow import NeuronField, NeuronFlow
from .noise import Noise
from .sharpness import sharpness
from .state import NeuronState, Origin

Array = NDArray[np.float64]

FIRST_STEP = 0.01  # size of the weights over their velocity: the first step tried
FIRST_LOSS = 0.1  # of the energy at the start: what is dissipated counts as at least that
SHORTEST = 1e-13  # of the time reached: a shorter step says that there is no solution


class NeuronDriver(Loop):
    """Runs neurons through their save times.

    tableau : the method; a pair chooses its steps by `tolerance`, another takes steps of length
        `step`; seed : of the noise
    """

    state: NeuronState
    remedy = "lower solver.tolerance, or solver.step where steps are of one length"

    def __init__(
        self,
        flow: NeuronFlow,
        state: NeuronState,
        tableau: Tableau,
        saves: Sequence[float],
        *,
        tolerance: float = 1e-3,
        step: float | None = None,
        seed: int = 0,
        stop_risk: float | None = None,
        report: Callable[[Report], None] | None = None,
    ) -> None:
        super().__init__(saves, stop_risk, report)
        self.flow, self.state, self.tableau, self.step = flow, state, tableau, step
        self.control = ErrorControl(tableau.order, tolerance)
        self.temperature = flow.problem.temperature
        self.noise = Noise(flow.problem, flow.chart, seed)
        stepper, recorded = Stepper(flow, tableau), flow.kernels.recorded
        self._moved, self._tried, self._seen = stepper.moved, stepper.tried, stepper.seen
        if flow.replayable(state.a.shape[1]):
            self._moved, self._tried = recorded(stepper.moved), recorded(stepper.tried)
            self._seen = recorded(stepper.seen)
        self._look()

    @property
    def risk(self) -> float:
        """R now, mean over the replicas."""
        return self._means.risk

    @property
    def energy(self) -> float:
        """F now; NaN at a temperature."""
        return self._energy

    def _begin(self) -> None:
        self.state.start_energy = self.energy if self.temperature.zero else float("nan")
        self.state.origin = Origin.of(self.state)
        if self.step is None:
            self.state.dt = self._first_length()

    def _look(self) -> None:
        """Compute the field of the state as it is."""
        made = self._seen(self._point, self.state.mass)
        self._observe(made, Means.of(self.flow.kernels.host(made.numbers)))

    def _observe(self, seen: Seen, means: Means) -> None:
        if not means.finite:
            raise NumericalFailure(_first_bad(self.state, seen.field))
        self.field, self._slope, self._means = seen.field, seen.slope, means
        if self.flow.problem.rates.solved:
            self.state.a = seen.field.a
        self._balance()

    def _balance(self) -> None:
        """F and D at this time; NaN at a temperature."""
        noisy, means = self.temperature.at(self.state.time) > 0, self._means
        self._energy = float("nan") if noisy else means.energy
        self.dissipation = float("nan") if noisy else means.dissipation

    def _step(self, until: float) -> None:
        remaining = until - self.state.time
        if tau := self.temperature.highest(self.state.time, until):
            dt, hit = self._noisy_step(remaining, tau)
        elif self.step:
            dt, hit = self._fixed_step(remaining)
        else:
            dt, hit = self._controlled_step(remaining)
        self.state.time = until if hit else self.state.time + dt
        self.state.step += 1
        self._balance()
        self._record(dt)

    def _noisy_step(self, remaining: float, tau: float) -> tuple[float, bool]:
        """Half a walk, a step of the flow, half a walk; tau : the highest that may be met."""
        state = self.state
        if self.step:
            dt, hit = equal_steps(self.step, remaining)
        else:
            dt, hit = spread(self._noisy_length(tau), remaining)
            self._refuse_stall(dt, "solver.tolerance, at that temperature")
            state.dt = dt
        heat = self.temperature.mean(state.time, state.time + dt) * dt
        self._walk(heat / 2, 0)
        moved = self._moved(*self._start(dt))
        state.x, state.a, state.lost, *affine = moved.point
        state.affine, state.drift = affine_of(affine), state.drift + float(moved.drift)
        self._walk(heat / 2, 1)
        return dt, hit

    def _walk(self, heat: float, walk: int) -> None:
        state = self.state
        point = (state.x, state.a, *(state.affine or ()))
        state.x, state.a, *affine = self.noise.walked(point, heat, state.step, walk)
        state.affine = affine_of(affine)
        self._look()

    def _noisy_length(self, tau: float) -> float:
        state, problem = self.state, self.flow.problem
        ridge = problem.rates.outer * problem.ridge if problem.trains_outer else 0.0
        walk = self.noise.rate(tau, state.x, state.mass)
        fastest = max(self._relative_speed(), walk, ridge)
        return self.control.tolerance**0.5 / fastest if fastest else float("inf")

    def _fixed_step(self, remaining: float) -> tuple[float, bool]:
        assert self.step is not None
        dt, hit = equal_steps(self.step, remaining)
        self._accept(*self._attempt(dt))
        return dt, hit

    def _controlled_step(self, remaining: float) -> tuple[float, bool]:
        """Step until one is accurate enough; its length, and whether it ends the interval."""
        state, wanted = self.state, self.state.dt
        while True:
            dt, hit = spread(wanted, remaining)
            made, judged = self._attempt(dt)
            error = self._error(judged)
            longer = dt * self.control.factor(error, state.error)
            if error <= 1.0 and judged.means.finite:
                break
            wanted = min(longer, dt)
            if dt < SHORTEST * max(state.time, 1.0):
                raise NumericalFailure(_first_bad(state, made.field))
        state.dt, state.error = max(longer, wanted) if dt < wanted else longer, error
        if state.dt < 2 * dt:  # not on its way up from a first step, or from a close save time
            self._refuse_stall(state.dt, "solver.tolerance: some neurons move that fast")
        self._accept(made, judged)
        return dt, hit

    def _start(self, dt: float) -> tuple[Point, Point, Array, Array]:
        """What a step of that length is a function of."""
        mass = self.state.mass
        return self._point, self._slope, mass, np.full_like(mass[:1], dt)

    @property
    def _point(self) -> Point:
        state = self.state
        return state.x, state.a, state.lost, *(state.affine or ())

    def _attempt(self, dt: float) -> tuple[Attempt, Judged]:
        """A step, and what it is worth."""
        made = self._tried(*self._start(dt))
        return made, Judged.of(self.flow.kernels.host(made.numbers))

    def _error(self, judged: Judged) -> float:
        """Of a step, in units of the tolerance; 0 where the method does not tell."""
        return max(self._relative(judged.sizes), self._unbalanced(judged.off_lost, judged.lost))

    def _relative(self, sizes: Sequence[tuple[float, float, float]]) -> float:
        """Of the weights, each kind against its own size."""
        total = 0.0
        for off, new, old in sizes:
            size = max(new, old)
            total += (off / size) ** 2 if size else 0.0
        return float(total**0.5 / self.control.tolerance)

    def _unbalanced(self, off: float, lost: float) -> float:
        """Of the dissipated energy: fast neurons show here."""
        scale = max(lost, FIRST_LOSS * abs(self.state.start_energy))
        return off / (scale * self.control.tolerance) if scale else 0.0

    def _accept(self, made: Attempt, judged: Judged) -> None:
        self.state.x, self.state.a, self.state.lost, *affine = made.point
        self.state.affine = affine_of(affine)
        self.state.drift += judged.drift
        self._observe(made, judged.means)

    def _first_length(self) -> float:
        fast = self._relative_speed()
        return FIRST_STEP / fast if fast > 0 else float("inf")

    def _relative_speed(self) -> float:
        """Velocity of the weights over their size, of the kind that is fastest so."""
        state, mass = self.state, self.state.mass
        x, a, _, *affine = self._slope
        speeds = [
            float(norm(x, mass)) / float(norm(state.x, mass)),
            float(norm(a, mass)) / max(float(norm(state.a, mass)), FIRST_STEP),
        ]
        if state.affine is not None:
            size = max(float(norm(joined(state.affine), mass)), FIRST_STEP)
            speeds.append(float(norm(joined(affine), mass)) / size)
        return max(speeds)

    def _frame(self, whole: bool = True) -> Frame:
        state, host = self.state, self.flow.kernels.host
        fields = {"direction": np.array(host(self.flow.chart.raw(state.x)))}
        weights = {"a": state.a, **(state.affine._asdict() if state.affine else {})}
        fields |= {name: np.array(host(part)) for name, part in weights.items()}
        if whole:
            state.critical.advance(state.time, sharpness(self.flow, state))
        diagnostics = audit(self.flow, state, self.field, self._energy, self.dissipation)
        log = self._taken_log()
        return Frame(state.time, state.step, fields, 0, diagnostics, log, state.packed(host))


def _first_bad(state: NeuronState, field: NeuronField) -> str:
    """Which array is not finite, where, and when."""
    when = f"t = {state.time:.6g}, step {state.step}"
    suspects = {"a": state.a, "x": state.x, **(state.affine._asdict() if state.affine else {})}
    suspects |= {"h": field.h, "motion": field.motion}
    if field.slope is not None:
        suspects |= {f"dh/d{name}": part for name, part in field.slope._asdict().items()}
    for name, values in suspects.items():
        bad = np.argwhere(~np.isfinite(values))
        if len(bad):
            return f"{name} is not finite at index {tuple(int(i) for i in bad[0])}, {when}"
    if not np.isfinite(field.risk).all():
        return f"the risk is not finite at {when}"
    return f"no step is short enough for solver.tolerance at {when}; raise it"

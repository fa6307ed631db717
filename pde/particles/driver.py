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
from ..network.affine import Affine
from ..stepping.control import spread
from ..stepping.loop import Loop, Report
from ..stepping.runge_kutta import ErrorControl, Point, advanced, equal_steps, estimated_error
from ..stepping.tableaux import Tableau
from .audits import audit, balance
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
        self._observe(flow.field(state.x, state.a, state.mass, state.affine))

    @property
    def risk(self) -> float:
        """R now, mean over the replicas."""
        return float(self.field.risk.mean())

    @property
    def energy(self) -> float:
        """F now; NaN at a temperature."""
        return self._energy

    def _begin(self) -> None:
        self.state.start_energy = self.energy if self.temperature.zero else float("nan")
        self.state.origin = Origin.of(self.state)
        if self.step is None:
            self.state.dt = self._first_length()

    def _observe(self, field: NeuronField) -> None:
        if not field.finite:
            raise NumericalFailure(_first_bad(self.state, field))
        self.field = field
        if self.flow.problem.rates.solved:
            self.state.a = field.a
        self._energy, self.dissipation = balance(self.flow, self.state, field)

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
        self._energy, self.dissipation = balance(self.flow, self.state, self.field)
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
        point, _, drift = self._moved(dt)
        state.x, state.a, state.lost, *affine = point
        state.affine, state.drift = _affine(affine), state.drift + drift
        self._walk(heat / 2, 1)
        return dt, hit

    def _walk(self, heat: float, walk: int) -> None:
        state = self.state
        point = (state.x, state.a, *(state.affine or ()))
        state.x, state.a, *affine = self.noise.walked(point, heat, state.step, walk)
        state.affine = _affine(affine)
        self._observe(self.flow.field(state.x, state.a, state.mass, state.affine))

    def _noisy_length(self, tau: float) -> float:
        state, problem = self.state, self.flow.problem
        ridge = problem.rates.outer * problem.ridge if problem.trains_outer else 0.0
        walk = self.noise.rate(tau, state.x, state.mass)
        fastest = max(self._relative_speed(), walk, ridge)
        return self.control.tolerance**0.5 / fastest if fastest else float("inf")

    def _fixed_step(self, remaining: float) -> tuple[float, bool]:
        assert self.step is not None
        dt, hit = equal_steps(self.step, remaining)
        point, field, drift, _ = self._tried(dt)
        self._accept(point, field, drift)
        return dt, hit

    def _controlled_step(self, remaining: float) -> tuple[float, bool]:
        """Step until one is accurate enough; its length, and whether it ends the interval."""
        state, wanted = self.state, self.state.dt
        while True:
            dt, hit = spread(wanted, remaining)
            point, field, drift, error = self._tried(dt)
            longer = dt * self.control.factor(error, state.error)
            if error <= 1.0 and field.finite:
                break
            wanted = min(longer, dt)
            if dt < SHORTEST * max(state.time, 1.0):
                raise NumericalFailure(_first_bad(state, field))
        state.dt, state.error = max(longer, wanted) if dt < wanted else longer, error
        if state.dt < 2 * dt:  # not on its way up from a first step, or from a close save time
            self._refuse_stall(state.dt, "solver.tolerance: some neurons move that fast")
        self._accept(point, field, drift)
        return dt, hit

    def _moved(self, dt: float) -> tuple[Point, list[Point], float]:
        """The point after a step, its stages, and what the manifold took."""
        flow, state, mass = self.flow, self.state, self.state.mass

        def slope(point: Point) -> Point:
            x, a, _, *affine = point
            return flow.velocity(flow.field(x, a, mass, _affine(affine)), a)

        start = (state.x, state.a, state.lost, *(state.affine or ()))
        first = flow.velocity(self.field, state.a)
        combine = flow.kernels.combine
        (x, *rest), *stages = advanced(self.tableau, slope, start, first, dt, combine)
        x, drift = flow.retracted(x)
        return (x, *rest), stages, drift

    def _tried(self, dt: float) -> tuple[Point, NeuronField, float, float]:
        """The point after a step, the field there, what the manifold took, and the error."""
        flow, state = self.flow, self.state
        (x, a, lost, *affine), stages, drift = self._moved(dt)
        field = flow.field(x, a, state.mass, _affine(affine))
        error = 0.0
        if self.tableau.defect:
            last = flow.velocity(field, a)
            off_x, off_a, off_lost, *off = estimated_error(
                self.tableau, stages, last, dt, flow.kernels.combine
            )
            parts = [(off_x, x, state.x), (off_a, a, state.a)]
            if state.affine is not None:
                parts.append((_joined(off), _joined(affine), _joined(state.affine)))
            error = max(self._relative(*parts), self._unbalanced(off_lost, lost))
        return (x, a, lost, *affine), field, drift, error

    def _relative(self, *parts: tuple[Array, Array, Array]) -> float:
        """Error in units of the tolerance; each part is (error, new value, old value)."""
        total = 0.0
        for off, new, old in parts:
            size = max(_norm(new, self.state.mass), _norm(old, self.state.mass))
            total += (_norm(off, self.state.mass) / size) ** 2 if size else 0.0
        return float(total**0.5 / self.control.tolerance)

    def _unbalanced(self, off: Array, lost: Array) -> float:
        """Error of the dissipated energy, in units of the tolerance: fast neurons show here."""
        scale = max(float(np.abs(lost).mean()), FIRST_LOSS * abs(self.state.start_energy))
        return float(np.abs(off).mean()) / (scale * self.control.tolerance) if scale else 0.0

    def _accept(self, point: Point, field: NeuronField, drift: float) -> None:
        self.state.x, self.state.a, self.state.lost, *affine = point
        self.state.affine = _affine(affine)
        self.state.drift += drift
        self._observe(field)

    def _first_length(self) -> float:
        fast = self._relative_speed()
        return FIRST_STEP / fast if fast > 0 else float("inf")

    def _relative_speed(self) -> float:
        """Velocity of the weights over their size, of the kind that is fastest so."""
        state, mass = self.state, self.state.mass
        x, a, _, *affine = self.flow.velocity(self.field, state.a)
        speeds = [
            _norm(x, mass) / _norm(state.x, mass),
            _norm(a, mass) / max(_norm(state.a, mass), FIRST_STEP),
        ]
        if state.affine is not None:
            size = max(_norm(_joined(state.affine), mass), FIRST_STEP)
            speeds.append(_norm(_joined(affine), mass) / size)
        return max(speeds)

    def _frame(self, whole: bool = True) -> Frame:
        state, host = self.state, self.flow.kernels.host
        fields = {"direction": np.array(host(self.flow.chart.raw(state.x)))}
        weights = {"a": state.a, **(state.affine._asdict() if state.affine else {})}
        fields |= {name: np.array(host(part)) for name, part in weights.items()}
        if whole:
            state.critical.advance(state.time, sharpness(self.flow, state))
        diagnostics = audit(self.flow, state, self.field)
        log = self._taken_log()
        return Frame(state.time, state.step, fields, 0, diagnostics, log, state.packed(host))


def _affine(parts: Sequence[Array]) -> Affine | None:
    return Affine(*parts) if parts else None


def _joined(parts: Sequence[Array]) -> Array:
    """(replicas, neurons, 2): gamma and beta, or what belongs to them, side by side."""
    return np.stack(list(parts), axis=-1)


def _norm(values: Array, mass: Array) -> float:
    """Root mean square over neurons and replicas of (replicas, neurons[, d])."""
    flat = values.reshape(*values.shape[:2], -1)
    return float(np.sqrt((np.einsum("knd,knd->kn", flat, flat) @ mass).mean()))


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

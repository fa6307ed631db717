"""The grid's steps in the loop: field -> step -> field.

One interaction a step. The velocity of a step is the field at its midpoint, extrapolated from the
last two (Adams-Bashforth), frozen over the Runge-Kutta stages; the first step computes its midpoint
instead.

    V_(n+1/2) = V_n + dt/(2 dt_before) (V_n - V_(n-1))

With noise, h is extrapolated so and tau is its mean over the step; the logarithm is each stage's
own. Steps beyond what diffusion allows to explicit stages are `stabilised`, but for the first one;
explicit steps at which a later stage would empty a cell are halved.

The energy balance is integrated by the trapezoidal rule, of the step's own order. A non-finite
field stops the run before anything is handed out, so what was saved before stays good.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ...kernels import Velocity
from ...kernels.errors import Notice, NumericalFailure
from ..density.field import Field
from ..density.flow import Flow, fields_held
from ..density.potential import potential_range
from ..density.state import Memory, State
from ..diagnostics import (
    Slopes,
    audit,
    columns,
    entropy,
    free_energy,
    sign_flux,
    slopes,
)
from ..frame import Frame
from ..geometry.axis import CellAxis
from ..sharpness import sharpness
from .control import StepControl, miss, relative, spread
from .loop import Loop, Report
from .observation import Observer
from .stabilised import explicit, stabilised

__all__ = ["Driver", "Report"]

Array = NDArray[np.float64]

WALL_NOTICE = 1e-6
WALL_STOP = 1e-4
WALL_EXTEND = 1e-7
EXTENSION = 0.25  # of the cells, added at a wall that mass comes near
FIRST_TRIES = 12
MANY_REFUSED = 50


class Driver(Loop):
    """Runs a flow through its save times.

    extend : whether the a axis may be extended ("auto"); else mass at a wall stops the run
    stop_risk : ends the run early, once the risk is below; report : called after every step
    stabilise : whether steps with noise may be longer than diffusion allows to explicit stages
    """

    state: State
    remedy = "lower solver.tolerance, or give more cells"

    def __init__(
        self,
        flow: Flow,
        state: State,
        control: StepControl,
        saves: Sequence[float],
        *,
        extend: bool = True,
        stop_risk: float | None = None,
        report: Callable[[Report], None] | None = None,
        stabilise: bool = True,
    ) -> None:
        super().__init__(saves, stop_risk, report)
        self.flow, self.state, self.control = flow, state, control
        self.energy_noise = flow.rounding.noise
        self.extend, self.stabilise = extend, stabilise
        self._tries = self._refused = 0  # of stabilised steps
        self.temperature = flow.problem.temperature
        self.steady = len(self.temperature.values) == 1
        self._entropy = 0.0  # kept where the temperature changes
        self._wall_told = self._depth_told = self._refused_told = False
        observer, recorded = Observer(flow), flow.kernels.recorded
        self._seen, self._extrapolated = observer.seen, recorded(observer.ahead)
        if flow.interaction.replayable:
            self._seen = recorded(observer.seen, 1)
        self._drift = 0.0  # rate of the velocity ahead
        self._observe()

    @property
    def risk(self) -> float:
        """R now."""
        return self.field.risk

    @property
    def energy(self) -> float:
        """F now, at the temperature of this time."""
        return self._energy

    def _begin(self) -> None:
        self.state.start_energy = self.energy
        self.state.peak_field = self._size

    def _observe(self) -> None:
        flow, memory = self.flow, self.state.memory
        predicted = flow.volume
        if memory is not None and memory.h_predicted is not None:
            predicted = memory.h_predicted
        made = self._seen(self.state.rho, predicted, self.state.axis)
        risk, finite, *told = map(float, flow.kernels.host(made.numbers))
        low, high, flux, outer, inner, self._size, self._off, self._rate = told
        self._walls, self.sign_flux = (low, high), flux
        self.moments, self.field = made.moments, made.felt.at_risk(risk)
        if not finite:
            raise NumericalFailure(_first_bad(flow, self.state, self.field))
        driving = Slopes(outer, inner, flow.problem.rates)
        if self.temperature.at(self.state.time) > 0:
            driving = slopes(flow, self.field, self.moments, self.state)
            self.sign_flux = sign_flux(flow, self.state, self.field)
        self.dissipation, self.speed = driving.dissipation, driving.speed
        read = columns(self.flow, self.state) if len(self.temperature.values) > 1 else None
        self._energy = free_energy(self.flow, self.state, self.field, self.moments, read)
        if read is not None:
            self._entropy = entropy(self.flow, self.state, read)

    def _step(self, until: float) -> None:
        state, flow = self.state, self.flow
        dt, hit, velocity = self._proposal(until - state.time)
        before, dissipated = self.field, self.dissipation
        speed, flux = self.speed, self.sign_flux
        start, disorder = state.time, self._entropy
        while not self._advanced(velocity, dt):
            dt, hit, velocity = self._proposal(until - state.time, dt / 2)
        state.time = until if hit else state.time + dt
        state.step += 1
        predicted = None
        if state.memory is not None:
            ratio = dt / state.memory.dt
            predicted = before.h + ratio * (before.h - state.memory.h_before)
        state.memory = Memory(before.velocity, before.h, predicted, dt)
        self._watch_depth()
        self._observe()
        if self._watch_walls():  # a continued run sums over the same cells
            self._observe()
        state.dissipated += 0.5 * dt * (dissipated + self.dissipation)
        if state.dissipated > 0:
            state.memory.uneven = dt * abs(self.dissipation - dissipated) / state.dissipated
        if state.tracers is not None:
            state.tracers = state.tracers.moved(flow, before, self.field, dt)
        state.length += 0.5 * dt * (speed + self.speed)
        state.sign_changed += 0.5 * dt * (flux + self.sign_flux)
        warmed = self.temperature.at(state.time) - self.temperature.at(start)
        state.start_energy += 0.5 * warmed * (disorder + self._entropy)
        state.peak_field = max(state.peak_field, self._size)
        self._record(dt)

    def _advanced(self, velocity: Velocity, dt: float) -> bool:
        """Whether the step was taken; one that was not has changed nothing."""
        if not self._stabilises or velocity.heat is None:
            return not self.flow.advance(self.state, velocity, dt)
        noise = self.flow.diffusion_rate(velocity.heat.temperature, self.state.axis)
        count = self.control.stages(dt, self._drift, noise)
        self._tries += 1
        if not stabilised(self.flow, self.state, velocity, dt, count):
            explicit(self.flow, self.state, velocity, dt, self.control)
            self._refused += 1
            self._tell_refused()
        return True

    @property
    def _stabilises(self) -> bool:
        """The first step is explicit: how the field changes is not known yet."""
        return self.stabilise and self.state.memory is not None

    def _proposal(
        self, remaining: float, most: float = float("inf")
    ) -> tuple[float, bool, Velocity]:
        """Length of the next step, at most that, whether it ends the interval, and its velocity."""
        if self.state.memory is None:
            return self._first_proposal(remaining, most)
        memory = self.state.memory
        stable = min(self._stable_step(), most)
        accurate = self._accurate_step(memory)
        if accurate < memory.dt:
            self._refuse_stall(accurate, "solver.tolerance, which a longer step does not meet")
        dt = min(stable, accurate)
        if self.stabilise and self.temperature.at(self.state.time) > 0:
            dt = min(dt, self.control.even(memory.dt, memory.uneven))
        while True:
            dt, hit = spread(dt, remaining)
            velocity = self._ahead(memory, dt)
            limit = self._limit(velocity, self._drift)
            if dt <= limit * (1 + 1e-9):
                return dt, hit, velocity
            dt = 0.99 * limit

    def _ahead(self, memory: Memory, dt: float) -> Velocity:
        """The velocity in the middle of a step of that length, extrapolated."""
        field, axis = self.field, self.state.axis
        share = np.full_like(field.h.reshape(-1)[:1], dt / (2 * memory.dt))
        heights = None if self.temperature.zero else (field.h, memory.h_before)
        made = self._extrapolated(
            field.velocity, memory.velocity, heights, share, axis.span, axis.weight
        )
        self._drift = float(made.rate)
        return self._heated(made.velocity, field.h if made.h is None else made.h, dt)

    def _computed(self, dt: float) -> tuple[Field, Velocity]:
        """The field in the middle of a first step of that length, and the velocity there."""
        now = self._heated(self.field.velocity, self.field.h, 0.0)
        middle = self.flow.field(self.flow.euler(self.state, now, dt / 2))
        return middle, self._heated(middle.velocity, middle.h, dt)

    def _heated(self, velocity: Velocity, h: Array, dt: float) -> Velocity:
        tau = self.temperature.mean(self.state.time, self.state.time + dt)
        return self.flow.heated(velocity, h, tau)

    def _limit(self, velocity: Velocity, rate: float) -> float:
        """Longest step under a velocity; of explicit ones, the density as it is stays positive.

        rate : largest share of a cell that its drift takes out of it
        """
        axis = self.state.axis
        if velocity.heat is not None and self._stabilises:
            noise = self.flow.diffusion_rate(velocity.heat.temperature, axis)
            return self.control.stabilised(rate, noise)
        if velocity.heat is not None:
            rate = max(rate, self.flow.outflow(self.state.rho, velocity, axis))
        return self.control.stable(rate)

    def _stable_step(self) -> float:
        dt = self.control.stable(self._rate)
        self._refuse_stall(dt, "time.cfl, on a grid whose fastest cell empties that soon")
        if not self.temperature.zero:
            tau = self.temperature.highest(self.state.time, self.state.time + 2 * dt)
            rates = self._rate, self.flow.diffusion_rate(tau, self.state.axis)
            limit = self.control.stabilised if self._stabilises and tau else self.control.damped
            dt = limit(*rates)
            self._refuse_stall(dt, "the diffusion of training.temperature on cells that small")
        return dt

    def _accurate_step(self, memory: Memory) -> float:
        if memory.h_predicted is None:
            return memory.dt
        off = relative(self._off, self._size, self.state.peak_field)
        return self.control.accurate(memory.dt, off)

    def _first_proposal(self, remaining: float, most: float) -> tuple[float, bool, Velocity]:
        """The first step: its midpoint's field is computed, and must not be too far."""
        flow, field = self.flow, self.field
        now = self._heated(field.velocity, field.h, 0.0)
        dt = min(self._stable_step(), self._limit(now, self._rate), remaining, most)
        dt, hit = spread(dt, remaining)
        allowed = self.control.first_change()
        for _ in range(FIRST_TRIES):
            middle, velocity = self._computed(dt)
            off = miss(flow.kernels, middle.h, field.h, flow.volume, self.state.peak_field)
            change = 2 * off
            limit = self._limit(velocity, flow.rate(velocity, self.state.axis))
            if change <= allowed and dt <= limit:
                break
            dt = min(dt * max(0.1, 0.8 * allowed / change if change > 0 else 0.5), 0.99 * limit)
            hit = False
        return dt, hit, velocity

    def _watch_walls(self) -> bool:
        """Whether the a axis has been extended."""
        state, (low, high) = self.state, self._walls
        if not self.flow.problem.trains_outer or not isinstance(state.axis, CellAxis):
            return False
        if self.extend:
            added = int(np.ceil(EXTENSION * state.axis.count))
            below, above = (added if mass > WALL_EXTEND else 0 for mass in (low, high))
            if below or above:
                self._refuse_growth(below + above)
                state.axis = state.axis.extended(below, above)
                state.rho = self.flow.kernels.regrid(state.rho, below, above)
                return True
        elif low + high > WALL_STOP:
            raise NumericalFailure(
                f"mass {low + high:.1e} has reached the walls of solver.a_range at t = "
                f'{state.time:.4g}; set a_range = "auto", or {_wider(state.axis)}'
            )
        elif low + high > WALL_NOTICE and not self._wall_told:
            self._wall_told = True
            warnings.warn(
                f"mass {low + high:.1e} is near the walls of solver.a_range at t = "
                f"{state.time:.4g}; the run stops at {WALL_STOP:.0e}",
                Notice,
                stacklevel=2,
            )
        return False

    def _tell_refused(self) -> None:
        """Tell once where most attempts are in vain."""
        many = self._refused >= MANY_REFUSED and 2 * self._refused > self._tries
        if many and not self._refused_told:
            self._refused_told = True
            warnings.warn(
                f"{self._refused} of {self._tries} steps until t = {self.state.time:.4g} had to be "
                "explicit, since longer ones would have emptied a cell; "
                'solver.diffusion = "explicit" saves the attempts',
                Notice,
                stacklevel=2,
            )

    def _watch_depth(self) -> None:
        """Tell once where a density in balance has begun to underflow."""
        tau = self.temperature.at(self.state.time)
        if self._depth_told or not tau or tau < self.temperature.lowest:  # on the way to none
            return
        depth = potential_range(self.flow.problem, self.field.h, self.state.axis)
        deepest = self.flow.rounding.deepest
        if depth > deepest * tau > 0:
            self._depth_told = True
            warnings.warn(
                f"the potential spans {depth / tau:.3g} temperatures at t = {self.state.time:.4g}: "
                f"densities underflow beyond {deepest:.0f}, and cells that are empty by that are "
                "not in balance",
                Notice,
                stacklevel=2,
            )

    def _refuse_growth(self, added: int) -> None:
        state, memory = self.state, self.flow.kernels.memory()
        grown = state.rho.nbytes // state.axis.count * (state.axis.count + added)
        noise = not self.flow.problem.temperature.zero
        copied = fields_held(self.flow.scheme, noise) + 1  # and the one before
        if copied * grown > memory:
            raise NumericalFailure(
                f"the a axis has grown to {state.axis.count} cells at t = {state.time:.4g} and "
                "more do not fit in memory; give fewer solver.a_cells, which are then wider"
            )

    def _frame(self, whole: bool = True) -> Frame:
        if whole:
            self.state.critical.advance(self.state.time, sharpness(self.flow, self.moments))
        diagnostics = audit(self.flow, self.state, self.field, self.moments)
        if not np.isfinite(diagnostics["mass"]):
            raise NumericalFailure(_first_bad(self.flow, self.state, self.field))
        packed = self.state.packed(self.flow.kernels.host)
        return Frame(
            self.state.time,
            self.state.step,
            {"rho": packed["rho"], **self._tracers()},
            self.state.axis.first,
            diagnostics,
            self._taken_log(),
            packed,
        )

    def _tracers(self) -> dict[str, Array]:
        tracers = self.state.tracers
        if tracers is None:
            return {}
        raw = np.array(self.flow.chart.raw(tracers.p))
        return {"tracer_direction": raw, "tracer_a": tracers.a.copy()}


def _first_bad(flow: Flow, state: State, field: Field) -> str:
    """Which array is not finite, where, and when."""
    host, when = flow.kernels.host, f"t = {state.time:.6g}, step {state.step}"
    columns = np.argwhere(host(flow.kernels.column_audits(state.rho, state.axis.values)[3]))
    if len(columns):
        column = tuple(int(i) for i in columns[0])
        place = int(np.argmin(np.isfinite(host(state.rho[column]))))
        return f"rho is not finite at index {(*column, place)}, {when}"
    bad = np.argwhere(~np.isfinite(host(field.h)))
    if len(bad):
        return f"h is not finite at index {tuple(int(i) for i in bad[0])}, {when}"
    return f"the risk is not finite at {when}"


def _wider(axis: CellAxis) -> str:
    low, high = axis.span
    room = 0.25 * (high - low)
    return f"[{low - room:.3g}, {high + room:.3g}]"

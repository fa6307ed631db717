"""From a configuration to something that runs: problem, grid, state, driver, and what it will cost.

The order is the one in which mistakes are cheapest to find. Files are read and written elsewhere
(`api`): rows of a data file come in as a `Table`.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..kernels import Kernels, Velocity, select
from ..kernels.errors import Notice
from .config import Config
from .config.text import size
from .density.field import Field
from .density.flow import Flow
from .density.potential import check_noise
from .density.state import State
from .density.tracers import Tracers
from .frame import KEPT_STATES, AnyLayout, Layout
from .geometry.axis import OuterAxis
from .given import Given
from .memory import Memory, beside, memory, refuse_too_large
from .network.data import Samples
from .network.interaction import SampledInteraction
from .particles.flow import NeuronFlow
from .particles.sampling import draw, inner_law
from .particles.session import NeuronPlan, NeuronSession
from .particles.session import plan as plan_neurons
from .problem import Problem
from .rounding import MEASURED
from .stepping.control import StepControl
from .stepping.driver import Driver
from .stepping.loop import Loop, Report

__all__ = ["AnyPlan", "AnySession", "NeuronPlan", "Plan", "Session", "plan", "plan_of", "prepare"]

D = TypeVar("D", bound=Driver)
MANY_STEPS = 50_000  # beyond which a stiff grid is told


@dataclass(frozen=True)
class Session:
    """A configuration with solver.method = "grid", made ready to run."""

    config: Config
    problem: Problem
    flow: Flow

    @classmethod
    def prepare(cls, config: Config, given: Given | None = None) -> Session:
        """Build problem and grid. Raises InputError for what cannot be run."""
        kernels = select(config.run.backend, config.run.dtype)
        problem = Problem.from_config(config, given, kernels.memory())
        solver = config.solver
        assert solver.coordinates != "ellipsoid"  # of particles, as the config has checked
        refuse_too_large(config, problem, memory(config, problem, kernels))
        flow = Flow(
            problem, solver.cells, solver.scheme, kernels, solver.coordinates, solver.interaction
        )
        made = cls(config, problem, flow)
        refuse_too_large(config, problem, made.memory)
        return made

    @property
    def memory(self) -> Memory:
        """What its run keeps, item by item."""
        tables = self.flow.interaction.table_bytes
        return memory(self.config, self.problem, self.flow.kernels, tables)

    def on(self, kernels: Kernels) -> Session:
        """The same run on another backend."""
        solver, old = self.config.solver, self.flow
        seen, way = old.chart.coordinates, solver.interaction
        flow = Flow(self.problem, solver.cells, solver.scheme, kernels, seen, way)
        return replace(self, flow=flow)

    @property
    def control(self) -> StepControl:
        """What bounds its steps."""
        config = self.config
        return StepControl(config.time.cfl, config.solver.tolerance, self.flow.rounding.room)

    def initial_state(self) -> State:
        """The initial law on the grid."""
        solver = self.config.solver
        a_range = None if solver.a_range == "auto" else solver.a_range
        state = self.flow.initial_state(solver.a_cells, a_range, self.config.time.end)
        state.tracers = self._tracers()
        return state

    def _tracers(self) -> Tracers | None:
        """A stratified sample of the initial law."""
        config, problem = self.config, self.problem
        if not config.solver.tracers:
            return None
        inner = inner_law(problem, config.initial.w)
        count, seed = config.solver.tracers, config.run.seed
        neurons = draw(inner, problem.outer_law, "stratified", count, 1, seed)
        chart = self.flow.chart
        whitened = chart.coordinates == "whitened"
        p = problem.metric.whitened(neurons.inner[0]) if whitened else neurons.inner[0]
        return Tracers(np.ascontiguousarray(p), neurons.a[0])

    def driver(
        self,
        restart: Mapping[str, NDArray[Any]] | None = None,
        report: Callable[[Report], None] | None = None,
    ) -> Driver:
        """A driver at the start, or at a stored state."""
        array = self.flow.kernels.array
        state = self.initial_state() if restart is None else State.unpacked(restart, array)
        driver = self.driven(Driver, state, report)
        if restart is None:
            check_noise(self.problem, driver.field.h, state.axis, self.flow.kernels.real)
            _tell_stiff(self, driver.field.velocity, state.axis)
        return driver

    def driven(
        self, kind: type[D], state: State, report: Callable[[Report], None] | None = None
    ) -> D:
        """A driver of a kind, at a state."""
        config = self.config
        return kind(
            self.flow,
            state,
            self.control,
            config.time.saves(),
            extend=config.solver.a_range == "auto",
            stop_risk=config.time.stop.risk,
            report=report,
            stabilise=config.solver.diffusion == "auto",
        )

    def layout(self, state: State) -> Layout:
        """The coordinates of the run's fields, for a state at the start."""
        flow, data, host = self.flow, self.problem.data, self.flow.kernels.host
        rows = data if isinstance(data, Samples) else None
        return Layout(
            panel=np.arange(2 * self.problem.dimension),
            xi=flow.sphere.xi_centres,
            cell_volume=host(flow.cell_volume),
            direction_raw=host(flow.raw),
            direction_whitened=host(flow.whitened),
            a_values=state.axis.values,
            a_width=state.axis.cell_width,
            data_mean=data.mean,
            data_covariance=data.covariance,
            input_basis=data.basis,
            input_centre=data.centre,
            target_shift=rows.shift if rows else 0.0,
            target_scale=rows.scale if rows else 1.0,
            coordinates=flow.chart.coordinates,
            tracers=self.config.solver.tracers,
        )

    def describe(self) -> str:
        """One line for the head of a progress display."""
        solver, d = self.config.solver, self.problem.dimension
        cells = " x ".join([str(2 * d), *[str(solver.cells)] * (d - 1)])
        seen = "whitened " if solver.coordinates == "whitened" else ""
        sums, kernels = self.flow.interaction.description(), self.flow.kernels.name
        stabilised = solver.diffusion == "auto" and not self.problem.temperature.zero
        steps = "in stabilised steps, " if stabilised else ""
        return (
            f"{self.problem.activation.label} network, d = {d}, {cells} {seen}"
            f"directions, {solver.scheme}, {steps}{sums}, {kernels}"
        )


@dataclass(frozen=True)
class Plan:
    """What a run will take.

    directions, a_cells : the grid; field_bytes : of one density; memory : of all, item by item
    saved_bytes : of a saved time, with the coordinates; restart_bytes : of a state to go on from
    pairs : (direction, row) pairs a step, 0 without rows; steps : at the first step's length; an
    estimate, as a grows; bound : what bounds that length; by_lines : pairs are of line and row
    beside : bytes while the first steps are taken in 64 bits too; 0 where all of them are
    """

    description: str
    directions: int
    a_cells: int
    field_bytes: int
    memory: Memory
    pairs: int
    steps: int
    saves: int
    saved_bytes: int
    restart_bytes: int
    bound: str = "the start"
    by_lines: bool = False
    beside: int = 0

    @property
    def disk(self) -> int:
        """Bytes of numbers on the disk, while a grows by no cell; one state more than stays.

        Every file has up to 40 KiB of names besides; what output leaves out or packs is counted.
        """
        return self.saves * self.saved_bytes + (KEPT_STATES + 1) * self.restart_bytes

    def lines(self) -> list[str]:
        """The plan for people."""
        cells = self.directions * self.a_cells
        lines = [
            self.description,
            f"cells      {self.directions:,} directions x {self.a_cells} of a = {cells:,}",
            *self.memory.lines(),
            f"disk       {size(self.disk)} for {self.saves} saved times, {KEPT_STATES + 1} states",
            f"steps      about {self.steps:,}, at the length that {self.bound} allows",
        ]
        if self.beside:
            lines.append(
                f"precision  measured at the start: {MEASURED} steps in float32 and in float64, "
                f"{size(self.beside)}"
            )
        if self.pairs:
            met = "line" if self.by_lines else "direction"
            lines.insert(2, f"pairs      {self.pairs:,} of {met} and row a step")
        return lines


class AnySession(Protocol):
    """A configuration made ready to run, by whichever method."""

    @property
    def config(self) -> Config:
        """What was asked for."""
        ...

    @property
    def problem(self) -> Problem:
        """What is solved."""
        ...

    @property
    def flow(self) -> Flow | NeuronFlow:
        """The equation on a grid, or of neurons; knows its kernels."""
        ...

    def driver(
        self,
        restart: Mapping[str, NDArray[Any]] | None = None,
        report: Callable[[Report], None] | None = None,
    ) -> Loop:
        """A driver at the start, or at a stored state."""
        ...

    def layout(self, state: Any) -> AnyLayout:
        """The coordinates of the run's fields, for a state of its driver."""
        ...

    def describe(self) -> str:
        """One line for the head of a progress display."""
        ...


AnyPlan = Plan | NeuronPlan


def prepare(config: Config, given: Given | None = None) -> AnySession:
    """The session of a configuration, on a grid or of neurons."""
    if config.solver.method == "particles":
        return NeuronSession.prepare(config, given)
    return Session.prepare(config, given)


def plan_of(session: AnySession) -> AnyPlan:
    """What the run of a session will take, by either method."""
    if isinstance(session, NeuronSession):
        return plan_neurons(session)
    assert isinstance(session, Session)
    return plan(session)


def plan(session: Session) -> Plan:
    """What the run of a session on a grid will take, from its first field."""
    flow, config = session.flow, session.config
    state = session.initial_state()
    field = flow.field(state)
    dt, bound = _first_length(session, field.velocity, state.axis)
    data = session.problem.data
    directions = int(np.prod(flow.sphere.shape))
    rows = len(data.inputs) if isinstance(data, Samples) else 0
    interaction = flow.interaction
    along = interaction.pairs.line_count if isinstance(interaction, SampledInteraction) else 0
    return Plan(
        session.describe(),
        directions,
        state.axis.count,
        int(state.rho.nbytes),
        session.memory,
        rows * (along or directions // 2),
        max(1, math.ceil(config.time.end / dt)),
        len(config.time.saves()),
        _saved_bytes(session, state),
        _restart_bytes(state, field),
        bound,
        along > 0,
        0 if flow.kernels.real == "float64" else beside(config, session.problem, session.memory),
    )


def _saved_bytes(session: Session, state: State) -> int:
    """Of a saved time: density, volumes and directions; tracers, with the axis of their numbers."""
    d, directions = session.problem.dimension, session.flow.cell_volume.size
    numbers = directions * (1 + 2 * d) + session.config.solver.tracers * (2 + d)
    return int(state.rho.nbytes) + 8 * int(numbers)


def _restart_bytes(state: State, field: Field) -> int:
    """Of a state after a step: its fields, and the memory of the extrapolation."""
    velocity = field.velocity
    kept = [state.rho, field.h, field.h, *velocity.faces]
    kept += [] if velocity.outer is None else [velocity.outer]
    kept += [] if state.tracers is None else [state.tracers.p, state.tracers.a]
    return sum(int(array.nbytes) for array in kept)


def _first_length(session: Session, velocity: Velocity, axis: OuterAxis) -> tuple[float, str]:
    """The longest step at the start, and what bounds it."""
    flow, config, temperature = session.flow, session.config, session.problem.temperature
    control, rate = session.control, flow.rate(velocity, axis)
    if temperature.zero:
        return control.stable(rate), "the start"
    limit = control.stabilised if config.solver.diffusion == "auto" else control.damped
    noise = flow.diffusion_rate(temperature.highest(0.0, config.time.end), axis)
    dt = limit(rate, noise)
    bound = dt < limit(rate, 0.0) * (1 - 1e-6)
    return dt, "the diffusion of training.temperature" if bound else "the start"


def _tell_stiff(session: Session, velocity: Velocity, axis: OuterAxis) -> None:
    """Give a notice of a whitened grid that an extreme covariance makes stiff."""
    steps = session.config.time.end / _first_length(session, velocity, axis)[0]
    if session.config.solver.coordinates == "whitened" and steps > MANY_STEPS:
        values = np.linalg.eigvalsh(session.problem.metric.covariance)
        warnings.warn(
            f'solver.coordinates = "whitened" at condition {values[-1] / values[0]:.2g} is stiff: '
            f'about {steps:.1g} steps; "raw" takes far fewer',
            Notice,
            stacklevel=2,
        )

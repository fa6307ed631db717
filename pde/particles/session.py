"""A configuration of neurons made ready to run, and what it will cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

from ...kernels import Kernels, select
from ...kernels.errors import InputError
from ..config import Config
from ..config.text import size
from ..density.potential import tell_spread
from ..frame import KEPT_STATES, NeuronLayout
from ..given import Given
from ..network.data import Samples
from ..problem import Problem
from ..stepping.loop import Report
from ..stepping.tableaux import TABLEAUX
from .driver import NeuronDriver
from .flow import NeuronFlow
from .sampling import draw, inner_law
from .state import NeuronState, Origin

POINTS_HELD = 12  # copies of all weights alive in a step: stages, errors, field


@dataclass(frozen=True)
class NeuronSession:
    """A configuration with solver.method = "particles", made ready to run."""

    config: Config
    problem: Problem
    flow: NeuronFlow

    @classmethod
    def prepare(cls, config: Config, given: Given | None = None) -> NeuronSession:
        """Build problem and flow. Raises InputError for what cannot be run."""
        kernels = select(config.run.backend)
        problem = Problem.from_config(config, given, kernels.memory())
        _refuse_too_large(config, problem, kernels.memory())
        return cls(config, problem, NeuronFlow(problem, config.solver.coordinates, kernels))

    def on(self, kernels: Kernels) -> NeuronSession:
        """The same run on another backend."""
        flow = NeuronFlow(self.problem, self.config.solver.coordinates, kernels)
        return replace(self, flow=flow)

    def initial_state(self) -> NeuronState:
        """The neurons of the initial law."""
        solver, problem = self.config.solver, self.problem
        neurons = draw(
            inner_law(problem, self.config.initial.w),
            problem.outer_law,
            solver.sampling,
            solver.width,
            solver.replicas,
            self.config.run.seed,
            problem.affine,
        )
        return self.flow.initial_state(neurons)

    def driver(
        self,
        restart: Mapping[str, NDArray[Any]] | None = None,
        report: Callable[[Report], None] | None = None,
    ) -> NeuronDriver:
        """A driver at the start, or at a stored state."""
        config, array = self.config, self.flow.kernels.array
        if restart is None:
            tell_spread(self.problem)
        state = self.initial_state() if restart is None else NeuronState.unpacked(restart, array)
        return NeuronDriver(
            self.flow,
            state,
            TABLEAUX[config.solver.integrator],
            config.time.saves(),
            tolerance=config.solver.tolerance,
            step=config.solver.step,
            seed=config.run.seed,
            stop_risk=config.time.stop.risk,
            report=report,
        )

    def layout(self, state: NeuronState) -> NeuronLayout:
        """The coordinates of the run's fields."""
        data = self.problem.data
        rows = data if isinstance(data, Samples) else None
        return NeuronLayout(
            neuron_mass=self.flow.kernels.host(state.mass),
            replicas=len(state.a),
            data_mean=data.mean,
            data_covariance=data.covariance,
            normalised=self.problem.normalised,
            input_basis=data.basis,
            input_centre=data.centre,
            target_shift=rows.shift if rows else 0.0,
            target_scale=rows.scale if rows else 1.0,
        )

    def describe(self) -> str:
        """One line for the head of a progress display."""
        solver, problem = self.config.solver, self.problem
        replicas = f"{solver.replicas} x " if solver.replicas > 1 else ""
        plain = "" if problem.normalised else "plain "
        noise = "" if problem.temperature.zero else " with noise"
        return (
            f"{plain}{problem.activation.label} network, d = {problem.dimension}, "
            f"{replicas}{solver.width:,} {solver.sampling} neurons{noise}, {solver.integrator}, "
            f"{self.flow.interaction.description()}, {self.flow.kernels.name}"
        )


@dataclass(frozen=True)
class NeuronPlan:
    """What a run of neurons will take.

    neurons : of all replicas; state_bytes : of one copy of all weights; saved_bytes : of a saved
    time, with the axes of its arrays; restart_bytes : of a state to go on from
    pairs : (neuron, row) pairs of one field; 0 without rows
    """

    description: str
    neurons: int
    state_bytes: int
    pairs: int
    saves: int
    saved_bytes: int
    restart_bytes: int

    @property
    def disk(self) -> int:
        """Bytes of numbers on the disk; one state more than stays. See `Plan.disk`."""
        return self.saves * self.saved_bytes + (KEPT_STATES + 1) * self.restart_bytes

    def lines(self) -> list[str]:
        """The plan for people."""
        held = POINTS_HELD * self.state_bytes
        lines = [
            self.description,
            f"neurons    {self.neurons:,}",
            f"memory     {size(held)} ({POINTS_HELD} copies of {size(self.state_bytes)})",
            f"disk       {size(self.disk)} for {self.saves} saved times, {KEPT_STATES + 1} states",
        ]
        if self.pairs:
            lines.insert(2, f"pairs      {self.pairs:,} of neuron and row, each field")
        return lines


def plan(session: NeuronSession) -> NeuronPlan:
    """What the run of a session will take."""
    state, data = session.initial_state(), session.problem.data
    state.origin = Origin.of(state)
    rows = len(data.inputs) if isinstance(data, Samples) else 0
    weights = int(state.x.nbytes + state.a.nbytes * (3 if state.affine else 1))
    return NeuronPlan(
        session.describe(),
        state.a.size,
        weights,
        rows * state.a.size,
        len(session.config.time.saves()),
        weights + 8 * (2 * state.mass.size + len(state.a)),
        sum(array.nbytes for array in state.packed().values()),
    )


def _refuse_too_large(config: Config, problem: Problem, memory: int) -> None:
    """Say before anything is allocated that the neurons do not fit."""
    solver, dimension = config.solver, problem.dimension
    numbers = dimension + (3 if problem.affine else 1)
    needed = 8 * POINTS_HELD * solver.width * solver.replicas * numbers
    if problem.rates.solved:
        data = problem.data
        rows = len(data.inputs) if isinstance(data, Samples) else solver.width
        needed += 8 * solver.width * (rows + 2 * min(rows, solver.width))
    if needed > memory:
        raise InputError(
            f"solver.width = {solver.width}, replicas = {solver.replicas} in d = {dimension} need "
            f"{size(needed)}, and there are {size(memory)}; give fewer neurons"
        )

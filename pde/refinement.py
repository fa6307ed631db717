"""Joint refinement of a configuration: the same problem on grids that halve in every direction.

    cells, a_cells:  n, n/2, n/4, ..       tolerance:  eps, 4 eps, 16 eps, ..  (dt ~ sqrt(eps) ~ h)

The finest level is the configuration itself; the others are coarser, so that all of them together
cost little more than it. Every level starts on the a axis of the finest, with cells twice, four
times as wide: an automatic range depends on the cells, and grids that are not nested in each other
have no order. A frozen list of outer weights is its own axis and is not refined.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..kernels.errors import InputError
from .config import Config
from .density.state import State
from .geometry.axis import CellAxis
from .given import Given
from .session import Session

LEAST_LEVELS = 3
LEAST_CELLS = 4
RATIO = 2


@dataclass(frozen=True)
class Level(Session):
    """A session whose a axis starts with given walls; an automatic one may still grow.

    walls : (low, high); None where the axis is a list
    """

    walls: tuple[float, float] | None = None

    def initial_state(self) -> State:
        """The initial law on the grid."""
        solver = self.config.solver
        return self.flow.initial_state(solver.a_cells, self.walls, self.config.time.end)


def refinement(config: Config, levels: int = LEAST_LEVELS) -> tuple[Config, ...]:
    """The configurations, coarsest first; the last is `config`.

    Raises InputError where the cells cannot be halved so often, or there is no grid.
    """
    if config.solver.method != "grid":
        raise InputError(
            f'solver.method = "{config.solver.method}" has no cells to refine; converge needs '
            '"grid" (for neurons: bnflow compare, at two widths)'
        )
    if levels < LEAST_LEVELS:
        raise InputError(f"levels = {levels}: an order needs at least {LEAST_LEVELS}")
    _refuse_indivisible(config, levels)
    return tuple(_coarser(config, RATIO**k) for k in reversed(range(levels)))


def sessions(configs: tuple[Config, ...], given: Given) -> list[Session]:
    """Every level made ready, on nested grids, coarsest first."""
    finest = Session.prepare(configs[-1], given)
    axis = finest.initial_state().axis
    walls = axis.span if isinstance(axis, CellAxis) else None
    coarser = [Session.prepare(config, given) for config in configs[:-1]]
    return [*(Level(s.config, s.problem, s.flow, walls) for s in coarser), finest]


def _coarser(config: Config, factor: int) -> Config:
    solver = config.solver
    changes: dict[str, float] = {
        "solver.cells": solver.cells // factor,
        "solver.tolerance": solver.tolerance * factor**2,
    }
    if _has_a_cells(config):
        changes["solver.a_cells"] = solver.a_cells // factor
    return config if factor == 1 else config.replace(**changes)


def _refuse_indivisible(config: Config, levels: int) -> None:
    factor = RATIO ** (levels - 1)
    names = ("cells", "a_cells") if _has_a_cells(config) else ("cells",)
    for name in names:
        count = getattr(config.solver, name)
        if count % factor or count < LEAST_CELLS * factor:
            below = max(count // factor, LEAST_CELLS) * factor
            raise InputError(
                f"solver.{name} = {count} does not halve {levels - 1} times to at least "
                f"{LEAST_CELLS} cells; give a multiple of {factor}, as {below}"
            )


def _has_a_cells(config: Config) -> bool:
    """Whether the a axis has cells; a frozen law with finitely many values is a list."""
    return "a" in config.network.train or config.initial.a.kind in ("normal", "uniform")

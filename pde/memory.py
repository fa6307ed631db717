"""What a run on a grid keeps in memory, item by item, and whether the device has as much.

Counted before anything large is made, by shapes alone; of what grows while it works (the Krylov
space of the sharpness) as much as it may reach. Tables of the interaction are known once the
interaction is made, and are bounded by themselves (`network.kernel_sums`, `reference.lines`).
Not here: an axis of a that grows, which the driver watches, and rows of a file while they are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..kernels import Kernels
from ..kernels.contract import Scheme
from ..kernels.errors import InputError
from .config import Config
from .config.text import size
from .density.flow import fields_held
from .network.data import Samples
from .network.kernel_sums import TILE_ROWS
from .problem import Problem
from .sharpness import MOST

DIRECTIONS = "fields and coordinates of the directions"
KERNELS = "blocks, halo and tables of the kernels"
TABLES = "tables for the sums"
SAVED = 3  # copies of a density around a save: one made, one waiting, one being written
AUDITED = 4  # arrays of a panel while a density is audited
GIVEN = 3  # arrays of all cells while a density given in Python is averaged
TILES = 6  # temporaries of a tile of a kernel matrix
ROW = 8  # numbers a row, beside twice its inputs: targets, outputs, residuals
TRACER = 12  # copies of all tracers alive in a step
NAMED = 3  # of the largest items, in a refusal


@dataclass(frozen=True)
class Item:
    """what : in words; bytes : at most"""

    what: str
    bytes: int


@dataclass(frozen=True)
class Memory:
    """items : of a run; there : bytes that the device has, in all"""

    items: tuple[Item, ...]
    there: int

    @property
    def total(self) -> int:
        """Bytes of all items together."""
        return sum(item.bytes for item in self.items)

    @property
    def fits(self) -> bool:
        """Whether the device has as much."""
        return self.total <= self.there

    def lines(self) -> list[str]:
        """The items for people."""
        head = f"memory     {size(self.total)} at most, of {size(self.there)}"
        return [head, *(f"  {size(each.bytes):>8}  {each.what}" for each in self.items)]

    def largest(self) -> str:
        """The largest items in one phrase."""
        ordered = sorted(self.items, key=lambda item: -item.bytes)[:NAMED]
        return ", ".join(f"{size(item.bytes)} of {item.what}" for item in ordered)


def memory(config: Config, problem: Problem, kernels: Kernels, tables: int = 0) -> Memory:
    """Of the run of a configuration. tables : bytes that its interaction keeps"""
    items = _items(config, problem, kernels, tables)
    return Memory(tuple(item for item in items if item.bytes), kernels.memory())


def refuse_too_large(config: Config, problem: Problem, held: Memory) -> None:
    """Raise InputError where a run does not fit."""
    if held.fits:
        return
    solver, (directions, a_cells) = config.solver, grid_size(config, problem)
    halved = config.run.dtype == "float64" and held.total <= 2 * held.there  # at best
    single = ', or run.dtype = "float32"' if halved else ""
    raise InputError(
        f"solver.cells = {solver.cells}, a_cells = {a_cells} in d = {problem.dimension}: "
        f"{directions:,} directions need {size(held.total)} ({held.largest()}), and there are "
        f"{size(held.there)}; give fewer cells{single}"
    )


def beside(config: Config, problem: Problem, held: Memory) -> int:
    """Bytes while the first steps are taken in 32 bits and in 64: see `precision`.

    Densities of both types with their stages, and two starts; all that is no density twice.
    """
    own = fields_held(config.solver.scheme, not problem.temperature.zero)
    shared = sum(item.bytes for item in held.items if item.what in (DIRECTIONS, KERNELS, TABLES))
    return (3 * own + 3) * field_bytes(config, problem) + 2 * shared


def grid_size(config: Config, problem: Problem) -> tuple[int, int]:
    """Directions and cells of a, at the start."""
    solver, d = config.solver, problem.dimension
    listed = problem.outer_law.atoms is not None and not problem.trains_outer
    a_cells = len(problem.outer_law.atoms or ()) if listed else solver.a_cells
    return int(2 * d * solver.cells ** (d - 1)), a_cells


def field_bytes(config: Config, problem: Problem) -> int:
    """Of one density."""
    return int(np.prod(grid_size(config, problem))) * np.dtype(config.run.dtype).itemsize


def _items(config: Config, problem: Problem, kernels: Kernels, tables: int) -> Iterator[Item]:
    d, noise = problem.dimension, not problem.temperature.zero
    (directions, a_cells), each = grid_size(config, problem), field_bytes(config, problem)
    scheme: Scheme = config.solver.scheme
    count, kind = fields_held(scheme, noise), f"{size(each)}, {config.run.dtype}"
    yield Item(f"{count} densities of {kind}: its own and the stages'", count * each)
    if kernels.on_host:
        yield Item(f"{SAVED} copies of it around a save", SAVED * each)
    panel = 8 * directions * a_cells // (2 * d)
    yield Item("audits, a panel at once in float64", AUDITED * panel)
    if problem.density is not None:
        yield Item("the given density, in 64 bits", GIVEN * 8 * directions * a_cells)
    yield Item(DIRECTIONS, 8 * directions * _numbers(d, noise))
    shape = (2 * d, *[config.solver.cells] * (d - 1), a_cells)
    yield Item(KERNELS, kernels.held(shape, scheme, noise))
    yield Item(TABLES, tables)
    over = "rows" if isinstance(problem.data, Samples) else "the law of the data"
    yield Item(f"sums over {over}", _rows(problem, directions))
    if config.solver.tracers:
        yield Item(f"{config.solver.tracers:,} tracers", _tracers(config, problem, directions))
    edge = 4 * d * (d - 1) * config.solver.cells ** max(d - 2, 0)
    vector = 8 * (directions * (2 + d) + edge * d)
    yield Item(f"Krylov space of the sharpness, up to {MOST} of {size(vector)}", MOST * vector)


def _numbers(d: int, noise: bool) -> int:
    """A direction, alive in a step: gradients, faces, weights; of noise the gradient's own."""
    return 34 + 12 * d + 3 * d * d + (16 * (d - 1) if noise else 0)


def _rows(problem: Problem, directions: int) -> int:
    """Rows of the data; of a law, one tile of the kernel between directions."""
    data = problem.data
    if isinstance(data, Samples):
        rows = len(data.inputs) + len(data.test_inputs)
        return 8 * (2 * problem.dimension + ROW) * rows
    return 8 * TILES * min(TILE_ROWS, directions) * directions // 2


def _tracers(config: Config, problem: Problem, directions: int) -> int:
    """Tracers, and the kernel between a tile of them and the directions of a law."""
    count = config.solver.tracers
    tile = 0 if isinstance(problem.data, Samples) else 3 * min(TILE_ROWS, count) * directions
    return 8 * (TRACER * count * (problem.dimension + 1) + tile)

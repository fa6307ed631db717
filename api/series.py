"""Several runs: two of one problem compared, one on finer and finer grids, many of a sweep."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from threadpoolctl import threadpool_limits

from ..io.bar import Bar
from ..io.comparison import Comparison, compare_runs
from ..io.convergence import Convergence, convergence
from ..io.halt import Halt
from ..io.job import Job, Progress
from ..io.run import Run
from ..io.sweep import Sweep, is_sweep
from ..io.sweeping import Report, Worker
from ..kernels.errors import InputError
from ..pde.config import load_config
from ..pde.given import Function
from ..pde.refinement import LEAST_LEVELS, refinement, sessions
from ..pde.sweep import Index, Point
from .inputs import Source, configuration, dotted, refuse_changed_rows, stored_run, with_rows
from .runs import open, solve


def compare(
    a: Run | str | PathLike[str], b: Run | str | PathLike[str], inputs: ArrayLike | None = None
) -> Comparison:
    """How far apart risk, network and law of two runs are, at the saved times of both.

    a, b : runs of the same data, target and loss, or their folders
    inputs : (rows, raw inputs) where the networks are compared; 2,000 normal ones with the moments
        of the data unless given

    Raises InputError where the problems differ, or no saved time after 0 is common.
    """
    first, second = (run if isinstance(run, Run) else open(run) for run in (a, b))
    return compare_runs(first, second, inputs)


def converge(
    config: Source = None,
    levels: int = LEAST_LEVELS,
    out: str | PathLike[str] | None = None,
    *,
    data: Any = None,
    target: Any = None,
    initial_density: Function | None = None,
    progress: Progress | bool | None = None,
    **overrides: Any,
) -> Convergence:
    """Solve a configuration on grids that halve jointly, the finest its own; orders and error bars.

    levels : how many, 3 or more; both cells and a_cells must halve so often, to 4 at least
    out : folder for the runs, level-1 (coarsest), level-2, ..; what is complete there is not run
        again. None keeps them in memory
    The other arguments : as in `solve`

    Raises InputError where the cells do not halve, or the method has none.
    """
    settings, given = configuration(config, data, target, initial_density, overrides)
    configs = refinement(settings, levels)
    given = with_rows(settings, given)
    folders = [None if out is None else Path(out) / f"level-{k + 1}" for k in range(levels)]
    pairs = zip(folders, configs, strict=True)
    stored = [None if folder is None else stored_run(folder, each) for folder, each in pairs]
    display = Bar() if progress is True else progress or None
    runs = []
    with threadpool_limits(limits=1, user_api="blas"), np.errstate(all="ignore"):
        for session, folder, found in zip(sessions(configs, given), folders, stored, strict=True):
            refuse_changed_rows(found, given.table)
            if found and found.status == "complete" and found.config == session.config:
                runs.append(found)
                continue
            job = Job(session, given.table, display)
            runs.append(job.run(folder, found is not None))
    return convergence(runs)


def sweep(
    config: Source = None,
    out: str | PathLike[str] | None = None,
    *,
    grid: Mapping[str, Sequence[Any]] | None = None,
    zip: Mapping[str, Sequence[Any]] | None = None,
    seeds: int | None = None,
    jobs: int = 1,
    index: Index = None,
    max_minutes: float | None = None,
    until: float | None = None,
    progress: Progress | bool | None = None,
    report: Report | None = None,
    **overrides: Any,
) -> Sweep:
    """Solve many configurations: what is complete is skipped, what was interrupted goes on.

    config : as in `solve`, with or without a table [sweep]; or the folder of a sweep
    out : folder of the sweep; the same call works on it again, and several may at once
    grid, zip : keys and their values: every combination, or side by side; they take the place of
        the config's
    seeds : every point so often, with run.seed counted up (and data.seed, where rows are drawn)
    jobs : processes, each with one run at a time
    index : of the one point to solve, from 0, for job arrays; (i, m): every m-th from i
    max_minutes : of wall time for all, after which the runs that go stop at their next step, to be
        resumed, and no other one begins
    until : with the folder of a sweep, a later time.end, to which every run goes on; the same call
        with a later end in the configuration does as much
    progress : of every run, as in `solve`, with one job; report : called after every point

    A point that fails leaves a note, `Sweep.failure`, and the others go on; Ctrl-C is raised once
    the runs that go are stored. Raises InputError, before anything is computed, where a point is no
    configuration.
    """
    lists = {"grid": grid, "zip": zip, "seeds": seeds}
    found = _declared(config, out, lists, until, overrides)
    if jobs < 1:
        raise InputError(f"jobs = {jobs}; give the number of processes, 1 or more")
    todo, halt = found.chosen(index), Halt(max_minutes)
    display = Bar() if progress is True else progress or None

    def solved(point: Point, place: Path, minutes: float | None) -> Run:
        return solve(point.config, place, progress=display, interrupt="raise", max_minutes=minutes)

    worker = Worker(found, solved, report, halt)
    if jobs > 1 and len(todo) > 1:
        worker.deal(todo, jobs, _alone)
    else:
        worker.work(todo)
    return found


def _declared(
    config: Source,
    out: str | PathLike[str] | None,
    lists: Mapping[str, Any],
    until: float | None,
    overrides: Any,
) -> Sweep:
    """The sweep that was asked for, declared in its folder."""
    given = {name: value for name, value in lists.items() if value is not None}
    for name in ("data", "target", "initial_density"):
        if name in overrides and not isinstance(overrides[name], Mapping):
            raise InputError(
                f"a sweep has no {name} from Python, which its files cannot hold; give a table, as "
                f"a config has it, or call bnflow.solve({name}=..) in a loop"
            )
    if isinstance(config, str | PathLike) and is_sweep(Path(config)):
        if out is not None or given or overrides:
            raise InputError(
                f"{config} is a sweep and has its configuration; give no other with it"
            )
        declared = Sweep.open(Path(config))
        return declared if until is None else declared.until(until)
    if until is not None:
        raise InputError(
            f"until = {until:g} goes with the folder of a sweep; with a configuration give time.end"
        )
    if out is None:
        raise InputError("a sweep needs a folder: give out, as out='runs/sweep'")
    tables = {f"sweep.{name}": value for name, value in given.items()}
    return Sweep.of(load_config(config, {**dotted(overrides), **tables}), Path(out))


def _alone(place: Path, minutes: float | None) -> list[str]:
    """The command that runs one config; -P: the folder that it stands in is no import path."""
    program = [sys.executable, "-P", "-m", __name__.partition(".")[0]]
    limit = [] if minutes is None else ["--max-minutes", repr(minutes)]
    return [*program, "run", "-", "--out", str(place), "--quiet", *limit]

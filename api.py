"""Solve and open: the one place where the equation and its storage meet.

run = bnflow.solve("config.toml", out="runs/first")     # on disk; the same call continues it
run = bnflow.solve({"network": {"activation": "erf"}})  # in memory
run = bnflow.solve(data=(x, y))                         # one's own rows
run = bnflow.solve(data=x, target=lambda x: x[:, 0] ** 2)
run = bnflow.open("runs/first")
run = bnflow.resume("runs/first", until=20.0)
bnflow.compare("runs/first", "runs/second").summary()   # how far apart two runs of one problem are
bnflow.converge("config.toml").summary()   # observed orders and error bars, from coarser grids
bnflow.sweep("config.toml", "runs/sweep", grid={"network.gain": [1, 2]}, seeds=8).summary()
bnflow.verify("quick").passed              # known answers, on this machine
bnflow.study("gram-width", quick=True)     # a claim about depth, and the verdict on it
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from threadpoolctl import threadpool_limits

from .depth.studies.registry import find_study
from .depth.studies.settings import settings_of
from .io.bar import Bar
from .io.comparison import Comparison, compare_runs
from .io.convergence import Convergence, convergence
from .io.datafile import read_table
from .io.halt import Halt
from .io.health import Finding as HealthFinding
from .io.health import examine
from .io.job import Callback, Job, Progress
from .io.pack import pack as pack_run
from .io.provenance import tell_other_device
from .io.run import SHADOW, Run
from .io.store import is_run
from .io.study import StudyProgress, StudyResult, run_study
from .io.sweep import Sweep, is_sweep
from .io.sweeping import Report as SweepReport
from .io.sweeping import Worker
from .kernels.errors import InputError, Notice
from .pde.config import Config, load_config
from .pde.config.data import FileData
from .pde.config.shadow import shadow
from .pde.config.target import FileTarget
from .pde.cost import Cost, cost
from .pde.given import Function, Given, configured
from .pde.network.table import Table
from .pde.particles.session import NeuronPlan
from .pde.refinement import LEAST_LEVELS, refinement, sessions
from .pde.session import AnySession, Plan, plan_of, prepare
from .pde.sweep import Index, Point
from .pde.verification import CHECKS, Check, Finding, Level, Result, Verification, at_most
from .pde.verification import verify as verify_checks

Source = str | PathLike[str] | Mapping[str, Any] | Config | None


def solve(
    config: Source = None,
    out: str | PathLike[str] | None = None,
    *,
    data: Any = None,
    target: Any = None,
    initial_density: Function | None = None,
    progress: Progress | bool | None = None,
    callback: Callback | None = None,
    interrupt: Literal["return", "raise"] = "return",
    shadow_particles: int | None = None,
    max_minutes: float | None = None,
    **overrides: Any,
) -> Run:
    """Train the network of a configuration.

    config : path of a TOML file, name of an example, nested dictionary or `Config`; None is the
        packaged circle-teacher
    out : folder of the run; None keeps it in memory. A folder with an unfinished run of the same
        configuration is continued (time.end may have grown), a finished one is opened
    data : (x, y), rows (n, columns) and their targets (n,); or x alone, which the target labels;
        or the table [data]
    target : a function of raw rows x (rows, columns), the x of `Run.predict`, that gives (rows,);
        or the table [target]
    initial_density : a function f(v, a) of whitened directions v (.., 1, d) and outer weights
        (n_a,), broadcasting: the density at the start with respect to dS(v) da
    progress : True for a bar, or an object that is told every step
    callback : called with the `Frame` of every saved time: .time, .step, .fields, .diagnostics
    interrupt : what Ctrl-C does once the step is done and stored: "return" the run so far, with the
        status "stopped", or "raise" KeyboardInterrupt; on disk the same call goes on from there.
        SIGTERM stops a run likewise, and then the program
    shadow_particles : of a run on a grid, solve the same problem by so many neurons too, into
        out/shadow; `Run.shadow` is the comparison, which out/shadow.json holds as well
    max_minutes : of wall time, after which the run stops at its next step, stored, to be resumed
    overrides : tables, as time={"end": 2.0}, or dotted keys, as **{"time.end": 2.0}

    Raises InputError for a mistake in the configuration, the data or the folder, and
    NumericalFailure where the computation breaks down; what was saved before stays.
    """
    if interrupt not in ("return", "raise"):
        raise InputError(f'interrupt = {interrupt!r}; it is "return" or "raise"')
    settings, given = _settings(config, data, target, initial_density, overrides)
    folder = None if out is None else Path(out)
    beside = None if folder is None else folder / SHADOW
    neurons = None if shadow_particles is None else shadow(settings, shadow_particles)
    if neurons is not None and beside is not None:
        _stored(beside, neurons)  # refuses another shadow before the run is computed
    display = Bar() if progress is True else progress or None
    halt = Halt(max_minutes)
    run = _solved(settings, given, folder, display, callback, interrupt, halt)
    if neurons is not None and run.status == "complete":
        _add_shadow(run, _solved(neurons, given, beside, display, None, interrupt, halt))
    return run


def resume(
    path: str | PathLike[str],
    until: float | None = None,
    *,
    data: Any = None,
    target: Function | None = None,
    initial_density: Function | None = None,
    progress: Progress | bool | None = None,
    callback: Callback | None = None,
    interrupt: Literal["return", "raise"] = "return",
    max_minutes: float | None = None,
    **given: Any,
) -> Run:
    """Go on with a stored run, bitwise as if it had never stopped.

    path : folder of the run
    until : a later time.end; a finished run goes on, too. None keeps the one of the run
    data, target, initial_density, given : the same that the run was given from Python, and which no
        file holds
    The other arguments : as in `solve`

    Raises InputError where there is no run, it is further than `until`, or its rows have changed.
    """
    run = open(path)
    if run.path is None or not run.path.is_dir():
        raise InputError(f"{path} is one file, by bnflow pack, and cannot go on; its folder can")
    config = load_config(run.settings, base=_base(run))
    end = config.time.end if until is None else until
    if end < config.time.end:
        raise InputError(
            f"until = {end:g}: {path} is a run to time.end = {config.time.end:g}; give a later time"
        )
    return solve(
        config,
        run.path,
        data=data,
        target=target,
        initial_density=initial_density,
        progress=progress,
        callback=callback,
        interrupt=interrupt,
        max_minutes=max_minutes,
        **{"time.end": end, **given},
    )


def _base(run: Run) -> Path:
    """The folder that the relative paths of a stored configuration start from."""
    path = run.provenance.get("data_path")
    return Path(run.provenance.get("config_base") or (Path(path).parent if path else "."))


def _solved(
    settings: Config,
    given: Given,
    out: Path | None,
    display: Progress | None,
    callback: Callback | None,
    interrupt: Literal["return", "raise"],
    halt: Halt,
) -> Run:
    """The run of a configuration: computed, continued, or opened where it is complete."""
    stored = None if out is None else _stored(out, settings)
    finished = stored is not None and stored.status == "complete" and stored.config == settings
    readable = settings.data_path is not None and settings.data_path.exists()
    if not finished or given.table is not None or readable:
        given = _with_rows(settings, given)
        _refuse_changed_rows(stored, given.table)
    if stored is not None and finished:
        warnings.warn(f"{out} is already complete", Notice, stacklevel=3)
        stored.given = given
        return stored
    with threadpool_limits(limits=1, user_api="blas"), np.errstate(all="ignore"):
        session = prepare(settings, given)
        if stored is not None:
            tell_other_device(stored.provenance, session.flow.kernels.about())
        job = Job(session, given.table, display, callback, interrupt, halt)
        run = job.run(out, stored is not None)
    run.given = given
    return run


def open(path: str | PathLike[str]) -> Run:
    """The run in a folder, finished or not. Raises InputError where there is none."""
    return Run.from_directory(Path(path))


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
    settings, given = _settings(config, data, target, initial_density, overrides)
    configs = refinement(settings, levels)
    given = _with_rows(settings, given)
    folders = [None if out is None else Path(out) / f"level-{k + 1}" for k in range(levels)]
    pairs = zip(folders, configs, strict=True)
    stored = [None if folder is None else _stored(folder, each) for folder, each in pairs]
    display = Bar() if progress is True else progress or None
    runs = []
    with threadpool_limits(limits=1, user_api="blas"), np.errstate(all="ignore"):
        for session, folder, found in zip(sessions(configs, given), folders, stored, strict=True):
            _refuse_changed_rows(found, given.table)
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
    progress: Progress | bool | None = None,
    report: SweepReport | None = None,
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
    progress : of every run, as in `solve`, with one job; report : called after every point

    A point that fails leaves a note, `Sweep.failure`, and the others go on; Ctrl-C is raised once
    the runs that go are stored. Raises InputError, before anything is computed, where a point is no
    configuration.
    """
    found = _declared(config, out, {"grid": grid, "zip": zip, "seeds": seeds}, overrides)
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
    config: Source, out: str | PathLike[str] | None, lists: Mapping[str, Any], overrides: Any
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
        return Sweep.open(Path(config))
    if out is None:
        raise InputError("a sweep needs a folder: give out, as out='runs/sweep'")
    tables = {f"sweep.{name}": value for name, value in given.items()}
    return Sweep.of(load_config(config, {**_dotted(overrides), **tables}), Path(out))


def _alone(place: Path, minutes: float | None) -> list[str]:
    """The command that runs one config; -P: the folder that it stands in is no import path."""
    program = [sys.executable, "-P", "-m", __name__.partition(".")[0]]
    limit = [] if minutes is None else ["--max-minutes", repr(minutes)]
    return [*program, "run", "-", "--out", str(place), "--quiet", *limit]


def verify(
    level: Level = "standard",
    backend: str = "auto",
    *,
    report: Callable[[Result], None] | None = None,
) -> Verification:
    """Hold the solver against known answers on this machine.

    level : "quick" (below a minute), "standard", or "full"; each has the checks of those before
    report : called with every result as it comes

    A check that cannot be made here is skipped, with the reason, and counted. Raises InputError for
    an unknown level and for a backend that cannot run here.
    """
    with threadpool_limits(limits=1, user_api="blas"), np.errstate(all="ignore"):
        return verify_checks(level, backend, (*CHECKS, _STORED), report)


def study(
    name: str,
    out: str | PathLike[str] | None = None,
    *,
    quick: bool = False,
    progress: StudyProgress | None = None,
    **settings: Any,
) -> StudyResult:
    """Put a claim of a paper about random networks in depth to the test.

    name : of the study, as `bnflow study list` has it
    out : folder for its file, NAME.h5, or NAME-quick.h5; the same call continues one that was
        stopped. None keeps it in memory
    quick : small sizes, below a minute
    progress : told every piece of the computation
    settings : of the study, as seed=1

    Raises InputError for an unknown study or setting, and where the file holds other settings.
    """
    found = find_study(name)
    file = None if out is None else Path(out) / f"{name}{'-quick' if quick else ''}.h5"
    chosen = settings_of(found, quick, settings)
    with threadpool_limits(limits=1, user_api="blas"):
        return run_study(found, chosen, file, progress)


def plan(config: Source = None, **overrides: Any) -> Plan | NeuronPlan:
    """What a configuration will take: cells or neurons, memory, pairs. Nothing is written."""
    with threadpool_limits(limits=1, user_api="blas"):
        return plan_of(_session(config, overrides))


def dry_run(config: Source = None, **overrides: Any) -> Cost:
    """The same, with the time of a step, measured, and of the whole. Nothing is written."""
    with threadpool_limits(limits=1, user_api="blas"):
        return cost(_session(config, overrides))


def pack(path: str | PathLike[str], file: str | PathLike[str]) -> Run:
    """Copy a run, every snapshot verified, into one self-contained file; returns it, opened.

    Raises InputError where a snapshot is damaged or missing, or the file exists.
    """
    open(path)  # says what is there, where it is not a run
    pack_run(Path(path), Path(file))
    return open(file)


def health(path: str | PathLike[str]) -> list[HealthFinding]:
    """What a run holds, file by file, what of it reads, and from where it can go on."""
    return examine(Path(path))


def _settings(
    config: Source,
    data: Any,
    target: Any,
    density: Function | None,
    overrides: Mapping[str, Any],
) -> tuple[Config, Given]:
    """The configuration, with what only Python can give; tables among the arguments are keys."""
    tables = {
        name: value
        for name, value in (("data", data), ("target", target))
        if isinstance(value, Mapping)
    }
    changes = _dotted({**tables, **overrides})
    rows = None if "data" in tables else data
    function = None if "target" in tables else target
    if rows is None and function is None and density is None:
        settings, given = load_config(config, changes), Given()
    else:
        settings, given = configured(config, changes, rows, function, density)
    if settings.sweep is not None:
        raise InputError(
            "the config has a [sweep], it is many runs: bnflow sweep, bnflow.sweep(..)"
        )
    return settings, given


def _session(config: Source, overrides: Mapping[str, Any]) -> AnySession:
    settings, given = _settings(
        config,
        overrides.get("data"),
        overrides.get("target"),
        overrides.get("initial_density"),
        {k: v for k, v in overrides.items() if k not in ("data", "target", "initial_density")},
    )
    return prepare(settings, _with_rows(settings, given))


def _dotted(overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Tables change their keys and leave the others; a table with a `kind` is a new one."""
    flat: dict[str, Any] = {}
    for name, value in overrides.items():
        if isinstance(value, Mapping) and "kind" not in value:
            flat.update({f"{name}.{key}": each for key, each in _dotted(value).items()})
        else:
            flat[name] = value
    return flat


def _stored(out: Path, config: Config) -> Run | None:
    """The run that is already in the folder; None where there is none.

    Raises InputError where it has another configuration, but for a later end.
    """
    if not is_run(out):
        return None
    run = Run.from_directory(out)
    same = config.replace(**{"time.end": run.config.time.end})
    different = same.difference(run.config)
    if config.time.end < run.config.time.end:
        different = config.difference(run.config)
    if different:
        more = f" (and {len(different) - 1} more)" if len(different) > 1 else ""
        raise InputError(
            f"{out} holds a run of another configuration: {different[0]}{more}; "
            "choose another --out"
        )
    return run


def _add_shadow(run: Run, neurons: Run) -> None:
    """Compare a run on a grid with its shadow, where that is complete; stored where the run is."""
    if neurons.status != "complete":
        return
    run.shadow = compare_runs(run, neurons)
    if run.path is not None:
        run.shadow.write(run.path / f"{SHADOW}.json")


def _with_rows(config: Config, given: Given) -> Given:
    """With the rows of the data file, where the configuration names one."""
    if not isinstance(config.data, FileData):
        return given
    assert config.data_path is not None
    with_targets = isinstance(config.target, FileTarget)
    return replace(given, table=read_table(config.data_path, config.data, with_targets))


def _refuse_changed_rows(stored: Run | None, table: Table | None) -> None:
    if stored is None or table is None or stored.provenance.get("data_digest") == table.digest:
        return
    raise InputError(
        f"{stored.path} was computed with other rows: the data have changed since; "
        "restore them, or choose another --out"
    )


def _resume_from_disk(backend: str) -> list[Finding]:
    """A run whose end has grown goes on from its folder, bitwise as one that never stopped."""
    keys: dict[str, Any] = {
        "solver.cells": 16,
        "solver.a_cells": 16,
        "time.save": [1.0],
        "run.backend": backend,
    }
    whole = solve(None, **{**keys, "time.end": 2.0})
    with TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", Notice)
        solve(None, folder, **{**keys, "time.end": 1.0})
        parts = solve(None, folder, **{**keys, "time.end": 2.0})
        off = np.abs(parts.density(2.0) - whole.density(2.0)).max()
    return [at_most("density's difference", float(off), 0.0)]


_STORED = Check(
    "resume-stored",
    "storage",
    "a run continued from its files is bitwise the uninterrupted one",
    "quick",
    _resume_from_disk,
)

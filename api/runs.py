"""One run: computed, continued, opened; what it would cost, and what its folder holds."""

from __future__ import annotations

import warnings
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np
from threadpoolctl import threadpool_limits

from ..io.bar import Bar
from ..io.comparison import compare_runs
from ..io.halt import Halt
from ..io.health import Finding, examine
from ..io.job import Callback, Job, Progress
from ..io.pack import pack as pack_run
from ..io.provenance import tell_other_device
from ..io.run import SHADOW, Run
from ..kernels.errors import InputError, Notice
from ..pde.config import Config, load_config
from ..pde.config.shadow import shadow
from ..pde.cost import Cost, cost
from ..pde.given import Function, Given
from ..pde.particles.session import NeuronPlan
from ..pde.session import Plan, plan_of, prepare
from .inputs import Source, configuration, refuse_changed_rows, session_of, stored_run, with_rows


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
    settings, given = configuration(config, data, target, initial_density, overrides)
    folder = None if out is None else Path(out)
    beside = None if folder is None else folder / SHADOW
    neurons = None if shadow_particles is None else shadow(settings, shadow_particles)
    if neurons is not None and beside is not None:
        stored_run(beside, neurons)  # refuses another shadow before the run is computed
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
    stored = None if out is None else stored_run(out, settings)
    finished = stored is not None and stored.status == "complete" and stored.config == settings
    readable = settings.data_path is not None and settings.data_path.exists()
    if not finished or given.table is not None or readable:
        given = with_rows(settings, given)
        refuse_changed_rows(stored, given.table)
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


def _add_shadow(run: Run, neurons: Run) -> None:
    """Compare a run on a grid with its shadow, where that is complete; stored where the run is."""
    if neurons.status != "complete":
        return
    run.shadow = compare_runs(run, neurons)
    if run.path is not None:
        run.shadow.write(run.path / f"{SHADOW}.json")


def open(path: str | PathLike[str]) -> Run:
    """The run in a folder, finished or not. Raises InputError where there is none."""
    return Run.from_directory(Path(path))


def plan(config: Source = None, **overrides: Any) -> Plan | NeuronPlan:
    """What a configuration will take: cells or neurons, memory, pairs. Nothing is written."""
    with threadpool_limits(limits=1, user_api="blas"):
        return plan_of(session_of(config, overrides))


def dry_run(config: Source = None, **overrides: Any) -> Cost:
    """The same, with the time of a step, measured, and of the whole. Nothing is written."""
    with threadpool_limits(limits=1, user_api="blas"):
        return cost(session_of(config, overrides))


def pack(path: str | PathLike[str], file: str | PathLike[str]) -> Run:
    """Copy a run, every snapshot verified, into one self-contained file; returns it, opened.

    Raises InputError where a snapshot is damaged or missing, or the file exists.
    """
    open(path)  # says what is there, where it is not a run
    pack_run(Path(path), Path(file))
    return open(file)


def health(path: str | PathLike[str]) -> list[Finding]:
    """What a run holds, file by file, what of it reads, and from where it can go on."""
    return examine(Path(path))

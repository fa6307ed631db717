"""Solve and open: the one place where the equation and its storage meet.

run = bnflow.solve("config.toml", out="runs/first")     # on disk; the same call continues it
run = bnflow.solve({"network": {"activation": "erf"}})  # in memory
run = bnflow.solve(data=(x, y))                         # one's own rows
run = bnflow.solve(data=x, target=lambda x: x[:, 0] ** 2)
run = bnflow.open("runs/first")
bnflow.compare("runs/first", "runs/second").summary()   # how far apart two runs of one problem are
"""

from __future__ import annotations

import errno
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike
from threadpoolctl import threadpool_limits

from .io.bar import Bar
from .io.comparison import Comparison, compare_runs
from .io.datafile import read_table
from .io.health import describe_folder
from .io.provenance import collect
from .io.run import SHADOW, Run
from .io.store import Store, is_run
from .kernels.errors import InputError, Notice, NumericalFailure
from .pde.config import Config, load_config
from .pde.config.data import FileData
from .pde.config.shadow import shadow
from .pde.config.target import FileTarget
from .pde.cost import Cost, cost
from .pde.frame import AnyLayout, Frame
from .pde.given import Function, Given, configured
from .pde.network.table import Table
from .pde.particles.session import NeuronPlan
from .pde.session import AnySession, Plan, plan_of, prepare
from .pde.stepping.loop import Report

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
Source = str | PathLike[str] | Mapping[str, Any] | Config | None
Callback = Callable[[Frame], object]


class Progress(Protocol):
    """What a display of the progress is told."""

    def start(self, problem_text: str, t: float, end: float) -> None:
        """The run begins, or goes on, at time t."""

    def step(self, t: float, step: int, dt: float, risk: float, defect: float) -> None:
        """A step has been taken."""

    def saved(self, t: float) -> None:
        """A time has been saved."""

    def finish(self) -> None:
        """The run has ended, well or not."""


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
    interrupt : what Ctrl-C does once a time is saved: "return" the run so far, with the status
        "stopped", or "raise" KeyboardInterrupt; on disk the same call goes on from there
    shadow_particles : of a run on a grid, solve the same problem by so many neurons too, into
        out/shadow; `Run.shadow` is the comparison, which out/shadow.json holds as well
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
    run = _solved(settings, given, folder, display, callback, interrupt)
    if neurons is not None and run.status == "complete":
        _add_shadow(run, _solved(neurons, given, beside, display, None, interrupt))
    return run


def _solved(
    settings: Config,
    given: Given,
    out: Path | None,
    display: Progress | None,
    callback: Callback | None,
    interrupt: Literal["return", "raise"],
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
        return stored
    with threadpool_limits(limits=1, user_api="blas"), np.errstate(all="ignore"):
        job = _Job(prepare(settings, given), given.table, display, callback, interrupt)
        return job.in_memory() if out is None else job.on_disk(out, stored is not None)


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


def plan(config: Source = None, **overrides: Any) -> Plan | NeuronPlan:
    """What a configuration will take: cells or neurons, memory, pairs. Nothing is written."""
    with threadpool_limits(limits=1, user_api="blas"):
        return plan_of(_session(config, overrides))


def dry_run(config: Source = None, **overrides: Any) -> Cost:
    """The same, with the time of a step, measured, and of the whole. Nothing is written."""
    with threadpool_limits(limits=1, user_api="blas"):
        return cost(_session(config, overrides))


def health(path: str | PathLike[str]) -> list[str]:
    """What a run's folder holds, what of it reads, and from where it can go on."""
    return describe_folder(Path(path))


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
        return load_config(config, changes), Given()
    return configured(config, changes, rows, function, density)


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


class _Job:
    """A session on its way through its saved times, shown, stored and interruptible."""

    def __init__(
        self,
        session: AnySession,
        table: Table | None,
        progress: Progress | None,
        callback: Callback | None,
        interrupt: Literal["return", "raise"],
    ) -> None:
        self.session, self.table, self.progress = session, table, progress
        self.callback, self.interrupt = callback, interrupt
        self.text = session.config.to_toml()

    def in_memory(self) -> Run:
        """Solve, and keep every frame but for its restart state."""
        frames: list[Frame] = []
        driver = self.session.driver(report=_reporter(self.progress))
        layout, status = self._layout(driver), "complete"
        try:
            with _Shown(self.progress, self.session, driver.state.time):
                for frame in driver.frames():
                    frames.append(replace(frame, restart={}))
                    self._saved(frames[-1])
        except KeyboardInterrupt:
            if self.interrupt == "raise" or not frames:
                raise
            status = "stopped"
            _tell_interruption(frames[-1].time, "the run ends there")
        return Run.from_frames(layout, frames, self.text, self._provenance(), status)

    def on_disk(self, out: Path, resume: bool) -> Run:
        """Solve into a folder, or go on with the run that is there."""
        store, driver, last = self._opened(out, resume)
        try:
            with store, _Shown(self.progress, self.session, driver.state.time):
                self._fill(store, driver, last)
        except KeyboardInterrupt:
            if self.interrupt == "raise" or not len(store.trajectory):
                raise
            _tell_interruption(store.trajectory.time[-1], "the same call goes on from there")
        return Run.from_directory(out)

    def _opened(self, out: Path, resume: bool) -> tuple[Store, Any, int]:
        provenance = self._provenance()
        if resume:
            store = Store.reopen(out, config_toml=self.text, provenance=provenance)
            restart = store.last_restart()
            driver = self.session.driver(restart, _reporter(self.progress))
            return store, driver, -1 if restart is None else driver.state.step
        driver = self.session.driver(report=_reporter(self.progress))
        layout = self._layout(driver)
        store = Store.create(out, layout=layout, config_toml=self.text, provenance=provenance)
        return store, driver, -1

    def _fill(self, store: Store, driver: Any, last: int) -> None:
        try:
            for frame in driver.frames():
                if frame.step > last:
                    _append(store, frame)
                self._saved(frame)
        except NumericalFailure:
            store.close("failed")
            raise

    def _layout(self, driver: Any) -> AnyLayout:
        session: Any = self.session  # a session and its own driver fit each other
        layout: AnyLayout = session.layout(driver.state)
        return layout

    def _saved(self, frame: Frame) -> None:
        if self.progress is not None:
            self.progress.saved(frame.time)
        if self.callback is not None:
            self.callback(frame)

    def _provenance(self) -> dict[str, Any]:
        config = self.session.config
        made = collect(config.run.seed, self.session.flow.kernels.name, config.run.dtype)
        if self.table is not None:
            made["data_digest"] = self.table.digest
            made["data_path"] = None if config.data_path is None else str(config.data_path)
        return made


def _append(store: Store, frame: Frame) -> None:
    try:
        store.append(frame)
    except OSError as error:
        if error.errno in _FULL:
            raise  # what was saved is whole; the run goes on when there is room
        raise InputError(
            f"{store.path}: cannot write ({error.strerror or error}); what was saved is whole, "
            "the same command goes on from there"
        ) from None


class _Shown:
    """Start and end of the progress display around a computation."""

    def __init__(self, progress: Progress | None, session: AnySession, time: float) -> None:
        self.progress, self.session, self.time = progress, session, time

    def __enter__(self) -> None:
        if self.progress is not None:
            self.progress.start(self.session.describe(), self.time, self.session.config.time.end)

    def __exit__(self, *_: object) -> None:
        if self.progress is not None:
            self.progress.finish()


def _tell_interruption(time: float, then: str) -> None:
    warnings.warn(
        f"interrupted; the last saved time is t = {time:.6g}, {then}", Notice, stacklevel=4
    )


def _reporter(progress: Progress | None) -> Any:
    if progress is None:
        return None

    def tell(report: Report) -> None:
        progress.step(report.time, report.step, report.dt, report.risk, report.defect)

    return tell

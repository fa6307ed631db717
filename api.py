"""Solve and open: the one place where the equation and its storage meet.

run = bnflow.solve("config.toml", out="runs/first")     # on disk; the same call continues it
run = bnflow.solve({"network": {"activation": "erf"}})  # in memory
run = bnflow.open("runs/first")
"""

from __future__ import annotations

import errno
import warnings
from collections.abc import Mapping
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from threadpoolctl import threadpool_limits

from .io.datafile import read_table
from .io.health import describe_folder
from .io.provenance import collect
from .io.run import Run
from .io.store import Store, is_run
from .kernels.errors import InputError, Notice, NumericalFailure
from .pde.config import Config, load_config
from .pde.config.data import FileData, FileTarget
from .pde.frame import Frame
from .pde.network.data import Table
from .pde.session import Plan, Session
from .pde.session import plan as plan_session
from .pde.stepping.driver import Report

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
Source = str | PathLike[str] | Mapping[str, Any] | Config | None


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
    progress: Progress | None = None,
    **overrides: Any,
) -> Run:
    """Train the network of a configuration.

    config : path of a TOML file, name of an example, nested dictionary or `Config`; None is the
        packaged circle-teacher
    out : folder of the run; None keeps it in memory. A folder with an unfinished run of the same
        configuration is continued (time.end may have grown), a finished one is opened
    progress : is told every step
    overrides : tables, as time={"end": 2.0}, or dotted keys, as **{"time.end": 2.0}

    Raises InputError for a mistake in the configuration, the data or the folder, and
    NumericalFailure where the computation breaks down; what was saved before stays.
    """
    settings = load_config(config, _dotted(overrides))
    stored = None if out is None else _stored(Path(out), settings)
    complete = stored is not None and stored.status == "complete" and stored.config == settings
    if complete and (settings.data_path is None or not settings.data_path.exists()):
        return _already(stored)
    table = _table(settings)
    if stored is not None and table is not None:
        _refuse_changed_rows(stored, table)
    if complete:
        return _already(stored)
    with threadpool_limits(limits=1, user_api="blas"), np.errstate(all="ignore"):
        session = Session.prepare(settings, table)
        if out is None:
            return _in_memory(session, progress, table)
        return _on_disk(session, Path(out), stored is not None, progress, table)


def open(path: str | PathLike[str]) -> Run:
    """The run in a folder, finished or not. Raises InputError where there is none."""
    return Run.from_directory(Path(path))


def plan(config: Source = None, **overrides: Any) -> Plan:
    """What a configuration will take: cells, memory, pairs, steps. Nothing is written."""
    settings = load_config(config, _dotted(overrides))
    with threadpool_limits(limits=1, user_api="blas"):
        return plan_session(Session.prepare(settings, _table(settings)))


def health(path: str | PathLike[str]) -> list[str]:
    """What a run's folder holds, what of it reads, and from where it can go on."""
    return describe_folder(Path(path))


def _dotted(overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Tables change their keys and leave the others; a table with a `kind` is a new one."""
    flat: dict[str, Any] = {}
    for name, value in overrides.items():
        if isinstance(value, Mapping) and "kind" not in value:
            flat.update({f"{name}.{key}": each for key, each in _dotted(value).items()})
        else:
            flat[name] = value
    return flat


def _already(stored: Run | None) -> Run:
    assert stored is not None
    warnings.warn(f"{stored.path} is already complete", Notice, stacklevel=3)
    return stored


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


def _table(config: Config) -> Table | None:
    if not isinstance(config.data, FileData):
        return None
    assert config.data_path is not None
    return read_table(config.data_path, config.data, isinstance(config.target, FileTarget))


def _refuse_changed_rows(stored: Run, table: Table) -> None:
    if stored.provenance.get("data_digest") != table.digest:
        raise InputError(
            f"{stored.path} was computed with other rows: the data file has changed since; "
            "restore it, or choose another --out"
        )


def _in_memory(session: Session, progress: Progress | None, table: Table | None) -> Run:
    frames: list[Frame] = []
    driver = session.driver(report=_reporter(progress))
    layout = session.layout(driver.state)
    with _Shown(progress, session, driver.state.time):
        for frame in driver.frames():
            frames.append(replace(frame, restart={}))
    return Run.from_frames(layout, frames, session.config.to_toml(), _provenance(session, table))


def _on_disk(
    session: Session, out: Path, resume: bool, progress: Progress | None, table: Table | None
) -> Run:
    text, provenance = session.config.to_toml(), _provenance(session, table)
    if resume:
        store = Store.reopen(out, config_toml=text, provenance=provenance)
        restart = store.last_restart()
        driver = session.driver(restart, _reporter(progress))
        last = -1 if restart is None else driver.state.step
    else:
        driver = session.driver(report=_reporter(progress))
        layout = session.layout(driver.state)
        store = Store.create(out, layout=layout, config_toml=text, provenance=provenance)
        last = -1
    with store:
        try:
            with _Shown(progress, session, driver.state.time):
                for frame in driver.frames():
                    if frame.step > last:
                        store.append(frame)
                    if progress is not None:
                        progress.saved(frame.time)
        except NumericalFailure:
            store.close("failed")
            raise
        except OSError as error:
            if error.errno in _FULL:
                raise  # what was saved is whole; the run goes on when there is room
            raise InputError(
                f"{out}: cannot write ({error.strerror or error}); what was saved is whole, "
                "the same command goes on from there"
            ) from None
    return Run.from_directory(out)


class _Shown:
    """Start and end of the progress display around a computation."""

    def __init__(self, progress: Progress | None, session: Session, time: float) -> None:
        self.progress, self.session, self.time = progress, session, time

    def __enter__(self) -> None:
        if self.progress is not None:
            self.progress.start(self.session.describe(), self.time, self.session.config.time.end)

    def __exit__(self, *_: object) -> None:
        if self.progress is not None:
            self.progress.finish()


def _reporter(progress: Progress | None) -> Any:
    if progress is None:
        return None

    def tell(report: Report) -> None:
        progress.step(report.time, report.step, report.dt, report.risk, report.defect)

    return tell


def _provenance(session: Session, table: Table | None) -> dict[str, Any]:
    run = session.config.run
    provenance = collect(run.seed, session.flow.kernels.name, run.dtype)
    if table is not None:
        provenance["data_digest"] = table.digest
        provenance["data_path"] = str(session.config.data_path)
    return provenance

"""What a call is given: a configuration, rows, functions, and the run that is in its folder.

Tables among the arguments are keys of the configuration; what only Python can hold goes beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

from ..io.datafile import read_table
from ..io.run import Run
from ..io.store import is_run
from ..kernels.errors import InputError
from ..pde.config import Config, load_config
from ..pde.config.data import FileData
from ..pde.config.target import FileTarget
from ..pde.given import Function, Given, configured
from ..pde.network.table import Table
from ..pde.session import AnySession, prepare

Source = str | PathLike[str] | Mapping[str, Any] | Config | None


def configuration(
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
    changes = dotted({**tables, **overrides})
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


def session_of(config: Source, overrides: Mapping[str, Any]) -> AnySession:
    """The configuration with its rows, made ready to run."""
    settings, given = configuration(
        config,
        overrides.get("data"),
        overrides.get("target"),
        overrides.get("initial_density"),
        {k: v for k, v in overrides.items() if k not in ("data", "target", "initial_density")},
    )
    return prepare(settings, with_rows(settings, given))


def dotted(overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Tables change their keys and leave the others; a table with a `kind` is a new one."""
    flat: dict[str, Any] = {}
    for name, value in overrides.items():
        if isinstance(value, Mapping) and "kind" not in value:
            flat.update({f"{name}.{key}": each for key, each in dotted(value).items()})
        else:
            flat[name] = value
    return flat


def with_rows(config: Config, given: Given) -> Given:
    """With the rows of the data file, where the configuration names one."""
    if not isinstance(config.data, FileData):
        return given
    assert config.data_path is not None
    with_targets = isinstance(config.target, FileTarget)
    return replace(given, table=read_table(config.data_path, config.data, with_targets))


def stored_run(out: Path, config: Config) -> Run | None:
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


def refuse_changed_rows(stored: Run | None, table: Table | None) -> None:
    """Raise InputError where a stored run was made of other rows."""
    if stored is None or table is None or stored.provenance.get("data_digest") == table.digest:
        return
    raise InputError(
        f"{stored.path} was computed with other rows: the data have changed since; "
        "restore them, or choose another --out"
    )

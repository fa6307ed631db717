"""`Config`: all tables of a run together, what they must agree on, and their canonical text.

Two configs are equal, and have one digest, when every key has the same value; the folder that
relative paths start from (`base`) is not part of that. Make one with `load_config`, which words
every mistake in one line.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import shorten
from typing import Any

import tomli_w
from pydantic import PrivateAttr, model_validator

from . import affine, agreement, particles
from .base import Table, clash, key
from .data import Data, FileData, Population
from .initial import Constant, Initial, Normal, TwoPoint, Uniform
from .network import Loss, Network, Training
from .output import Output
from .solver import Run, Solver, Time
from .sweep import Sweep
from .target import Target, Teacher


class Config(Table):
    """What a run is told, checked and immutable."""

    network: Network = key(Network(), "The network and what of it is trained.")
    data: Data = key(Population(), "The law of the inputs.")
    target: Target = key(Teacher.model_validate({}), "What is to be learned.")
    loss: Loss = key(Loss(), "The loss.")
    training: Training = key(Training(), "Departures from the plain gradient flow.")
    initial: Initial = key(Initial(), "The law of the weights at time zero.")
    solver: Solver = key(Solver(), "The discretization.")
    time: Time = key(Time(), "Until when, and when to save.")
    run: Run = key(Run(), "Where the computation runs.")
    output: Output = key(Output(), "What is stored of the saved times.")
    sweep: Sweep | None = key(
        None, "Many runs of this config, for bnflow sweep.", words="a table", tables=True
    )

    _base: Path = PrivateAttr(default_factory=Path.cwd)

    @model_validator(mode="before")
    @classmethod
    def _rows_bring_their_targets(cls, raw: Any) -> Any:
        """Files and arrays bring their own targets, unless a target is named."""
        if not isinstance(raw, dict):
            return raw
        data, target = raw.get("data"), raw.get("target", {})
        kind = data.get("kind") if isinstance(data, dict) else None
        own = isinstance(target, dict) and not target.keys() - {"label"}
        if own and isinstance(kind, str) and kind in agreement.ROWS:
            return {**raw, "target": {**target, "kind": kind}}
        return raw

    @model_validator(mode="after")
    def _agree(self) -> Config:
        for check in _CHECKS:
            if complaint := check(self):
                raise clash(complaint)
        return self

    @property
    def d(self) -> int | None:
        """The dimension of the inputs; None where only the data file knows it."""
        return self.data.d

    @property
    def base(self) -> Path:
        """The folder that relative paths start from."""
        return self._base

    @property
    def data_path(self) -> Path | None:
        """The data file as an absolute path; None without one."""
        if not isinstance(self.data, FileData):
            return None
        return Path(os.path.abspath(self.base / os.path.expanduser(self.data.path)))

    def to_dict(self) -> dict[str, Any]:
        """Every key with its value, as nested dictionaries; keys without a value are left out."""
        tables = self.model_dump(mode="json", exclude_none=True)
        return {name: _without_empty_tables(table) for name, table in tables.items()}

    def to_toml(self) -> str:
        """Return the canonical text: every key with its value, in the declared order."""
        return tomli_w.dumps(self.to_dict())

    def digest(self, *, end: bool = True) -> str:
        """Return the SHA-256 of the canonical text; end : with time.end, which may grow."""
        tables = self.to_dict()
        if not end:
            del tables["time"]["end"]
        return hashlib.sha256(tomli_w.dumps(tables).encode()).hexdigest()

    def difference(self, other: Config) -> list[str]:
        """One line for every key that differs, as `time.end: 5.0 here, 10.0 there`."""
        here, there = dict(_flat(self.to_dict())), dict(_flat(other.to_dict()))
        return [
            f"{name}: {_short(here.get(name))} here, {_short(there.get(name))} there"
            for name in dict.fromkeys([*here, *there])
            if here.get(name) != there.get(name)
        ]

    def replace(self, **changes: Any) -> Config:
        """Return the config with some keys changed: `config.replace(**{"time.end": 7.0})`."""
        from .loading import load_config

        return load_config(self, changes)

    def without_sweep(self) -> Config:
        """Return the config of one run."""
        if self.sweep is None:
            return self
        tables = self.to_dict()
        del tables["sweep"]
        from .loading import load_config

        return load_config(tables, base=self.base)

    def __eq__(self, other: object) -> bool:
        """Tell whether every key has the same value."""
        return isinstance(other, Config) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        """Return a number that equal configs share."""
        return hash(self.digest())

    def __str__(self) -> str:
        """Return the canonical text."""
        return self.to_toml()

    def __repr__(self) -> str:
        """Return one line that tells configs apart."""
        return f"<Config {self.data.kind} data, d = {self.d}, to t = {self.time.end}>"


def _short(value: Any) -> str:
    """One line; the text of a function is cut."""
    return "not set" if value is None else shorten(str(value), 80, placeholder=" ...")


def _without_empty_tables(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: _without_empty_tables(entry) for name, entry in value.items() if entry != {}}


def _flat(table: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _cfl_is_stable(config: Config) -> str:
    limit = {"upwind": 1.0, "muscl": 0.5, "weno": 0.5}[config.solver.scheme]
    if config.time.cfl <= limit or config.solver.method != "grid":
        return ""
    return (
        f'time.cfl = {config.time.cfl} is unstable with solver.scheme = "{config.solver.scheme}"; '
        f"allowed: at most {limit}"
    )


def _a_range_holds_the_start(config: Config) -> str:
    law, limits = config.initial.a, config.solver.a_range
    if limits == "auto" or "a" not in config.network.train or config.solver.method != "grid":
        return ""
    support = _support(law)
    if limits[0] < min(support) and max(support) < limits[1]:
        return ""
    return (
        f"solver.a_range = {list(limits)} does not hold the initial outer weights (initial.a, "
        f'{law.kind}: {list(support)}); widen it or give "auto"'
    )


def _support(law: Normal | Constant | TwoPoint | Uniform) -> tuple[float, ...]:
    match law:
        case Normal():
            return (law.mean,)
        case Constant():
            return (law.value,)
        case TwoPoint():
            return law.values
        case Uniform():
            return law.range


_CHECKS: tuple[Callable[[Config], str], ...] = (
    *agreement.CHECKS,
    _cfl_is_stable,
    _a_range_holds_the_start,
    *particles.CHECKS,
    *affine.CHECKS,
)

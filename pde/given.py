"""What a configuration names but cannot hold: rows, and functions given from Python.

A configuration is text. Of arrays it keeps the width, of functions the source text, as far as it is
known; the run goes on only where both are given again, and only where they are the same: arrays by
their digest, functions by their text (what a closure refers to is not seen).
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..kernels.errors import InputError
from .config import Config, load_config
from .config.loading import Source, read
from .network.table import Table, checked_table

Function = Callable[..., Any]


@dataclass(frozen=True)
class Given:
    """table : rows of a file or of arrays; target : y(x) of raw rows; density : rho_0(v, a)."""

    table: Table | None = None
    target: Function | None = None
    density: Function | None = None


def _pair(data: Any) -> tuple[Any, Any]:
    """(x, y), or x alone: two rows of numbers in a list are rows, two arrays are x and y."""
    if isinstance(data, tuple) and len(data) == 2:
        return data[0], data[1]
    if isinstance(data, list) and len(data) == 2 and np.ndim(data[0]) == 2:
        return data[0], data[1]
    return data, None


def configured(
    source: Source,
    overrides: Mapping[str, Any],
    data: Any = None,
    target: Function | None = None,
    density: Function | None = None,
) -> tuple[Config, Given]:
    """The configuration of a problem that comes in part from Python, and that part.

    data : (x, y), or x alone; target : in place of y; density : of the initial weights
    Raises InputError for what does not fit.
    """
    raw, base = read(source)
    table = None
    if data is not None:
        x, y = _pair(data)
        table = checked_table(x, y, names=("data: x", "data: y"))
        raw["data"] = {**_kept(raw, "data", "arrays"), "width": table.inputs.shape[1]}
        if y is not None:
            _refuse_two_targets(target)
            raw["target"] = _kept(raw, "target", "arrays")
    if target is not None:
        raw["target"] = {**_kept(raw, "target", "function"), "source": source_text(target)}
    if density is not None:
        overrides = {**overrides, "initial.density": source_text(density)}
    return load_config(raw, overrides, base=base), Given(table, target, density)


def source_text(function: Function) -> str:
    """The text of a function; its name where Python does not know the text."""
    if not callable(function):
        raise InputError(f"{function!r} is no function; give one that takes arrays")
    try:
        return textwrap.dedent(inspect.getsource(function)).strip()
    except (OSError, TypeError):
        name = getattr(function, "__qualname__", type(function).__qualname__)
        return f"{getattr(function, '__module__', None)}.{name} (its text is not known)"


def from_python(settings: Mapping[str, Any]) -> list[str]:
    """What of a stored configuration only Python can give, in words."""
    activation = settings.get("network", {}).get("activation")
    found = {
        "data (arrays)": settings.get("data", {}).get("kind") == "arrays",
        "target (a function)": settings.get("target", {}).get("kind") == "function",
        "initial density (a function)": "density" in settings.get("initial", {}),
        "activation (a function)": isinstance(activation, Mapping)
        and activation.get("kind") == "custom",
    }
    return [name for name, is_there in found.items() if is_there]


def _kept(raw: Mapping[str, Any], name: str, kind: str) -> dict[str, Any]:
    """The table that is there, if it is of that kind; else a new one, and a label stays."""
    table = raw.get(name)
    table = table if isinstance(table, dict) else {}
    if table.get("kind") == kind:
        return dict(table)
    kept = {"label", "noise"} if kind == "function" else {"label"}
    return {"kind": kind, **{key: table[key] for key in sorted(kept & table.keys())}}


def _refuse_two_targets(target: Function | None) -> None:
    if target is not None:
        raise InputError("data=(x, y) and target=function both give targets; give data=x")

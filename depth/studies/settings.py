"""The settings of a study: its defaults, what --quick changes, and one's own.

The default of a setting has its type: an integer, a number, a word, or a list of one of these.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ...kernels.errors import InputError
from ...pde.config.text import nearest, shown
from .study import Settings, Study

_WORDS = {int: "an integer >= 0", float: "a number", str: "a word"}


def settings_of(study: Study, quick: bool, changes: Mapping[str, Any]) -> dict[str, Any]:
    """All settings, in the order of their declaration.

    Raises InputError for an unknown setting or a value of another type.
    """
    found = {**study.settings, **(study.quick if quick else {})}
    for name, value in changes.items():
        if name not in found:
            hint = nearest(name, found) or f"; settings: {', '.join(found)}"
            raise InputError(f"{name} is no setting of {study.name}{hint}")
        found[name] = _checked(name, value, study.settings[name])
    return found


def _checked(name: str, value: Any, default: Any) -> Any:
    if isinstance(default, list):
        entries = value if isinstance(value, list | tuple | np.ndarray) else [value]
        if not len(entries):
            raise InputError(f"{name} = [] must have an entry; give {name} = {shown(default)}")
        return [_entry(name, each, default[0], value) for each in entries]
    return _entry(name, value, default, value)


def _entry(name: str, value: Any, default: Any, seen: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    kind = type(default)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    good = type(value) is kind
    if good and kind is not str:
        good = math.isfinite(value) and (kind is float or value >= 0)
    if not good:
        raise InputError(
            f"{name} = {shown(seen)} must be {_WORDS[kind]}; give {name} = {shown(default)}"
        )
    return value


def refuse_difference(where: str, stored: Settings, wanted: Settings) -> None:
    """Raise InputError, with the first difference, where settings are not the stored ones."""
    names = [name for name in {**stored, **wanted} if stored.get(name) != wanted.get(name)]
    if names:
        lines = [f"{n} = {shown(stored.get(n))}, not {shown(wanted.get(n))}" for n in names]
        more = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
        raise InputError(f"{where} holds this study with {lines[0]}{more}; choose another --out")

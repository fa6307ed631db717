"""From a file, a dictionary or a packaged example, and overrides, to a checked `Config`.

Whatever comes in, out comes a `Config` or an `InputError` of one line.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ...kernels.errors import InputError
from . import examples
from .config import Config
from .messages import one_line
from .text import listed, nearest, shown

Source = str | os.PathLike[str] | Mapping[str, Any] | Config | None
Overrides = Iterable[str] | Mapping[str, Any]

_DEEPEST = 12
_BARE_WORD = re.compile(r"[^\s\"'\[\]{}=,#]([^\"'\[\]{}=,#\n]*[^\s\"'\[\]{}=,#])?")
_NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_INSTEAD = (  # giving one of them in an override takes the place of the other
    ("time.save", "time.save_every"),
    ("target.angles", "target.directions"),
    ("target.angle", "target.direction"),
)


def load_config(
    source: Source = None, overrides: Overrides = (), *, base: str | os.PathLike[str] | None = None
) -> Config:
    """Read and check a configuration.

    source : path of a TOML file, name of a packaged example, nested dictionary, or `Config`; None
        is the packaged circle-teacher
    overrides : strings "a.b=value" (the value as TOML, a bare word as a string), or a mapping from
        dotted names to values
    base : folder that relative paths start from; by default the file's own, or the current one

    >>> load_config({"network": {"activation": "erf"}}, ["time.end=2"]).time.end
    2.0
    """
    raw, found = read(source)
    for name, value in named(overrides):
        _put(raw, name, value)
    try:
        config = Config.model_validate(raw)
    except ValidationError as error:
        raise InputError(one_line(error, raw)) from None
    config._base = Path(os.path.abspath(found if base is None else base))
    return config


def read(source: Source) -> tuple[dict[str, Any], Path]:
    """The nested tables of a source, not yet checked, and the folder that paths start from."""
    if isinstance(source, Config):
        return source.to_dict(), source.base
    if isinstance(source, Mapping):
        return _plain(source), Path.cwd()
    if source is None:
        path = examples.path(examples.DEFAULT)
    elif isinstance(source, (str, os.PathLike)):
        path = _file(os.fspath(source))
    else:
        kind = type(source).__name__
        raise InputError(f"a config is a path, a dictionary or a Config, not {shown(kind)}")
    return _parsed(path), path.parent


def _file(name: Any) -> Path:
    text = shown(str(name))[1:-1]
    if not isinstance(name, str) or not name or not name.isprintable():
        raise InputError(f'"{text}" is no path of a config file; see bnflow examples')
    path = Path(os.path.expanduser(name))
    if path.is_file():
        return path
    if name in examples.names():
        return examples.path(name)
    if path.is_dir():
        raise InputError(
            f"{text} is a folder; give a .toml file in it (for a run: bnflow info DIR)"
        )
    hint = _near(path) or f"; packaged ones: {listed(examples.names())}"
    raise InputError(f"no config file {text}{hint} (see bnflow examples)")


def _near(path: Path) -> str:
    try:
        here = [str(path.parent / other.name) for other in path.parent.glob("*.toml")]
    except OSError:
        here = []
    return nearest(path, [*here, *examples.names()])


def _parsed(path: Path) -> dict[str, Any]:
    try:
        raw: dict[str, Any] = _plain(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise InputError(f"{path}: cannot be read, {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: is not UTF-8 text; a config is a TOML file") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: {_one(error)}; a config is a TOML file") from None
    return raw


def _one(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def named(overrides: Overrides) -> list[tuple[str, Any]]:
    """Names and values of overrides, in their order."""
    if isinstance(overrides, Mapping):
        return [(_checked_name(name), _plain(value)) for name, value in overrides.items()]
    if isinstance(overrides, str):
        overrides = [overrides]
    return [_split(text) for text in overrides]


def _split(text: str) -> tuple[str, Any]:
    name, equals, value = str(text).partition("=")
    if not equals:
        raise InputError(f"{shown(text)} is no override; write key=value, as time.end=2")
    return _checked_name(name.strip()), _value(name.strip(), value.strip())


def _checked_name(name: Any) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InputError(f"{shown(name)} is no key; write table.key=value, as time.end=2")
    return name


def _value(name: str, text: str) -> Any:
    try:
        table = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError) as error:
        if _BARE_WORD.fullmatch(text):
            return text
        raise InputError(f"{name} = {shown(text)[1:-1]} is no TOML value: {_one(error)}") from None
    if len(table) > 1:
        raise InputError(f"{name}: one value only, on one line")
    return _plain(table["value"])


def _put(raw: dict[str, Any], name: str, value: Any) -> None:
    for pair in _INSTEAD:
        if name.startswith(pair):
            _drop(raw, pair[1] if name.startswith(pair[0] + ".") or name == pair[0] else pair[0])
    *tables, last = name.split(".")
    for part in tables:
        if not isinstance(raw.get(part), dict):
            raw[part] = {}
        raw = raw[part]
    raw[last] = value


def _drop(raw: dict[str, Any], name: str) -> None:
    table, _, key = name.partition(".")
    if isinstance(raw.get(table), dict):
        raw[table].pop(key, None)


def _plain(value: Any, depth: int = 0) -> Any:
    """Plain dictionaries, lists and numbers, as TOML has them; arrays and paths become such."""
    if depth > _DEEPEST:
        raise InputError(f"the config is nested deeper than {_DEEPEST} levels; give it as tables")
    if isinstance(value, Mapping):
        for name in value:
            if not isinstance(name, str):
                raise InputError(f"{shown(name)} is no key; the names of keys are strings")
        return {name: _plain(entry, depth + 1) for name, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry, depth + 1) for entry in value]
    if hasattr(value, "to_config"):  # an activation
        return _plain(value.to_config(), depth)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "tolist"):  # NumPy's arrays and scalars
        return _plain(value.tolist(), depth + 1)
    if isinstance(value, int) and abs(value) >= 2**63:
        raise InputError("an integer in the config does not fit 64 bits; write a number, as 1e20")
    return value

"""How values and choices are written in messages: as TOML, on one line, never too long."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Sequence
from typing import Any

_LONGEST = 60
_MOST = 5


def toml(value: Any) -> str:
    """Write a plain value as it would stand in a config file.

    >>> toml({"kind": "normal", "std": 0.5}), toml([True, 1])
    ('{kind = "normal", std = 0.5}', '[true, 1]')
    """
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return json.dumps(value, ensure_ascii=not value.isprintable())
        case list() | tuple():
            return "[" + ", ".join(map(toml, value)) + "]"
        case dict():
            return "{" + ", ".join(f"{k} = {toml(v)}" for k, v in value.items()) + "}"
    return str(value)


def shown(value: Any) -> str:
    """Write a value seen, cut to a readable length and free of line breaks."""
    text = " ".join("".join(c if c.isprintable() else " " for c in toml(value)).split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 4] + " ..."


def listed(choices: Iterable[str]) -> str:
    """Join choices: `a, b or c`."""
    *rest, last = choices
    return f"{', '.join(rest)} or {last}" if rest else last


def nearest(word: object, names: Iterable[str]) -> str:
    """Return `; did you mean NAME?` for the name closest to the word, or nothing."""
    close = difflib.get_close_matches(str(word)[:100], list(names), n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else ""


def some(times: Sequence[float]) -> str:
    """Write times, those in the middle left out where they are many.

    >>> some([0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0])
    '0, 0.5, 1, 1.5 .. 3'
    """
    if len(times) <= _MOST:
        return ", ".join(f"{t:.6g}" for t in times)
    return f"{', '.join(f'{t:.6g}' for t in times[: _MOST - 1])} .. {times[-1]:.6g}"


def size(count: float) -> str:
    """Write a number of bytes.

    >>> size(3 * 2**30), size(1_900_000_000)
    ('3 GiB', '1.77 GiB')
    """
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 999.5:
            return f"{count:.3g} {unit}"
        count /= 1024
    return f"{count:.3g} TiB"

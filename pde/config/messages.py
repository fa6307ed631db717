"""A validation error in one line: key, value seen, values allowed, the next thing to try."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from ... import __version__
from .schema import Key, default_kind, find, schema_table
from .text import listed, nearest, shown

_ENTRIES = {  # entries of lists, by pydantic's names for what is wrong with them
    "float_type": "a number",
    "finite_number": "a finite number",
    "int_type": "an integer",
    "string_type": "a string",
}


def one_line(error: ValidationError, raw: Mapping[str, Any]) -> str:
    """Word the first problem; `raw` is the nested input that was refused."""
    problems = error.errors(include_url=False)
    unknown = [problem for problem in problems if problem["type"] == "extra_forbidden"]
    first = unknown[0] if unknown and problems[0]["type"] == "missing" else problems[0]
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return _worded(first, raw) + more


def _worded(problem: Any, raw: Mapping[str, Any]) -> str:
    context, value, location = problem.get("ctx") or {}, problem["input"], problem["loc"]
    if at := context.get("at"):
        location, value = (*location, at), value[at]
    name, written = _name(location)
    kind = _kind(location, raw)
    entry = find(name, kind)
    seen = f"{written} = {shown(value)}"
    match problem["type"]:
        case "clash":
            return str(context["text"])
        case "wrong":
            return f"{seen} {context['text']}"
        case "extra_forbidden":
            return _unknown(name, location, kind)
        case "missing":
            return f"{written} is missing: {_rule(name, kind)}"
        case "not_yet":
            return f"{seen} is not yet available in bnflow {__version__}{_available(entry)}"
        case "no_table":
            kinds = listed([f'"{kind}"' for kind in context["kinds"]])
            return f"{seen} must be a table with kind = {kinds}"
    if isinstance(location[-1], int):
        words = _entry_words(problem)
        guess = nearest(f'"{value}"', words.replace(" or ", ", ").split(", "))
        return f"{seen} must be {words}{guess if isinstance(value, str) else ''}"
    guess = nearest(f'"{value}"', entry.choices) if entry and isinstance(value, str) else ""
    return f"{seen} must be {_allowed(entry)}{guess}"


def _entry_words(problem: Any) -> str:
    expected = (problem.get("ctx") or {}).get("expected", "").replace("'", '"')
    return _ENTRIES.get(problem["type"]) or expected or "another value"


def _rule(name: str, kind: object) -> str:
    """What the key, or the nearest known key above it, must be."""
    while name and (entry := find(name, kind)) is None:
        name = name.rpartition(".")[0]
    return f"{name} must be {_allowed(entry)}"


def _name(location: tuple[Any, ...]) -> tuple[str, str]:
    """The dotted name of the key, and the same with positions in lists: `target.weights[1]`."""
    name = ".".join(part for part in location if isinstance(part, str))
    written = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in location)[1:]
    return name, shown(name)[1:-1] if not name.isprintable() else written


def _kind(location: tuple[Any, ...], raw: Any) -> object:
    """The `kind` of the innermost table around a key, as the input has it."""
    kind = None
    for part in location[:-1]:
        raw = raw.get(part) if isinstance(raw, Mapping) else None
        kind = raw.get("kind") if isinstance(raw, Mapping) else kind
    return kind


def _allowed(entry: Key | None) -> str:
    if entry is None:
        return "a table"
    unit = f" ({entry.unit})" if entry.unit else ""
    return f"{entry.allowed}{unit}"


def _available(entry: Key | None) -> str:
    if entry is None or (not entry.available and not entry.default):
        return "; leave it out"
    choices = [choice.strip('"') for choice in entry.choices] or [entry.allowed]
    return f"; available: {', '.join(choices) if entry.available else entry.default}"


def _unknown(name: str, location: tuple[Any, ...], kind: object) -> str:
    table, last = ".".join(map(str, location[:-1])), str(location[-1])
    title = f"{shown(name)[1:-1]} is no key"
    names = [entry.name for entry in schema_table()]
    if others := [other for entry in schema_table() if entry.name == name for other in entry.kinds]:
        belongs = listed([f'"{other}"' for other in dict.fromkeys(others)])
        kind = kind or default_kind(table)
        return (
            f'{title} of {table} with kind = "{kind}", only with {belongs}; '
            f"to change the kind, replace the whole table: {table} = {{kind = ..., ...}}"
        )
    siblings = list(dict.fromkeys(_siblings(table, names)))
    if guess := nearest(last, siblings):
        return title + guess.replace("mean ", f"mean {table}." if table else "mean ")
    if elsewhere := [other for other in names if other.rpartition(".")[2] == last]:
        return f"{title}; did you mean {listed(elsewhere[:3])}?"
    if not siblings:
        return f"{title}; {_rule(table, kind)}"
    return f"{title}; {f'keys of [{table}]' if table else 'tables'}: {', '.join(siblings)}"


def _siblings(table: str, names: list[str]) -> list[str]:
    prefix = f"{table}." if table else ""
    return [n[len(prefix) :].partition(".")[0] for n in names if n.startswith(prefix)]

"""The declaration read out: JSON schema, and one `Key` for every key of the configuration.

Nothing is declared here. Types, ranges and defaults come from the models; the words for them are
made once, in `_words`, and serve the schema command, the documentation and the messages alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from .config import Config
from .text import listed, toml


@dataclass(frozen=True)
class Key:
    """One key: its dotted name and what may be said of it.

    name : "solver.cells"
    kinds : values of the table's `kind` that know this key; empty where there is no choice
    allowed : in words, "an integer from 4 to 65536"
    choices : the members of a closed set, else empty
    default : as TOML text; "" where there is none, REQUIRED where one must be given
    later : values that are reserved, not yet built
    available : False where only the default is built
    """

    name: str
    kinds: tuple[str, ...]
    allowed: str
    choices: tuple[str, ...]
    default: str
    unit: str
    meaning: str
    later: tuple[str, ...]
    available: bool


REQUIRED = "required"


def json_schema() -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of a config file."""
    return Config.model_json_schema()


@cache
def schema_table() -> tuple[Key, ...]:
    """Every key in declared order; a key that several kinds share appears once."""
    schema = json_schema()
    found: dict[tuple[str, ...], Key] = {}
    for entry in _walk(schema, schema["$defs"], "", ()):
        mark: tuple[str, ...] = (entry.name, entry.allowed, entry.meaning, entry.default)
        if entry.name.endswith(".kind"):
            mark = (entry.name,)
        found[mark] = _merged(found[mark], entry) if mark in found else entry
    return tuple(found.values())


def find(name: str, kind: object = None) -> Key | None:
    """Return the key of that name, of the table's `kind` where the name has several meanings."""
    same = [entry for entry in schema_table() if entry.name == name]
    return next((entry for entry in same if kind in entry.kinds), same[0] if same else None)


def default_kind(table: str) -> str:
    """Return the `kind` that a table is of where it does not say."""
    entry = find(f"{table}.kind")
    return entry.default.strip('"') if entry else ""


def _merged(first: Key, second: Key) -> Key:
    choices = tuple(dict.fromkeys(first.choices + second.choices))
    return replace(
        first,
        kinds=first.kinds + second.kinds,
        choices=choices,
        later=tuple(dict.fromkeys(first.later + second.later)),
        allowed=listed(choices) if choices else first.allowed,
    )


def _walk(
    table: dict[str, Any], defs: dict[str, Any], prefix: str, kinds: tuple[str, ...]
) -> Iterator[Key]:
    required = table.get("required", [])
    for name, node in table["properties"].items():
        members = [_resolved(member, defs) for member in node.get("anyOf", [node])]
        tables = [member for member in members if "properties" in member]
        every = bool(tables) and len(tables) == len(members)
        if not every:
            yield _key(prefix + name, node, defs, kinds, name in required)
        if every or node.get("tables"):
            for member in tables:
                kind = member["properties"].get("kind", {}).get("const")
                inner = (kind,) if kind and len(tables) > 1 else ()
                yield from _walk(member, defs, f"{prefix}{name}.", inner)


def _key(
    name: str, node: dict[str, Any], defs: dict[str, Any], kinds: tuple[str, ...], required: bool
) -> Key:
    default = node.get("default")
    return Key(
        name=name,
        kinds=kinds,
        allowed=node.get("words") or _words(node, defs),
        choices=tuple(toml(value) for value in _choices(node)),
        default=REQUIRED if required else "" if default is None else toml(default),
        unit=node.get("unit", ""),
        meaning=node.get("description", ""),
        later=tuple(
            value if value.startswith("a ") else toml(value) for value in node.get("later", [])
        ),
        available=not node.get("reserved", False),
    )


def _resolved(node: dict[str, Any], defs: dict[str, Any]) -> dict[str, Any]:
    reference = node.get("$ref")
    return {**defs[reference.rpartition("/")[2]], **node} if reference else node


def _choices(node: dict[str, Any]) -> list[Any]:
    """The members of a closed set, or of the closed sets in a union."""
    if "anyOf" in node:
        return [choice for member in node["anyOf"] for choice in _choices(member)]
    return list(node["enum"]) if "enum" in node else [node["const"]] if "const" in node else []


def _words(node: dict[str, Any], defs: dict[str, Any]) -> str:
    """The allowed values of a JSON schema node, in words."""
    node = _resolved(node, defs)
    if members := node.get("anyOf"):
        words = [_words(member, defs) for member in members if member.get("type") != "null"]
        return " or ".join(dict.fromkeys(words))
    if choices := _choices(node):
        return listed([toml(value) for value in choices])
    match node.get("type"):
        case "object":
            inner = [
                f"{name} = {_words(entry, defs)}"
                for name, entry in node.get("properties", {}).items()
            ]
            return "{" + ", ".join(inner) + "}" if inner else "a table"
        case "array":
            return _array_words(node, defs)
        case "boolean":
            return "true or false"
        case "string":
            return "a string"
        case "integer" | "number" as number:
            return f"{'an integer' if number == 'integer' else 'a number'}{_range_words(node)}"
    return "a value"


def _array_words(node: dict[str, Any], defs: dict[str, Any]) -> str:
    if prefix := node.get("prefixItems"):
        return "[" + ", ".join(_words(entry, defs) for entry in prefix) + "]"
    some = "a non-empty list" if node.get("minItems") else "a list"
    entry = _words(node.get("items", {}), defs)
    if entry.startswith("a list"):
        return f"{some} of lists of numbers"
    plural = {"a number": "numbers", "an integer": "integers", "a string": "strings"}
    return f"{some} of {plural.get(entry, entry.replace(' or ', ', '))}"


def _range_words(node: dict[str, Any]) -> str:
    low, high = node.get("minimum"), node.get("maximum")
    above, below = node.get("exclusiveMinimum"), node.get("exclusiveMaximum")
    if low is not None and high is not None:
        return f" from {low} to {high}"
    bounds = {">=": low, ">": above, "<=": high, "<": below}
    said = [f"{sign} {bound:g}" for sign, bound in bounds.items() if bound is not None]
    return f" {' and '.join(said)}" if said else ""

"""`bnflow schema`: every key of a config, from the one declaration that also checks it."""

from __future__ import annotations

import argparse
import json
import textwrap
from typing import TYPE_CHECKING

from . import DONE
from .parser import Misuse

if TYPE_CHECKING:
    from ..pde.config.schema import Key

_WIDTH = 96


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("table", nargs="?", help="one table, or one key, as solver.cells [all]")
    parser.add_argument("--json", action="store_true", help="the JSON schema of a config file")


def run(arguments: argparse.Namespace) -> int:
    """Print the keys or the JSON schema."""
    from ..pde.config import json_schema, schema_table

    if arguments.json:
        if arguments.table:
            raise Misuse("--json prints the whole schema; leave out the table")
        print(json.dumps(json_schema(), indent=2, ensure_ascii=False))
        return DONE
    entries = schema_table()
    if arguments.table:
        entries = _inside(arguments.table, entries)
    print("\n".join(line for entry in entries for line in _lines(entry)))
    return DONE


def _inside(name: str, entries: tuple[Key, ...]) -> tuple[Key, ...]:
    found = tuple(e for e in entries if e.name == name or e.name.startswith(f"{name}."))
    if found:
        return found
    from ..pde.config.text import nearest

    tables = list(dict.fromkeys(entry.name.partition(".")[0] for entry in entries))
    hint = nearest(name, [*tables, *(entry.name for entry in entries)])
    raise Misuse(f"{name!r} is no table or key{hint or '; tables: ' + ', '.join(tables)}")


def _lines(entry: Key) -> list[str]:
    kinds = f"   (kind = {', '.join(entry.kinds)})" if entry.kinds else ""
    head = f"{entry.name}{f' = {entry.default}' if entry.default else ''}{kinds}"
    unit = f" Unit: {entry.unit}." if entry.unit else ""
    body = [f"{entry.meaning}{unit}"]
    if entry.available:
        body.append(f"allowed: {entry.allowed}")
    if entry.later:
        body.append(f"not yet: {', '.join(entry.later)}")
    if not entry.available:
        body.append("not yet: only this value" if entry.default else "not yet: leave it out")
    wrapper = textwrap.TextWrapper(_WIDTH, initial_indent=" " * 4, subsequent_indent=" " * 6)
    return [head, *(line for text in body for line in wrapper.wrap(text))]

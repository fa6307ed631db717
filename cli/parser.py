"""argparse with our manners: a mistake is one line, and help returns."""

from __future__ import annotations

import argparse
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn


class Misuse(Exception):
    """Arguments that make no sense, told in one line; exit code 2."""


class Parser(argparse.ArgumentParser):
    """The parser of one verb."""

    def __init__(self, prog: str, summary: str) -> None:
        """Describe the verb by its one-line summary."""
        super().__init__(prog=prog, description=summary, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Raise what argparse would print."""
        raise Misuse(f"{' '.join(message.split())}; see {self.prog} --help")

    def parse(self, arguments: Sequence[str]) -> argparse.Namespace | None:
        """Return the arguments, or None where help was asked for and given."""
        try:
            return self.parse_args(arguments)
        except SystemExit:
            return None


def add_config(parser: argparse.ArgumentParser, also: str = "", of: str = "") -> None:
    """Declare what every verb has that runs configs: CONFIG and --set.

    also : what else CONFIG may be; of : whose keys are changed
    """
    kinds = f"a TOML file, - for standard input, {also}or a packaged example [circle-teacher]"
    parser.add_argument("config", nargs="?", metavar="CONFIG", help=kinds)
    keys = f"change keys{of}, as time.end=10 solver.scheme=upwind; give CONFIG before this"
    add_overrides(parser, keys)


def add_overrides(parser: argparse.ArgumentParser, meaning: str) -> None:
    """Declare --set."""
    parser.add_argument(
        "--set",
        dest="overrides",
        metavar="KEY=VALUE",
        nargs="+",
        action="extend",
        default=[],
        help=meaning,
    )


def config_source(arguments: argparse.Namespace) -> str | dict[str, Any] | None:
    """CONFIG, as `load_config` takes it."""
    name: str | None = arguments.config
    if name != "-":
        return name
    try:
        return tomllib.load(sys.stdin.buffer)
    except ValueError as error:
        raise Misuse(f"standard input: {error}; a config is TOML") from None


def config_name(arguments: argparse.Namespace) -> str:
    """What a folder is named after, where none is given."""
    name = arguments.config or "circle-teacher"
    return "stdin" if name == "-" else Path(name).stem

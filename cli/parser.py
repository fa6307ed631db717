"""argparse with our manners: a mistake is one line, and help returns."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import NoReturn


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

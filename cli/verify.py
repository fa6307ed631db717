"""`bnflow verify`: known answers on this machine, graded; exit code 5 where one is missed."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from . import DONE, UNVERIFIED

if TYPE_CHECKING:
    from ..pde.verification import Result


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    grades = parser.add_mutually_exclusive_group()
    grades.add_argument(
        "--quick", action="store_const", dest="level", const="quick", help="below a minute"
    )
    grades.add_argument(
        "--full", action="store_const", dest="level", const="full", help="four dimensions, too"
    )
    parser.add_argument(
        "--backend", default="auto", help="auto, numpy or cuda, which must be there [auto]"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object; null for undefined")
    parser.set_defaults(level="standard")


def run(arguments: argparse.Namespace) -> int:
    """Check, a line a finding as it comes; then the verdict, skips counted aloud."""
    from .. import api

    report = None if arguments.json else _print
    found = api.verify(arguments.level, arguments.backend, report=report)
    if arguments.json:
        print(json.dumps(found.to_info(), indent=2, allow_nan=False))
    else:
        print(found.verdict())
    return DONE if found.passed else UNVERIFIED


def _print(result: Result) -> None:
    print("\n".join(result.lines()), flush=True)

"""`bnflow resume`: go on with a stored run as if it had never stopped, or to a later end."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from .supervision import add_limits, supervised


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("run", metavar="DIR", help="folder of a run")
    parser.add_argument("--until", metavar="T", type=float, help="a later time.end [the run's own]")
    add_limits(parser)


def run(arguments: argparse.Namespace) -> int:
    """Continue, and say how it went and what to do next."""
    from .. import api

    out = Path(arguments.run)
    return supervised(
        lambda shown: api.resume(
            out,
            arguments.until,
            progress=shown,
            interrupt="raise",
            max_minutes=arguments.max_minutes,
        ),
        out,
        resume_command(out),
        minutes=arguments.max_minutes,
        quiet=arguments.quiet,
    )


def resume_command(out: Path) -> str:
    """The command that goes on with the run in a folder."""
    return f"bnflow resume {shlex.quote(str(out))}"

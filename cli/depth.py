"""`bnflow depth gram|fisher|ablations`: all studies of a group, one after the other."""

from __future__ import annotations

import argparse

from .study import add_options, run_studies


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("group", metavar="GROUP", help="gram, fisher or ablations")
    add_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run them."""
    from ..depth.studies.registry import group

    return run_studies(group(arguments.group), arguments)

"""`bnflow sweep-table`: what the runs of a sweep found, as a table, CSV or JSON."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from . import DONE


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("sweep", metavar="DIR", help="folder of a sweep")
    parser.add_argument(
        "--value",
        metavar="NAME",
        nargs="+",
        default=["risk"],
        help="diagnostics, as bnflow info DIR --json names them: risk sup_h, or risk,sup_h [risk]",
    )
    parser.add_argument("--at", type=float, metavar="T", help="a saved time [the last of each run]")
    parser.add_argument("--csv", metavar="FILE", help="write it as CSV, too")
    parser.add_argument("--json", action="store_true", help="one JSON object a point")


def run(arguments: argparse.Namespace) -> int:
    """Print the table."""
    from ..io.safefile import atomic_bytes
    from ..io.sweep import Sweep

    found = Sweep.open(Path(arguments.sweep))
    names = [name for text in arguments.value for name in text.split(",") if name]
    asked = (names, arguments.at)
    if arguments.csv:
        atomic_bytes(Path(arguments.csv), found.to_csv(*asked).encode())
    if arguments.json:
        print(json.dumps(found.to_info(*asked), indent=2, allow_nan=False))
    else:
        print(found.summary(*asked))
    return DONE

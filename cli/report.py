"""`bnflow report`: one self-contained HTML file on a run."""

from __future__ import annotations

import argparse
from pathlib import Path

from . import DONE
from .parser import Misuse
from .plot import place_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("run", metavar="DIR", help="folder of a run")
    parser.add_argument("-o", "--output", metavar="FILE", help="[DIR/report.html]")


def run(arguments: argparse.Namespace) -> int:
    """Write, and print the path written."""
    path = Path(arguments.output or place_of(arguments.run, "report.html"))
    if path.suffix not in (".html", ".htm"):
        raise Misuse(f"-o {path}: the name must end in .html")
    from .. import api

    found = api.open(arguments.run)
    path.parent.mkdir(parents=True, exist_ok=True)
    found.report(path)
    print(path)
    return DONE

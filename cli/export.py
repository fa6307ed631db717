"""`bnflow export`: a run as NetCDF, CSV or VTK, whole or in part."""

from __future__ import annotations

import argparse
from pathlib import Path

from . import DONE
from .parser import Misuse
from .plot import place_of

FORMATS = ("nc", "csv", "vtk")
EXPORTS = "density, measure, marginal, outer_weights of a grid; neurons; any name of info --json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("run", metavar="DIR", help="folder of a run")
    parser.add_argument("--to", choices=FORMATS, help="format [the ending of FILE]")
    parser.add_argument("-o", "--output", metavar="FILE", help="[DIR/export.FORMAT]")
    parser.add_argument(
        "--what", metavar="NAMES", help=f"joined by commas: {EXPORTS} [all; csv: the scalars]"
    )
    parser.add_argument(
        "--at", type=float, metavar="T", help="a saved time [all of them; vtk: the last]"
    )


def run(arguments: argparse.Namespace) -> int:
    """Write, and print the path written."""
    if arguments.to is None and arguments.output is None:
        raise Misuse(f"say --to {', '.join(FORMATS)}, or -o FILE with such an ending")
    from .. import api

    found = api.open(arguments.run)
    path = Path(arguments.output or place_of(arguments.run, f"export.{arguments.to}"))
    path.parent.mkdir(parents=True, exist_ok=True)
    what = [name.strip() for name in (arguments.what or "").split(",") if name.strip()]
    found.export(path, what=what, time=arguments.at, to=arguments.to)
    print(path)
    return DONE

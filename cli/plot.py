"""`bnflow plot`: a figure of a run, as PNG, PDF or SVG by the ending of the file's name."""

from __future__ import annotations

import argparse
from pathlib import Path

from . import DONE
from .parser import Misuse

FIGURES = (
    "overview", "density", "measure", "curves", "diagnostics", "function", "sphere", "neurons",
)  # fmt: skip
ENDINGS = (".png", ".pdf", ".svg")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("run", metavar="DIR", help="folder of a run")
    parser.add_argument(
        "-o", "--output", metavar="FILE", help=f"{', '.join(ENDINGS)} [DIR/WHAT.png]"
    )
    parser.add_argument("--what", choices=FIGURES, default="overview", help="[overview]")
    parser.add_argument("--time", type=float, metavar="T", help="a saved time [the last]")


def run(arguments: argparse.Namespace) -> int:
    """Draw, and print the path written."""
    from .. import api

    path = Path(arguments.output or Path(arguments.run) / f"{arguments.what}.png")
    if path.suffix not in ENDINGS:
        raise Misuse(f"-o {path}: the name must end in {', '.join(ENDINGS)}")
    found = api.open(arguments.run)
    path.parent.mkdir(parents=True, exist_ok=True)
    found.plot(path, what=arguments.what, time=arguments.time)
    print(path)
    return DONE

"""`bnflow plot`: a figure of a run, as PNG, PDF or SVG by the ending of the file's name."""

from __future__ import annotations

import argparse
from pathlib import Path

from . import DONE
from .parser import Misuse

FIGURES = (
    *("overview", "density", "marginals", "measure", "sphere"),
    *("curves", "diagnostics", "function", "neurons"),
)
MEANING = """overview: one page; density: over direction and outer weight; marginals: the two laws;
measure: the signed measure that f sees; sphere: maps and globes, d = 3; curves: risks and audits;
diagnostics: of the flow, each with what it needs;
function: f beside its target; neurons: where they went, or, of a grid, neurons over the density
[overview]"""
ENDINGS = (".png", ".pdf", ".svg")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("run", metavar="DIR", help="folder of a run")
    parser.add_argument(
        "-o", "--output", metavar="FILE", help=f"{', '.join(ENDINGS)} [DIR/WHAT.png]"
    )
    parser.add_argument("--what", choices=FIGURES, default="overview", help=MEANING)
    parser.add_argument(
        "--at", "--time", dest="time", type=float, metavar="T", help="a saved time [the last]"
    )
    parser.add_argument(
        "--neurons", metavar="DIR", help="run of neurons to draw over a density [DIR/shadow]"
    )
    parser.add_argument(
        "--script", action="store_true", help="also write FILE.py, which draws it without bnflow"
    )


def run(arguments: argparse.Namespace) -> int:
    """Draw, and print the path written."""
    from .. import api

    path = Path(arguments.output or place_of(arguments.run, f"{arguments.what}.png"))
    if path.suffix not in ENDINGS:
        raise Misuse(f"-o {path}: the name must end in {', '.join(ENDINGS)}")
    found = api.open(arguments.run)
    path.parent.mkdir(parents=True, exist_ok=True)
    found.plot(
        path,
        what=arguments.what,
        time=arguments.time,
        neurons=None if arguments.neurons is None else api.open(arguments.neurons),
        script=arguments.script,
    )
    print(path)
    if arguments.script:
        print(path.with_suffix(".py"))
    return DONE


def place_of(run: str, name: str) -> Path:
    """Where a file on a run goes that has no name given: in its folder, or beside a packed run."""
    home = Path(run)
    return home.with_name(f"{home.stem}-{name}") if home.is_file() else home / name

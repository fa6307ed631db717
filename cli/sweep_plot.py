"""`bnflow sweep-plot`: a diagnostic over one key of a sweep, or a phase diagram over two."""

from __future__ import annotations

import argparse
from pathlib import Path

from . import DONE
from .parser import Misuse
from .plot import ENDINGS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("sweep", metavar="DIR", help="folder of a sweep")
    parser.add_argument(
        "--x", required=True, metavar="KEY", help="a key that changes, as solver.cells"
    )
    parser.add_argument("--y", metavar="KEY", help="a second one: a phase diagram")
    parser.add_argument("--value", metavar="NAME", default="risk", help="a diagnostic [risk]")
    parser.add_argument("--at", type=float, metavar="T", help="a saved time [the last of each run]")
    parser.add_argument(
        "--where", metavar="KEY=VALUE", nargs="+", default=[], help="hold other keys at a value"
    )
    parser.add_argument(
        "-o", "--output", metavar="FILE", help=f"{', '.join(ENDINGS)} [DIR/VALUE.png]"
    )


def run(arguments: argparse.Namespace) -> int:
    """Draw, and print the path written."""
    from ..io.sweep import Sweep
    from ..pde.config.loading import named

    path = Path(arguments.output or Path(arguments.sweep) / f"{arguments.value}.png")
    if path.suffix not in ENDINGS:
        raise Misuse(f"-o {path}: the name must end in {', '.join(ENDINGS)}")
    found = Sweep.open(Path(arguments.sweep))
    path.parent.mkdir(parents=True, exist_ok=True)
    found.plot(
        path,
        x=arguments.x,
        y=arguments.y,
        value=arguments.value,
        time=arguments.at,
        where=dict(named(arguments.where)),
    )
    print(path)
    return DONE

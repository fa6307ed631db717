"""`bnflow compare`: how far apart two runs of one problem are, in a table, a figure or JSON."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from . import DONE
from .parser import Misuse
from .plot import ENDINGS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("a", metavar="A", help="folder of a run")
    parser.add_argument("b", metavar="B", help="folder of a run of the same data, target and loss")
    parser.add_argument("-o", "--output", metavar="FIGURE", help=f"draw it: {', '.join(ENDINGS)}")
    parser.add_argument("--time", type=float, metavar="T", help="of the networks drawn [the last]")
    parser.add_argument("--json", action="store_true", help="one JSON object; null for undefined")


def run(arguments: argparse.Namespace) -> int:
    """Compare at the saved times of both; print, and draw where a figure is asked for."""
    path = Path(arguments.output) if arguments.output else None
    if path is not None and path.suffix not in ENDINGS:
        raise Misuse(f"-o {path}: the name must end in {', '.join(ENDINGS)}")
    if path is None and arguments.time is not None:
        raise Misuse("--time is of the figure; give -o FIGURE as well")
    from .. import api

    found = api.compare(arguments.a, arguments.b)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        found.plot(path, time=arguments.time)
    if arguments.json:
        print(json.dumps(found.to_info(), indent=2, allow_nan=False))
    else:
        print(found.summary())
        if path is not None:
            print(path)
    return DONE

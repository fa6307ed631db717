"""`bnflow converge`: a config on grids that halve jointly; observed orders and error bars."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from . import DONE, STOPPED
from .parser import Misuse, add_config, config_source
from .plot import ENDINGS
from .progress import progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_config(parser, of=" of the finest")
    parser.add_argument(
        "--levels",
        type=int,
        default=3,
        metavar="K",
        help="grids, the config's being the finest; 3 or more [3]",
    )
    parser.add_argument(
        "--out",
        metavar="DIR",
        help="keep the runs, in DIR/level-1, ..; the same command continues [kept in memory]",
    )
    parser.add_argument("-o", "--output", metavar="FIGURE", help=f"draw it: {', '.join(ENDINGS)}")
    parser.add_argument("--json", action="store_true", help="one JSON object; null for undefined")
    parser.add_argument("--quiet", action="store_true", help="no progress")


def run(arguments: argparse.Namespace) -> int:
    """Solve every level; print, and draw where a figure is asked for."""
    path = Path(arguments.output) if arguments.output else None
    if path is not None and path.suffix not in ENDINGS:
        raise Misuse(f"-o {path}: the name must end in {', '.join(ENDINGS)}")
    from ..pde.config import load_config

    config = load_config(config_source(arguments), arguments.overrides)
    from .. import api

    shown = progress(quiet=arguments.quiet)
    try:
        found = api.converge(config, arguments.levels, arguments.out, progress=shown)
    except KeyboardInterrupt:
        if arguments.out is None:
            raise
        shown.finish()
        print("bnflow: interrupted; the same command continues", file=sys.stderr)
        return STOPPED
    finally:
        shown.finish()
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        found.plot(path)
    if arguments.json:
        print(json.dumps(found.to_info(), indent=2, allow_nan=False))
        return DONE
    print(found.summary())
    for each in (arguments.out, path):
        if each is not None:
            print(each)
    return DONE

"""`bnflow cite`: BibTeX of the methods and papers that a run used."""

from __future__ import annotations

import argparse
from pathlib import Path

from . import DONE


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("run", metavar="DIR", help="folder of a run, or of a sweep")
    parser.add_argument("-o", "--output", metavar="FILE", help="write it there [printed]")


def run(arguments: argparse.Namespace) -> int:
    """Print or write the entries."""
    from .. import __version__
    from ..io.citation import citation
    from ..io.safefile import atomic_bytes
    from ..io.sweep import Sweep, is_sweep

    place = Path(arguments.run)
    if is_sweep(place):
        configs = [point.config for point in Sweep.open(place).points]
        text = citation(configs, __version__)
    else:
        from .. import api

        found = api.open(place)
        beside = [] if found.shadow_run is None else [found.shadow_run.config]
        version = str(found.provenance.get("bnflow", __version__))
        text = citation([found.config, *beside], version)
    if arguments.output is None:
        print(text, end="")
    else:
        atomic_bytes(Path(arguments.output), text.encode())
        print(arguments.output)
    return DONE

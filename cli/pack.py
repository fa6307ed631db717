"""`bnflow pack`: a run as one self-contained file, which opens like its folder."""

from __future__ import annotations

import argparse

from . import DONE


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("run", metavar="DIR", help="folder of a run")
    parser.add_argument("file", metavar="FILE", help="file that does not exist yet, as run.h5")


def run(arguments: argparse.Namespace) -> int:
    """Pack it and say what that made."""
    from .. import api

    print(api.pack(arguments.run, arguments.file))
    return DONE

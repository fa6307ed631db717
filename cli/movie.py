"""`bnflow movie`: a run in motion, as GIF, or as MP4 where ffmpeg is installed."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from . import DONE
from .parser import Misuse
from .plot import place_of
from .progress import PLAIN_INTERVAL

ENDINGS = (".gif", ".mp4")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("run", metavar="DIR", help="folder of a run")
    parser.add_argument("-o", "--output", metavar="FILE", help=".gif, .mp4 [DIR/movie.gif]")
    parser.add_argument("--fps", type=float, metavar="N", help="frames a second [8 s in all]")
    parser.add_argument("--quiet", action="store_true", help="no progress")


def run(arguments: argparse.Namespace) -> int:
    """Draw every saved time, and print the path written."""
    path = Path(arguments.output or place_of(arguments.run, "movie.gif"))
    if path.suffix not in ENDINGS:
        raise Misuse(f"-o {path}: the name must end in {', '.join(ENDINGS)}")
    from .. import api

    found = api.open(arguments.run)
    path.parent.mkdir(parents=True, exist_ok=True)
    found.movie(path, fps=arguments.fps, told=None if arguments.quiet else counter(sys.stderr))
    print(path)
    return DONE


def counter(stream: TextIO) -> Callable[[int, int], None]:
    """One live line of frames done on a terminal; elsewhere a line every two seconds."""
    live, due = stream.isatty(), time.monotonic() + PLAIN_INTERVAL

    def told(done: int, total: int) -> None:
        nonlocal due
        if live:
            print(f"\rframe {done} of {total}", end="\n" * (done == total), file=stream, flush=True)
        elif time.monotonic() >= due or done == total:
            due = time.monotonic() + PLAIN_INTERVAL
            print(f"frame {done} of {total}", file=stream, flush=True)

    return told

"""A run on the command line: shown while it works, stopped resumably, and told how it went."""

from __future__ import annotations

import argparse
import errno
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from . import DONE, STOPPED
from .progress import Silent, progress

if TYPE_CHECKING:
    from ..io.run import Run

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def add_limits(parser: argparse.ArgumentParser) -> None:
    """Declare what every verb has that runs something."""
    parser.add_argument(
        "--max-minutes",
        metavar="M",
        type=float,
        help="stop, resumably and with exit code 3, at the first step after so many minutes",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress, no closing lines")


def supervised(
    work: Callable[[Silent], Run], out: Path, command: str, *, minutes: float | None, quiet: bool
) -> int:
    """Do the work and say how it went; `command` is what goes on with it."""
    shown = progress(quiet=quiet)
    try:
        with termination_as_interrupt():
            result = work(shown)
    except KeyboardInterrupt as interrupt:
        return _broken(shown, str(interrupt) or "interrupted", command)
    except OSError as error:
        if error.errno not in FULL:
            raise
        return _broken(shown, "no space left for snapshots; free some", command)
    finally:
        shown.finish()
    if result.status == "stopped":
        limit = "" if minutes is None else f" after {minutes:g} minutes"
        return _stopped(shown, f"stopped{limit}", command)
    if not quiet:
        print("\n".join(_closing_lines(result, out)))
    return DONE


def _broken(shown: Silent, reason: str, command: str) -> int:
    """Where nothing has begun, there may be no folder to resume."""
    if shown.began:
        return _stopped(shown, reason, command)
    shown.finish()
    print(f"bnflow: {reason}, before the first step; continue: the same command", file=sys.stderr)
    return STOPPED


def _stopped(shown: Silent, reason: str, command: str) -> int:
    shown.finish()
    print(f"bnflow: {reason} at t = {shown.reached:.4g}; continue: {command}", file=sys.stderr)
    return STOPPED


@contextmanager
def termination_as_interrupt() -> Iterator[None]:
    """Let SIGTERM, which job schedulers send, stop a run as Ctrl-C does, while it sets up, too."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    usual = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, usual)


def _closing_lines(run: Run, out: Path) -> list[str]:
    """Risk, conservation, and where to go from here."""
    drift = max(abs(float(mass) - float(run.mass[0])) for mass in run.mass)
    defect = float(run.dissipation_defect[-1])
    return [
        f"complete: t = {run.time[-1]:g}, {run.step[-1]} steps",
        f"  risk                {run.risk[0]:.4e} -> {run.risk[-1]:.4e}",
        f"  mass drift          {drift:.1e}",
        f"  dissipation defect  {defect:.1e}",
        f"  run                 {out}",
        f"next: bnflow plot {out}   or   bnflow info {out}",
    ]

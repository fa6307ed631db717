"""`bnflow run`: solve a config into a folder; the same command continues an unfinished run."""

from __future__ import annotations

import argparse
import errno
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from . import DONE, STOPPED
from .progress import Silent, progress

if TYPE_CHECKING:
    from ..io.run import Run
    from ..pde.config import Config

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "config", nargs="?", help="a TOML file, or the name of a packaged example [circle-teacher]"
    )
    parser.add_argument("--out", metavar="DIR", help="folder of the run [runs/NAME OF THE CONFIG]")
    parser.add_argument(
        "--set",
        dest="overrides",
        metavar="KEY=VALUE",
        nargs="+",
        action="extend",
        default=[],
        help="change keys, as time.end=10 solver.scheme=upwind; give CONFIG before this",
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="print the plan, with the time of a step, measured, and of the whole; write nothing",
    )
    parser.add_argument(
        "--shadow-particles",
        metavar="N",
        type=int,
        help="solve it by N neurons too, into DIR/shadow, and compare",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress, no closing lines")


def run(arguments: argparse.Namespace) -> int:
    """Solve, and say how it went and what to do next."""
    from ..pde.config import load_config

    config = load_config(arguments.config, arguments.overrides)
    from .. import api

    shadow = arguments.shadow_particles
    if arguments.dry_run:
        print("\n".join(_plan(config, shadow)))
        return DONE
    out = Path(arguments.out or Path("runs") / Path(arguments.config or "circle-teacher").stem)
    shown = progress(quiet=arguments.quiet)
    try:
        with _termination_as_interrupt():
            result = api.solve(
                config, out=out, progress=shown, interrupt="raise", shadow_particles=shadow
            )
    except KeyboardInterrupt:
        return _stopped(shown, "interrupted")
    except OSError as error:
        if error.errno not in _FULL:
            raise
        return _stopped(shown, "no space left for snapshots; free some")
    finally:
        shown.finish()
    if result.status == "stopped":
        return _stopped(shown, "stopped")
    if not arguments.quiet:
        print("\n".join(_closing_lines(result, out)))
        if shadow is not None and result.shadow is not None:
            print(f"\nbeside particles, {out / 'shadow.json'}:\n{result.shadow.summary()}")
    return DONE


def _plan(config: Config, shadow: int | None) -> list[str]:
    """What the run will take, and its shadow."""
    from .. import api
    from ..pde.config.shadow import shadow as shadow_of

    runs = [config] if shadow is None else [config, shadow_of(config, shadow)]
    return [line for each in runs for line in api.dry_run(each).lines()]


def _stopped(shown: Silent, reason: str) -> int:
    shown.finish()
    print(
        f"bnflow: {reason} at t = {shown.reached:.4g}; the same command continues from the last "
        "snapshot",
        file=sys.stderr,
    )
    return STOPPED


@contextmanager
def _termination_as_interrupt() -> Iterator[None]:
    """Let SIGTERM, which job schedulers send, stop a run as Ctrl-C does."""
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

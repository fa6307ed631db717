"""`bnflow run`: solve a config into a folder; the same command continues an unfinished run."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from . import DONE
from .parser import add_config, config_name, config_source
from .progress import Silent
from .resume import resume_command
from .supervision import add_limits, supervised

if TYPE_CHECKING:
    from ..io.run import Run
    from ..pde.config import Config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_config(parser)
    parser.add_argument("--out", metavar="DIR", help="folder of the run [runs/NAME OF THE CONFIG]")
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
    add_limits(parser)


def run(arguments: argparse.Namespace) -> int:
    """Solve, and say how it went and what to do next."""
    from ..pde.config import load_config

    config = load_config(config_source(arguments), arguments.overrides)
    from .. import api

    neurons = arguments.shadow_particles
    if arguments.dry_run:
        print("\n".join(_plan(config, neurons)))
        return DONE
    out = Path(arguments.out or Path("runs") / config_name(arguments))
    results: list[Run] = []

    def work(shown: Silent) -> Run:
        results.append(
            api.solve(
                config,
                out=out,
                progress=shown,
                interrupt="raise",
                shadow_particles=neurons,
                max_minutes=arguments.max_minutes,
            )
        )
        return results[0]

    command = "the same command" if neurons else resume_command(out)
    code = supervised(work, out, command, minutes=arguments.max_minutes, quiet=arguments.quiet)
    if code == DONE and neurons is not None and not arguments.quiet:
        _tell_shadow(results[0], out)
    return code


def _tell_shadow(run: Run, out: Path) -> None:
    if run.shadow is not None:
        print(f"\nbeside particles, {out / 'shadow.json'}:\n{run.shadow.summary()}")


def _plan(config: Config, shadow: int | None) -> list[str]:
    """What the run will take, and its shadow."""
    from .. import api
    from ..pde.config.shadow import shadow as shadow_of

    runs = [config] if shadow is None else [config, shadow_of(config, shadow)]
    return [line for each in runs for line in api.dry_run(each).lines()]

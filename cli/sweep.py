"""`bnflow sweep`: many configs from one; the same command works on what is not complete."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import DONE, FAILED, STOPPED
from .parser import Misuse, add_config, config_name, config_source
from .progress import Silent, clock, progress
from .supervision import FULL, termination_as_interrupt

if TYPE_CHECKING:
    from ..io.sweep import Sweep
    from ..io.sweeping import Outcome
    from ..pde.config import Config
    from ..pde.sweep import Index

TABLE = 40  # points; the outcome of more is a line
_HELP = """\
In a config, or with --grid, --zip and --seeds instead:

  [sweep]
  grid = {"network.weight_norm" = [0.3, 1, 3], "solver.cells" = [32, 64]}   # all combinations
  zip = {"target.noise" = [0, 0.1], "data.samples" = [100, 1000]}           # side by side
  seeds = 8                                                                  # run.seed counted up

In a folder there are DIR/sweep.json and DIR/runs/NAME, runs like others. The same command, or
bnflow sweep DIR, goes on with what is not complete; several may at once. With a later time.end, or
bnflow sweep DIR --until T, its runs go on to that.

Job arrays: bnflow sweep c.toml --out DIR --index "$SLURM_ARRAY_TASK_ID"   (or I/M: every M-th)
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = _HELP
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add_config(parser, also="the folder of a sweep, ", of=" of every point")
    parser.add_argument("--out", metavar="DIR", help="folder of the sweep [runs/NAME-sweep]")
    lists: dict[str, Any] = {
        "nargs": "+",
        "action": "extend",
        "default": [],
        "metavar": "KEY=[V1,V2]",
    }
    parser.add_argument("--grid", help="keys and their values; every combination", **lists)
    parser.add_argument("--zip", help="keys whose values go side by side", **lists)
    parser.add_argument("--seeds", type=int, metavar="N", help="every point with N seeds")
    parser.add_argument("--jobs", type=int, default=1, metavar="J", help="processes [1]")
    parser.add_argument("--index", metavar="I", help="one point, from 0; or I/M: every M-th from I")
    parser.add_argument("--list", action="store_true", help="print the points; run nothing")
    parser.add_argument(
        "--max-minutes",
        metavar="M",
        type=float,
        help="stop all, resumably and with exit code 3, after so many minutes",
    )
    parser.add_argument(
        "--until", metavar="T", type=float, help="with DIR: a later time.end for every point"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress, no table")


def run(arguments: argparse.Namespace) -> int:
    """Work through the points, and say what came of them."""
    index = _index(arguments.index)
    config = _config(arguments)
    folder = Path(arguments.config if config is None else _folder(arguments))
    if arguments.list:
        print("\n".join(_listed(folder, config)))
        return DONE
    from .. import api

    shown = progress(quiet=arguments.quiet or not sys.stderr.isatty())

    def report(outcome: Outcome) -> None:
        shown.finish()
        if not arguments.quiet:
            print(_line(outcome), file=sys.stderr, flush=True)

    source, out = (folder, None) if config is None else (config, folder)
    rest: dict[str, Any] = {"jobs": arguments.jobs, "index": index}
    rest.update(max_minutes=arguments.max_minutes, until=arguments.until)
    try:
        with termination_as_interrupt():
            found = api.sweep(source, out, progress=shown, report=report, **rest)
    except KeyboardInterrupt:
        return _stopped(shown, "interrupted", _again(folder, index))
    except OSError as error:
        if error.errno not in FULL:
            raise
        return _stopped(shown, "no space left for snapshots; free some", _again(folder, index))
    finally:
        shown.finish()
    code = _closed(found, index, quiet=arguments.quiet)
    if arguments.max_minutes is None or _is_done(found, index):
        return code
    reason = f"stopped after {arguments.max_minutes:g} minutes"
    return _stopped(shown, reason, _again(folder, index))


def _stopped(shown: Silent, reason: str, command: str) -> int:
    shown.finish()
    print(f"bnflow: {reason}; continue: {command}", file=sys.stderr)
    return STOPPED


def _listed(folder: Path, config: Config | None) -> list[str]:
    """A line a point; nothing is written."""
    from ..io.sweep import Sweep
    from ..pde.sweep import points

    found = Sweep.open(folder).points if config is None else points(config)
    return [f"{k:>4}  {point.name}  {point.label}" for k, point in enumerate(found)]


def _again(folder: Path, index: Index) -> str:
    """The command that goes on with an interrupted sweep."""
    place = f"bnflow sweep {shlex.quote(str(folder))}"
    if index is None:
        return place
    return f"{place} --index {index if isinstance(index, int) else '/'.join(map(str, index))}"


def _config(arguments: argparse.Namespace) -> Config | None:
    """The config with its [sweep]; None where a folder has it."""
    from ..io.sweep import is_sweep
    from ..pde.config import load_config
    from ..pde.config.loading import named

    tables = {"sweep.grid": named(arguments.grid), "sweep.zip": named(arguments.zip)}
    lists: dict[str, Any] = {name: dict(pairs) for name, pairs in tables.items() if pairs}
    for name, table in lists.items():
        for key, value in table.items():
            if not isinstance(value, list):
                raise Misuse(f"--{name[6:]} {key}: values are a list, as '{key}=[1, 2]'")
    if arguments.seeds is not None:
        lists["sweep.seeds"] = arguments.seeds
    if arguments.config is not None and is_sweep(Path(arguments.config)):
        if lists or arguments.overrides or arguments.out:
            raise Misuse(f"{arguments.config} is a sweep and has its config; give no other with it")
        return None
    return load_config(config_source(arguments), arguments.overrides).replace(**lists)


def _folder(arguments: argparse.Namespace) -> Path:
    return Path(arguments.out or f"runs/{config_name(arguments)}-sweep")


def _index(text: str | None) -> Index:
    if text is None:
        return None
    first, slash, every = text.partition("/")
    try:
        return (int(first), int(every)) if slash else int(first)
    except ValueError:
        raise Misuse(f"--index {text}: give a number from 0, or I/M as 0/4") from None


def _line(outcome: Outcome) -> str:
    """Word a point: `[3/8] network.gain = 2: complete in 5 s, risk 0.0123; left 00:30`."""
    head = f"[{outcome.done}/{outcome.count}] {outcome.point.label}: {outcome.status}"
    told = f", {outcome.told}" if outcome.told else ""
    left = f"; left {clock(outcome.left)}" if outcome.done < outcome.count else ""
    return f"{head} after {outcome.seconds:.1f} s{told}{left}"


def _is_done(found: Sweep, index: Index) -> bool:
    """Whether nothing is left that the same command would do, but for what has failed."""
    return not {"unfinished", "waiting"} & {found.status(point) for point in found.chosen(index)}


def _closed(found: Sweep, index: Index, *, quiet: bool) -> int:
    """Exit code, by what this call was to do; what came of it, and where to go from here."""
    states = [found.status(point) for point in found.chosen(index)]
    if not quiet:
        small = index is None and len(states) <= TABLE
        print(found.summary() if small else "\n".join(found.progress(states, index)))
        print(f"next: bnflow sweep-table {shlex.quote(str(found.folder))}")
    return FAILED if "failed" in states else DONE

"""The command line: `bnflow VERB ...`, one module a verb, loaded only when it is asked for.

Exit codes: 0 done; 2 bad input, told in one line; 3 stopped early but resumable; 4 numerical
failure; 5 a failed verification. Notices are `note: ...` lines on the error stream.

The module of a verb offers `add_arguments(parser)` and `run(arguments) -> exit code`.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import Any

from .. import __version__
from .parser import Misuse, Parser

DONE, BAD_INPUT, STOPPED, FAILED, UNVERIFIED = 0, 2, 3, 4, 5
INTERRUPTED = 130  # as shells report it, where there is nothing to resume

VERBS = {
    "run": "solve a config; the same command continues an unfinished run",
    "resume": "go on with a stored run, or to a later end",
    "info": "what a run is and what it measured",
    "plot": "figures of a run",
    "movie": "a run in motion, as GIF or MP4",
    "report": "one HTML file on a run: results, audits in words, figures",
    "export": "a run as NetCDF, CSV or VTK",
    "pack": "a run as one self-contained file",
    "cite": "BibTeX of the methods and papers that a run used",
    "compare": "how far apart two runs of one problem are",
    "converge": "observed orders and error bars of a config, from grids that halve",
    "sweep": "many configs: grids, lists, seeds; what is complete is skipped",
    "sweep-table": "what the runs of a sweep found, side by side",
    "sweep-plot": "curves and phase diagrams of a sweep",
    "verify": "hold the solver against known answers, on this machine",
    "bench": "how fast the kernels are here, beside what the device allows",
    "study": "put a claim of the papers on depth to the test",
    "depth": "all studies of a group: gram, fisher or ablations",
    "doctor": "this machine, the cost of a config, the health of a run",
    "schema": "every key of a config: type, default, allowed values, meaning",
    "examples": "list, print or copy the packaged examples",
}

_DESCRIPTION = f"""\
bnflow {__version__}: how batch-normalized networks of infinite width train.

  bnflow run --out runs/first              solve the packaged example, in seconds
  bnflow info runs/first                   what it measured
  bnflow plot runs/first -o first.png      see it
  bnflow run mine.toml --set time.end=10   your own config, one key changed
  bnflow schema solver                     every key of a table, with its meaning

verbs:
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    try:
        code = _dispatch(list(sys.argv[1:] if argv is None else argv))
        sys.stdout.flush()
        return code
    except Misuse as error:
        return _told(str(error), BAD_INPUT)
    except BrokenPipeError:  # the reader, as in `bnflow schema | head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        return _told(f"{place}{error.strerror or error}", BAD_INPUT)
    except MemoryError:
        return _told("not enough memory; bnflow doctor CONFIG says what a config needs", BAD_INPUT)
    except KeyboardInterrupt:
        return _told("interrupted", INTERRUPTED)


def _dispatch(arguments: list[str]) -> int:
    verb, *rest = arguments or ["--help"]
    if verb in ("-h", "--help", "help"):
        print(_DESCRIPTION + _verb_list())
        return DONE
    if verb in ("-V", "--version"):
        print(f"bnflow {__version__}")
        return DONE
    if verb not in VERBS:
        raise Misuse(_no_verb(verb))
    module = import_module(f".{verb.replace('-', '_')}", __name__)
    parser = Parser(prog=f"bnflow {verb}", summary=VERBS[verb])
    module.add_arguments(parser)
    parsed = parser.parse(rest)
    return DONE if parsed is None else _run(module, parsed)


def _run(module: Any, parsed: argparse.Namespace) -> int:
    from ..kernels.errors import InputError, NumericalFailure
    from .notices import on_the_error_stream

    try:
        with on_the_error_stream():
            return int(module.run(parsed))
    except InputError as error:
        return _told(str(error), BAD_INPUT)
    except NumericalFailure as error:
        return _told(f"numerical failure: {error}", FAILED)


def _told(line: str, code: int) -> int:
    print(f"bnflow: {line}", file=sys.stderr)
    return code


def _no_verb(verb: str) -> str:
    known = ", ".join(VERBS)
    near = get_close_matches(verb, VERBS, n=1)
    return f"{verb!r} is no verb; {f'did you mean {near[0]}?' if near else f'verbs: {known}'}"


def _verb_list() -> str:
    lines = [f"  {verb:<13}{summary}" for verb, summary in VERBS.items()]
    return "\n".join([*lines, "", "bnflow VERB --help explains a verb."])

"""`bnflow study list`, `bnflow study run NAME`: a claim, its computation, figure and verdict."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import DONE, STOPPED
from .parser import Misuse, add_overrides
from .plot import ENDINGS
from .progress import pieces

if TYPE_CHECKING:
    from ..depth.studies.study import Study
    from ..io.study import StudyResult

FOLDER = Path("runs") / "studies"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("action", choices=("list", "run"), help="list the studies, or run some")
    parser.add_argument("names", nargs="*", metavar="NAME", help="names of studies to be run")
    add_options(parser)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare what running has, by name or by group."""
    parser.add_argument(
        "--out", metavar="DIR", default=FOLDER, type=Path, help=f"folder of the results [{FOLDER}]"
    )
    parser.add_argument("--quick", action="store_true", help="small sizes, below a minute a study")
    add_overrides(parser, "change settings, as seed=1 widths=[64,256]; --json shows them all")
    parser.add_argument(
        "-o",
        "--output",
        metavar="FIGURE",
        type=Path,
        help=f"draw it: {', '.join(ENDINGS)}; of several studies, NAME comes before the ending",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object; null for undefined")
    parser.add_argument("--quiet", action="store_true", help="no progress")


def run(arguments: argparse.Namespace) -> int:
    """List, or run."""
    from ..depth.studies.registry import STUDIES, find_study

    if arguments.action == "list":
        if arguments.names:
            raise Misuse("study list takes no name; did you mean study run?")
        told = _listed_json if arguments.json else _listed
        print(told(list(STUDIES.values())))
        return DONE
    if not arguments.names:
        raise Misuse(f"study run needs a name: {', '.join(STUDIES)}")
    return run_studies([find_study(name) for name in arguments.names], arguments)


def run_studies(studies: Sequence[Study], arguments: argparse.Namespace) -> int:
    """Run, print, and draw where a figure is asked for."""
    figure = arguments.output
    if figure is not None and figure.suffix not in ENDINGS:
        raise Misuse(f"-o {figure}: the name must end in {', '.join(ENDINGS)}")
    from .. import api

    shown = pieces(quiet=arguments.quiet)
    changes = _by_study(studies, arguments.overrides)
    results = []
    for study in studies:
        try:
            found = api.study(
                study.name,
                arguments.out,
                quick=arguments.quick,
                progress=shown,
                **changes[study.name],
            )
        except KeyboardInterrupt:
            print("bnflow: interrupted; the same command continues", file=sys.stderr)
            return STOPPED
        results.append(found)
        drawn = None if figure is None else _drawn(found, figure, len(studies) > 1)
        if not arguments.json:
            print("\n".join([found.summary(), *(str(p) for p in (found.path, drawn) if p), ""]))
    if arguments.json:
        info = [result.to_info() for result in results]
        whole = info[0] if len(info) == 1 else {"studies": info}
        print(json.dumps(whole, indent=2, allow_nan=False))
    return DONE


def _drawn(result: StudyResult, figure: Path, several: bool) -> Path:
    figure.parent.mkdir(parents=True, exist_ok=True)
    if several:
        figure = figure.with_name(f"{figure.stem}-{result.study.name}{figure.suffix}")
    result.plot(figure)
    return figure


def _by_study(studies: Sequence[Study], overrides: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What each study is told: a setting goes to all that have it, and one of them must."""
    from ..depth.studies.settings import settings_of
    from ..pde.config.loading import named

    changes: Mapping[str, Any] = dict(named(overrides))
    for name, value in changes.items():
        having = [study for study in studies if name in study.settings] or studies[:1]
        settings_of(having[0], False, {name: value})  # refuses what none has
    return {
        study.name: {name: value for name, value in changes.items() if name in study.settings}
        for study in studies
    }


def _listed(studies: Sequence[Study]) -> str:
    width = max(len(study.name) for study in studies)
    lines = [f"{study.name:<{width}}  {study.claim} ({study.source})" for study in studies]
    return "\n".join([*lines, "", "bnflow study run NAME [--quick] [-o FIGURE]"])


def _listed_json(studies: Sequence[Study]) -> str:
    told = ("name", "group", "claim", "source", "criterion", "settings")
    info = [{name: getattr(study, name) for name in told} for study in studies]
    return json.dumps({"studies": info}, indent=2, allow_nan=False)

"""`bnflow info`: what a run is and what it measured, for people or, with `--json`, for programs."""

from __future__ import annotations

import argparse
import json
import math
from typing import Any

from . import DONE


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("run", metavar="DIR", help="folder of a run")
    parser.add_argument("--json", action="store_true", help="one JSON object; null for undefined")


def run(arguments: argparse.Namespace) -> int:
    """Print the summary or the JSON object."""
    from .. import api
    from ..pde.given import from_python

    found = api.open(arguments.run)
    if arguments.json:
        print(json.dumps(_strict(found.to_info()), indent=2, allow_nan=False))
    else:
        print(found.summary())
        if needed := from_python(found.settings):
            print(f"resumes from Python only, which gives: {', '.join(needed)}")
    return DONE


def _strict(value: Any) -> Any:
    """The same with null where JSON has no number: NaN and infinity."""
    if isinstance(value, dict):
        return {name: _strict(entry) for name, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_strict(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value

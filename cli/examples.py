"""`bnflow examples`: list, print or copy the examples that come with the package."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from . import DONE
from .parser import Misuse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("name", nargs="?", help="print this example [list them all]")
    parser.add_argument("--to", metavar="DIR", help="copy it, and its data, into this folder")


def run(arguments: argparse.Namespace) -> int:
    """List, print or copy."""
    from ..pde.config import examples

    if arguments.name is None:
        if arguments.to:
            raise Misuse(f"--to needs a name: {', '.join(examples.names())}")
        print("\n".join(f"{name:<18}{examples.summary(name)}" for name in examples.names()))
        print("bnflow run NAME solves one; bnflow examples NAME prints it, --to DIR copies it")
    elif arguments.name not in examples.names():
        from ..pde.config.text import nearest

        hint = nearest(arguments.name, examples.names())
        known = f"; there are {', '.join(examples.names())}"
        raise Misuse(f"{arguments.name!r} is no packaged example{hint or known}")
    elif arguments.to:
        for path in _copied(examples.parts(arguments.name), Path(arguments.to)):
            print(path)
    else:
        print(examples.path(arguments.name).read_text(encoding="utf-8"), end="")
    return DONE


def _copied(parts: list[Path], folder: Path) -> list[Path]:
    """Copy all parts or, where one exists already, none."""
    targets = [folder / part.name for part in parts]
    for target in targets:
        if target.exists():
            raise Misuse(f"{target} exists and is left alone; choose another folder")
    folder.mkdir(parents=True, exist_ok=True)
    for part, target in zip(parts, targets, strict=True):
        shutil.copyfile(part, target)
    return targets

"""Warnings on the command line: a `Notice` is one `note: ...` line on the error stream, once."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..kernels.errors import Notice


@contextmanager
def on_the_error_stream() -> Iterator[None]:
    """Print every notice once while the context lasts; leave other warnings as they are."""
    told: set[str] = set()
    usual = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
        if not issubclass(category, Notice):
            usual(message, category, *place, **more)
        elif str(message) not in told:
            told.add(str(message))
            say(f"note: {message}")

    with warnings.catch_warnings():
        warnings.simplefilter("always", Notice)
        warnings.showwarning = show
        yield


def say(line: str) -> None:
    """Print a line on the error stream, above a live progress line if there is one."""
    if "tqdm" in sys.modules:
        from tqdm import tqdm

        tqdm.write(line, file=sys.stderr)
    else:
        print(line, file=sys.stderr)

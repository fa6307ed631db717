"""A run in files of other programs, one module a format: NetCDF, CSV and VTK.

Every module has `write(run, path, what, times)`: the quantities of those names (the format's own
choice where there are none) at those saved times, written whole or not at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from ...kernels.errors import InputError
from ...pde.config.text import listed, nearest

if TYPE_CHECKING:
    from ..run import Run

FORMATS = ("nc", "csv", "vtk")


def export(
    run: Run,
    path: Path,
    what: Sequence[str] = (),
    time: float | None = None,
    to: str | None = None,
) -> None:
    """Write the run to `path`.

    what : names of diagnostics, or density, measure, marginal, outer_weights; neurons
    time : a saved time; all of them unless given (in VTK, the last)
    to : nc, csv or vtk; the ending of the name unless given
    """
    kind = path.suffix.lower().removeprefix(".") if to is None else to
    if kind not in FORMATS:
        guess = nearest(kind, FORMATS) or f"; use a name that ends in .{listed(FORMATS)}"
        raise InputError(f"cannot export {path.name} as {kind!r}{guess}")
    if not path.parent.is_dir():
        raise InputError(f"cannot write {path}: the folder {path.parent} does not exist")
    if not len(run.time):
        raise InputError("this run has no saved time yet: nothing to export")
    times = run.time if time is None else run.time[[run.index(time)]]
    module = import_module(f".{kind}", __name__)
    try:
        module.write(run, path, list(what), [float(t) for t in times])
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from None

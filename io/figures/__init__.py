"""Pictures of a run, one module a kind; none of them touches matplotlib's global state.

Every kind is a function (run, t) -> Figure, at saved times only. All colours are readable in grey
and by colour-blind eyes; every density plot says which modes of the measure the data cannot see,
and how much mass is unresolved.
"""

from __future__ import annotations

import difflib
import io
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from ...kernels.errors import InputError
from ...pde.frame import Layout
from ..safefile import atomic_bytes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..run import Run

SHARED = ("overview", "curves", "diagnostics", "function")
KINDS = (*SHARED, "density", "measure", "sphere")  # of a grid
NEURON_KINDS = (*SHARED, "neurons")
FORMATS = ("png", "pdf", "svg")


def draw(run: Run, what: str = "overview", time: float | None = None) -> Figure:
    """The figure `what` at a saved time, the last one unless given."""
    on_grid = isinstance(run.layout, Layout)
    kinds = KINDS if on_grid else NEURON_KINDS
    if what not in kinds:
        near = difflib.get_close_matches(what, kinds, 1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        of = f" of a run {'on a grid' if on_grid else 'of neurons'}"
        raise InputError(f"no figure {what!r}{of}{hint}; there are {', '.join(kinds)}")
    if not len(run.time):
        raise InputError("this run has no saved time yet: nothing to draw")
    t = float(run.time[-1] if time is None else run.time[run.index(time)])
    from .style import styled

    name = what if on_grid or what != "overview" else "neuron_overview"
    module = import_module(f".{name}", __name__)
    figure: Callable[[Run, float], Figure] = module.figure
    with styled():
        return figure(run, t)


def save(figure: Figure, path: Path) -> None:
    """Write the figure; the ending of the name chooses the format."""
    kind = path.suffix.lower().removeprefix(".")
    if kind not in FORMATS:
        raise InputError(f"cannot write {path}: use a name that ends in .{', .'.join(FORMATS)}")
    if not path.parent.is_dir():
        raise InputError(f"cannot write {path}: the folder {path.parent} does not exist")
    from .style import styled

    buffer = io.BytesIO()
    with styled():
        figure.savefig(buffer, format=kind)
    try:
        atomic_bytes(path, buffer.getvalue())
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from None

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
from ..sameness import refuse_other_problem

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..run import Run

KINDS = (  # of a grid; neurons: over the density
    *("overview", "density", "marginals", "measure", "sphere"),
    *("curves", "diagnostics", "function", "neurons"),
)
NEURON_KINDS = ("overview", "neurons", "curves", "diagnostics", "function")
MODULES = {  # where a kind has not its own name: of a grid, of neurons
    "overview": ("overview", "neuron_overview"),
    "neurons": ("overlay", "neurons"),
}
FORMATS = ("png", "pdf", "svg")


def draw(
    run: Run, what: str = "overview", time: float | None = None, neurons: Run | None = None
) -> Figure:
    """The figure `what` at a saved time, the last one unless given.

    neurons : of a density, the run whose neurons are drawn over it; its shadow unless given
    """
    _check(run, what)
    t = float(run.time[-1] if time is None else run.time[run.index(time)])
    from .style import styled

    figure: Callable[..., Figure] = import_module(f".{module_of(run, what)}", __name__).figure
    others = beside(run, what, neurons)
    with styled():
        return figure(run, t, *others)


def write_script(
    run: Run, path: Path, what: str, time: float | None = None, neurons: Run | None = None
) -> Path:
    """Write the script that draws this figure to `path` again, beside it; its own path."""
    _check(run, what)
    from .script import write

    t = float(run.time[-1] if time is None else run.time[run.index(time)])
    return write(run, module_of(run, what), t, path, beside(run, what, neurons))


def module_of(run: Run, what: str) -> str:
    """The module that draws that kind."""
    return MODULES.get(what, (what, what))[not isinstance(run.layout, Layout)]


def _check(run: Run, what: str) -> None:
    on_grid = isinstance(run.layout, Layout)
    kinds = KINDS if on_grid else NEURON_KINDS
    if what not in kinds:
        near = difflib.get_close_matches(what, kinds, 1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        of = f" of a run {'on a grid' if on_grid else 'of neurons'}"
        raise InputError(f"no figure {what!r}{of}{hint}; there are {', '.join(kinds)}")
    if not len(run.time):
        raise InputError("this run has no saved time yet: nothing to draw")


def beside(run: Run, what: str, neurons: Run | None) -> list[Run]:
    """The second run of a figure that has one."""
    if what != "neurons" or not isinstance(run.layout, Layout):
        if neurons is not None:
            raise InputError(f"the figure {what!r} draws one run; neurons go over a density")
        return []
    found = neurons or run.shadow_run
    if found is None:
        raise InputError(
            "no neurons to draw over this density: name a run of neurons (--neurons DIR), or solve "
            "with --shadow-particles N"
        )
    if isinstance(found.layout, Layout):
        raise InputError(f"{found.path or 'the second run'} is a density, not a run of neurons")
    refuse_other_problem(run, found)
    return [found]


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

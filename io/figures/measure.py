"""The signed measure m(v) = int a rho da: all of the density that the network's output sees.

d = 2: against the angle of the raw direction at several times. d = 3: on the sphere (see `sphere`).
d = 4: pushed forward to the discs (v1, v2) and (v3, v4), where the uniform law of v is uniform.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from ...pde.frame import Array
from .density import mark_teachers
from .sphere import measure_figure
from .style import DASHES, DIVERGING, FAINT, angle_ticks, canvas, note, shades, signed_limit
from .subject import circle, refined, remarks, several

if TYPE_CHECKING:
    from ..run import Run

DISC_BINS = 40
PEAKED = 30.0  # ratio of the peaks of two times from which on the scale is compressed


def figure(run: Run, t: float) -> Figure:
    """The measure up to t, or at t."""
    d = run.layout.dimension
    if d == 3:
        return measure_figure(run, t)
    if d == 2:
        picture = canvas(7.5, 4.0)
        circle_measure(picture.subplots(), run, t)
    else:
        picture = canvas(8.0, 4.2)
        for ax, pair in zip(picture.subplots(1, 2), ((0, 1), (2, 3)), strict=True):
            disc(ax, run, t, pair)
    note(picture, remarks(run, t))
    return picture


def circle_measure(ax: Axes, run: Run, t: float) -> None:
    """d = 2: m against the angle of u at several times up to t."""
    order, edges = circle(run.layout)
    times = several(run, t)
    colours, largest = shades(len(times)), []
    for place, (moment, colour) in enumerate(zip(times, colours, strict=True)):
        m = run.signed_measure(moment).ravel()[order]
        largest.append(float(np.abs(m).max()))
        dash = DASHES[len(times) - 1 - place]
        label = f"t = {moment:.4g}"
        ax.stairs(m, edges, baseline=None, color=colour, linestyle=dash, label=label)
    ax.axhline(0, color=FAINT, linewidth=0.7, zorder=0)
    _compress(ax, largest)
    mark_teachers(ax, run)
    angle_ticks(ax, r"angle $\varphi$ of the raw direction $u$")
    ax.set_ylabel(r"$m = \int a\,\rho\,da$ per volume")
    ax.set_title(f"signed measure, up to t = {t:.4g}")
    ax.legend(loc="best")


def _compress(ax: Axes, largest: list[float]) -> None:
    """A symmetric logarithmic scale once the peaks of some time dwarf those of another."""
    moved = [value for value in largest[1:] if value > 0]  # the start may be as good as zero
    if moved and max(moved) > PEAKED * min(moved):
        linear = 10.0 ** np.floor(np.log10(max(moved) / PEAKED))
        ax.set_yscale("symlog", linthresh=linear)


def disc(ax: Axes, run: Run, t: float, pair: tuple[int, int]) -> None:
    """The measure pushed forward to two coordinates of v, per unit of area."""
    draw_disc(ax, run, t, pair, signed_limit(disc_values(run, t, pair)))


def draw_disc(ax: Axes, run: Run, t: float, pair: tuple[int, int], limit: float) -> QuadMesh:
    """The same with that limit of the colours."""
    edges = np.linspace(-1, 1, DISC_BINS + 1)
    values = disc_values(run, t, pair).T
    mesh = ax.pcolormesh(
        edges, edges, values, cmap=DIVERGING, vmin=-limit, vmax=limit, rasterized=True
    )
    ax.figure.colorbar(mesh, ax=ax, shrink=0.8, label="$m$ per area", extend="both")
    ax.add_patch(Circle((0, 0), 1, fill=False, color=FAINT, linewidth=0.7))
    ax.set(aspect="equal", xlabel=f"$v_{pair[0] + 1}$", ylabel=f"$v_{pair[1] + 1}$")
    ax.set_title(f"measure on the disc, t = {t:.4g}")
    return mesh


def disc_values(run: Run, t: float, pair: tuple[int, int]) -> Array:
    """The measure in each bin of the square around the disc, per unit of area."""
    v, shares = refined(run.layout)
    weights = shares * (run.signed_measure(t) * run.layout.cell_volume).ravel()[:, None]
    edges = np.linspace(-1, 1, DISC_BINS + 1)
    first, second = (v[..., axis].ravel() for axis in pair)
    total: Array = np.histogram2d(first, second, [edges, edges], weights=weights.ravel())[0]
    return np.asarray(total / (edges[1] - edges[0]) ** 2)

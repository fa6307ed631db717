"""The two marginal laws at several times: of the directions, int rho da, and of the outer weights.

d = 2: against the angle of the raw direction u, per Riemannian volume. d > 2: against each
coordinate of the whitened direction v, per unit of it. Beside them the law of a.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .density import mark_teachers, outer_weights
from .style import DASHES, angle_ticks, canvas, note, shades
from .subject import circle, refined, remarks, several

if TYPE_CHECKING:
    from ..run import Run

INTERVALS = 40


def figure(run: Run, t: float) -> Figure:
    """Both laws up to t."""
    d, times = run.layout.dimension, several(run, t)
    panels = 1 if d == 2 else d
    picture = canvas(6.5 if d == 2 else 2.9 * panels, 3.6)
    picture.set_figwidth(picture.get_figwidth() + 3.2)
    ratios = [2.0 if d == 2 else 1.0] * panels + [1.0]
    *axes, last = picture.subplots(1, panels + 1, width_ratios=ratios)
    if d == 2:
        circle_law(axes[0], run, times)
    else:
        for axis, ax in enumerate(axes):
            coordinate_law(ax, run, times, axis)
    axes[0].set_title(f"law of the directions, up to t = {t:.4g}")
    axes[0].legend()
    outer_weights(last, run, times)
    last.set_title("law of the outer weights")
    note(picture, remarks(run, t))
    return picture


def circle_law(ax: Axes, run: Run, times: list[float]) -> None:
    """d = 2: int rho da against the angle of u."""
    order, edges = circle(run.layout)
    for place, (t, colour) in enumerate(zip(times, shades(len(times)), strict=True)):
        dash = DASHES[len(times) - 1 - place]
        law = run.marginal(t).ravel()[order]
        ax.stairs(law, edges, baseline=None, color=colour, linestyle=dash, label=f"t = {t:.4g}")
    ax.set_ylim(bottom=0)
    mark_teachers(ax, run)
    angle_ticks(ax, r"angle $\varphi$ of the raw direction $u$")
    ax.set_ylabel(r"$\int \rho\,da$ per volume")


def coordinate_law(ax: Axes, run: Run, times: list[float], axis: int) -> None:
    """d > 2: the law of a coordinate of v."""
    v, shares = refined(run.layout)
    edges = np.linspace(-1, 1, INTERVALS + 1)
    for place, (t, colour) in enumerate(zip(times, shades(len(times)), strict=True)):
        mass = (run.marginal(t) * run.layout.cell_volume).ravel()[:, None] * shares
        law = np.histogram(v[..., axis], edges, weights=mass)[0] / (edges[1] - edges[0])
        dash = DASHES[len(times) - 1 - place]
        ax.stairs(law, edges, baseline=None, color=colour, linestyle=dash, label=f"t = {t:.4g}")
    ax.set(xlabel=f"$v_{axis + 1}$", xlim=(-1, 1))
    ax.set_ylim(bottom=0)
    if axis == 0:
        ax.set_ylabel("mass per unit of $v_k$")

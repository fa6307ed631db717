"""What the network computes, beside what it should, on whitened inputs xt.

d = 2: f and the target on the plane and around the circle |xt| = sqrt 2; d > 2: along great circles
of |xt| = sqrt d in coordinate planes. A target that is only data has no curve. Of classes +-1, the
boundaries f = 0 are drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from ...pde.frame import Array
from .style import DASHES, DIVERGING, FAINT, SERIES, angle_ticks, canvas, signed_limit
from .subject import is_classification, target_function

if TYPE_CHECKING:
    from ..run import Run

REACH, PLANE_PIXELS, ANGLES = 2.5, 121, 361
BOUNDARY = "black"


def figure(run: Run, t: float) -> Figure:
    """The learned function at t."""
    if run.layout.dimension == 2:
        return _plane_figure(run, t)
    if run.layout.dimension == 1:
        picture = canvas(5.0, 3.6)
        line(picture.subplots(), run, t)
        return picture
    planes = list(combinations(range(run.layout.dimension), 2))[:3]
    picture = canvas(3.6 * len(planes), 3.6)
    axes = picture.subplots(1, len(planes), sharey=True)
    for ax, plane in zip(axes, planes, strict=True):
        great_circle(ax, run, t, plane)
        ax.label_outer()
    return picture


def _plane_figure(run: Run, t: float) -> Figure:
    target = target_function(run)
    side = np.linspace(-REACH, REACH, PLANE_PIXELS)
    xt = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    panels = {f"network $f$, t = {t:.4g}": run.network(xt, t)}
    if target is not None:
        panels["target $y$"] = target(xt)
    limit = signed_limit(np.concatenate(list(panels.values())))
    picture = canvas(3.4 * (len(panels) + 1) + 0.6, 3.5)
    *maps, last = picture.subplots(1, len(panels) + 1)
    for ax, (title, values) in zip(maps, panels.items(), strict=True):
        mesh = _map(ax, side, values.reshape(PLANE_PIXELS, PLANE_PIXELS), limit)
        ax.set_title(title)
    if is_classification(run):
        boundaries(
            maps, side, [each.reshape(PLANE_PIXELS, PLANE_PIXELS) for each in panels.values()]
        )
    picture.colorbar(mesh, ax=maps, shrink=0.8, label="$f$, $y$ (contours: dashed where negative)")
    great_circle(last, run, t, (0, 1))
    return picture


def boundaries(axes: Sequence[Axes], side: Array, maps: Sequence[Array]) -> None:
    """Where the classes meet, f = 0 of every map, drawn into all panels."""
    for place, values in enumerate(maps):
        style, colour = DASHES[place], (BOUNDARY, SERIES[2])[place % 2]
        for ax in axes:
            ax.contour(
                side, side, values, levels=[0.0], colors=colour, linewidths=1.8, linestyles=style
            )


def _map(ax: Axes, side: Array, values: Array, limit: float) -> QuadMesh:
    norm = Normalize(-limit, limit)
    mesh = ax.pcolormesh(
        side, side, values, shading="nearest", rasterized=True, cmap=DIVERGING, norm=norm
    )
    levels = np.linspace(-limit, limit, 12)  # none at 0, where a function may be flat
    ax.contour(side, side, values, levels=levels, colors="black", linewidths=0.4)
    ax.set(aspect="equal", xlabel=r"$\tilde x_1$", ylabel=r"$\tilde x_2$")
    return mesh


def great_circle(ax: Axes, run: Run, t: float, plane: tuple[int, int]) -> None:
    """f and the target around the circle |xt| = sqrt d in a coordinate plane."""
    d = run.layout.dimension
    angles = np.linspace(0, 2 * np.pi, ANGLES)
    xt = np.zeros((ANGLES, d))
    xt[:, plane[0]], xt[:, plane[1]] = np.sqrt(d) * np.cos(angles), np.sqrt(d) * np.sin(angles)
    _curves(ax, run, t, angles, xt)
    first, second = plane[0] + 1, plane[1] + 1
    angle_ticks(ax, rf"angle of $\tilde x$ in the plane $(\tilde x_{first}, \tilde x_{second})$")
    ax.set_ylabel("$f$, $y$")
    radius = "2" if d == 4 else rf"\sqrt{{{d}}}"
    ax.set_title(rf"around $|\tilde x| = {radius}$, t = {t:.4g}")
    ax.legend()


def line(ax: Axes, run: Run, t: float) -> None:
    """d = 1: f and the target along the only coordinate."""
    xt = np.linspace(-REACH, REACH, ANGLES)
    _curves(ax, run, t, xt, xt[:, None])
    ax.set(xlabel=r"$\tilde x$", ylabel="$f$, $y$")
    ax.set_title(f"learned function, t = {t:.4g}")
    ax.legend()


def _curves(ax: Axes, run: Run, t: float, place: Array, xt: Array) -> None:
    """The network at the start and at t, and the target, at inputs xt drawn over `place`."""
    start = float(run.time[0])
    if t > start:
        label = f"network, t = {start:.4g}"
        ax.plot(place, run.network(xt, start), color=FAINT, linestyle="-.", label=label)
    ax.plot(place, run.network(xt, t), color=SERIES[0], label=f"network, t = {t:.4g}")
    target = target_function(run)
    if target is not None:
        ax.plot(place, target(xt), color=SERIES[1], linestyle="--", label="target")

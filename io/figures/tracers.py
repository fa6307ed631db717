"""The ways of passive tracers, drawn over a density: lines from the start to t, dots at t."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from ...pde.frame import Array
from .style import SERIES
from .subject import whitened

if TYPE_CHECKING:
    from ..run import Run

WAYS = 200  # evenly among all
TRACE = SERIES[4]


def circle_ways(ax: Axes, run: Run, t: float) -> None:
    """d = 2: angle of u against a; a way that leaves on one side comes back on the other."""
    u, a = _until(run, t)
    if a.shape[1]:
        angle = np.unwrap(np.arctan2(u[..., 1], u[..., 0]), axis=0)
        angle -= 2 * np.pi * np.floor(angle[-1] / (2 * np.pi))
        for turn in (-1, 0, 1):
            draw_ways(ax, angle + 2 * np.pi * turn, a)


def projected_ways(ax: Axes, run: Run, t: float, axis: int) -> None:
    """A coordinate of v against a."""
    u, a = _until(run, t)
    if a.shape[1]:
        draw_ways(ax, whitened(run.layout, u)[..., axis], a)


def draw_ways(ax: Axes, x: Array, y: Array) -> None:
    """x, y : (times, tracers)."""
    lines = list(np.stack([x.T, y.T], axis=-1))
    ax.add_collection(
        LineCollection(lines, colors=TRACE, linewidths=0.6, alpha=0.8, zorder=2), autolim=False
    )
    ax.scatter(x[-1], y[-1], s=6, color=TRACE, edgecolors="white", linewidths=0.3, zorder=2.5)


def _until(run: Run, t: float) -> tuple[Array, Array]:
    """Tracers that are drawn, at the saved times up to t: (times, k, d) and (times, k)."""
    count = run.layout.tracers
    if not count:
        return np.empty((1, 0, run.layout.dimension)), np.empty((1, 0))
    u, a = run.trajectories()
    chosen = np.unique(np.linspace(0, count - 1, min(count, WAYS)).astype(int))
    rows = slice(0, run.index(t) + 1)
    return u[rows, chosen], a[rows, chosen]

"""The batch as points, a row a depth, a column a layer: real weights, one network each.

The last two columns are RC + NL and full batch normalization, side by side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ....depth.studies.ablations_layers import APART, FULL, NAMES
from ....pde.frame import Array
from ..style import FAINT, SERIES, canvas

if TYPE_CHECKING:
    from ...study import StudyResult


def figure(result: StudyResult) -> Figure:
    """One scale in all panels of a row of layers: the trace is the number of inputs."""
    names = [*(name for name in NAMES if name not in (APART, FULL)), APART, FULL]
    depths = result.values(names[0], "depth")
    picture = canvas(1.5 * len(names) + 0.4, 1.55 * len(depths))
    axes = picture.subplots(len(depths), len(names), squeeze=False)
    for column, name in zip(axes.T, names, strict=True):
        column[0].set_title(name.replace("+", " + "))
        for ax, points in zip(column, result.values(name, "points"), strict=True):
            panel(ax, points)
    for ax, depth in zip(axes[:, 0], depths, strict=True):
        ax.set_ylabel(f"layer {depth}")
    return picture


def panel(ax: Axes, points: Array) -> None:
    """Inputs in the plane of the two largest axes of their Gram matrix; the largest is marked."""
    points = points * np.where(points.sum(axis=0) < 0.0, -1.0, 1.0)
    far = int((points**2).sum(axis=1).argmax())
    ax.axhline(0.0, color=FAINT, linewidth=0.5)
    ax.axvline(0.0, color=FAINT, linewidth=0.5)
    ax.plot(*points.T, "o", color=SERIES[0], markersize=4, alpha=0.6, markeredgewidth=0)
    ax.plot(*points[far], "D", color=SERIES[1], markersize=5, markerfacecolor="none")
    reach = 1.15 * np.abs(points).max()
    ax.set(xlim=(-reach, reach), ylim=(-reach, reach), xticks=[], yticks=[], aspect="equal")

"""Learning rates of instability on eta*(gamma): a row a network, a column a normalization."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ....depth.studies.fisher_networks import KINDS, NETWORKS
from ....depth.studies.fisher_step import piece_name
from ..style import SERIES, canvas

if TYPE_CHECKING:
    from ...study import StudyResult

COLOURS = ("black", SERIES[1], SERIES[4], SERIES[2])  # of momenta, in turn
LINES: dict[str, tuple[Any, float, str]] = {
    "measured": ("-", 1.2, r"$\eta^*$ of measured $\lambda_{\max}$"),
    "theory": ("--", 1.0, r"$\eta^*$ of corrected theory"),
    "paper": (":", 1.6, r"$\eta^*$ of the paper's formula"),
}
POINTS: dict[str, tuple[str, Any, str]] = {
    "critical": ("o", "full", "noise at a minimum grows"),
    "explosion": ("^", "none", "training from a random start runs away"),
}


def figure(result: StudyResult) -> Figure:
    """One legend for all panels, as all have the same marks."""
    names = result.settings["networks"]
    picture = canvas(10.5, 3.1 * len(names) + 0.6)
    axes = picture.subplots(len(names), len(KINDS), sharex=True, sharey="row", squeeze=False)
    for row, name in zip(axes, names, strict=True):
        for ax, kind in zip(row, KINDS, strict=True):
            panel(ax, result, name, kind)
        row[0].set_ylabel(r"learning rate $\eta$")
    for ax in axes[-1]:
        ax.set_xlabel(r"$\gamma$")
    picture.legend(handles=keys(result), loc="outside upper center", ncols=4, fontsize=7.5)
    return picture


def keys(result: StudyResult) -> list[Line2D]:
    """What lines and points are, and the colours of the momenta."""
    lines = [
        Line2D([], [], color="black", linestyle=dashes, linewidth=width, label=label)
        for dashes, width, label in LINES.values()
    ]
    points = [
        Line2D([], [], color="black", linestyle="", marker=marker, fillstyle=fill, label=label)
        for marker, fill, label in POINTS.values()
    ]
    momenta = [
        Line2D([], [], color=colour, linewidth=4, label=f"momentum {momentum:g}")
        for momentum, colour in zip(result.settings["momenta"], cycle(COLOURS), strict=False)
    ]
    return [*lines, *points, *momenta]


def panel(ax: Axes, result: StudyResult, name: str, kind: str) -> None:
    """Lines of eta*, and the middles of the brackets that bisection found."""
    gammas = result.settings["gammas"]
    for momentum, colour in zip(result.settings["momenta"], cycle(COLOURS), strict=False):
        piece = result.pieces[piece_name(name, kind, momentum)]
        for line, (dashes, width, _) in LINES.items():
            values = piece[line].values
            ax.plot(gammas, values, color=colour, linestyle=dashes, linewidth=width)
        for point, (marker, fill, _) in POINTS.items():
            middle = np.sqrt(piece[point].values.prod(axis=1))
            style: dict[str, Any] = {
                "color": colour,
                "marker": marker,
                "fillstyle": fill,
                "markersize": 5,
            }
            joined = "none" if point == "critical" else "-"
            ax.plot(gammas, middle, linestyle=joined, linewidth=0.4, **style)
    ax.set(xscale="log", yscale="log")
    ax.set_xticks(gammas, [f"{gamma:g}" for gamma in gammas])
    ax.xaxis.minorticks_off()
    ax.set_title(f"{NETWORKS[name]}, {KINDS[kind]}")

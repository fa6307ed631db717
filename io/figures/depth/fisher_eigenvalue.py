"""The largest Fisher eigenvalue against gamma: a row a network, a column a normalization.

Points are random networks, lines are theory. Below each panel all of it is over the quotient that
was measured: there it is seen what the paper's own formula misses, and what corrects it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ....depth.studies.fisher_eigenvalue import curve, measured, nearest_to_one
from ....depth.studies.fisher_networks import CURVES, CURVES_OF, KINDS, NETWORKS
from ..style import GREY, SERIES, canvas

if TYPE_CHECKING:
    from ...study import StudyResult

LOOK = {
    "paper": (SERIES[1], ":", 2.2),
    "finite": (SERIES[4], "-.", 1.2),
    "centred": (SERIES[0], "-", 1.4),
    "full": (SERIES[3], "--", 1.2),
    "both": (SERIES[0], "-", 1.4),
}  # colour, dashes, width


def figure(result: StudyResult) -> Figure:
    """Rows share their axis; on the right the learning rate that belongs to an eigenvalue."""
    names = result.settings["networks"]
    picture = canvas(10.5, 4.6 * len(names))
    heights = (2.2, 1.0) * len(names)
    axes = picture.subplots(
        2 * len(names), len(KINDS), sharex=True, sharey="row", squeeze=False, height_ratios=heights
    )
    for upper, lower, name in zip(axes[::2], axes[1::2], names, strict=True):
        for high, low, kind in zip(upper, lower, KINDS, strict=True):
            panel(high, result, name, kind)
            ratios(low, result, name, kind)
        upper[0].set_ylabel(r"largest eigenvalue $\lambda$")
        lower[0].set_ylabel("over measured\nquotient")
        right = upper[-1].secondary_yaxis("right", functions=(_step, _step))
        right.set_ylabel(r"$\eta^* = 2/\lambda$ (momentum 0)")
    for ax in axes[-1]:
        ax.set_xlabel(r"$\gamma$")
    return picture


def panel(ax: Axes, result: StudyResult, name: str, kind: str) -> None:
    """Theory, the means over networks, and the range of the networks."""
    gammas = result.settings["gammas"]
    for which in CURVES_OF[kind]:
        colour, dashes, width = LOOK[which]
        values = curve(result.pieces, name, kind, which)
        ax.plot(
            gammas, values, color=colour, linestyle=dashes, linewidth=width, label=CURVES[which]
        )
    for which, marker, fill, told in (
        ("lambda_max", "o", "black", r"measured $\lambda_{\max}$"),
        ("quotient", "s", "white", "measured, constant function"),
    ):
        values = measured(result.settings, result.pieces, name, kind, which)
        middle = values.mean(axis=0)
        ends = np.abs(np.stack([values.min(axis=0), values.max(axis=0)]) - middle)
        look: dict[str, Any] = {
            "marker": marker,
            "markerfacecolor": fill,
            "markersize": 5,
            "linestyle": "none",
        }
        ax.errorbar(gammas, middle, ends, color="black", elinewidth=0.8, label=told, **look)
    if kind != "plain":
        one = nearest_to_one(result.settings)
        plain = measured(result.settings, result.pieces, name, "plain", "lambda_max")[:, one].mean()
        ax.axhline(plain, color=GREY, linewidth=0.7, label=rf"no BN, $\gamma = {gammas[one]:g}$")
    ax.set(xscale="log", yscale="log")
    ax.set_xticks(gammas, [f"{gamma:g}" for gamma in gammas])
    ax.xaxis.minorticks_off()
    ax.set_title(f"{NETWORKS[name]}, {KINDS[kind]}")
    ax.legend(loc="upper left", fontsize=7)


def ratios(ax: Axes, result: StudyResult, name: str, kind: str) -> None:
    """Everything over the mean quotient of the networks."""
    gammas = result.settings["gammas"]
    largest, quotient = (
        measured(result.settings, result.pieces, name, kind, which).mean(axis=0)
        for which in ("lambda_max", "quotient")
    )
    for which in CURVES_OF[kind]:
        colour, dashes, width = LOOK[which]
        values = curve(result.pieces, name, kind, which) / quotient
        ax.plot(gammas, values, color=colour, linestyle=dashes, linewidth=width)
    ax.plot(gammas, largest / quotient, "o", color="black", markersize=4)
    ax.axhline(1.0, color=GREY, linewidth=0.7)
    ax.xaxis.minorticks_off()


def _step(eigenvalue: object) -> object:
    return 2.0 / np.maximum(np.asarray(eigenvalue, float), np.finfo(float).tiny)

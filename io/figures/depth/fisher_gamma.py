"""The loss after the same epochs against gamma: a row a network, a column a choice of eta."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ....depth.studies.fisher_gamma import CHOICES, correlations, losses
from ....depth.studies.fisher_networks import NETWORKS, seeds
from ..style import GREY, SERIES, canvas, legend

if TYPE_CHECKING:
    from ...study import StudyResult


def figure(result: StudyResult) -> Figure:
    """All with one axis a row."""
    names = result.settings["networks"]
    picture = canvas(10.0, 3.0 * len(names))
    axes = picture.subplots(len(names), len(CHOICES), sharex=True, sharey="row", squeeze=False)
    for row, name in zip(axes, names, strict=True):
        for ax, choice in zip(row, CHOICES, strict=True):
            panel(ax, result, name, choice)
        row[0].set_ylabel(f"loss after {result.settings['epochs']} epochs")
        legend(row[0], loc="lower right")
    for ax in axes[-1]:
        ax.set_xlabel(r"$\gamma$")
    return picture


def panel(ax: Axes, result: StudyResult, name: str, choice: str) -> None:
    """Every network thin, medians thick, and the loss before training."""
    settings, found = result.settings, result.pieces
    gammas, of = settings["gammas"], losses(settings, found, name, choice)
    each = np.where(np.isfinite(of), of, np.nan)
    ax.plot(gammas, each.T, color=SERIES[0], linewidth=0.5, alpha=0.5)
    ax.plot(gammas, np.median(of, axis=0), color=SERIES[0], marker="o", label="median of networks")
    first = np.median([found[f"{name}-{k}"]["first"].values for k in seeds(settings)], axis=0)
    ax.plot(
        gammas, first, color=GREY, linestyle=":", marker="s", markersize=3, label="at the start"
    )
    ax.set(xscale="log", yscale="log")
    ax.set_xticks(gammas, [f"{gamma:g}" for gamma in gammas])
    ax.xaxis.minorticks_off()
    trend = correlations(of[:, np.argsort(gammas)]).mean()
    eta = rf"$\eta = {settings['fixed_rate']:g}$" if choice == "fixed" else CHOICES[choice]
    ax.set_title(f"{NETWORKS[name]}, {eta}: rank correlation {trend:.2f}", fontsize=8.5)

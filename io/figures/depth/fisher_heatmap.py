"""The loss after some epochs over learning rate and gamma, with eta*(gamma): a panel a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from ....depth.studies.fisher_heatmap import breakdown, median
from ....depth.studies.fisher_losses import LINES, learning_rates
from ....depth.studies.fisher_networks import NETWORKS
from ..style import FAINT, SEQUENTIAL, canvas

if TYPE_CHECKING:
    from ...study import StudyResult

DASHES = {"paper": ":", "theory": "--", "measured": "-"}
RIM = [withStroke(linewidth=3.4, foreground="white")]  # black lines are read on dark cells, too


def figure(result: StudyResult) -> Figure:
    """Dark is a low loss."""
    names = result.settings["networks"]
    picture = canvas(5.4 * len(names) + 0.8, 4.6)
    axes = picture.subplots(1, len(names), sharey=True, squeeze=False)[0]
    for ax, name in zip(axes, names, strict=True):
        panel(picture, ax, result, name)
    axes[0].set_ylabel(r"$\gamma$")
    picture.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return picture


def panel(picture: Figure, ax: Axes, result: StudyResult, name: str) -> None:
    """Medians over the networks; grey where training ran away."""
    settings, found = result.settings, result.pieces
    rates, gammas = learning_rates(settings), np.arange(len(settings["gammas"]))
    loss, first = (median(settings, found, name, each) for each in ("loss", "first"))
    colours = matplotlib.colormaps[SEQUENTIAL].reversed().with_extremes(bad=FAINT)
    shown = np.ma.masked_invalid(loss)
    norm = LogNorm(max(float(shown.min()), 1e-3 * first.max()), float(first.max()), clip=True)
    mesh = ax.pcolormesh(rates, gammas, shown, cmap=colours, norm=norm, shading="nearest")
    for line, dashes in DASHES.items():
        values = median(settings, found, name, line)
        style: dict[str, Any] = {"linestyle": dashes, "color": "black", "linewidth": 1.6}
        ax.plot(values, gammas, label=LINES[line], path_effects=RIM, **style)
    edge = np.sqrt(breakdown(settings, found, name).prod(axis=1))
    ends = np.where(np.isfinite(edge) & (edge > 0.0), edge, np.nan)
    mark: dict[str, Any] = {
        "marker": "D",
        "linestyle": "none",
        "color": "white",
        "markeredgecolor": "black",
    }
    ax.plot(ends, gammas, markersize=5, label="the loss ceases to fall", **mark)
    ax.set(xscale="log", xlabel=r"learning rate $\eta$", title=NETWORKS[name])
    half = np.sqrt(rates[1] / rates[0])
    ax.set_xlim(rates[0] / half, rates[-1] * half)
    ax.set_yticks(gammas, [f"{gamma:g}" for gamma in settings["gammas"]])
    picture.colorbar(mesh, ax=ax, label=f"loss after {settings['epochs']} epochs; grey: ran away")

"""Loss against epoch, each network at half of its own eta*: a panel a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ....depth.studies.fisher_networks import NETWORKS, seeds
from ....depth.studies.fisher_speed import curves, label, losses
from ..style import DASHES, SERIES, canvas, legend

if TYPE_CHECKING:
    from ...study import StudyResult


def figure(result: StudyResult) -> Figure:
    """Medians and quartiles over the networks."""
    names = result.settings["networks"]
    picture = canvas(5.0 * len(names), 3.8)
    axes = picture.subplots(1, len(names), sharey=True, squeeze=False)[0]
    for ax, name in zip(axes, names, strict=True):
        panel(ax, result, name)
    axes[0].set_ylabel("loss")
    return picture


def panel(ax: Axes, result: StudyResult, name: str) -> None:
    """A line a normalization."""
    settings, found = result.settings, result.pieces
    of, epochs = losses(settings, found, name), np.arange(settings["epochs"] + 1)
    rates = np.median([found[f"{name}-{k}"]["rate"].values for k in seeds(settings)], axis=0)
    for k, curve in enumerate(curves(settings)):
        low, middle, high = np.quantile(of[:, k], (0.25, 0.5, 0.75), axis=0)
        style: dict[str, Any] = {
            "color": SERIES[k % len(SERIES)],
            "linestyle": DASHES[k % len(DASHES)],
        }
        ax.plot(epochs, middle, label=rf"{label(*curve)}: $\eta$ = {rates[k]:.2g}", **style)
        ax.fill_between(epochs, low, high, color=style["color"], alpha=0.15, linewidth=0)
    ax.set(yscale="log", xlabel="epoch, one step of the full batch", title=NETWORKS[name])
    legend(ax)

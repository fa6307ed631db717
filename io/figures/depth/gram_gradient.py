"""The gradient against depth, with the predicted growth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ....depth.studies.gram_gradient import TOP, observed_growth, piece_name
from ..style import DASHES, SERIES, canvas, legend

if TYPE_CHECKING:
    from ...study import StudyResult

MARKS = "os^Dv"


def figure(result: StudyResult) -> Figure:
    """With BN and without."""
    picture = canvas(9.6, 4.4)
    left, right = picture.subplots(1, 2, sharey=True)
    panel(left, result, result.settings["activations"], True)
    panel(right, result, result.settings["plain"], False)
    left.set_ylabel(r"$E\|\partial f/\partial z^\ell\|^2$, relative to the last layer but 5")
    return picture


def panel(ax: Axes, result: StudyResult, activations: list[str], normalised: bool) -> None:
    """Points are means over networks, bands from the 10th to the 90th percentile."""
    for k, activation in enumerate(activations):
        piece = result.pieces[piece_name(activation, normalised)]
        layers, square = piece["layer"].values, piece["square"].values
        last = len(layers) - TOP - 1
        square = square / square[last].mean()
        growth = float(piece["growth"].values)
        seen = observed_growth(piece["square"].values)
        colour, dash = SERIES[k % len(SERIES)], DASHES[k % len(DASHES)]
        told = f"{activation}: {seen.value:.3f} a layer, predicted {growth:.3f}"
        heights, marker = square.mean(axis=1), MARKS[k % len(MARKS)]
        ax.plot(layers, heights, marker, markersize=4, color=colour, label=told)
        ax.plot(layers, growth ** (layers[last] - layers), color=colour, linestyle=dash)
        low, high = np.quantile(square, (0.1, 0.9), axis=1)
        ax.fill_between(layers, low, high, color=colour, alpha=0.12, linewidth=0)
    ax.set(yscale="log", xlabel=r"hidden layer $\ell$")
    batch, width = result.settings["batch"], result.settings["width"]
    ax.set_title(f"{'BN' if normalised else 'no BN'}, batch {batch}, width {width}")
    legend(ax, loc="upper right" if normalised else "upper center")

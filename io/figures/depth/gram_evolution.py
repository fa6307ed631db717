"""One network's Gram matrices through its layers, beside where BN leads; and the rank of all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ....depth.studies.gram_evolution import curves, piece_name
from ....depth.studies.layers import label
from ..style import DASHES, DIVERGING, GREY, SERIES, canvas

if TYPE_CHECKING:
    from ...study import StudyResult

MARKS = "os^Dv"


def figure(result: StudyResult) -> Figure:
    """A row a layer, a column a depth; the effective rank of all on the right."""
    rows, layers = curves(result.settings), sorted(result.settings["layers"])
    picture = canvas(1.05 * (len(layers) + 1) + 4.6, 1.15 * len(rows) + 0.7)
    ratios = [1.05 * (len(layers) + 1), 4.2]
    left, right = picture.subfigures(1, 2, width_ratios=ratios, squeeze=False)[0]
    axes = left.subplots(len(rows), len(layers) + 1, squeeze=False)
    for row, (phi, bn) in zip(axes, rows, strict=True):
        piece = result.pieces[piece_name(phi, bn)]
        for ax, gram in zip(row, piece["gram"].values, strict=False):
            image = matrix(ax, gram)
        if bn:
            matrix(row[-1], piece["goal"].values)
        else:
            row[-1].set_axis_off()
        row[0].set_ylabel(label(phi, bn), rotation=0, ha="right", va="center")
    for ax, name in zip(axes[0], [*(f"layer {layer}" for layer in layers), "$G_*$"], strict=True):
        ax.set_title(name, fontsize=8)
    bar = left.colorbar(image, ax=axes, shrink=0.6, location="bottom", aspect=40)
    bar.set_label("$G$ over its mean diagonal")
    ranks(right.subplots(), result)
    return picture


def matrix(ax: Axes, gram: np.ndarray) -> object:
    """Relative to its mean diagonal, which without BN may be anything."""
    image = ax.imshow(gram / np.diag(gram).mean(), cmap=DIVERGING, vmin=-1.5, vmax=1.5)
    ax.set_xticks([])
    ax.set_yticks([])
    return image


def ranks(ax: Axes, result: StudyResult) -> None:
    """Median over networks, from the 10th to the 90th percentile."""
    batch = result.settings["batch"]
    for k, (phi, bn) in enumerate(curves(result.settings)):
        piece = result.pieces[piece_name(phi, bn)]
        low, middle, high = np.quantile(piece["rank"].values, (0.1, 0.5, 0.9), axis=1)
        colour = SERIES[(k // 2) % len(SERIES)]
        style: dict[str, Any] = {
            "color": colour,
            "linestyle": DASHES[0 if bn else 1],
            "marker": MARKS[(k // 2) % 5],
        }
        ax.plot(piece["layer"].values, middle, markersize=4, label=label(phi, bn), **style)
        ax.fill_between(piece["layer"].values, low, high, color=colour, alpha=0.12, linewidth=0)
    ax.axhline(batch, color=GREY, linewidth=0.8)
    ax.set_xscale("symlog", linthresh=1)
    ax.set(xlabel="layer", ylabel="effective rank", ylim=(0.8, batch + 0.2), xlim=(0, None))
    ax.set_title(f"{result.settings['nets']} networks of width {result.settings['width']}")
    ax.legend(fontsize=7)

"""The eight layers: Gram matrices and cosines of one network above, what changes in depth below."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from ....depth.studies.ablations_layers import APART, NAMES
from ....pde.frame import Array
from ..style import DASHES, DIVERGING, SERIES, canvas, legend

if TYPE_CHECKING:
    from ...study import StudyResult

COLOURS = (*SERIES, "#000000", "#888888", "#E69F00")
CURVES = {
    "rank": "effective rank, median",
    "norm_ratio": "norm ratio, median",
    "present": "share with an outlier",
}


def figure(result: StudyResult) -> Figure:
    """Matrices at the last depth, curves over all depths."""
    picture = canvas(12.0, 6.8)
    upper, lower = np.ravel(picture.subfigures(2, 1, height_ratios=(1.05, 1.0), squeeze=False))
    matrices(upper, result)
    row = lower.subplots(1, 3)
    for ax, name in zip(row, CURVES, strict=True):
        curves(ax, result, name)
    legend(row[-1], loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return picture


def matrices(part: SubFigure, result: StudyResult) -> None:
    """G over its largest entry, and cosines."""
    axes = part.subplots(2, len(NAMES))
    for (upper, lower), name in zip(axes.T, NAMES, strict=True):
        gram = result.values(name, "gram")[-1]
        upper.set_title(name.replace("+", " + "))
        for ax, shown in ((upper, gram / np.abs(gram).max()), (lower, _cosines(gram))):
            image = ax.imshow(shown, cmap=DIVERGING, vmin=-1.0, vmax=1.0, interpolation="nearest")
            ax.set(xticks=[], yticks=[])
    depth = int(result.values(NAMES[0], "depth")[-1])
    axes[0, 0].set_ylabel(f"$G$, depth {depth}\n(over its largest)")
    axes[1, 0].set_ylabel("cosines")
    part.colorbar(image, ax=axes, shrink=0.8)


def _cosines(gram: Array) -> Array:
    norms = np.sqrt(np.maximum(np.diagonal(gram), np.finfo(float).tiny))
    return np.asarray(gram / np.outer(norms, norms))


def curves(ax: Axes, result: StudyResult, name: str) -> None:
    """A line a layer; the one with the outlier thick."""
    for k, layer in enumerate(NAMES):
        values = result.values(layer, name)
        middle = values.mean(axis=1) if name == "present" else np.median(values, axis=1)
        width = 2.6 if layer == APART else 1.2
        style: dict[str, Any] = {
            "color": COLOURS[k],
            "linestyle": DASHES[k % len(DASHES)],
            "linewidth": width,
        }
        label = layer.replace("+", " + ")
        ax.plot(result.values(layer, "depth"), middle, label=label, marker=".", **style)
    ax.set_xscale("symlog", linthresh=1.0)
    ax.set(xlabel=r"layer $\ell$", title=CURVES[name])
    if name == "norm_ratio":
        ax.set_yscale("log")

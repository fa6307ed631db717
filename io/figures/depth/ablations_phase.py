"""The indicative model's phase portrait, a panel a layer: flow, mean field, random networks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ....depth.fixed_points import fixed_point
from ....depth.outlier import outlier_branch
from ....depth.studies.ablations_layers import APART, layer
from ....depth.studies.ablations_phase import NAMES, STARTS, three_numbers
from ..style import DASHES, GREY, SERIES, canvas

if TYPE_CHECKING:
    from ...study import StudyResult

TITLES = {"RC+NL": "RC + NL, without RS", "RC+RS+NL": "full batch normalization"}


def figure(result: StudyResult) -> Figure:
    """The axes are those of both."""
    picture = canvas(10.5, 5.0)
    axes = picture.subplots(1, len(NAMES), sharex=True, sharey=True)
    for ax, name in zip(axes, NAMES, strict=True):
        panel(ax, result, name)
    axes[0].set_ylabel("norm ratio, of the input apart to the others")
    picture.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return picture


def panel(ax: Axes, result: StudyResult, name: str) -> None:
    """Arrows of one length in the picture; grey is slow."""
    flow(ax, result, name)
    for k, line in enumerate(result.values(f"flow-{name}", "line")):
        label = "mean field, layer by layer" if k == 0 else None
        ax.plot(*line.T, color="black", linewidth=1.6, label=label, zorder=4)
        ax.plot(*line[0], "s", color="black", markersize=4, zorder=4)
    for k, ways in enumerate(result.values(f"paths-{name}", "path")):
        for order, way in enumerate(ways):
            label = f"networks from {_FROM[STARTS[k]]}" if order == 0 else None
            style: dict[str, Any] = {
                "color": SERIES[k],
                "linestyle": DASHES[k],
                "linewidth": 0.5,
                "alpha": 0.45,
            }
            ax.plot(*way.T, label=label, **style)
    batch, spec = result.settings["batch"], layer(name)
    alike = three_numbers(fixed_point(spec, batch, unit_trace=name == APART).gram)
    mark: dict[str, Any] = {
        "linestyle": "none",
        "markersize": 13,
        "markeredgecolor": "black",
        "zorder": 5,
    }
    ax.plot(*alike[:2], marker="o", color="white", label="no preferred input, stable", **mark)
    branch = outlier_branch(layer(APART), batch, rates=1)
    if branch is not None and name == APART:
        place = branch.within, branch.norm_ratio
        ax.plot(*place, marker="*", color="white", label="cluster and outlier, stable", **mark)
    ax.set(yscale="log", xlabel="cosine within the cluster", title=TITLES[name])


_FROM = {"cluster": "beside the exact cluster", "orthogonal": "orthogonal inputs"}


def flow(ax: Axes, result: StudyResult, name: str) -> None:
    """One layer's arrows, of one length on the page."""
    within, ratio, arrow = (
        result.values(f"flow-{name}", each) for each in ("within", "ratio", "arrow")
    )
    x, y = np.meshgrid(within, np.log(ratio), indexing="ij")
    dx, dy = (arrow[..., 0] - x) / np.ptp(within), (np.log(arrow[..., 1]) - y) / np.ptp(y)
    speed = np.maximum(np.hypot(dx, dy), np.finfo(float).tiny)
    ax.quiver(
        x,
        np.exp(y),
        dx / speed,
        dy / speed,
        np.log10(speed),
        cmap="Greys",
        clim=(-3.0, -0.3),
        angles="uv",
        scale=28.0,
        width=0.003,
        edgecolor=GREY,
    )

"""The error of a finite network against its width: a panel a layer, a line a depth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ....depth.studies.gram_width import QUANTILES, errors, width_slopes
from ..style import DASHES, GREY, canvas, legend, shades

if TYPE_CHECKING:
    from ...study import StudyResult

MARKERS = "os^Dv"


def figure(result: StudyResult) -> Figure:
    """With BN above, without below, on one scale."""
    activations = result.settings["activations"]
    picture = canvas(3.0 * len(activations) + 0.6, 6.4)
    axes = picture.subplots(2, len(activations), sharex=True, sharey=True, squeeze=False)
    for row, normalised in zip(axes, (True, False), strict=True):
        for ax, activation in zip(row, activations, strict=True):
            panel(ax, result, activation, normalised)
        row[0].set_ylabel("relative error of $G$")
    for ax in axes[-1]:
        ax.set_xlabel("width $n$")
    low, high = axes[0, 0].get_ylim()
    axes[0, 0].set_ylim(0.12 * low, high)  # room for the lower legends
    return picture


def panel(ax: Axes, result: StudyResult, activation: str, normalised: bool) -> None:
    """Medians with lines, 90 and 99 % quantiles as a band and a thin line."""
    of = errors(result.settings, result.pieces, activation, normalised)
    widths, depths = result.settings["widths"], sorted(result.settings["depths"])
    fitted = width_slopes(result.settings, of)
    for k, colour in enumerate(shades(len(depths))):
        middle, high, top = np.quantile(of[:, k], QUANTILES, axis=-1)
        told = f"depth {depths[k]}: {fitted[k].value:.2f} ± {fitted[k].half:.2f}"
        style: dict[str, Any] = {"color": colour, "linestyle": DASHES[k % len(DASHES)]}
        ax.plot(widths, middle, marker=MARKERS[k % 5], markersize=4, label=told, **style)
        ax.fill_between(widths, middle, high, color=colour, alpha=0.15, linewidth=0)
        ax.plot(widths, top, linewidth=0.6, **style)
    guide = np.median(of[0, 0]) * np.sqrt(widths[0] / np.array(widths, float))
    ax.plot(widths, 0.6 * guide, color=GREY, linewidth=0.8, label="slope $-1/2$")
    ax.set(xscale="log", yscale="log")
    ax.set_xticks(widths, [str(width) for width in widths])
    ax.minorticks_off()
    ax.set_title(f"{activation}, {'BN' if normalised else 'no BN'}")
    place = "upper right" if normalised else "lower left"
    legend(ax, title="slope of the median (95 %)", title_fontsize=8, loc=place)

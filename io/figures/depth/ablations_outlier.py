"""The share of networks with an outlier against batch size, a line a width: a panel a layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ....depth.studies.ablations_outlier import NAMES
from ..style import DASHES, GREY, canvas, legend, shades

if TYPE_CHECKING:
    from ...study import StudyResult

TITLES = {"RC+NL": "RC + NL, without RS", "RC+RS+NL": "full batch normalization"}
CRITICAL = 6.5
MARKERS = "os^Dv"


def figure(result: StudyResult) -> Figure:
    """Bars are 95 % intervals."""
    picture = canvas(10.0, 3.8)
    axes = picture.subplots(1, len(NAMES), sharey=True)
    for ax, name in zip(axes, NAMES, strict=True):
        panel(ax, result, name)
    axes[0].set_ylabel(f"share with an outlier at layer {result.settings['depth']}")
    legend(axes[0], loc="lower right")
    return picture


def panel(ax: Axes, result: StudyResult, name: str) -> None:
    """A line a width; the critical batch size of infinite width."""
    widths, batches = result.settings["widths"], np.array(result.settings["batches"], float)
    for k, colour in enumerate(shades(len(widths))):
        share, low, high = (
            result.values(f"{name}-{widths[k]}", each) for each in ("share", "low", "high")
        )
        ends = np.maximum([share - low, high - share], 0.0)
        style: dict[str, Any] = {
            "color": colour,
            "marker": MARKERS[k % 5],
            "linestyle": DASHES[k % len(DASHES)],
        }
        at = batches * 1.012 ** (k - 0.5 * len(widths))
        ax.errorbar(at, share, ends, elinewidth=0.7, label=f"width {widths[k]}", **style)
    ax.axvline(CRITICAL, color=GREY, linewidth=0.8, linestyle=":", label="critical size")
    ax.set(xscale="log", xlabel="batch size $B$", ylim=(-0.03, 1.03), title=TITLES[name])
    ax.set_xticks(batches, [f"{batch:g}" for batch in batches])
    ax.xaxis.minorticks_off()

"""Rates of both states, the angle in the cluster, and the growth beside it, against batch size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ....depth.studies.ablations_stability import CRITICAL, leading, scaled_angle, values
from ..style import FAINT, GREY, SERIES, canvas, legend

if TYPE_CHECKING:
    from ...study import StudyResult

RATES = {
    "outlier": ("*", "-", "cluster and outlier, RC + NL"),
    "alike": ("o", "--", "no preferred input, RC + NL"),
    "alike_full": ("s", "-.", "no preferred input, full BN"),
}
EXPONENTS = {"exponent": ("s", "-.", "full BN"), "exponent_apart": ("*", "-", "RC + NL")}


def figure(result: StudyResult) -> Figure:
    """Three panels."""
    picture = canvas(12.0, 3.7)
    left, middle, right = picture.subplots(1, 3)
    rates(left, result)
    angle(middle, result)
    exponents(right, result)
    return picture


def rates(ax: Axes, result: StudyResult) -> None:
    """Below one is stable."""
    batches = result.settings["batches"]
    ax.axvspan(min(batches) - 0.5, CRITICAL - 0.5, color=FAINT, alpha=0.4, linewidth=0)
    ax.axhline(1.0, color=GREY, linewidth=0.8)
    for k, (name, (marker, dashes, label)) in enumerate(RATES.items()):
        height = values(result.settings, result.pieces, name)
        ax.plot(batches, height, marker=marker, linestyle=dashes, color=SERIES[k], label=label)
    ax.set(xlabel="batch size $B$", ylabel="leading |eigenvalue|")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_title("stable below 1; shaded: no outlier state", fontsize=9)
    legend(ax, loc="lower right")


def angle(ax: Axes, result: StudyResult) -> None:
    """Scaled so that it tends to 1."""
    height = scaled_angle(result.settings, result.pieces)
    inverse, limit = (
        1.0 / np.array(result.settings["batches"]),
        leading(result.settings, result.pieces),
    )
    ax.plot(inverse, height, "*", color=SERIES[0], label="cluster and outlier, RC + NL")
    last = int(inverse.argmin())
    ends = ([0.0, inverse[last]], [limit, height[last]])
    ax.plot(*ends, color=GREY, linestyle=":", label=f"to 1/B = 0: {limit:.3f}")
    ax.axhline(1.0, color=GREY, linewidth=0.8)
    ax.set(xlabel="$1/B$", ylabel=r"$(1-\cos\theta)\,2B^2/9\pi^2$", xlim=(0.0, None))
    ax.set_title(r"angle in the cluster, $\theta \to 3\pi/B$", fontsize=9)
    legend(ax, loc="lower left")


def exponents(ax: Axes, result: StudyResult) -> None:
    """Of a small opening of the exact cluster over one layer."""
    for k, (name, (marker, dashes, label)) in enumerate(EXPONENTS.items()):
        height = values(result.settings, result.pieces, name)
        style: dict[str, Any] = {"marker": marker, "linestyle": dashes, "color": SERIES[2 - 2 * k]}
        ax.plot(result.settings["batches"], height, label=label, **style)
    ax.set(xlabel="batch size $B$", ylabel="exponent $p$", ylim=(0.0, 1.1))
    ax.set_title(r"exact cluster opened by $\delta$: $\delta^p$ a layer later", fontsize=9)
    legend(ax, loc="lower right")

"""The look of all figures: colours, sizes, ticks.

Lines use the Okabe-Ito colours and differ in their dashes too; times run from light to dark.
Densities use a sequential map whose lightness falls monotonically, signed quantities a diverging
one centred at zero.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.patheffects import AbstractPathEffect, withStroke

from ...pde.frame import Array

SEQUENTIAL, DIVERGING = "magma_r", "RdBu_r"
SERIES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9")
DASHES = ("-", "--", "-.", ":")
GREY, FAINT = "#555555", "#bbbbbb"
DECADES = 4.0
GLOBAL = ("backend", "backend_fallback", "interactive")  # not a matter of style: never set
SETTINGS = {
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "lines.linewidth": 1.4,
    "legend.frameon": False,
    "legend.fontsize": 8.0,
    "figure.facecolor": "white",
    "savefig.dpi": 160.0,
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
}


def styled() -> AbstractContextManager[None]:
    """Within this block, matplotlib draws as bnflow does."""
    standard = {
        key: value for key, value in matplotlib.rcParamsDefault.items() if key not in GLOBAL
    }
    settings: dict[Any, Any] = {**standard, **SETTINGS}
    return matplotlib.rc_context(settings)


def canvas(width: float, height: float) -> Figure:
    """An empty figure of that size in inches."""
    return Figure(figsize=(width, height), layout="constrained")


def shades(count: int) -> list[tuple[float, float, float, float]]:
    """Colours of `count` times, light to dark."""
    spectrum = matplotlib.colormaps["viridis"]
    return (
        [spectrum(float(x)) for x in np.linspace(0.8, 0.0, count)] if count > 1 else [spectrum(0)]
    )


def density_scale(values: Array) -> tuple[Colormap, Normalize]:
    """Colours of a density: logarithmic over at most four decades, linear within one."""
    colours = matplotlib.colormaps[SEQUENTIAL]
    colours = colours.with_extremes(bad=colours(0.0), under=colours(0.0))
    top = float(np.max(values, initial=0.0)) or 1.0
    lowest = float(np.min(values[values > 0], initial=top))
    floor = max(lowest, top * 10.0**-DECADES)
    if top < 10 * floor:
        return colours, Normalize(0.0, top)
    return colours, LogNorm(floor, top, clip=True)


def signed_limit(*values: Array) -> float:
    """Limit of a diverging colour scale, which a few collapsed cells must not set alone.

    Of several arrays, which are to have the same colours, the largest of their limits.
    """
    limits = [float(np.quantile(np.abs(each), 0.995)) for each in values]
    return max(limits) or max(float(np.abs(each).max()) for each in values) or 1.0


def halo() -> list[AbstractPathEffect]:
    """A white rim that keeps small text readable on any colour."""
    return [withStroke(linewidth=2.0, foreground="white")]


def angle_ticks(ax: Axes, label: str) -> None:
    """An x axis from 0 to 2 pi."""
    ax.set_xlim(0, 2 * np.pi)
    names = ["0", r"$\pi/2$", r"$\pi$", r"$3\pi/2$", r"$2\pi$"]
    ax.set_xticks(np.linspace(0, 2 * np.pi, 5), names)
    ax.set_xlabel(label)


def logarithmic_if_wide(ax: Axes, values: Array) -> None:
    """A logarithmic y axis where positive values span more than a factor of 30."""
    good = values[np.isfinite(values)]
    if good.size and good.min() > 0 and good.max() > 30 * good.min():
        ax.set_yscale("log")


def note(figure: Figure, lines: list[str]) -> None:
    """Remarks below the panels."""
    if lines:
        figure.supxlabel("\n".join(lines), fontsize=8, color=GREY, x=0.01, ha="left")


def blank(ax: Axes, why: str) -> None:
    """A panel that has nothing to show says why."""
    ax.set_axis_off()
    ax.text(0.5, 0.5, why, ha="center", va="center", color=GREY, transform=ax.transAxes)


def legend(ax: Axes, **options: Any) -> None:
    """A legend where there is something to name."""
    if ax.get_legend_handles_labels()[0]:
        ax.legend(**options)

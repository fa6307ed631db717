"""A joint refinement: changes from level to level, the risk with its bars, and bars over time.

Changes and bars are relative to the largest value of each diagnostic over the times; what agrees to
rounding is not on a logarithmic axis. A bar without an estimate behind it is drawn hollow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...pde.frame import Array
from .style import DASHES, GREY, SERIES, canvas, legend, logarithmic_if_wide, note, shades

if TYPE_CHECKING:
    from ..convergence import Convergence

SHOWN = ("risk", "test_risk", "a_second_moment", "sup_h", "dissipation", "free_energy", "entropy")
ROUNDING = 1e-12


def figure(found: Convergence) -> Figure:
    """All three panels."""
    picture = canvas(14.4, 3.9)
    left, middle, right = picture.subplots(1, 3)
    names = _drawn(found)
    changes(left, found, names)
    risk(middle, found)
    bars(right, found, names)
    cells = ", ".join(str(run.config.solver.cells) for run in found.runs)
    remark = "hollow: the levels do not go one way; the bar is three times their range"
    note(picture, [f"cells {cells}   {remark}"])
    return picture


def _drawn(found: Convergence) -> list[str]:
    """At most as many as there are colours; not the energy where it is the risk."""
    names = [name for name in SHOWN if name in found.names]
    if "free_energy" in names and np.array_equal(found.values("free_energy"), found.values("risk")):
        names.remove("free_energy")
    return names[: len(SERIES)]


def changes(ax: Axes, found: Convergence, names: list[str]) -> None:
    """Largest change over the times between successive levels, against the finer spacing."""
    h, tops = found.spacing[1:], []
    for place, name in enumerate(names):
        values = found.values(name)
        good = values[:, np.isfinite(values).all(axis=0)]
        steps = np.abs(np.diff(good, axis=0)).max(axis=1) / _scale(good)
        order = found.order(name)
        label = f"{_words(name)}{f': order {order:.2f}' if np.isfinite(order) else ''}"
        ax.plot(h, _positive(steps), label=label, marker="o", **_style(place))
        tops.append(float(steps[0]))
    top = max([t for t in tops if t > ROUNDING], default=1.0)
    guide = top * (h / h[0]) ** 2
    ax.plot(h, guide, color=GREY, linewidth=0.8, linestyle=":", label="order 2")
    ax.set(xscale="log", yscale="log", xlabel="$h$ of the finer level", ylabel="relative change")
    ax.set_xticks(h, [f"{x:.3g}" for x in h])
    ax.minorticks_off()
    ax.set_title("change between levels, max over $t$")
    legend(ax, loc="upper left", bbox_to_anchor=(1.0, 1.0))  # the right panel's, too


def risk(ax: Axes, found: Convergence) -> None:
    """The risk of every level, and the finest with its bar."""
    values, bar = found.values("risk"), found.extrapolation("risk").bar
    for run, row, colour in zip(found.runs, values, shades(len(values)), strict=True):
        label = f"{run.config.solver.cells} cells"
        ax.plot(found.time, row, color=colour, marker="o", markersize=3, label=label)
    ax.errorbar(found.time, values[-1], bar, fmt="none", ecolor="black", capsize=3, linewidth=1)
    logarithmic_if_wide(ax, values)
    ax.set(xlabel="time $t$", ylabel="risk")
    ax.set_title("risk, bars of the finest level")
    legend(ax)


def bars(ax: Axes, found: Convergence, names: list[str]) -> None:
    """The bar of each diagnostic over time."""
    for place, name in enumerate(names):
        each, scale = found.extrapolation(name), _scale(found.values(name))
        height, style = _positive(each.bar / scale), _style(place)
        ax.plot(found.time, height, **style)
        for good, fill in ((each.kind == "monotone", style["color"]), (None, "white")):
            chosen = ~(each.kind == "monotone") if good is None else good
            points: dict[str, Any] = {
                "linestyle": "none",
                "marker": "o",
                "markersize": 4,
                "color": style["color"],
            }
            ax.plot(found.time[chosen], height[chosen], markerfacecolor=fill, **points)
    if any(np.isfinite(np.asarray(line.get_ydata(), float)).any() for line in ax.lines):
        ax.set_yscale("log")
    ax.set(xlabel="time $t$", ylabel="relative error bar")
    ax.set_title("error bars of the finest level")


def _scale(values: Array) -> float:
    return float(np.nanmax(np.abs(values))) or 1.0


def _positive(values: Array) -> Array:
    return np.asarray(np.where(values > ROUNDING, values, np.nan))


def _words(name: str) -> str:
    return name.replace("_", " ")


def _style(place: int) -> dict[str, Any]:
    return {"color": SERIES[place], "linestyle": DASHES[place % len(DASHES)], "markersize": 4}

"""Two runs beside each other: their risks, their differences with bands, and both networks.

Bands are over the pairs of replicas: the darker one holds 50 %, the lighter one 90 %. Differences
that are zero but for rounding are not on a logarithmic axis.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...pde.frame import Array
from ..comparison import DIFFERENCES, name
from .style import DASHES, SERIES, angle_ticks, canvas, legend, logarithmic_if_wide, note

if TYPE_CHECKING:
    from ..comparison import Comparison, Difference
    from ..run import Run

ANGLES, REACH = 361, 2.5
ROUNDING = 1e-14  # of functions and risks of order one
LABELS: dict[Difference, str] = {
    "risk_difference": "$|R_A - R_B|$",
    "rms_difference": "rms $|f_A - f_B|$",
    "max_difference": "max $|f_A - f_B|$",
}
LAW = "$W_2$ of the laws"


def figure(comparison: Comparison, t: float) -> Figure:
    """All three panels; the networks at the common time t."""
    picture = canvas(13.6, 3.9)
    left, middle, right = picture.subplots(1, 3)
    risks(left, comparison)
    differences(middle, comparison)
    networks(right, comparison, t)
    names = (f"{letter}: {name(run, 'in memory')}" for letter, run in _runs(comparison))
    note(picture, ["   ".join(names), *comparison.remarks])
    return picture


def _runs(comparison: Comparison) -> list[tuple[str, Run]]:
    return [("A", comparison.a), ("B", comparison.b)]


def risks(ax: Axes, comparison: Comparison) -> None:
    """The risk of both at the common times."""
    curves = (comparison.risk_a, comparison.risk_b)
    for place, (values, letter) in enumerate(zip(curves, "AB", strict=True)):
        ax.plot(
            comparison.time,
            values,
            marker="os"[place],
            markersize=3.5,
            color=SERIES[place],
            linestyle=DASHES[place],
            label=letter,
        )
    logarithmic_if_wide(ax, np.concatenate(curves))
    ax.set(xlabel="time $t$", ylabel="risk")
    ax.set_title("risk")
    legend(ax)


def differences(ax: Axes, comparison: Comparison) -> None:
    """Absolute differences against time, on a logarithmic axis."""
    for place, each in enumerate(DIFFERENCES):
        band = comparison.band(each, absolute=True)
        _curve(ax, comparison.time, band.mean, LABELS[each], place)
        if comparison.pairs > 1:
            low, lower, _, upper, high = _positive(band.quantiles)
            for bottom, top, alpha in ((low, high, 0.15), (lower, upper, 0.3)):
                shade = ax.fill_between(comparison.time, bottom, top, color=SERIES[place])
                shade.set(alpha=alpha, linewidth=0)
    if comparison.distance is not None:
        known = np.where(comparison.distance > np.sqrt(ROUNDING), comparison.distance, np.nan)
        _curve(ax, comparison.time, known, LAW, len(DIFFERENCES))
    if any(np.isfinite(np.asarray(line.get_ydata(), float)).any() for line in ax.lines):
        ax.set_yscale("log")
    ax.set(xlabel="time $t$", ylabel="difference")
    pairs = f", {comparison.pairs} pairs: mean, 50 % and 90 %" if comparison.pairs > 1 else ""
    ax.set_title(f"differences{pairs}")
    legend(ax, loc="center left", bbox_to_anchor=(1.0, 0.5))


def _curve(ax: Axes, times: Array, values: Array, label: str, place: int) -> None:
    (line,) = ax.plot(times, _positive(values), label=label, marker="o", markersize=3)
    line.set(color=SERIES[place], linestyle=DASHES[place])


def _positive(values: Array) -> Array:
    return np.asarray(np.where(values > ROUNDING, values, np.nan))


def networks(ax: Axes, comparison: Comparison, t: float) -> None:
    """Both networks around |xt| = sqrt d in the first plane, or along the line for d = 1."""
    d = comparison.a.layout.dimension
    if d == 1:
        place = np.linspace(-REACH, REACH, ANGLES)
        xt = place[:, None]
    else:
        place = np.linspace(0, 2 * np.pi, ANGLES)
        xt = np.zeros((ANGLES, d))
        xt[:, 0], xt[:, 1] = np.sqrt(d) * np.cos(place), np.sqrt(d) * np.sin(place)
    for style, (letter, run) in enumerate(_runs(comparison)):
        values = run.network(xt, t)
        ax.plot(place, values, color=SERIES[style], linestyle=DASHES[style], label=f"$f_{letter}$")
    if d == 1:
        ax.set_xlabel(r"$\tilde x$")
    else:
        angle_ticks(ax, r"angle of $\tilde x$ in the plane $(\tilde x_1, \tilde x_2)$")
    ax.set_ylabel("$f$")
    where = "" if d == 1 else rf" around $|\tilde x| = \sqrt{{{d}}}$"
    ax.set_title(f"networks{where}, t = {t:.4g}")
    ax.legend()

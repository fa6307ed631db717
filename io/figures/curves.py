"""How the run went: risks and free energy, and the audits of the numerics.

Lines are the per-step log where there is one, dots the saved times. Of replicas, lines are means;
caps are the standard error of the mean, broad bars run from the lowest replica to the highest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...pde.frame import Array
from .style import DASHES, SERIES, canvas, legend, logarithmic_if_wide

if TYPE_CHECKING:
    from ..run import Run

ROUNDING = 1e-17  # what is below has no meaning beside 1 in 64-bit arithmetic
ENERGIES = {
    "risk": "risk",
    "test_risk": "test risk",
    "population_risk": "population risk",
    "free_energy": "free energy",
}
AUDITS = {
    "mass": "|mass - 1|",
    "dissipation_defect": "energy-dissipation defect",
    "wall_mass": "mass at the walls of $a$",
    "unresolved_mass": "unresolved mass",
}


def figure(run: Run, t: float) -> Figure:
    """Both panels, over all saved times; t is marked where it is not the last."""
    picture = canvas(9.0, 3.8)
    left, right = picture.subplots(1, 2)
    energies(left, run, t)
    audits(right, run)
    return picture


def energies(ax: Axes, run: Run, t: float) -> None:
    """Risks and free energy against time."""
    drawn = []
    for place, (name, label) in enumerate(_distinct(run).items()):
        moments, line = _line(run, name)
        ax.plot(moments, line, label=label, color=SERIES[place], linestyle=DASHES[place])
        ax.plot(run.time, run.diagnostics[name], "o", color=SERIES[place], markersize=3.5)
        drawn.append(line)
        _spread(ax, run, name, place)
    if drawn:
        logarithmic_if_wide(ax, np.concatenate(drawn))
    if t < run.time[-1]:
        ax.axvline(t, color=SERIES[4], linewidth=0.8)
    ax.set(xlabel="time $t$", ylabel="risk, free energy")
    ax.set_title("training")
    legend(ax)


def _spread(ax: Axes, run: Run, name: str, place: int) -> None:
    """The replicas of a risk, where there are several."""
    values = run.diagnostics.get(f"{name}_replicas")
    if values is None or values.shape[1] < 2 or not np.isfinite(values).any():
        return
    count, colour = values.shape[1], SERIES[place]
    error = values.std(axis=1, ddof=1) / np.sqrt(count)
    ax.errorbar(run.time, values.mean(axis=1), error, fmt="none", ecolor=colour, capsize=3)
    low, high = values.min(axis=1), values.max(axis=1)
    label = f"{count} replicas:\nrange and error of the mean"
    ax.vlines(run.time, low, high, color=colour, alpha=0.3, linewidth=5, label=label)


def _distinct(run: Run) -> dict[str, str]:
    """The curves to draw with their labels; those that are the same curve share one."""
    labels: dict[str, str] = {}
    for name, label in ENERGIES.items():
        values = run.diagnostics.get(name)
        if values is None or not np.isfinite(values).any():
            continue
        same = (seen for seen in labels if np.array_equal(run.diagnostics[seen], values))
        twin = next(same, None)
        labels[twin or name] = f"{labels[twin]}\n= {label}" if twin else label
    return labels


def _line(run: Run, name: str) -> tuple[Array, Array]:
    """The logged curve with the saved values in it, or these alone."""
    moments = run.log.get("time", run.log.get("t"))
    if moments is None or name not in run.log or not np.isfinite(run.log[name]).any():
        return run.time, run.diagnostics[name]
    moments = np.concatenate([run.time, moments])
    order = np.argsort(moments, kind="stable")
    return moments[order], np.concatenate([run.diagnostics[name], run.log[name]])[order]


def _span(times: Array) -> tuple[float, float]:
    margin = 0.05 * float(times[-1] - times[0]) or 0.5
    return float(times[0]) - margin, float(times[-1]) + margin


def audits(ax: Axes, run: Run) -> None:
    """What the numerics lost, at the saved times; zeros are not on a logarithmic axis."""
    for place, (name, label) in enumerate(AUDITS.items()):
        values = run.diagnostics.get(name)
        if values is None or values.ndim != 1:
            continue
        values = np.abs(values - 1) if name == "mass" else np.abs(values)
        shown = np.where(values > ROUNDING, values, np.nan)
        if np.isfinite(shown).any():
            (line,) = ax.plot(run.time, shown, marker="o", markersize=3.5, label=label)
            line.set(color=SERIES[place], linestyle=DASHES[place])
    if ax.lines:
        ax.set_yscale("log")
    ax.set(xlabel="time $t$", ylabel="relative to 1", xlim=_span(run.time))
    ax.set_title("audits at the saved times")
    legend(ax, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2)

"""The diagnostics of the flow at the saved times: how far from rest, how sharp, how far gone.

What each of them needs to mean what it says is in the schema, and below the panels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...pde.frame import Layout
from .style import DASHES, SERIES, blank, canvas, legend, logarithmic_if_wide, note

if TYPE_CHECKING:
    from ..run import Run

REST = {
    "stationarity": r"$\int |\nabla_g(\Psi + \tau \log\rho)|^2 d\rho$",
    "certificate": r"bound on $R - R(\rho^*)$",
    "sup_h": r"$\sup |h|$",
}
SHARPNESS = {"sharpness": "sharpness", "critical_steps": r"critical steps $\int$ sharpness $dt/2$"}
WAY = {"displacement": r"displacement, $\geq W_2$", "sign_changed_mass": "sign-changed mass"}


def figure(run: Run, t: float) -> Figure:
    """Three panels over all saved times; t is marked where it is not the last."""
    picture = canvas(11.0, 3.6)
    panels = (("distance from rest", REST), ("sharpness", SHARPNESS), ("way", WAY))
    for ax, (what, names) in zip(picture.subplots(1, 3), panels, strict=True):
        curves(ax, run, t, names)
        ax.set_ylabel(what)
    note(picture, remarks(run))
    return picture


def curves(ax: Axes, run: Run, t: float, names: dict[str, str]) -> None:
    """Some diagnostics against time."""
    drawn = []
    for place, (name, label) in enumerate(names.items()):
        values = run.diagnostics.get(name)
        if values is None or not np.isfinite(values).any():
            continue
        (line,) = ax.plot(run.time, values, marker="o", markersize=3.5, label=label)
        line.set(color=SERIES[place], linestyle=DASHES[place])
        drawn.append(values)
    if not drawn:
        blank(ax, "not known of this run")
        return
    logarithmic_if_wide(ax, np.concatenate(drawn))
    if t < run.time[-1]:
        ax.axvline(t, color=SERIES[4], linewidth=0.8)
    ax.set_xlabel("time $t$")
    legend(ax)


def remarks(run: Run) -> list[str]:
    """The hypotheses of what is drawn."""
    lines = []
    size = run.diagnostics.get("certificate_size")
    if size is not None and np.isfinite(size[-1]):
        lines.append(
            rf"the bound on $R - R(\rho^*)$ is over all $\rho^*$ with $\int |a| d\rho^* \leq$ "
            f"{size[-1]:.4g}, for a convex loss"
        )
    if isinstance(run.layout, Layout) and "displacement" in run.diagnostics:
        lines.append(
            "displacement: length of the way; sign-changed mass: all that has passed $a = 0$"
        )
    return lines

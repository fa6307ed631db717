"""One page on a run of neurons: where they are, what they compute, and how it went."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .curves import energies
from .function import great_circle, line
from .neurons import condensation, omissions, plane, projection
from .style import canvas, note, shades
from .subject import several

if TYPE_CHECKING:
    from ..neuronrun import NeuronRun


def figure(run: NeuronRun, t: float) -> Figure:
    """The page that fits the dimension."""
    d = run.layout.dimension
    picture = canvas(10.0, 7.4)
    axes = picture.subplots(2, 2)
    if d == 2:
        condensation(axes[0, 0], run, t)
    else:
        projection(axes[0, 0], run, t, 0)
    if d > 2:
        plane(axes[0, 1], run, t)
    else:
        amplitudes(axes[0, 1], run, t)
    energies(axes[1, 0], run, t)
    if d > 1:
        great_circle(axes[1, 1], run, t, (0, 1))
    else:
        line(axes[1, 1], run, t)
    note(picture, omissions(run))
    return picture


def amplitudes(ax: Axes, run: NeuronRun, t: float) -> None:
    """Distribution functions of the outer weights at some times."""
    times = several(run, t)
    for time, colour in zip(times, shades(len(times)), strict=True):
        _, a, mass = run.particles(time)
        order = np.argsort(a, axis=None)
        share = np.cumsum(np.broadcast_to(mass, a.shape).ravel()[order]) / len(a)
        ax.step(a.ravel()[order], share, where="post", color=colour, label=f"t = {time:.4g}")
    ax.set(xlabel="outer weight $a$", ylabel="share of the neurons below $a$", ylim=(0, 1))
    ax.set_title("law of the outer weights")
    ax.legend()

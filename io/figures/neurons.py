"""The neurons of a run of particles: where they point, how large they are, how they got there.

d = 2: angle of the inner weight against the outer weight a, with the way of each neuron from its
start (small, grey) to t: the condensation plot of the field. d > 2: the coordinates of the whitened
direction against a, and the plane of the first two. Plain networks: angle against a |w| (d = 2),
the coordinates of w against a. Replicas share one picture; of many neurons, some are drawn, evenly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.figure import Figure
from matplotlib.markers import MarkerStyle
from numpy.typing import NDArray

from ...pde.frame import Array
from .density import mark_teachers
from .style import FAINT, GREY, SERIES, angle_ticks, canvas, note
from .subject import whitened

if TYPE_CHECKING:
    from ..neuronrun import NeuronRun

DRAWN, TRACED = 2000, 200  # neurons with a dot, and with their way
LARGEST, SMALLEST = 16.0, 0.7  # areas of dots, in square points
POSITIVE, NEGATIVE = SERIES[0], SERIES[1]
SIGNS = "blue, up: a > 0; orange, down: a < 0"


def figure(run: NeuronRun, t: float) -> Figure:
    """The neurons at t and their ways so far."""
    d = run.layout.dimension
    if d == 2:
        picture = canvas(7.5, 5.0)
        condensation(picture.subplots(), run, t)
    elif d == 1:
        picture = canvas(5.0, 4.4)
        projection(picture.subplots(), run, t, 0)
    else:
        shown = min(d, 3)
        picture = canvas(3.2 * (shown + 1), 3.6)
        *axes, last = picture.subplots(1, shown + 1)
        for axis, ax in enumerate(axes):
            projection(ax, run, t, axis)
            ax.label_outer()
        plane(last, run, t)
    note(picture, omissions(run))
    return picture


def omissions(run: NeuronRun) -> list[str]:
    """What the picture leaves out."""
    total = run.layout.width * run.layout.replicas
    lines = [f"{DRAWN:,} of {total:,} neurons are drawn"] if total > DRAWN else []
    weighted = np.ptp(run.layout.neuron_mass) > 0
    return [*lines, *(["the area of a dot is the mass of its neuron"] if weighted else [])]


def condensation(ax: Axes, run: NeuronRun, t: float) -> None:
    """d = 2: angle against amplitude, with trajectories and the teachers' directions."""
    ways = _ways(run, t)
    angle = np.unwrap(np.arctan2(ways[..., 1], ways[..., 0]), axis=0)
    angle -= 2 * np.pi * np.floor(angle[-1] / (2 * np.pi))  # the end lies in the picture
    a = ways[..., -1]
    height = a if run.layout.normalised else a * np.linalg.norm(ways[..., :2], axis=-1)
    for turn in (-1, 0, 1):  # a way that leaves on one side comes back on the other
        _draw(ax, angle + 2 * np.pi * turn, height, a[-1], areas(run))
    angle_ticks(ax, r"angle $\varphi$ of the inner weight $w$")
    if run.layout.normalised:
        mark_teachers(ax, run)
    ax.set_ylabel("outer weight $a$" if run.layout.normalised else "amplitude $a\\,|w|$")
    ax.set_title(f"neurons, t = {t:.4g} (grey: t = {run.time[0]:.4g})")


def projection(ax: Axes, run: NeuronRun, t: float, axis: int) -> None:
    """A coordinate of the whitened direction, or of w, against a."""
    ways = _ways(run, t)
    _draw(ax, seen(run, ways[..., :-1])[..., axis], ways[..., -1], ways[-1, :, -1], areas(run))
    ax.set(xlabel=f"${symbol(run)}_{axis + 1}$", ylabel="outer weight $a$")
    if axis == 0:
        ax.set_title(f"neurons, t = {t:.4g} (grey: t = {run.time[0]:.4g})")


def plane(ax: Axes, run: NeuronRun, t: float) -> None:
    """The first two coordinates of the whitened direction, or of w."""
    ways = _ways(run, t)
    shown, name = seen(run, ways[..., :-1]), symbol(run)
    _draw(ax, shown[..., 0], shown[..., 1], ways[-1, :, -1], areas(run))
    ax.set(xlabel=f"${name}_1$", ylabel=f"${name}_2$", aspect="equal")
    ax.set_title(SIGNS)


def _ways(run: NeuronRun, t: float) -> Array:
    """(times up to t, neurons drawn, d + 1): inner weight and a, all replicas in one row."""
    times, chosen = [*run.field_times[run.field_times < t], t], drawn_rows(run)
    total = run.layout.width * run.layout.replicas
    ways = np.empty((len(times), len(chosen), run.layout.dimension + 1))
    for row, time in enumerate(times):
        direction, a, _ = run.particles(float(time))
        ways[row, :, :-1] = direction.reshape(total, -1)[chosen]
        ways[row, :, -1] = a.ravel()[chosen]
    return ways


def drawn_rows(run: NeuronRun) -> NDArray[np.intp]:
    """The neurons that are drawn, evenly among all."""
    total = run.layout.width * run.layout.replicas
    return np.unique(np.linspace(0, total - 1, min(total, DRAWN)).astype(np.intp))


def areas(run: NeuronRun) -> Array:
    """Of the dots: as the mass, the heaviest neuron's is LARGEST."""
    mass = np.tile(run.layout.neuron_mass, run.layout.replicas)[drawn_rows(run)]
    return np.asarray(np.maximum(LARGEST * mass / mass.max(), SMALLEST))


def seen(run: NeuronRun, inner: Array) -> Array:
    """The coordinates of inner weights that are drawn: whitened directions, or w itself."""
    return whitened(run.layout, inner) if run.layout.normalised else inner


def symbol(run: NeuronRun) -> str:
    """Their name."""
    return "v" if run.layout.normalised else "w"


def _draw(ax: Axes, x: Array, y: Array, sign: Array, areas: Array) -> None:
    """Ways, starts and ends; x, y (times, neurons), coloured by the sign of a at the end."""
    traced = np.unique(np.linspace(0, x.shape[1] - 1, min(x.shape[1], TRACED)).astype(int))
    lines = np.stack([x[:, traced].T, y[:, traced].T], axis=-1)
    ax.add_collection(LineCollection(list(lines), colors=FAINT, linewidths=0.6, zorder=1))
    if len(x) > 1:
        ax.scatter(x[0], y[0], s=areas / 3, color=GREY, alpha=0.5, linewidths=0, zorder=2)
    mark_signs(ax.scatter(x[-1], y[-1], s=areas, alpha=0.8, linewidths=0, zorder=3), sign)
    ax.axhline(0, color=FAINT, linewidth=0.7, zorder=0)


def mark_signs(dots: PathCollection, a: Array) -> None:
    """Colours, and shapes for grey, by the signs of the outer weights; in words: SIGNS."""
    up, down = (
        marker.get_path().transformed(marker.get_transform()) for marker in map(MarkerStyle, "^v")
    )
    dots.set_facecolor(list(np.where(a > 0, POSITIVE, NEGATIVE)))
    dots.set_paths([up if each else down for each in a > 0])

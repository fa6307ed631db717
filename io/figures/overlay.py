"""Neurons over the density: the same problem at finite width, on the picture of the limit.

d = 2: dots at (angle of u, a) on rho. d = 3: on the equal-area map of the law of the directions.
d = 4: at (v_k, a) on the mass over them. Blue up-triangles have a > 0, orange down-triangles a < 0,
with white rims. The neurons are the run's own shadow unless another run is given. On a list of
fixed a, neurons are spread across the band of their value, in their order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...pde.frame import Array
from .density import circle_density, projected_density
from .neurons import LARGEST, NEGATIVE, POSITIVE, areas, drawn_rows, omissions
from .sphere import marginal_map, mollweide
from .style import canvas, note
from .subject import remarks, whitened

if TYPE_CHECKING:
    from ..neuronrun import NeuronRun
    from ..run import Run

LARGER = 20.0  # square points of the heaviest neuron


def figure(run: Run, t: float, neurons: NeuronRun) -> Figure:
    """The density at t with the neurons at t."""
    d = run.layout.dimension
    u, a = _drawn(neurons, t)
    sizes = areas(neurons) * LARGER / LARGEST
    height = {2: 5.0, 3: 4.2}.get(d, 3.6)
    picture = canvas(7.5 if d < 4 else 3.3 * d, height)
    if d == 2:
        ax = picture.subplots()
        circle_density(ax, run, t)
        _dots(ax, np.arctan2(u[:, 1], u[:, 0]) % (2 * np.pi), _height(run, a), a, sizes)
    elif d == 3:
        ax = picture.subplots()
        marginal_map(ax, run, t)
        x, y = np.array([mollweide(each) for each in u]).T
        _dots(ax, x, y, a, sizes)
    else:
        for axis, ax in enumerate(picture.subplots(1, d)):
            projected_density(ax, run, t, axis)
            _dots(ax, whitened(run.layout, u)[:, axis], _height(run, a), a, sizes)
        ax.figure.axes[0].set_title(f"mass over $v_k$ and $a$, t = {t:.4g}")
    picture.legend(*ax.get_legend_handles_labels(), loc="outside upper right", ncols=2)
    note(picture, [*omissions(neurons), *remarks(run, t)])
    return picture


def _drawn(neurons: NeuronRun, t: float) -> tuple[Array, Array]:
    """Directions (drawn, d) and a (drawn,)."""
    direction, a, _ = neurons.particles(t)
    rows = drawn_rows(neurons)
    u = direction.reshape(a.size, -1)[rows]
    return np.asarray(u / np.linalg.norm(u, axis=1, keepdims=True)), a.ravel()[rows]


def _height(run: Run, a: Array) -> Array:
    """Where a neuron's a lies on the axis of a density."""
    if run.layout.a_width is not None:
        return a
    band = np.abs(a[:, None] - run.a).argmin(axis=1)
    return np.asarray(band - 0.4 + 0.8 * (np.arange(len(a)) * 0.6180339887 % 1.0))


def _dots(ax: Axes, x: Array, y: Array, a: Array, sizes: Array) -> None:
    looks = ((a > 0, POSITIVE, "^", "neurons, $a > 0$"), (a <= 0, NEGATIVE, "v", r"$a \leq 0$"))
    for of, colour, marker, label in looks:
        dots = ax.scatter(x[of], y[of], s=sizes[of], color=colour, marker=marker, label=label)
        dots.set(edgecolor="white", linewidth=0.4, zorder=4)

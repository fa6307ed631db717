"""What a movie shows: a figure made once, and what changes in it from time to time.

Limits and colours are those of all saved times. Every scene has the curves of the run beside it,
with a dot that moves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...pde.frame import Array
from .curves import energies
from .density import around_circle, circle_density, mark_teachers
from .measure import disc_values, draw_disc
from .neurons import SIGNS, areas, drawn_rows, mark_signs, seen, symbol
from .sphere import cells_of, dots, measure_map, mollweide_pixels
from .style import FAINT, SERIES, angle_ticks, canvas, legend, note, signed_limit
from .subject import circle, invisible

if TYPE_CHECKING:
    from ..neuronrun import NeuronRun
    from ..run import Run

Show = Callable[[float], None]


@dataclass(frozen=True)
class Scene:
    """A figure, and what brings it to a saved time."""

    figure: Figure
    show: Show


def circle_scene(run: Run) -> Scene:
    """d = 2: density, measure, risk."""
    picture = canvas(10.0, 4.8)
    grid = picture.add_gridspec(2, 2, width_ratios=(1.5, 1))
    main = picture.add_subplot(grid[:, 0])
    each = [(float(rho.max()), float(_least(rho))) for rho in map(run.density, run.field_times)]
    top, low = (max(pair[0] for pair in each), min(pair[1] for pair in each))
    mesh = circle_density(main, run, float(run.field_times[0]), of=np.array([low, top]))
    measure = _circle_measure(picture.add_subplot(grid[0, 1]), run)
    dot = _moving_dot(picture.add_subplot(grid[1, 1]), run)
    note(picture, [invisible(run.activation)])

    def show(t: float) -> None:
        mesh.set_array(around_circle(run, run.density(t)).T)
        main.set_title(f"density, t = {t:.4g}")
        measure(t)
        dot(t)

    return Scene(picture, show)


def _least(values: Array) -> float:
    return float(np.min(values[values > 0], initial=np.inf))


def _circle_measure(ax: Axes, run: Run) -> Show:
    edges = circle(run.layout)[1]
    reach = (
        1.05 * max(float(np.abs(run.signed_measure(float(t))).max()) for t in run.field_times)
        or 1.0
    )
    steps = ax.stairs(np.zeros(len(edges) - 1), edges, baseline=None, color=SERIES[0])
    ax.axhline(0, color=FAINT, linewidth=0.7, zorder=0)
    ax.set(ylim=(-reach, reach), ylabel=r"$\int a\,\rho\,da$")
    mark_teachers(ax, run)
    angle_ticks(ax, r"angle $\varphi$ of the raw direction $u$")
    ax.set_title("signed measure")
    return lambda t: steps.set_data(around_circle(run, run.signed_measure(t)))


def sphere_scene(run: Run) -> Scene:
    """d = 3: the measure on the map, and the risk."""
    picture = canvas(10.0, 3.8)
    main, side = picture.subplots(1, 2, width_ratios=(2.2, 1))
    limit = signed_limit(*(run.signed_measure(float(t)) for t in run.field_times))
    measure_map(main, run, float(run.field_times[0]), limit)
    dot, pixels = _moving_dot(side, run), mollweide_pixels()
    inside, cells = cells_of(run, pixels)
    image = np.full(inside.shape, np.nan)
    note(picture, [invisible(run.activation)])

    def show(t: float) -> None:
        image[inside] = run.signed_measure(t).ravel()[cells]
        main.images[0].set_data(np.ma.masked_invalid(image))
        for hatched in [*main.collections]:
            hatched.remove()
        dots(main, image, pixels, limit)
        main.set_title(f"signed measure $m(u)$ per volume, t = {t:.4g}")
        dot(t)

    return Scene(picture, show)


def disc_scene(run: Run) -> Scene:
    """d = 4: the measure on two discs, and the risk."""
    picture = canvas(11.0, 3.6)
    *axes, side = picture.subplots(1, 3)
    pairs = ((0, 1), (2, 3))
    meshes: list[Any] = []
    for ax, pair in zip(axes, pairs, strict=True):
        limit = signed_limit(*(disc_values(run, float(t), pair) for t in run.field_times))
        meshes.append(draw_disc(ax, run, float(run.field_times[0]), pair, limit))
    dot = _moving_dot(side, run)
    note(picture, [invisible(run.activation)])

    def show(t: float) -> None:
        for mesh, ax, pair in zip(meshes, axes, pairs, strict=True):
            mesh.set_array(disc_values(run, t, pair).T)
            ax.set_title(f"measure on the disc, t = {t:.4g}")
        dot(t)

    return Scene(picture, show)


def neuron_scene(run: NeuronRun) -> Scene:
    """Neurons: angle and a (d = 2), the first coordinate and a (d = 1), the first two (d > 2)."""
    picture = canvas(10.0, 4.2)
    main, side = picture.subplots(1, 2, width_ratios=(1.6, 1))
    places = {float(t): _place(run, float(t)) for t in run.field_times}
    low = np.min([each.min(axis=0) for each in places.values()], axis=0)
    high = np.max([each.max(axis=0) for each in places.values()], axis=0)
    margin = 0.05 * (high - low) + 1e-9
    main.set(xlim=(low[0] - margin[0], high[0] + margin[0]))
    main.set(ylim=(low[1] - margin[1], high[1] + margin[1]))
    _name_axes(main, run)
    main.axhline(0, color=FAINT, linewidth=0.7, zorder=0)
    cloud = main.scatter(
        *places[float(run.field_times[0])][:, :2].T, s=areas(run), alpha=0.8, linewidths=0
    )
    dot = _moving_dot(side, run)
    note(picture, [SIGNS])

    def show(t: float) -> None:
        now = places[t]
        cloud.set_offsets(now[:, :2])
        mark_signs(cloud, now[:, 2])
        main.set_title(f"neurons, t = {t:.4g}")
        dot(t)

    return Scene(picture, show)


def _place(run: NeuronRun, t: float) -> Array:
    """(neurons drawn, 3): where each is in the picture, and its a."""
    direction, a, _ = run.particles(t)
    rows, d = drawn_rows(run), run.layout.dimension
    inner, outer = direction.reshape(a.size, -1)[rows], a.ravel()[rows]
    if d == 2:
        angle = np.arctan2(inner[:, 1], inner[:, 0]) % (2 * np.pi)
        size = 1.0 if run.layout.normalised else np.linalg.norm(inner, axis=1)
        return np.column_stack([angle, outer * size, outer])
    shown = seen(run, inner)
    return np.column_stack([shown[:, 0], outer if d == 1 else shown[:, 1], outer])


def _name_axes(ax: Axes, run: NeuronRun) -> None:
    if run.layout.dimension == 2:
        angle_ticks(ax, r"angle $\varphi$ of the inner weight $w$")
        ax.set_ylabel("outer weight $a$" if run.layout.normalised else "amplitude $a\\,|w|$")
        if run.layout.normalised:
            mark_teachers(ax, run)
        return
    second = "outer weight $a$" if run.layout.dimension == 1 else f"${symbol(run)}_2$"
    ax.set(xlabel=f"${symbol(run)}_1$", ylabel=second)
    if run.layout.dimension > 2:
        ax.set_aspect("equal")


def _moving_dot(ax: Axes, run: Run) -> Show:
    """The curves of the run, and a dot on the first of them."""
    energies(ax, run, float(run.time[-1]))
    legend(ax, loc="upper right")  # the best place would move with the dot
    risk = run.diagnostics["risk"]
    (dot,) = ax.plot([], [], "o", color="black", markersize=6, zorder=5)
    line = ax.axvline(float(run.field_times[0]), color=FAINT, linewidth=0.8, zorder=0)

    def show(t: float) -> None:
        dot.set_data([t], [risk[run.index(t)]])
        line.set_xdata([t, t])

    return show

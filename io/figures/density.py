"""The density of the neurons: over direction and outer weight (d = 2), over v_k and a (d > 2).

d = 2: rho(phi, a) per Riemannian volume and unit a, phi the angle of the raw direction u; below it
the law of the directions, beside it the law of the outer weights.
d > 2: mass over (v_k, a), one panel a coordinate of the whitened direction, and the law of a.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from scipy.sparse import coo_array

from ...pde.frame import Array
from .style import SERIES, angle_ticks, canvas, density_scale, halo, note, shades
from .subject import a_edges, circle, raw, refined, remarks, several, teachers
from .tracers import circle_ways, projected_ways

if TYPE_CHECKING:
    from ..run import Run

BINS = 60


def figure(run: Run, t: float) -> Figure:
    """The density at t with its two marginals, or its projections."""
    shape = _circle_figure if run.layout.dimension == 2 else _projections_figure
    picture = shape(run, t)
    note(picture, remarks(run, t))
    return picture


def _circle_figure(run: Run, t: float) -> Figure:
    picture = canvas(8.0, 6.0)
    grid = picture.add_gridspec(2, 2, width_ratios=(4, 1), height_ratios=(3, 1))
    main = picture.add_subplot(grid[0, 0])
    below = picture.add_subplot(grid[1, 0], sharex=main)
    beside = picture.add_subplot(grid[0, 1], sharey=main)
    circle_density(main, run, t)
    order, edges = circle(run.layout)
    below.stairs(run.marginal(t).ravel()[order], edges, color=SERIES[0], baseline=None)
    below.set_ylim(bottom=0)
    angle_ticks(below, r"angle $\varphi$ of the raw direction $u$")
    below.set_ylabel(r"$\int \rho\,da$")
    main.set_xlabel("")
    outer_weights(beside, run, [t], upright=True)
    beside.set_ylabel("")
    return picture


def _projections_figure(run: Run, t: float) -> Figure:
    d = run.layout.dimension
    picture = canvas(3.1 * (d + 1), 3.6)
    axes = picture.subplots(1, d + 1)
    for axis in range(d):
        projected_density(axes[axis], run, t, axis)
    axes[0].set_title(f"mass over $v_k$ and $a$, t = {t:.4g}")
    outer_weights(axes[d], run, several(run, t))
    return picture


def circle_density(ax: Axes, run: Run, t: float, of: Array | None = None) -> QuadMesh:
    """d = 2: rho over the angle of u and a, with the teachers' directions.

    of : the values that set the colours, unless those at t do
    """
    edges, rho = circle(run.layout)[1], around_circle(run, run.density(t))
    each = "unit $a$" if run.layout.a_width else "value of $a$"
    mesh = _mesh(ax, run, edges, rho, rf"$\rho$ per volume and {each}", of)
    angle_ticks(ax, r"angle $\varphi$ of the raw direction $u$")
    circle_ways(ax, run, t)
    mark_teachers(ax, run)
    _whitened_ticks(ax, run)
    ax.set_title(f"density, t = {t:.4g}")
    return mesh


def around_circle(run: Run, values: Array) -> Array:
    """d = 2: values of the cells (4, n, ..) in the order of the angle of u: (4 n, ..)."""
    order, _ = circle(run.layout)
    return np.asarray(values.reshape(len(order), *values.shape[2:])[order])


def projected_density(ax: Axes, run: Run, t: float, axis: int) -> None:
    """Mass over the coordinate `axis` of v, and a."""
    v, shares = refined(run.layout)
    edges = np.linspace(-1, 1, BINS + 1)
    bins = np.clip(np.digitize(v[..., axis], edges) - 1, 0, BINS - 1)
    cells = np.broadcast_to(np.arange(len(v))[:, None], bins.shape)
    spread = coo_array((shares.ravel(), (bins.ravel(), cells.ravel())), (BINS, len(v))).tocsr()
    mass = run.density(t) * run.layout.cell_volume[..., None] * run.a_weight
    _mesh(ax, run, edges, np.asarray(spread @ mass.reshape(len(v), -1)), "mass in a bin")
    projected_ways(ax, run, t, axis)
    ax.set_xlabel(f"$v_{axis + 1}$")


def _mesh(
    ax: Axes, run: Run, edges: Array, values: Array, label: str, of: Array | None = None
) -> QuadMesh:
    colours, norm = density_scale(values if of is None else of)
    mesh = ax.pcolormesh(edges, a_edges(run), values.T, cmap=colours, norm=norm, rasterized=True)
    bar = ax.figure.colorbar(mesh, ax=ax, pad=0.02, fraction=0.06)
    bar.set_label(label)
    bar.outline.set_visible(False)
    ax.set_ylabel("outer weight $a$")
    if run.layout.a_width is None:
        ax.set_yticks(range(len(run.a)), [f"{value:g}" for value in run.a])
    return mesh


def mark_teachers(ax: Axes, run: Run) -> None:
    """Lines at the teacher's directions: solid for positive weights, dashed for negative ones."""
    directions, weights = teachers(run)
    for u, weight in zip(raw(run.layout, directions), weights, strict=True):
        angle = np.arctan2(u[1], u[0]) % (2 * np.pi)
        style = "-" if weight > 0 else "--"
        ax.axvline(angle, color=SERIES[2], linewidth=1.0, linestyle=style, zorder=3)
        ax.annotate(
            f"{weight:+g}",
            (angle, 1),
            xycoords=("data", "axes fraction"),
            xytext=(2, -2),
            textcoords="offset points",
            va="top",
            fontsize=8,
            color=SERIES[2],
            path_effects=halo(),
        )


def _whitened_ticks(ax: Axes, run: Run) -> None:
    """The whitened angle on top, where it differs from the raw one."""
    layout = run.layout
    if np.allclose(layout.direction_raw, layout.direction_whitened):
        return
    angles = np.arange(8) * np.pi / 4
    u = raw(layout, np.stack([np.cos(angles), np.sin(angles)], -1))
    places = np.arctan2(u[:, 1], u[:, 0]) % (2 * np.pi)
    top = ax.secondary_xaxis("top")
    names = [r"0", r"\pi/4", r"\pi/2", r"3\pi/4", r"\pi", r"5\pi/4", r"3\pi/2", r"7\pi/4"]
    order = np.argsort(places)
    gaps = np.diff(places[order], append=places[order[0]] + 2 * np.pi)
    crowded = gaps.min() < np.pi / 6  # then only the quarters, which spread more evenly
    keep = order[order % 2 == 0] if crowded else order
    top.set_xticks(places[keep], [f"${names[k]}$" for k in keep])
    top.set_xlabel("angle of the whitened direction $v$")


def outer_weights(ax: Axes, run: Run, times: list[float], upright: bool = False) -> None:
    """The law of the outer weights at some times; bars on a list of fixed values, which stays."""
    if run.layout.a_width is None:
        _fixed_weights(ax, run, times[-1], upright)
        return
    for t, colour in zip(times, shades(len(times)), strict=True):
        law, label = run.outer_weights(t), f"t = {t:.4g}"
        way: Literal["horizontal", "vertical"] = "horizontal" if upright else "vertical"
        ax.stairs(law, a_edges(run), color=colour, label=label, orientation=way)
    names = ("outer weight $a$", r"$\int \rho\,dv$")
    ax.set(ylabel=names[0], xlabel=names[1]) if upright else ax.set(
        xlabel=names[0], ylabel=names[1]
    )
    if len(times) > 1:
        ax.legend()
        ax.set_title("law of the outer weights")


def _fixed_weights(ax: Axes, run: Run, t: float, upright: bool) -> None:
    places, values = range(len(run.a)), [f"{value:g}" for value in run.a]
    if upright:
        ax.barh(places, run.outer_weights(t), height=0.5, color=SERIES[0])
        ax.set(xlabel=r"$\int \rho\,dv$", yticks=places, yticklabels=values)
    else:
        ax.bar(places, run.outer_weights(t), width=0.5, color=SERIES[0])
        ax.set(xlabel="outer weight $a$, fixed", ylabel=r"$\int \rho\,dv$")
        ax.set_xticks(places, values)
        ax.set_title("law of the outer weights")

"""One page on a run: where the neurons are, what they compute, and how it went."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from .curves import energies
from .density import circle_density, outer_weights, projected_density
from .function import great_circle
from .measure import circle_measure, disc
from .sphere import marginal_map, measure_map
from .style import canvas, note
from .subject import remarks, several

if TYPE_CHECKING:
    from ..run import Run


def figure(run: Run, t: float) -> Figure:
    """The page that fits the dimension."""
    page = {2: _circle_page, 3: _sphere_page}.get(run.layout.dimension, _higher_page)
    picture = page(run, t)
    note(picture, remarks(run, t))
    return picture


def _circle_page(run: Run, t: float) -> Figure:
    picture = canvas(10.0, 7.4)
    axes = picture.subplots(2, 2)
    circle_density(axes[0, 0], run, t)
    circle_measure(axes[0, 1], run, t)
    energies(axes[1, 0], run, t)
    great_circle(axes[1, 1], run, t, (0, 1))
    return picture


def _sphere_page(run: Run, t: float) -> Figure:
    picture = canvas(11.0, 6.6)
    grid = picture.add_gridspec(2, 6)
    measure_map(picture.add_subplot(grid[0, :3]), run, t)
    marginal_map(picture.add_subplot(grid[0, 3:]), run, t)
    energies(picture.add_subplot(grid[1, :2]), run, t)
    outer_weights(picture.add_subplot(grid[1, 2:4]), run, several(run, t))
    great_circle(picture.add_subplot(grid[1, 4:]), run, t, (0, 1))
    return picture


def _higher_page(run: Run, t: float) -> Figure:
    picture = canvas(11.0, 6.8)
    axes = picture.subplots(2, 3)
    disc(axes[0, 0], run, t, (0, 1))
    disc(axes[0, 1], run, t, (2, 3))
    projected_density(axes[0, 2], run, t, 0)
    axes[0, 2].set_title(f"mass over $v_1$ and $a$, t = {t:.4g}")
    energies(axes[1, 0], run, t)
    outer_weights(axes[1, 1], run, several(run, t))
    great_circle(axes[1, 2], run, t, (0, 1))
    return picture

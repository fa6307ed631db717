"""Maps of the sphere of raw directions u, d = 3: equal-area (Mollweide) and as two globes.

Every pixel has the value of the cell that holds its direction, so the picture is the finite-volume
solution itself, not an interpolation. Signed measures have colours centred at zero and dots where
they are clearly negative, so that they can be read in grey. Mollweide, |x| <= 2 sqrt 2:
    y = sqrt 2 sin s,  latitude = asin((2 s + sin 2s) / pi),  longitude = pi x / (2 sqrt 2 cos s)
with e1 in the middle and e3 on top.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse
from numpy.typing import NDArray
from scipy.optimize import brentq

from ...pde.frame import Array
from .style import DIVERGING, GREY, SERIES, canvas, density_scale, halo, note, signed_limit
from .subject import cell_of, raw, remarks, require, teachers

if TYPE_CHECKING:
    from ..run import Run

PIXELS = 500  # along the short axis
NEGATIVE = 0.1  # dots where m < -NEGATIVE * (limit of the colours)
VIEW = (np.radians(35.0), np.radians(25.0))  # longitude and latitude that the first globe faces


class Pixels(NamedTuple):
    """Direction of each pixel (rows, columns, 3), NaN outside; and the extent of the image."""

    u: Array
    extent: tuple[float, float, float, float]


def figure(run: Run, t: float) -> Figure:
    """Measure and law of the directions on maps, and the measure on two globes."""
    require(run, 3, "the sphere figure")
    picture = canvas(10.0, 6.6)
    grid = picture.add_gridspec(2, 2)
    measure_map(picture.add_subplot(grid[0, 0]), run, t)
    marginal_map(picture.add_subplot(grid[0, 1]), run, t)
    globe(picture.add_subplot(grid[1, 0]), run, t, facing=1)
    globe(picture.add_subplot(grid[1, 1]), run, t, facing=-1)
    note(picture, remarks(run, t))
    return picture


def measure_figure(run: Run, t: float) -> Figure:
    """The measure alone, at the start and at t, in the same colours."""
    picture = canvas(10.0, 3.4)
    moments = (float(run.time[0]), t)
    limit = signed_limit(*(run.signed_measure(moment) for moment in moments))
    for ax, moment in zip(picture.subplots(1, 2), moments, strict=True):
        measure_map(ax, run, moment, limit)
    note(picture, remarks(run, t))
    return picture


def measure_map(ax: Axes, run: Run, t: float, limit: float | None = None) -> None:
    """m on the Mollweide map."""
    _signed(ax, run, run.signed_measure(t), mollweide_pixels(), limit)
    _finish_map(ax, run)
    ax.set_title(f"signed measure $m(u)$ per volume, t = {t:.4g}")


def marginal_map(ax: Axes, run: Run, t: float) -> None:
    """The law of the directions on the Mollweide map."""
    values = run.marginal(t)
    _paint(ax, run, values, mollweide_pixels(), density_scale(values), r"$\int\rho\,da$")
    _finish_map(ax, run)
    ax.set_title(f"law of the directions, t = {t:.4g}")


def globe(ax: Axes, run: Run, t: float, facing: int) -> None:
    """m on a globe seen from far: from VIEW (facing = 1) or from its antipode (-1)."""
    frame = _view_frame(facing)
    side = np.linspace(-1, 1, PIXELS)
    x, y = np.meshgrid(side, side)
    height = np.sqrt(np.clip(1 - x**2 - y**2, 0, None))
    u = np.stack([x, y, height], -1) @ frame
    u[x**2 + y**2 > 1] = np.nan
    _signed(ax, run, run.signed_measure(t), Pixels(u, (-1.0, 1.0, -1.0, 1.0)))
    ax.add_patch(Ellipse((0, 0), 2, 2, fill=False, color=GREY, linewidth=0.8))
    _globe_axes(ax, frame)
    _globe_teachers(ax, run, frame)
    ax.set(aspect="equal", xlim=(-1.15, 1.15), ylim=(-1.15, 1.15))
    ax.set_axis_off()
    ax.set_title("$m$ from the front" if facing > 0 else "$m$ from behind")


def _signed(ax: Axes, run: Run, m: Array, pixels: Pixels, limit: float | None = None) -> None:
    limit = limit or signed_limit(m)
    colours, norm = matplotlib.colormaps[DIVERGING], Normalize(-limit, limit)
    image = _paint(ax, run, m, pixels, (colours, norm), "$m$ (dots: negative)")
    dots(ax, image, pixels, limit)


def dots(ax: Axes, image: Array, pixels: Pixels, limit: float) -> None:
    """Dots where a picture is clearly negative."""
    lowest, extent = float(np.nanmin(image)), pixels.extent
    if lowest < -NEGATIVE * limit:
        levels = [lowest - limit, -NEGATIVE * limit]
        ax.contourf(image, levels, extent=extent, colors="none", hatches=["..."], origin="lower")


def _paint(
    ax: Axes,
    run: Run,
    values: Array,
    pixels: Pixels,
    shading: tuple[Colormap, Normalize],
    label: str,
) -> Array:
    """Colour each pixel by its cell; the values as an image, NaN outside."""
    inside, cells = cells_of(run, pixels)
    image = np.full(inside.shape, np.nan)
    image[inside] = values.ravel()[cells]
    colours, norm = shading[0].with_extremes(bad=(1, 1, 1, 0)), shading[1]
    shown: Any = np.ma.masked_invalid(image)
    drawn = ax.imshow(shown, colours, norm, interpolation="nearest", origin="lower")
    drawn.set_extent(pixels.extent)
    bar = ax.figure.colorbar(drawn, ax=ax, shrink=0.75, pad=0.02, label=label)
    bar.outline.set_visible(False)
    return image


def cells_of(run: Run, pixels: Pixels) -> tuple[NDArray[np.bool_], NDArray[np.intp]]:
    """Which pixels show a direction, and the cell of each of those."""
    inside = np.isfinite(pixels.u[..., 0])
    return inside, cell_of(run.layout, pixels.u[inside])


def mollweide_pixels() -> Pixels:
    """The direction of every pixel of the map (rows, columns, 3), NaN outside."""
    width, height = 2 * np.sqrt(2), np.sqrt(2)
    x, y = np.meshgrid(np.linspace(-width, width, 2 * PIXELS), np.linspace(-height, height, PIXELS))
    s = np.arcsin(np.clip(y / height, -1, 1))
    latitude = np.arcsin(np.clip((2 * s + np.sin(2 * s)) / np.pi, -1, 1))
    longitude = np.pi * x / (width * np.maximum(np.cos(s), 1e-9))
    u = _direction(longitude, latitude)
    u[np.abs(longitude) > np.pi] = np.nan
    return Pixels(u, (-width, width, -height, height))


def _direction(longitude: Array, latitude: Array) -> Array:
    flat = np.cos(latitude)
    parts = (flat * np.cos(longitude), flat * np.sin(longitude), np.sin(latitude))
    return np.stack(parts, axis=-1)


def mollweide(u: Array) -> tuple[float, float]:
    """Place of one direction on the map."""
    sine = np.pi * float(np.clip(u[2], -1, 1))
    s = brentq(lambda angle: 2 * angle + np.sin(2 * angle) - sine, -np.pi / 2, np.pi / 2)
    longitude = np.arctan2(u[1], u[0])
    return 2 * np.sqrt(2) / np.pi * longitude * np.cos(s), np.sqrt(2) * np.sin(s)


def _finish_map(ax: Axes, run: Run) -> None:
    width, height = 2 * np.sqrt(2), np.sqrt(2)
    ax.add_patch(Ellipse((0, 0), 2 * width, 2 * height, fill=False, color=GREY, linewidth=0.8))
    for axis in range(3):
        for sign in (1, -1):
            _label(ax, *mollweide(sign * np.eye(3)[axis]), axis, sign)
    directions, weights = teachers(run)
    for u, weight in zip(raw(run.layout, directions), weights, strict=True):
        _teacher(ax, *mollweide(u), weight)
    ax.set(aspect="equal", xlim=(-1.02 * width, 1.02 * width), ylim=(-1.1 * height, 1.1 * height))
    ax.set_axis_off()


def _label(ax: Axes, x: float, y: float, axis: int, sign: int) -> None:
    ax.plot([x], [y], "+", color="black", markersize=5, markeredgewidth=0.7)
    name = f"${'-' if sign < 0 else ''}e_{axis + 1}$"
    ax.annotate(
        name, (x, y), xytext=(3, 3), textcoords="offset points", fontsize=8, path_effects=halo()
    )


def _teacher(ax: Axes, x: float, y: float, weight: float) -> None:
    """A triangle at a teacher's direction: up for a positive weight, down for a negative one."""
    shape = "^" if weight > 0 else "v"
    ax.plot([x], [y], shape, color=SERIES[2], markersize=7, markeredgecolor="white")


def _view_frame(facing: int) -> Array:
    """Rows: right, up and towards the viewer."""
    longitude, latitude = VIEW if facing > 0 else (VIEW[0] + np.pi, -VIEW[1])
    towards = _direction(np.array(longitude), np.array(latitude))
    right = np.array([-np.sin(longitude), np.cos(longitude), 0.0])
    return np.stack([right, np.cross(towards, right), towards])


def _globe_axes(ax: Axes, frame: Array) -> None:
    for axis in range(3):
        for sign in (1, -1):
            x, y, height = frame @ (sign * np.eye(3)[axis])
            if height >= 0:
                _label(ax, x, y, axis, sign)


def _globe_teachers(ax: Axes, run: Run, frame: Array) -> None:
    directions, weights = teachers(run)
    for u, weight in zip(raw(run.layout, directions), weights, strict=True):
        x, y, height = frame @ u
        if height >= 0:
            _teacher(ax, x, y, weight)

"""A sweep: one diagnostic over a key, or over two as a phase diagram.

Seeds are averaged: curves carry their standard error as bars and their range as a band. Other keys
that change make curves of their own; in a phase diagram they must be held. An axis is logarithmic
where the values of its key grow by factors; what is no number stands side by side, not joined.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure

from ...kernels.errors import InputError
from ...pde.config.text import nearest, shown
from ...pde.frame import Array
from .style import DASHES, SEQUENTIAL, canvas, halo, legend, logarithmic_if_wide, note, shades

if TYPE_CHECKING:
    from ..sweep import Sweep

SEED = "run.seed"
MARKERS = ("o", "s", "^", "D", "v")  # one more than dashes: twenty looks together
MOST_CURVES = 12
INSIDE = 4  # curves whose legend has room among them
LABELS = 12  # numbers that have room below an axis
LETTERS = 24  # of a line of a label
WIDTH = 52  # letters that have room below an axis, side by side


def figure(
    sweep: Sweep, x: str, y: str | None, value: str, time: float | None, where: dict[str, Any]
) -> Figure:
    """Curves over x, or the colours of the plane (x, y)."""
    for key in (x, *([] if y is None else [y]), *where):
        if key not in sweep.keys:
            hint = nearest(key, sweep.keys) or f"; there are {', '.join(sweep.keys)}"
            raise InputError(f"{key} does not change in this sweep{hint}")
    if x == y:
        raise InputError(f"a phase diagram is over two keys, and both are {x}")
    table = sweep.table((value,), time)
    rows = _held(table, where)
    if not np.isfinite(table[value][rows]).any():
        raise InputError(f"no run of these points has {value} yet: nothing to draw")
    picture = canvas(5.6, 4.0)
    ax = picture.subplots()
    draw = curves if y is None else phases
    draw(ax, table, rows, [x] if y is None else [x, y], value)
    t = "the last saved time" if time is None else f"t = {time:g}"
    missing = int((~np.isfinite(table[value][rows])).sum())
    held = [f"{key} = {shown(each)}" for key, each in where.items()]
    absent = [f"{missing} of {len(rows)} runs missing"] if missing else []
    note(picture, [", ".join([f"at {t}", *held, *absent]), *_seeds(table, rows, [x, y])])
    return picture


def _seeds(table: dict[str, Any], rows: list[int], keys: list[str | None]) -> list[str]:
    """What is said of seeds that are averaged."""
    count = len(_values(table, rows, SEED)) if SEED in table and SEED not in keys else 1
    if count == 1:
        return []
    spread = "" if keys[1] else "; bars: standard error, shade: range"
    return [f"mean of {count} seeds{spread}"]


def curves(ax: Axes, table: dict[str, Any], rows: list[int], keys: list[str], value: str) -> None:
    """The mean over the seeds against x; a curve for every value of the other keys."""
    (x,) = keys
    others = _changing(table, rows, {x, SEED})
    groups = _groups(table, rows, others)
    if len(groups) > MOST_CURVES:
        raise InputError(
            f"{len(groups)} curves are too many for one figure: hold {others[0]} by --where "
            f"{others[0]}=VALUE, or draw a phase diagram with --y {others[0]}"
        )
    values = _values(table, rows, x)
    places = _axis(ax, values)
    joined = all(map(_number, values))
    for k, (name, members, colour) in enumerate(
        zip(groups, groups.values(), shades(len(groups)), strict=True)
    ):
        found = _found(table, members, [x], value)
        pairs = zip(places, values, strict=True)
        drawn = [(at, found[key]) for at, each in pairs if (key := _key(each)) in found]
        dash = DASHES[k % len(DASHES)] if joined else "none"
        _curve(ax, drawn, colour, linestyle=dash, marker=MARKERS[k % len(MARKERS)], label=name)
    logarithmic_if_wide(ax, table[value][rows])
    ax.set(xlabel=x, ylabel=value.replace("_", " "))
    title = others[0] if len(others) == 1 else None
    if len(groups) > INSIDE:
        ax.figure.legend(loc="outside right upper", title=title, alignment="left")
    else:
        legend(ax, title=title, alignment="left")


def _curve(ax: Axes, drawn: list[tuple[float, Array]], colour: Any, **style: Any) -> None:
    """Mean, standard error and range of what was found at every place."""
    at, found = [place for place, _ in drawn], [each for _, each in drawn]
    several = any(len(each) > 1 for each in found)
    error = [_error(each) for each in found] if several else None
    style |= {"color": colour, "markersize": 4, "label": style["label"] or None}
    ax.errorbar(at, [each.mean() for each in found], error, capsize=3, **style)
    if several:
        low, high = ([edge(each) for each in found] for edge in (np.min, np.max))
        if style["linestyle"] == "none":
            ax.vlines(at, low, high, color=colour, alpha=0.15, linewidth=8)
        else:
            ax.fill_between(at, low, high, color=colour, alpha=0.15, linewidth=0)


def phases(ax: Axes, table: dict[str, Any], rows: list[int], keys: list[str], value: str) -> None:
    """The mean over the seeds in the plane of two keys; what is missing is white."""
    if others := _changing(table, rows, {*keys, SEED}):
        raise InputError(f"{', '.join(others)} changes, too: hold it by --where {others[0]}=VALUE")
    x, y = (_values(table, rows, key) for key in keys)
    means = np.full((len(y), len(x)), np.nan)
    found = _found(table, rows, keys, value)
    for i, j in np.ndindex(means.shape):
        if (key := _key(x[j], y[i])) in found:
            means[i, j] = found[key].mean()
    good = means[np.isfinite(means)]
    wide = good.min() > 0 and good.max() > 30 * good.min()
    scale = (LogNorm if wide else Normalize)(good.min(), good.max())
    mesh = ax.pcolormesh(
        np.ma.masked_invalid(means), cmap=SEQUENTIAL, norm=scale, edgecolors="white", linewidth=0.5
    )
    for axis, each in ((ax.xaxis, x), (ax.yaxis, y)):
        _label(axis, [k + 0.5 for k in range(len(each))], each)
    if means.size <= 80:
        for (i, j), mean in np.ndenumerate(means):
            if np.isfinite(mean):
                ax.text(
                    j + 0.5,
                    i + 0.5,
                    f"{mean:.3g}",
                    ha="center",
                    va="center",
                    fontsize=7,
                    path_effects=halo(),
                )
    ax.set(xlabel=keys[0], ylabel=keys[1])
    ax.figure.colorbar(mesh, ax=ax, label=value.replace("_", " "))


def _held(table: dict[str, Any], where: dict[str, Any]) -> list[int]:
    rows = [
        row
        for row in range(len(table["status"]))
        if all(table[key][row] == value for key, value in where.items())
    ]
    if not rows:
        wrong = next(key for key, value in where.items() if value not in table[key])
        there = ", ".join(map(shown, _values(table, list(range(len(table[wrong]))), wrong)))
        raise InputError(f"no point has {wrong} = {shown(where[wrong])}; there are {there}")
    return rows


def _changing(table: dict[str, Any], rows: list[int], but: set[str]) -> list[str]:
    keys = list(table)[: list(table).index("status")]
    return [k for k in keys if k not in but and len(_values(table, rows, k)) > 1]


def _values(table: dict[str, Any], rows: list[int], key: str) -> list[Any]:
    """The different values of a key: numbers in order, others as they come."""
    found = list({repr(v): v for v in (table[key][row] for row in rows)}.values())
    return sorted(found) if all(map(_number, found)) else found


def _groups(table: dict[str, Any], rows: list[int], keys: list[str]) -> dict[str, list[int]]:
    groups: dict[str, list[int]] = {}
    for row in rows:
        texts = [_short(table[key][row]) for key in keys]
        named = (
            texts if len(keys) == 1 else [f"{k} = {t}" for k, t in zip(keys, texts, strict=True)]
        )
        groups.setdefault(", ".join(named), []).append(row)
    return groups


def _key(*values: Any) -> tuple[str, ...]:
    """Of values that may be lists or tables: what can be looked up."""
    return tuple(map(repr, values))


def _found(
    table: dict[str, Any], rows: list[int], keys: list[str], value: str
) -> dict[tuple[str, ...], Array]:
    """At the values of the keys, the diagnostic of the runs, one a seed; missing ones left out."""
    found: dict[tuple[str, ...], list[float]] = {}
    for row in rows:
        if np.isfinite(table[value][row]):
            at = _key(*(table[key][row] for key in keys))
            found.setdefault(at, []).append(table[value][row])
    return {at: np.array(each) for at, each in found.items()}


def _error(found: Array) -> float:
    return float(found.std(ddof=1) / np.sqrt(len(found))) if len(found) > 1 else 0.0


def _axis(ax: Axes, values: list[Any]) -> list[float]:
    """Where the values stand on the x axis: at themselves, or side by side if they are no numbers.

    Ticks are the values where they grow by factors, are words, or are few whole numbers.
    """
    if not all(map(_number, values)):
        _label(ax.xaxis, [float(k) for k in range(len(values))], values)
        ax.set_xlim(-0.5, len(values) - 0.5)
        return [float(k) for k in range(len(values))]
    places = [float(value) for value in values]
    if len(values) > 2 and values[0] > 0 and _spread(np.log(values)) < _spread(np.array(values)):
        ax.set_xscale("log")
        ax.set_xticks([], minor=True)
        _label(ax.xaxis, places, values, np.log(places))
    elif len(values) <= LABELS and all(isinstance(value, int) for value in values):
        _label(ax.xaxis, places, values)
    return places


def _label(axis: Any, places: list[float], values: list[Any], along: Any = None) -> None:
    """Name the places; of many numbers some, of long words in several lines, or slanted.

    along : where the places are on the paper, if it is not linear
    """
    along = np.asarray(places if along is None else along)
    if all(map(_number, values)):
        room = (along[-1] - along[0]) / LABELS
        kept: list[int] = []
        for k, place in enumerate(along):
            if not kept or place - along[kept[-1]] >= 0.999 * room:
                kept.append(k)
        axis.set_ticks([places[k] for k in kept], [_short(values[k]) for k in kept])
        return
    room = LETTERS if axis.axis_name == "y" else min(max(WIDTH // len(values), 1), LETTERS)
    texts = [_folded(value, room) for value in values]
    if axis.axis_name == "y" or max(map(_length, texts)) <= room:
        axis.set_ticks(places, texts)
        return
    axis.set_ticks(places, [_folded(value, LETTERS) for value in values])
    axis.set_tick_params(rotation=40)
    for label in axis.get_ticklabels():
        label.set(ha="right", rotation_mode="anchor")


def _folded(value: Any, width: int) -> str:
    """In lines of at most so many letters, whole words."""
    return textwrap.fill(_short(value), width, break_long_words=False, break_on_hyphens=False)


def _length(text: str) -> int:
    return max(map(len, text.split("\n")))


def _spread(values: Array) -> float:
    """How uneven the steps of ordered values are."""
    steps = np.diff(values)
    return float(steps.max() / steps.min())


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _short(value: Any) -> str:
    return f"{value:g}" if _number(value) else shown(value).strip('"')

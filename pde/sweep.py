"""The points of a sweep: configurations, each with a name that tells it and that its content makes.

A name is `gain=2,seed=1-1f3a9c07d2e4`: the keys that change, shortened, and its mark, the start of
the digest of the whole configuration. By that a point that is computed is found again whatever else
is swept, and in whatever order; one whose configuration changes in any key is another point. Where
time.end is not swept it is not in the mark: a sweep may grow, and its runs go on.

Nothing runs here.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ..kernels.errors import InputError
from .config import Config
from .config.data import Sampled
from .config.text import shown

LONGEST_LABEL = 80
MARK = 12  # hexadecimal digits: two of 10^5 points have one mark with a probability of 10^-5
Index = int | tuple[int, int] | None
_UNSAFE = re.compile(r"[^A-Za-z0-9_.,=+-]+")


@dataclass(frozen=True)
class Point:
    """One configuration of a sweep.

    values : of the keys that change, by dotted name; config : without [sweep]
    name : of its folder, which ends in the mark
    """

    values: dict[str, Any]
    config: Config
    name: str

    @property
    def label(self) -> str:
        """The values for people: `network.gain = 2, run.seed = 1`."""
        return _worded(self.values)

    @property
    def mark(self) -> str:
        """What two names of one configuration share."""
        return mark_of(self.name)

    @property
    def marked_with_end(self) -> str:
        """The mark that the configuration has where time.end is swept."""
        return self.config.digest()[:MARK]


def points(config: Config, index: Index = None) -> tuple[Point, ...]:
    """The points, in the order of the lists, the last key running fastest.

    index : all of them; the one at a position, from 0; or with (i, m) every m-th from i

    Raises InputError where there is no sweep, where a point is no configuration, and where two are
    the same.
    """
    if config.sweep is None or not config.sweep.keys:
        raise InputError(
            "nothing to sweep: give [sweep] in the config, --grid 'solver.cells=[16, 32]', or "
            "--seeds 8"
        )
    single = config.without_sweep()
    made: dict[str, Point] = {}
    for values in _chosen(list(_combinations(config)), index):
        point = _point(single, values, counted=config.sweep.seeds is not None)
        if (other := made.setdefault(point.mark, point)) is not point:
            raise InputError(
                f"two points of the sweep are one configuration: {other.label}; and {point.label}"
            )
    return tuple(made.values())


def mark_of(name: str) -> str:
    """The mark at the end of a folder's name."""
    return name.rpartition("-")[2]


def _chosen(every: list[dict[str, Any]], index: Index) -> list[dict[str, Any]]:
    if index is None:
        return every
    first, step = (index, len(every)) if isinstance(index, int) else index
    if step < 1:
        raise InputError(f"index {first} of every {step}; give (i, m), and m is 1 or more")
    last = len(every) - 1 if isinstance(index, int) else step - 1
    if not 0 <= first <= last:
        raise InputError(f"index {first} is none of this sweep; give 0 to {last}")
    return every[first::step]


def _combinations(config: Config) -> Iterator[dict[str, Any]]:
    sweep = config.sweep
    assert sweep is not None
    rows = [dict(zip(sweep.zip, row, strict=True)) for row in zip(*sweep.zip.values(), strict=True)]
    seeds: list[dict[str, Any]] = [{}]
    if sweep.seeds is not None:
        seeds = [{"run.seed": config.run.seed + k} for k in range(sweep.seeds)]
    for combination in itertools.product(*sweep.grid.values()):
        for row in rows or [{}]:
            for seed in seeds:
                yield {**dict(zip(sweep.grid, combination, strict=True)), **row, **seed}


def _point(single: Config, values: dict[str, Any], *, counted: bool) -> Point:
    """counted : whether the seed is one of `seeds`, and the rows, where drawn, have theirs."""
    try:
        config = single.replace(**values)
    except InputError as error:
        raise InputError(f"the point {_worded(values)}: {error}") from None
    late = config.run.seed - single.run.seed if counted and "data.seed" not in values else 0
    if late and isinstance(config.data, Sampled):
        config = config.replace(**{"data.seed": config.data.seed + late})
    mark = config.digest(end=sweeps_end(values))[:MARK]
    return Point(values, config, f"{_shortened(values)}-{mark}")


def sweeps_end(keys: Iterable[str]) -> bool:
    """Whether the end is one of the keys that change."""
    return not {"time", "time.end"}.isdisjoint(keys)


def _worded(values: dict[str, Any]) -> str:
    return ", ".join(f"{key} = {shown(value)}" for key, value in values.items())


def _shortened(values: dict[str, Any]) -> str:
    parts = [f"{key.rpartition('.')[2]}={shown(value)}" for key, value in values.items()]
    text = _UNSAFE.sub("_", ",".join(parts)).replace('"', "").strip("_.,")
    return text[:LONGEST_LABEL].strip("_.,-") or "point"

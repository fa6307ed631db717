"""The table [sweep]: many configurations from one.

    points = grid (every combination) x zip (side by side) x seeds

The values of a key are a list; names are dotted, or the tables themselves: `network.gain = [1, 2]`.
That every point is a configuration is checked where the points are made (`pde.sweep`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, ValidationInfo, model_validator

from .base import Table, clash, key
from .text import shown

MOST_POINTS = 100_000


def _flat(value: Any, info: ValidationInfo) -> Any:
    """Nested tables as dotted names, values as tuples."""
    if not isinstance(value, dict):
        return value
    found = dict(_named(value, ""))
    for name, values in found.items():
        if not isinstance(values, tuple):
            raise clash(
                f"sweep.{info.field_name}: {name} = {shown(values)} is no list; give its values, "
                "as [0.3, 1, 3]"
            )
    return found


def _named(table: dict[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _named(value, f"{prefix}{name}.")
        else:
            is_list = isinstance(value, Sequence) and not isinstance(value, str)
            yield prefix + name, tuple(value) if is_list else value


def _plain(value: Any) -> bool:
    """Whether a file can hold it."""
    if isinstance(value, dict):
        return all(map(_plain, value.values()))
    if isinstance(value, list | tuple):
        return all(map(_plain, value))
    return isinstance(value, bool | int | float | str)


Lists = Annotated[dict[str, tuple[Any, ...]], BeforeValidator(_flat)]


class Sweep(Table):
    """Lists of values of keys."""

    grid: Lists = key(
        {},
        "Keys and their values; every combination is a point.",
        words='a table of lists, as {"network.weight_norm" = [0.3, 1, 3]}',
    )
    zip: Lists = key(
        {},
        "Keys whose values go side by side, so lists of one length.",
        words="a table of lists of one length",
    )
    seeds: int | None = key(
        None,
        "Every point so often, with run.seed, and data.seed where the rows are drawn, counted up.",
        unit="seeds",
        ge=1,
        le=MOST_POINTS,
    )

    @model_validator(mode="after")
    def _points(self) -> Sweep:
        named = [("grid", *each) for each in self.grid.items()]
        named += [("zip", *each) for each in self.zip.items()]
        for table, name, values in named:
            if not values:
                raise clash(f"sweep.{table}: {name} has no value; give a list, as [0.3, 1, 3]")
            if strange := [value for value in values if not _plain(value)]:
                raise clash(
                    f"sweep.{table}: {name} has {shown(strange[0])}, which no config file can hold"
                )
            if len(set(map(repr, values))) < len(values):
                raise clash(f"sweep.{table}: {name} has a value twice")
            if name.partition(".")[0] in ("sweep", "output"):
                raise clash(f"sweep.{table}: {name} is no key of the problem or its solution")
        if both := self.grid.keys() & self.zip.keys():
            raise clash(f"sweep.grid and sweep.zip both have {min(both)}; leave one out")
        if len(lengths := {len(values) for values in self.zip.values()}) > 1:
            raise clash(
                f"sweep.zip has lists of {min(lengths)} and {max(lengths)} values; they go side by "
                "side, and need one length"
            )
        if self.seeds is not None and "run.seed" in {**self.grid, **self.zip}:
            raise clash("sweep.seeds and a list of run.seed; leave one out")
        if self.count > MOST_POINTS:
            raise clash(f"sweep has {self.count} points; at most {MOST_POINTS}")
        return self

    @property
    def count(self) -> int:
        """How many points."""
        count = self.seeds or 1
        for values in self.grid.values():
            count *= len(values)
        return count * max((len(values) for values in self.zip.values()), default=1)

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys that change, the seed last."""
        return (*self.grid, *self.zip, *(("run.seed",) if self.seeds else ()))

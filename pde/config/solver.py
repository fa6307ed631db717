"""The tables [solver], [time] and [run]: how, until when and on what the equation is solved.

Time is gradient-flow time, learning rate × steps / width. `Time.saves` gives the saved times: 0 and
`end` always, those beyond `end` never.
"""

from __future__ import annotations

import math
import warnings
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import field_validator, model_validator

from ...kernels.errors import Notice
from .base import AsTuple, Chosen, Interval, Table, Vector, clash, key, later_key, wrong

MOST_SAVES = 100_000
_MOST_CELLS = 65_536
_MOST_NEURONS = 100_000_000
_MOST_REPLICAS = 100_000
_MOST_TRACERS = 1_000_000


class Solver(Table):
    """The discretization."""

    method: Literal["grid", "particles"] = key(
        "grid",
        "What represents the density: cells, or the neurons of a finite network.",
        later=("zonal", "radial", "sgd", "linearised"),
    )
    cells: int = key(
        64,
        "Direction cells per quarter great circle; a panel edge of the sphere.",
        unit="cells",
        ge=4,
        le=_MOST_CELLS,
    )
    a_cells: int = key(
        64,
        "Cells of the axis of outer weights; a frozen list of values is its own axis.",
        unit="cells",
        ge=4,
        le=_MOST_CELLS,
    )
    a_range: Annotated[
        Literal["auto"] | Interval,
        Chosen(lambda value: Interval if isinstance(value, list) else Literal["auto"]),
    ] = key(
        "auto",
        'Ends of that axis; "auto" grows it when the mass comes near them.',
        words='"auto" or [low, high] with low < high',
    )
    scheme: Literal["upwind", "muscl", "weno"] = key(
        "muscl",
        "Transport: first order; second order with limited slopes; or WENO5-Z with three stages a "
        "step, for smooth densities, at several times the cost.",
    )
    coordinates: Literal["raw", "whitened", "ellipsoid"] = key(
        "raw",
        "Coordinates of the directions: raw u = w/|w|, whitened v; for particles also q on the "
        "ellipsoid q' Σ q = 1. A matter of discretization only.",
    )
    diffusion: Literal["auto", "explicit"] = key(
        "auto",
        "Steps of a grid with noise: stabilised (Runge-Kutta-Legendre), past the limit that "
        "diffusion sets, where they keep the density positive and explicit where not; or explicit.",
    )
    interaction: Literal["auto", "direct", "lines", "transform"] = key(
        "auto",
        "How a grid sums over neurons. On rows: direct, all pairs of direction and row, or lines, "
        "exact sums along grid lines for relu, abs, step and their like. On population data: "
        "direct, kernel matrices, or transform, FFT or spherical harmonics where there is one.",
    )
    tolerance: float = key(
        1e-3,
        "Error that a time step may make, relative: of the field on a grid, of the weights of "
        "particles.",
        ge=1e-9,
    )
    tracers: int = key(
        0,
        "Passive tracers on a grid: points of the initial law that move with the density, without "
        "noise.",
        ge=0,
        le=_MOST_TRACERS,
    )
    width: int = key(
        1000,
        "Neurons of a finite network, for particles.",
        unit="neurons",
        ge=1,
        le=_MOST_NEURONS,
    )
    sampling: Literal["iid", "stratified", "sobol", "quadrature"] = key(
        "iid",
        "How the neurons start: independent draws, stratified in every coordinate, scrambled "
        "Sobol points, or the weighted nodes of a quadrature of the initial law (d at most 4).",
    )
    replicas: int = key(
        1, "Independent finite networks, computed side by side.", ge=1, le=_MOST_REPLICAS
    )
    integrator: Literal["dormand-prince", "bogacki-shampine", "rk4"] = key(
        "dormand-prince",
        "Runge-Kutta pair of order 5(4) or 3(2) with error control, or rk4 with steps of one "
        "length; for particles.",
    )
    step: float | None = key(None, "Length of the steps of rk4.", unit="gradient-flow time", gt=0)
    w_range: Interval | None = later_key(None, "Axes of the inner weights of plain networks.")

    @field_validator("a_range")
    @classmethod
    def _ordered(cls, a_range: Literal["auto"] | tuple[float, float]) -> object:
        if isinstance(a_range, tuple) and not a_range[0] < a_range[1]:
            raise wrong("is empty; give [low, high] with low < high")
        return a_range

    @model_validator(mode="after")
    def _steps_belong_to_rk4(self) -> Solver:
        if self.integrator == "rk4" and self.step is None:
            raise clash('solver.integrator = "rk4" needs solver.step, the length of its steps')
        if self.integrator != "rk4" and self.step is not None:
            raise clash(
                f'solver.step = {self.step} is for solver.integrator = "rk4"; '
                f'"{self.integrator}" chooses its steps by solver.tolerance'
            )
        return self


class LogTimes(Table):
    """Times in geometric progression."""

    log: Annotated[tuple[float, float, int], AsTuple] = key(
        ..., "[first, last, count]: count times in geometric progression."
    )

    @field_validator("log")
    @classmethod
    def _increasing(cls, log: tuple[float, float, int]) -> tuple[float, float, int]:
        first, last, count = log
        if not 0 < first < last:
            raise wrong("must be [first, last, count] with 0 < first < last")
        if not 2 <= count <= MOST_SAVES:
            raise wrong(f"must be [first, last, count] with 2 <= count <= {MOST_SAVES}")
        return log

    def times(self) -> list[float]:
        """The times, ascending."""
        first, last, count = self.log
        ratio = (math.log(last) - math.log(first)) / (count - 1)
        inner = [first * math.exp(k * ratio) for k in range(1, count - 1)]
        return [first, *inner, last]


class Stop(Table):
    """Reasons to end early."""

    risk: float | None = key(None, "End, and save, at the first step with a risk below this.", gt=0)


class Time(Table):
    """From 0 to `end`, and when to save."""

    end: float = key(5.0, "Last time.", unit="gradient-flow time", gt=0)
    save: Annotated[
        Vector | LogTimes | None,
        Chosen(lambda value: LogTimes if isinstance(value, dict) else Vector),
    ] = key(
        None,
        "Saved times, beside 0 and end; tenths of end where this and save_every are left out.",
        unit="gradient-flow time",
        words="a list of times >= 0 or {log = [first, last, count]}",
    )
    save_every: float | None = key(
        None, "Interval of the saved times.", unit="gradient-flow time", gt=0
    )
    stop: Stop = key(Stop(), "Reasons to end early.")
    cfl: float = key(
        0.45,
        "Courant number; at most 0.5 for muscl and weno, 1 for upwind. Stabilised steps take twice "
        "that, at most 0.9.",
        ge=1e-4,
        le=1,
    )

    @field_validator("save")
    @classmethod
    def _not_negative(cls, save: object) -> object:
        if isinstance(save, tuple) and any(time < 0 for time in save):
            raise wrong("holds a negative time; give times >= 0")
        if isinstance(save, tuple) and len(save) > MOST_SAVES:
            raise wrong(f"is too long; give at most {MOST_SAVES} times")
        return save

    @model_validator(mode="after")
    def _one_way_to_save(self) -> Time:
        if self.save is not None and self.save_every is not None:
            raise clash("time.save and time.save_every are both given; give one")
        if self.save_every is not None and self.end / self.save_every > MOST_SAVES:
            raise clash(
                f"time.save_every = {self.save_every} makes more than {MOST_SAVES} saves to "
                f"time.end = {self.end}; give at least {self.end / MOST_SAVES:.3g}"
            )
        return self

    def saves(self) -> tuple[float, ...]:
        """The saved times, ascending; gives a `Notice` of asked times beyond the end.

        >>> Time(end=1.0, save_every=0.4).saves()
        (0.0, 0.4, 0.8, 1.0)
        """
        asked = self._asked()
        beyond = [time for time in asked if time > self.end]
        if beyond:
            text = (
                f"{len(beyond)} of the save times lie beyond time.end = {self.end} and are dropped"
            )
            warnings.warn(text, Notice, stacklevel=2)
        return tuple(sorted({0.0, self.end, *asked} - set(beyond)))

    def _asked(self) -> list[float]:
        if isinstance(self.save, LogTimes):
            return self.save.times()
        if self.save is not None:
            return [abs(time) for time in self.save]  # -0.0 is 0.0
        every = Decimal(repr(self.save_every)) if self.save_every else Decimal(repr(self.end)) / 10
        count = int(Decimal(repr(self.end)) / every)  # decimal: 0.1 three times is 0.3
        return [float(every * k) for k in range(1, count + 1)]


class Run(Table):
    """Where the computation runs (the table [run]; a result is a `bnflow.Run`)."""

    backend: Literal["auto", "numpy", "cuda"] = key(
        "auto", "Arrays: auto says what it chose; cuda without a GPU is an error."
    )
    dtype: Literal["float64", "float32"] = key(
        "float64",
        "Type of the density on a grid: float32 halves its memory and its files, and tells how far "
        "its first steps are from float64; sums, directions and rows stay float64.",
    )
    seed: int = key(0, "Of all randomness outside the data.", ge=0)

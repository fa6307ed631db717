"""The kernel boundary: what every backend computes, with the shapes and conventions it may assume.

Arrays are C-contiguous float64 of the backend's own namespace; the callers in `pde` treat them as
opaque, by operators and NumPy's functions, which lead to that namespace, and `array` and `host`. A
backend is one object that satisfies `Kernels`; the NumPy twins in `reference/` are the definition
of each function. Layout of a density: (2d, n, .., n, n_a), a contiguous, of the backend's type
`real`; transport takes one of either type.

    d      dimension of the inputs; the directions are 2d panels of n^(d-1) cells
    slabs  (2d, d-1, 2, n, .., n, ..) - one layer of cells beside every panel edge:
           [panel, tangential axis, 0 = low side / 1 = high side, the d-2 other axes, ..]

Nothing here computes: see `reference/`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, ParamSpec, Protocol, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .meter import Call
from .reference.activations import Remainder

Array = NDArray[Any]
Scheme = Literal["upwind", "muscl", "weno"]
Real = Literal["float64", "float32"]
Given = ParamSpec("Given")
Result = TypeVar("Result")

TIE = 2.0**-43  # far above the rounding of p.x, far below what distinguishes points and rows;
# whitening rounds by the root of its condition number, so ties in raw data are met up to 1e4 of it
FLOAT_TIE = 2.0**-20  # where p.x itself is rounded to float32; sums along lines keep to TIE


@dataclass(frozen=True)
class Connectivity:
    """Which panel edge touches which, and how to read a neighbour's cells on one's own lines.

    panel, axis, side : (2d, d-1, 2) int - the neighbour of [panel, axis, side]: its panel, which of
        its axes is normal to the shared edge, and on which side of it the edge lies
    ghost_weights : (layers, n, n) - interpolation along each tangential axis from the neighbour's
        layers, the one next to the edge first, onto the continuation of one's own coordinate lines;
        in d = 2, where an edge is a point, of no use and small
    """

    panel: NDArray[np.intp]
    axis: NDArray[np.intp]
    side: NDArray[np.intp]
    ghost_weights: Array


@dataclass(frozen=True)
class LineBundle:
    """Parallel lines of points of the sphere: v is X/|X| with

        X = frame[0] + nodes[i] frame[1] + sum_r coordinates[line, r] frame[2 + r]

    frame : (d, d)
    nodes : (length,) ascending, tan((i - (n-1)/2) h) with h = (pi/2)/n, and -1 and 1 beside them
        where the ends of the lines are among the points
    coordinates : (lines, d-2), from -1 to 1
    stations : (lines, length) int - which of the points each node is
    """

    frame: Array
    nodes: Array
    coordinates: Array
    stations: NDArray[np.intp]


@dataclass(frozen=True)
class Lines:
    """Points of the sphere and the lines on which they lie, each point on one line.

    points : (m, d), of any length; neurons : the first so many carry the weights of forward sums
    bundles : each all neurons, or none
    """

    points: Array
    neurons: int
    bundles: tuple[LineBundle, ...]


@dataclass(frozen=True)
class Overlap:
    """A dual kernel, the overlap k(v.v') of two neurons on normal inputs, or a part of one.

    both : k and k', elementwise, of cosines of the host, where +-1 may be passed by rounding
    jump : k has the part jump asin c, whose slope is infinite at c = +-1 and counts there as 0; all
        else of it is smooth in the angle arccos c
    """

    both: Callable[[Array], tuple[Array, Array]]
    jump: float = 0.0


@dataclass(frozen=True)
class Stencil:
    """Constant coefficients of a gradient on the grid (see `reference.diffusion`).

    dual : (d-1, d, 2d, n, .., n) - ambient gradient at a cell centre per unit of difference between
        the two neighbours along each axis
    speed : (d-1, d-1, 2d, n, .., n) - the same in a frame in which the mobility is the identity
    cross : one array an axis, (d, 2d, n, .., n+1, .., n) - weight of the sum of the two cells'
        gradients in the flux through a face; compact : the same without d - weight of the
        difference of their values
    """

    dual: Array
    speed: Array
    cross: Sequence[Array]
    compact: Sequence[Array]


@dataclass(frozen=True)
class Heat:
    """What drives the density at a temperature > 0, beside its own logarithm.

    temperature : tau; h : (2d, n, .., n) at the cell centres, frozen over a step
    stencil : of gradients along the directions, with their mobility inside
    """

    temperature: float
    h: Array
    stencil: Stencil


@dataclass(frozen=True)
class Velocity:
    """Velocity of the density, frozen over a step.

    faces : one array an axis, (2d, n, .., n+1, .., n) - integral over each face of the velocity per
        unit of `a` in the direction of growing coordinate; empty where directions do not move
    outer : (2d, n, .., n) or None - velocity da/dt of each direction's column; None: a is frozen
    ridge : the potential has ridge a^2/2 besides, and da/dt therefore -outer_rate ridge a
    outer_rate : mobility of a, which `outer` has inside
    heat : None at temperature 0
    """

    faces: Sequence[Array]
    outer: Array | None
    ridge: float = 0.0
    outer_rate: float = 1.0
    heat: Heat | None = None


@dataclass(frozen=True)
class Grid:
    """The cells of a density, (2d, n, .., n, n_a).

    volume : (2d, n, .., n) of the directions' cells, on the unit sphere
    a_values : (n_a,) on the host, of the cells' centres along a; a_width : of these cells, None
        where a has a list of values, on which it rests
    """

    volume: Array
    a_values: NDArray[np.float64]
    a_width: float | None
    connectivity: Connectivity


@dataclass(frozen=True)
class Stage:
    """Which stage of a Runge-Kutta step it is, by default the one of Euler's.

    scheme : of the states on faces; weights : of `base`, None where its weight is 0, and of the
        density moved by `dt`
    """

    scheme: Scheme
    dt: float
    weights: tuple[float, float] = (0.0, 1.0)
    base: Array | None = None


class LineSums(Protocol):
    """The pair sums between points on lines and rows that stay: what is worth keeping is kept.

    table_bytes : of what is kept
    """

    table_bytes: int

    def forward(self, weights: Array) -> Array:
        """(rows,): as `pair_forward` for the neurons' weights (neurons,)."""
        ...

    def backward(self, residual: Array) -> tuple[Array, Array]:
        """(m,) and (m, d): as `pair_backward` at all points, for (rows,)."""
        ...


class OverlapSums(Protocol):
    """The sums over neurons with one dual kernel, or a part of one."""

    def __call__(self, points: Array, neurons: Array, weights: Array) -> tuple[Array, Array]:
        """(m,) and (m, d): sum_j weights_j k(p_i.q_j), and sum_j weights_j k'(p_i.q_j) q_j.

        points (m, d) and neurons (k, d) of length one, weights (k,); cosines beyond +-1 are cut
        """
        ...


class Kernels(Protocol):
    """Everything that runs on the device."""

    name: str
    real: Real  # type of a density
    chunk: int  # numbers of an array that small work is gathered in: a cache's, or a device's fill
    on_host: bool  # whether its memory is the host's
    keeps_overlaps: bool  # whether matrices of overlaps, kept, are worth their memory
    sorts_from: int  # so many neurons on a circle, whose sums are then by sorting, else by pairs

    def typed(self, real: Real) -> Kernels:
        """The same backend, in the same place, for densities of a type."""
        ...

    def array(self, values: Any, dtype: DTypeLike = np.float64) -> Array:
        """Values of the host on the device, contiguous; float64 unless said. For a few constants
        and at the start and restart of a run: a step copies nothing.
        """
        ...

    def host(self, values: Array) -> NDArray[Any]:
        """Values of the device as an array of NumPy."""
        ...

    def seconds(self, call: Call, loops: int = 1) -> float:
        """Of one call, the mean of `loops` of them in a row, by the device's clock."""
        ...

    def peak_bytes(self, call: Call) -> int:
        """Most memory of the device that arrays made in a call take together."""
        ...

    def about(self) -> dict[str, str]:
        """The device and what drives it, by name; nothing where that is the host."""
        ...

    def recorded(
        self, function: Callable[Given, Result], still: int = 0
    ) -> Callable[Given, Result]:
        """The function, whose work a device may record and launch again as one.

        It is called by position, and takes and gives device arrays, in tuples and dataclasses,
        beside hashable values. For arguments of the same shapes and values its work is the same:
        these functions, elementwise operations and sums. The host reads no number of the device
        and brings none; no library is called, for matrices, transforms or sorts. It writes in
        nothing but its result, and what it reads beside its arguments neither moves nor changes
        while it lives. A result is the caller's.

        still : of the first so many arguments, arrays that are large and stay where they are
        """
        ...

    def moments(self, rho: Array, a_values: Array, a_weight: float) -> Array:
        """(3, 2d, n, .., n): sum over a of {1, a, a^2} rho, times the weight of a cell."""
        ...

    def column_audits(self, rho: Array, a_values: Array) -> Array:
        """(4, 2d, n, .., n): of every column of a, by `reference.audits`, which says more:

        smallest value, sum of rho log rho, sum of |a| rho, and how many entries are not finite
        """
        ...

    def narrow_columns(self, rho: Array, share: float, *, along_a: bool) -> Array:
        """(2d, n, .., n): sum over a of the cells that stand out from both neighbours on a line,

        low + high < 2 share centre: along an axis of their panel, or along a too.
        """
        ...

    def pair_forward(
        self, remainder: Remainder, points: Array, data: Array, weights: Array
    ) -> Array:
        """(rows,): sum_j weights_j remainder(points_j . data_k), points (m, d), data (rows, d)."""
        ...

    def pair_backward(
        self, remainder: Remainder, points: Array, data: Array, residual: Array
    ) -> tuple[Array, Array]:
        """Sums over the data at every point, (m,) and (m, d).

        sum_k residual_k remainder(points_j . data_k), and its gradient in points_j. In all sums a
        pair within `TIE` of the kink of "abs" or "sign", |p.x| <= TIE |p| |x|, counts as on it;
        where pairs are summed in float32, within `FLOAT_TIE`.
        """
        ...

    def remainder(self, remainder: Remainder, z: Array) -> Array:
        """remainder(z), elementwise."""
        ...

    def cholesky(self, s: Array) -> tuple[Array, Array]:
        """L (E, r, r), L L^T = s, and whether s is regular (E,); see `reference.roots`."""
        ...

    def lines_pay(self, dimension: int, points: int, rows: int) -> bool:
        """Whether so many points and rows are summed faster by `line_sums` than pair by pair."""
        ...

    def line_sums(self, remainder: Remainder, lines: Lines, data: Array, *, keep: bool) -> LineSums:
        """The same sums for "abs" and "sign" where the points lie on lines; ties are the same.

        In float32, forward sums of "abs" over thousands of neurons may move a kink along a line by
        2e-4 of a node's coordinate, and |z| errs by 2 |z| in between.

        keep : whether the rows come again, so that tables of them may be kept
        """
        ...

    def overlap_sums(self, overlap: Overlap) -> OverlapSums | None:
        """The sums of an overlap; None where this backend has none for it."""
        ...

    def combine(
        self,
        out: Array,
        arrays: Sequence[Array],
        weights: Sequence[float],
        scale: float | Array = 1.0,
        after: int = 0,
    ) -> None:
        """out = sum_i weights_i arrays_i, eight at most, from the first on; all of one shape.

        `out` may be one of the arrays. Weights from the `after`th on are times `scale`, a number or
        (1,): in what is `recorded` a length of a step is the latter, since numbers do not change.
        """
        ...

    def regrid(self, rho: Array, below: int, above: int) -> Array:
        """(2d, n, .., n, n_a + below + above): the density with so many more cells of a, empty, at
        the low and the high end; less than 0 is fewer. Of either type.
        """
        ...

    def totals(self, values: Array, weights: Array | None = None) -> Array:
        """(k,): sums of values (k, ..), float64, with weights (..) or 1; of all cells, or rows.

        In an order that the number of summands fixes: the same bits every time, on one backend.
        """
        ...

    def face_velocities(
        self, gradient: Array, edge_gradient: Array, face_weights: Sequence[Array]
    ) -> list[Array]:
        """Integrated normal component on every face of a vector field known at the cell centres.

        gradient (2d, n, .., n, d) ambient; edge_gradient slabs (.., d) on the panel-edge faces;
        face_weights one array an axis, (2d, n, .., n+1, .., n, d): ambient covector x face measure.
        """
        ...

    def outflow(self, faces: Sequence[Array], volume: Array) -> Array:
        """(2, 2d, n, .., n): share of a cell that leaves it in unit time, for a = +1 and a = -1."""
        ...

    def transport(
        self, out: Array, rho: Array, stage: Stage, velocity: Velocity, grid: Grid
    ) -> None:
        """One Runge-Kutta stage: out = weights[0] base + weights[1] (rho - dt div(velocity rho)).

        With heat the velocity is that along -grad(a h + ridge a^2/2 + tau log rho). `out` may be
        `base`, never `rho`.
        """
        ...

    def thermal_outflow(self, out: Array, rho: Array, velocity: Velocity, grid: Grid) -> float:
        """Largest share of a cell that leaves it in unit time; `out`, of rho's shape, is filled."""
        ...

    def thermal_dissipation(self, rho: Array, velocity: Velocity, grid: Grid) -> Array:
        """(2d, n, .., n): sum over a of rho |grad(a h + ridge a^2/2 + tau log rho)|^2."""
        ...

    def memory(self) -> int:
        """Bytes of memory that the device has, in all."""
        ...

    def held(self, shape: tuple[int, ...], scheme: Scheme, noise: bool) -> int:
        """Bytes that kernels keep or take, beside their arguments, for a density of that shape."""
        ...

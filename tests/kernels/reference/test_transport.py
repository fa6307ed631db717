"""Transport, against one written cell by cell, and the properties that hold exactly."""

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bnflow.kernels import Velocity
from bnflow.kernels.contract import Grid, Scheme, Stage
from bnflow.kernels.reference import transport as module
from bnflow.kernels.reference.faces import outflow
from bnflow.kernels.reference.transport import transport
from bnflow.pde.geometry.sphere import CubedSphere

Array = Any
LIST = np.array([-1.5, -0.2, 0.0, 0.7])
SCHEMES = ["upwind", "muscl", "weno"]


# -- the equation, one cell at a time ----------------------------------------------------------


def mc(below: float, above: float) -> float:
    if below * above <= 0:
        return 0.0
    size = min(abs(below + above) / 2, 2 * abs(below), 2 * abs(above))
    return size if above > 0 else -size


def weno(q: list[float], side: int) -> float:
    """The face value from parabolas with these cell averages, by solving for them."""
    states, roughness = [], []
    for first in range(3):
        edges = np.arange(first, first + 4) - 2.5  # of the three cells; the cell itself is around 0
        powers = np.arange(1.0, 4.0)
        matrix = (edges[1:, None] ** powers - edges[:-1, None] ** powers) / powers
        constant, slope, bend = np.linalg.solve(matrix, q[first : first + 3])
        states.append([constant + x * slope + x * x * bend for x in (-0.5, 0.5)])
        # sum over derivatives of their square, integrated over the cell
        roughness.append(slope**2 + bend**2 / 3 + 4 * bend**2)
    tau = abs(roughness[0] - roughness[2])
    doubt = [1 + (tau / (b + 1e-40)) ** 2 for b in roughness]
    faces = []
    for end, ideal in enumerate(([0.3, 0.6, 0.1], [0.1, 0.6, 0.3])):
        share = np.array(ideal) * doubt
        faces.append(float(share @ [state[end] for state in states] / share.sum()))
    middle = (6 * q[2] - sum(faces)) / 4
    theta = 1.0
    for value in (*faces, middle):
        if value < 0:
            theta = min(theta, q[2] / (q[2] - value))
    for value in faces:
        if value > 2 * q[2]:
            theta = min(theta, q[2] / (value - q[2]))
    return q[2] + theta * (faces[side] - q[2])


class Slow:
    """Spatial rate of change of every cell by loops over cells, faces and values of a."""

    def __init__(self, panels: Any, rho: Array, scheme: str) -> None:
        self.panels, self.rho, self.scheme = panels, rho, scheme

    def ghost(self, cell: tuple[int, ...], axis: int, side: int, a: int, depth: int) -> float:
        """A layer of the neighbour's, by Lagrange's formula on the four nearest cells."""
        panel, xi = self.panels.continued(cell, axis, side, depth)
        touching, fixed, end = self.panels.neighbour(cell, axis, side)
        layer = touching[1 + fixed] + depth * (1 - 2 * end)
        assert abs(xi[fixed] - self.panels.xi(layer)) < 1e-12
        stencils: list[dict[int, float]] = []
        for direction, x in enumerate(xi):
            if direction == fixed:
                stencils.append({layer: 1.0})
                continue
            nodes = sorted(range(self.panels.n), key=lambda i: abs(self.panels.xi(i) - x))[:4]
            stencils.append(
                {
                    i: float(
                        np.prod(
                            [
                                (x - self.panels.xi(j)) / (self.panels.h * (i - j))
                                for j in nodes
                                if j != i
                            ]
                        )
                    )
                    for i in nodes
                }
            )
        total = sum(
            np.prod([s[i] for s, i in zip(stencils, index, strict=True)])
            * self.rho[(panel, *index, a)]
            for index in product(*stencils)
        )
        return max(float(total), 0.0)

    def beside(self, cell: tuple[int, ...], axis: int, step: int, a: int) -> float:
        """The cell so many steps along the axis."""
        i, n, side = cell[1 + axis] + step, self.panels.n, int(step > 0)
        inside = (*cell[: 1 + axis], min(max(i, 0), n - 1), *cell[2 + axis :])
        if 0 <= i < n:
            return float(self.rho[(*inside, a)])
        return self.ghost(inside, axis, side, a, -1 - i if i < 0 else i - n)

    def state(self, cell: tuple[int, ...], axis: int, side: int, a: int) -> float:
        """Value of a cell at one of its faces."""
        q = float(self.rho[(*cell, a)])
        if self.scheme == "upwind":
            return q
        if self.scheme == "weno":
            return weno([self.beside(cell, axis, step, a) for step in range(-2, 3)], side)
        low, high = (self.beside(cell, axis, step, a) for step in (-1, 1))
        return q + (side - 0.5) * mc(q - low, high - q)

    def sphere_rate(self, faces: list[Array], volume: Array, a_values: Array) -> Array:
        rate = np.zeros(self.rho.shape)
        for cell, axis, side in product(self.panels.centres, range(len(faces)), range(2)):
            face = list(cell)
            face[1 + axis] += side
            outward = (2 * side - 1) * faces[axis][tuple(face)]
            other = self.panels.neighbour(cell, axis, side)
            for i, a in enumerate(a_values):
                place, along, end = (cell, axis, side) if a * outward > 0 else other
                flux = a * outward * self.state(place, along, end, i)
                rate[(*cell, i)] += flux / volume[cell]
        return rate

    def outer_rate(self, speed: Array, width: float) -> Array:
        rate = np.zeros(self.rho.shape)
        for cell in self.panels.centres:
            q = self.rho[cell]
            slope = np.zeros(len(q))
            if self.scheme != "upwind":
                for i in range(1, len(q) - 1):
                    if self.scheme == "muscl":
                        slope[i] = mc(q[i] - q[i - 1], q[i + 1] - q[i])
                    else:
                        near = [q[j] if 0 <= j < len(q) else 0.0 for j in range(i - 2, i + 3)]
                        rising = int(speed[cell] > 0)
                        slope[i] = 2 * (weno(near, rising) - q[i]) * (2 * rising - 1)
                up, down = slope[slope > 0].sum(), -slope[slope < 0].sum()
                slope[slope > 0] *= min(up, down) / up if up else 0
                slope[slope < 0] *= min(up, down) / down if down else 0
            for i in range(len(q) - 1):
                u = speed[cell]
                state = q[i] + slope[i] / 2 if u > 0 else q[i + 1] - slope[i + 1] / 2
                rate[(*cell, i)] += u * state / width
                rate[(*cell, i + 1)] -= u * state / width
        return rate


def stage(
    grid: CubedSphere, rho: Array, velocity: Velocity, dt: float, scheme: Scheme, a: Array,
    width: float | None = None, base: Array | None = None,
    weights: tuple[float, float] = (0.0, 1.0),
) -> Array:  # fmt: skip
    out = np.empty_like(rho)
    stage = Stage(scheme, dt, weights, base)
    transport(out, rho, stage, velocity, Grid(grid.volume, a, width, grid.connectivity))
    return out


def cells(count: int) -> tuple[Array, float]:
    """Centres of a cells that straddle zero unevenly, and their width."""
    return (np.arange(count) + 0.5) * 0.4 - 0.75, 0.4


@pytest.mark.parametrize(("d", "n", "n_a"), [(2, 4, 6), (2, 5, 1), (3, 4, 3), (3, 5, 2), (4, 4, 1)])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_one_stage_equals_the_loop_over_cells(
    d: int, n: int, n_a: int, scheme: Scheme,
    sphere: Callable[..., Any], panels: Callable[..., Any], swirl: Callable[..., Any],
) -> None:  # fmt: skip
    grid, random = sphere(d, n), np.random.default_rng(5)
    rho = random.random((*grid.shape, n_a)) ** 3
    base = random.random(rho.shape)
    faces, speed, (a, width) = swirl(grid, 6), random.standard_normal(grid.shape), cells(n_a)
    slow = Slow(panels(d, n), rho, scheme)
    around, along = slow.sphere_rate(faces, grid.volume, a), slow.outer_rate(speed, width)
    dt = 0.01
    for velocity, rate in (
        (Velocity(faces, speed), around + along),
        (Velocity(faces, None), around),
        (Velocity([], speed), along),
    ):
        got = stage(grid, rho, velocity, dt, scheme, a, width, base, (0.5, 0.5))
        expected = 0.5 * base + 0.5 * (rho - dt * rate)
        # a few dozen roundings of terms of size dt x rate, rate about 100 at most
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_list_of_values_is_carried_without_motion_along_a(
    scheme: Scheme,
    sphere: Callable[..., Any],
    panels: Callable[..., Any],
    swirl: Callable[..., Any],
) -> None:
    grid, random = sphere(3, 4), np.random.default_rng(7)
    rho, faces = random.random((*grid.shape, len(LIST))), swirl(grid, 8)
    rate = Slow(panels(3, 4), rho, scheme).sphere_rate(faces, grid.volume, LIST)
    got = stage(grid, rho, Velocity(faces, None), 0.02, scheme, LIST)
    np.testing.assert_allclose(got, rho - 0.02 * rate, rtol=0, atol=1e-14)
    assert (got[..., 2] == rho[..., 2]).all()  # a = 0 stays where it is


@pytest.mark.parametrize(("d", "n", "n_a"), [(2, 7, 5), (3, 6, 4), (4, 4, 3)])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_blocks_of_every_size_give_bitwise_the_same(
    d: int, n: int, n_a: int, scheme: Scheme,
    sphere: Callable[..., Any], swirl: Callable[..., Any], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    grid, random = sphere(d, n), np.random.default_rng(9)
    rho, base = random.random((2, *grid.shape, n_a))
    velocity = Velocity(swirl(grid, 10), random.standard_normal(grid.shape))
    a, width = cells(n_a)
    row = n_a * n ** (d - 2)
    results = []
    for size in (10**9, 1, *[rows * row for rows in range(1, n + 1)], 2 * n * row, 3 * n * row + 1):
        monkeypatch.setattr(module, "BLOCK_CELLS", size)
        results.append(stage(grid, rho, velocity, 0.01, scheme, a, width, base, (0.5, 0.5)))
    assert all((result == results[0]).all() for result in results)


def test_the_base_may_be_overwritten(sphere: Callable[..., Any], swirl: Callable[..., Any]) -> None:
    grid, random = sphere(3, 6), np.random.default_rng(11)
    rho, base = random.random((2, *grid.shape, 4))
    velocity, (a, width) = Velocity(swirl(grid, 12), None), cells(4)
    apart = stage(grid, rho, velocity, 0.01, "muscl", a, width, base, (0.5, 0.5))
    half = Stage("muscl", 0.01, (0.5, 0.5), base)
    transport(base, rho, half, velocity, Grid(grid.volume, a, width, grid.connectivity))
    assert (apart == base).all()


# -- what holds exactly --------------------------------------------------------------------------


def bound(grid: CubedSphere, velocity: Velocity, a: Array, width: float) -> float:
    """Largest share of a cell that leaves it in unit time."""
    plus, minus = outflow(velocity.faces, grid.volume)
    leaving = np.maximum(a.max() * plus, -a.min() * minus)
    return float(
        (leaving + (0 if velocity.outer is None else np.abs(velocity.outer) / width)).max()
    )


@pytest.mark.parametrize("d", [2, 3, 4])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_mass_is_kept_to_rounding(
    d: int, scheme: Scheme, sphere: Callable[..., Any], swirl: Callable[..., Any]
) -> None:
    grid, random = sphere(d, 6 if d < 4 else 4), np.random.default_rng(13)
    a, width = cells(5)
    rho = random.random((*grid.shape, 5)) ** 8
    velocity = Velocity(swirl(grid, 14), random.standard_normal(grid.shape))
    dt = 0.45 / bound(grid, velocity, a, width)
    weight = grid.volume[..., None]
    mass = (rho * weight).sum()
    for _ in range(10):
        rho = stage(grid, rho, velocity, dt, scheme, a, width)
    # ten steps, an error of eps in each of the six fluxes of every cell, added at random
    assert abs((rho * weight).sum() / mass - 1) < 10 * 6 * np.finfo(float).eps


rough = st.sampled_from([0.0, 5e-324, 1e-320, 1e-308, 1e-100, 1e-8, 1.0, 1e6])


@pytest.mark.parametrize("d", [2, 3])
@pytest.mark.parametrize(("scheme", "cfl"), [("upwind", 1.0), ("muscl", 0.5), ("weno", 0.5)])
@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), levels=st.lists(rough, min_size=1, max_size=5))
@example(seed=1, levels=[5e-324, 1e-323, 0.0])  # subnormal: rounding is half of the number
def test_rough_densities_stay_positive_up_to_the_largest_allowed_step(
    d: int, scheme: Scheme, cfl: float, seed: int, levels: list[float]
) -> None:
    grid, random = CubedSphere(d, 4), np.random.default_rng(seed)
    a, width = cells(4)
    rho = random.choice(levels, (*grid.shape, 4))
    field = random.standard_normal((d, d))
    faces = []
    for axis, weights in enumerate(grid.face_weights):
        lines = [grid.xi_centres] * grid.axes
        lines[axis] = grid.xi_faces
        faces.append(np.einsum("...d,...d->...", grid.points(lines) @ field, weights))
    velocity = Velocity(faces, random.standard_normal(grid.shape))
    dt = (1 - 1e-14) * cfl / bound(grid, velocity, a, width)  # the configuration allows no more
    for _ in range(3):
        rho = stage(grid, rho, velocity, dt, scheme, a, width)
        assert rho.min() >= 0.0


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("d", [2, 3])
def test_a_constant_stays_where_the_flow_has_no_divergence(
    d: int, scheme: Scheme, sphere: Callable[..., Any]
) -> None:
    """Circle: constant speed. S^2: fluxes as differences of a stream function at the corners."""
    grid = sphere(d, 6)
    if d == 2:
        turn = np.array([[0.0, 1.0], [-1.0, 0.0]])
        v = grid.points([grid.xi_faces])
        faces = [np.einsum("...d,...d->...", v @ turn, grid.face_weights[0])]
    else:
        stream = np.sin(grid.points([grid.xi_faces] * 2) @ np.array([1.0, -2.0, 0.5]))
        sign = np.where(np.arange(6) % 2 == 1, 1, -1) * np.array([1, 1, -1, -1, 1, 1])
        stream = stream * sign[:, None, None]  # panel axes are right- or left-handed seen outside
        faces = [np.diff(stream, axis=2), -np.diff(stream, axis=1)]
    rho = np.full((*grid.shape, 3), 0.7)
    got = stage(grid, rho, Velocity(faces, None), 0.05, scheme, np.array([-1.0, 0.5, 2.0]))
    np.testing.assert_allclose(got, 0.7, rtol=0, atol=1e-14)  # eps x dt x flux / volume


@pytest.mark.parametrize("scheme", ["upwind", "muscl"])
def test_motion_along_a_does_not_increase_the_variation_and_keeps_the_mean_speed(
    scheme: Scheme, sphere: Callable[..., Any]
) -> None:
    """TVD at CFL 1/2, and d/dt E[a] = speed exactly while no mass is at the walls."""
    grid, random = sphere(2, 4), np.random.default_rng(15)
    width, speed = 0.1, random.choice([-1.0, 0.6, 1.0], grid.shape)
    rho = np.zeros((*grid.shape, 40))
    rho[..., 15:25] = random.random((*grid.shape, 10))
    a = (np.arange(40) + 0.5) * width - 2
    before = rho
    for _ in range(8):
        after = stage(grid, before, Velocity([], speed), 0.05, scheme, a, width)
        variation = [np.abs(np.diff(q, axis=-1)).sum(-1) for q in (before, after)]
        assert (variation[1] <= variation[0] * (1 + 1e-14)).all()
        drift = (after - before) @ a / before.sum(-1)
        np.testing.assert_allclose(drift, 0.05 * speed, rtol=0, atol=1e-14)
        before = after


def test_no_mass_leaves_through_the_walls_of_a(sphere: Callable[..., Any]) -> None:
    grid = sphere(2, 4)
    rho = np.ones((*grid.shape, 4))
    for speed in (1.0, -1.0):
        outer = np.full(grid.shape, speed)
        got = stage(grid, rho, Velocity([], outer), 0.05, "upwind", LIST, 0.5)
        column = [0.9, 1.0, 1.0, 1.1] if speed > 0 else [1.1, 1.0, 1.0, 0.9]
        np.testing.assert_allclose(got, np.broadcast_to(column, got.shape), rtol=1e-15)

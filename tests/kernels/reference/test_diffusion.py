"""Transport at a temperature: its speeds against one cell at a time, and what holds exactly."""

from itertools import product
from typing import Any

import numpy as np
import pytest

from bnflow.kernels import Velocity
from bnflow.kernels.contract import Grid, Heat, Scheme, Stage
from bnflow.kernels.reference import diffusion as module
from bnflow.kernels.reference.diffusion import (
    thermal_dissipation,
    thermal_outflow,
    thermal_transport,
)
from bnflow.pde.density.stencil import stencil
from bnflow.pde.geometry.sphere import CubedSphere

Array = Any
A = np.linspace(-1.3, 1.7, 6)
WIDTH = float(A[1] - A[0])
TAU, RIDGE = 0.2, 0.4


class Made:
    """A random field, noise and both kinds of motion, on a small grid."""

    def __init__(self, d: int, cells: int, *, inner: bool = True, outer: bool = True) -> None:
        self.sphere = CubedSphere(d, cells)
        self.stencil = stencil(self.sphere, self.sphere.face_weights, lambda vector, _: vector)
        self.random = np.random.default_rng(d)
        centres = self.sphere.centres
        self.h = centres @ self.random.normal(size=d) + 0.3 * centres[..., 0] ** 2
        faces = [np.zeros(w.shape[:-1]) for w in self.sphere.face_weights] if inner else []
        heat = Heat(TAU, self.h, self.stencil)
        self.velocity = Velocity(faces, -self.h if outer else None, RIDGE, 1.0, heat)
        self.width = WIDTH if outer else None
        self.grid = Grid(self.sphere.volume, A, self.width, self.sphere.connectivity)

    def rough(self) -> Array:
        """Anything from vacuum to peaks."""
        rho = self.random.exponential(size=(*self.sphere.shape, len(A))) ** 4
        return np.where(self.random.random(rho.shape) < 0.3, 0.0, rho)

    def gibbs(self) -> Array:
        mu = self.h[..., None] * A + 0.5 * RIDGE * A**2
        if self.width is None:
            mu = self.h[..., None] * A
        return np.exp(-(mu - mu.min()) / TAU)

    def stage(self, rho: Array, dt: float, scheme: Scheme = "muscl") -> Array:
        out = np.empty_like(rho)
        thermal_transport(out, rho, Stage(scheme, dt), self.velocity, self.grid)
        return out

    def shares(self, rho: Array) -> tuple[float, Array]:
        out = np.empty_like(rho)
        return thermal_outflow(out, rho, self.velocity, self.grid), out

    def mass(self, rho: Array) -> float:
        return float((rho * self.sphere.volume[..., None]).sum())


PARTS = [{}, {"outer": False}, {"inner": False}]


# -- one cell at a time ------------------------------------------------------------------------


def slow_speed(panels: Any, x: dict[Any, float], cell: Any, axis: int, side: int) -> float:
    """Outward flux of -grad x through a face, from the definition."""
    d, h = panels.d, panels.h

    def gradient(at: Any) -> Array:
        v, rows, rise = panels.centres[at], [], []
        for j in range(d - 1):
            low, high = (panels.neighbour(at, j, s)[0] for s in range(2))
            step = panels.centres[high] - panels.centres[low]
            rows.append(step - (step @ v) * v)
            rise.append(x[high] - x[low])
        return np.linalg.lstsq(np.array(rows), np.array(rise), rcond=None)[0]

    other = panels.neighbour(cell, axis, side)[0]
    face = panels.face(cell, axis, side)
    k, sign = cell[0] // 2, 1.0 if cell[0] % 2 else -1.0
    j = [i for i in range(d) if i != k][axis]
    covector = np.zeros(d)
    covector[j], covector[k] = sign * face[k], -sign * face[j]
    covector *= (1.0 if side else -1.0) / (face[j] ** 2 + face[k] ** 2)
    measure = abs(face[k]) ** d * h ** (d - 2)
    for i in range(d):
        if i != k:
            measure *= (face[i] ** 2 + face[k] ** 2) / face[k] ** 2
    mean = 0.5 * (gradient(cell) + gradient(other))
    step = panels.centres[other] - panels.centres[cell]
    normal = covector @ covector / h * (x[other] - x[cell] - mean @ step)
    return -measure * float(covector @ mean + normal)


@pytest.mark.parametrize(("d", "cells"), [(2, 5), (3, 4), (4, 4)])
def test_the_speeds_are_those_of_the_definition(d: int, cells: int, panels: Any) -> None:
    """At every face from either of its cells, so both sides of a panel edge see one number."""
    made, table = Made(d, cells), panels(d, cells)
    x = made.random.normal(size=made.sphere.shape)
    values = {cell: float(x[cell]) for cell in table.centres}
    fast = module._normal_speeds(x[..., None], made.sphere.connectivity, made.stencil)
    some = list(table.centres)
    made.random.shuffle(some)
    for cell, axis, side in product(some[:60], range(d - 1), range(2)):
        index = [*cell, 0]
        index[1 + axis] += side
        outward = (1 if side else -1) * fast[axis][tuple(index)]
        assert outward == pytest.approx(slow_speed(table, values, cell, axis, side), abs=1e-11)


# -- what holds exactly ------------------------------------------------------------------------


@pytest.mark.parametrize("parts", PARTS, ids=["both", "directions", "a"])
@pytest.mark.parametrize("scheme", ["upwind", "muscl", "weno"])
@pytest.mark.parametrize(("d", "cells"), [(2, 6), (3, 5)])
def test_mass_is_kept_and_no_cell_is_emptied_at_the_bound(
    d: int, cells: int, scheme: Scheme, parts: dict[str, bool]
) -> None:
    """dt = limit / largest share: minimum 0 from rough data with vacuum."""
    made = Made(d, cells, **parts)
    rho = made.rough()
    most, _ = made.shares(rho)
    after = made.stage(rho, (1.0 if scheme == "upwind" else 0.5) * (1 - 1e-8) / most, scheme)
    assert after.min() >= 0.0
    assert made.mass(after) == pytest.approx(made.mass(rho), rel=1e-13)
    assert abs(after - rho).max() > 1e-3 * rho.max()


@pytest.mark.parametrize("parts", PARTS, ids=["both", "directions", "a"])
@pytest.mark.parametrize("scheme", ["upwind", "muscl", "weno"])
def test_a_gibbs_state_is_not_moved(scheme: Scheme, parts: dict[str, bool]) -> None:
    made = Made(3, 5, **parts)
    pi = made.gibbs()
    dt = 0.1 * made.sphere.spacing**2 / TAU
    moved = abs(made.stage(pi, dt, scheme) - pi)
    assert moved.sum() <= 1e-14 * pi.sum()  # rounding of mu, over tau
    assert abs(made.stage(2 * pi**0.9, dt, scheme) - 2 * pi**0.9).sum() > 1e-4 * pi.sum()


@pytest.mark.parametrize("parts", PARTS, ids=["both", "directions", "a"])
def test_shares_are_what_leaves_a_lonely_cell(parts: dict[str, bool]) -> None:
    """Vacuum around: nothing comes back in a first-order stage."""
    made = Made(3, 5, **parts)
    for cell in [(0, 0, 0, 2), (1, 2, 4, 0), (5, 1, 3, 5)]:
        rho = np.zeros((*made.sphere.shape, len(A)))
        rho[cell] = 2.0
        dt = 1e-3
        _, shares = made.shares(rho)
        after = made.stage(rho, dt, "upwind")
        assert after[cell] == pytest.approx(2.0 * (1 - dt * shares[cell]), rel=1e-12)


def test_the_bound_is_that_of_the_field_and_twice_the_noise() -> None:
    """Next to vacuum every speed stands at its bound, so no logarithm of nothing gets through."""
    made = Made(3, 5, outer=False)
    rho = np.zeros((*made.sphere.shape, len(A)))
    cell = (1, 2, 2)
    rho[cell] = 1.0
    _, shares = made.shares(rho)
    for i, a in enumerate(A):
        drift = module._drift(made.velocity, made.grid)
        total = 0.0
        for axis, (unit, compact) in enumerate(zip(drift, made.stencil.compact, strict=True)):
            for side in range(2):
                face = list(cell)
                face[1 + axis] += side
                total += abs(a * unit[(*face, 0)]) + 2 * TAU * compact[tuple(face)]
        assert shares[(*cell, i)] == pytest.approx(total / made.sphere.volume[cell], rel=1e-12)


def test_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Made(3, 5)
    rho = made.rough()
    whole = made.stage(rho, 1e-3), made.shares(rho)[1]
    monkeypatch.setattr(module, "BLOCK_CELLS", 7)
    np.testing.assert_allclose(made.stage(rho, 1e-3), whole[0], rtol=1e-13)
    np.testing.assert_allclose(made.shares(rho)[1], whole[1], rtol=1e-13)


@pytest.mark.parametrize("d", [2, 3])
@pytest.mark.parametrize("parts", PARTS, ids=["both", "directions", "a"])
def test_dissipation_is_the_rate_at_which_the_free_energy_falls(
    d: int, parts: dict[str, bool]
) -> None:
    """Of a fixed field; central differences on a smooth density, so within C h^2."""
    made = Made(d, 24 if d == 2 else 12, **parts)
    fine = np.linspace(-2.5, 2.5, 60)
    rho = np.exp(-2 * fine**2 + 0.5 * made.sphere.centres[..., :1] * fine)
    width = float(fine[1] - fine[0]) if made.width else None
    psi = made.h[..., None] * fine + (0.5 * RIDGE * fine**2 if made.width else 0.0)
    grid = Grid(made.sphere.volume, fine, width, made.sphere.connectivity)
    rate = (thermal_dissipation(rho, made.velocity, grid) * made.sphere.volume).sum()
    out, dt = np.empty_like(rho), 1e-6
    thermal_transport(out, rho, Stage("muscl", dt), made.velocity, grid)
    energies = [
        (made.sphere.volume[..., None] * q * (psi + TAU * np.log(q))).sum() for q in (rho, out)
    ]
    assert (energies[0] - energies[1]) / dt == pytest.approx(rate, rel=2e-2)

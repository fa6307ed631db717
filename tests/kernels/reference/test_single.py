"""Densities of 32 bits: the type stays, and a stage is the one of 64 bits to a few units.

Both get the same numbers, which 32 bits can hold. A stage adds 2d + 2 fluxes of states that are
combinations of five cells: some ten operations on numbers below twice the largest cell.
"""

from typing import Any

import numpy as np
import pytest

from bnflow.kernels import Velocity, select
from bnflow.kernels.contract import Grid, Heat, Scheme, Stage
from bnflow.kernels.reference.weno import weno_states
from bnflow.pde.density.stencil import stencil
from bnflow.pde.geometry import BatchNormMetric, Chart, CubedSphere

Array = Any
KERNELS = select("numpy", "float32")
UNIT = 2.0**-24
OPERATIONS = 20


def rough(sphere: CubedSphere, count: int) -> Array:
    """A density with jumps and empty cells."""
    rng = np.random.default_rng(sphere.dimension)
    rho = rng.random((*sphere.shape, count)) ** 3
    rho[rng.random(rho.shape) < 0.2] = 0.0
    return rho.astype(np.float32)


@pytest.mark.parametrize("scheme", ["upwind", "muscl", "weno"])
@pytest.mark.parametrize(("d", "n"), [(2, 9), (3, 5)])
def test_a_stage_is_that_of_64_bits(scheme: Scheme, d: int, n: int) -> None:
    sphere, rng = CubedSphere(d, n), np.random.default_rng(d)
    rho, a = rough(sphere, 8), np.linspace(-1.25, 1.25, 8)
    faces = [0.1 * rng.normal(size=w.shape[:-1]) for w in sphere.face_weights]
    grid = Grid(sphere.volume, a, float(a[1] - a[0]), sphere.connectivity)
    for ridge in (0.0, 0.3):
        velocity = Velocity(faces, rng.normal(size=sphere.shape), ridge)
        single, double = np.empty_like(rho), np.empty(rho.shape)
        for out, cells in ((single, rho), (double, rho.astype(float))):
            stage = Stage(scheme, 0.05, (0.5, 0.5), cells)
            KERNELS.transport(out, cells, stage, velocity, grid)
        assert np.abs(single - double).max() <= OPERATIONS * UNIT * np.abs(double).max()


@pytest.mark.parametrize("scheme", ["muscl", "weno"])
def test_so_is_a_stage_with_noise_and_what_leaves_a_cell(scheme: Scheme) -> None:
    """Logarithms are of 64 bits: their differences would lose what 32 have."""
    sphere = CubedSphere(3, 4)
    chart, rng = Chart(BatchNormMetric(np.diag([1.0, 2.0, 3.0]), 1.3)), np.random.default_rng(0)
    gradient = stencil(sphere, chart.face_weights(sphere), chart.raised)
    a, h = np.linspace(-1.25, 1.25, 8), rng.normal(size=sphere.shape)
    rho = (0.01 + rng.random((*sphere.shape, 8))).astype(np.float32)
    faces = [w[..., 0] for w in sphere.face_weights]
    velocity = Velocity(faces, -h, 0.3, 1.5, Heat(0.07, h, gradient))
    grid = Grid(chart.volume(sphere), a, float(a[1] - a[0]), sphere.connectivity)
    found = []
    for cells in (rho, rho.astype(float)):
        out, leaving = np.empty_like(cells), np.empty_like(cells)
        KERNELS.transport(out, cells, Stage(scheme, 0.002, (0.5, 0.5), cells), velocity, grid)
        most = KERNELS.thermal_outflow(leaving, cells, velocity, grid)
        loss = KERNELS.thermal_dissipation(cells, velocity, grid)
        found.append((out, leaving, most, loss))
    for single, double in zip(*found, strict=True):
        off = np.abs(single - double).max()
        assert off <= OPERATIONS * UNIT * np.abs(double).max()


def test_a_deep_gibbs_state_stays_but_for_the_rounding_of_its_cells() -> None:
    """40 temperatures deep. A cell is off by a unit at most, and so its logarithm: between two
    neighbours that is a speed of 2 units x tau/width, out of two faces. The logarithm itself, 40
    in size, would be off by as many units in 32 bits.
    """
    sphere, a, tau = CubedSphere(2, 5), np.linspace(-2.0, 2.0, 64), 0.05
    h, width = np.ones(sphere.shape), float(a[1] - a[0])
    rho = np.exp(-(h[..., None] * a + 2) / tau + 20).astype(np.float32)
    chart = Chart(BatchNormMetric(np.eye(2), 1.0))
    gradient = stencil(sphere, chart.face_weights(sphere), chart.raised)
    still = Velocity([], -h, heat=Heat(tau, h, gradient))
    out, grid = np.empty_like(rho), Grid(sphere.volume, a, width, sphere.connectivity)
    share = KERNELS.thermal_outflow(out, rho, still, grid)
    assert 0 < share <= 2 * 2.1 * UNIT * tau / width**2


def test_sums_over_a_are_of_64_bits() -> None:
    sphere = CubedSphere(2, 6)
    rho, a = rough(sphere, 1000), np.linspace(-3, 3, 1000)
    single, double = (KERNELS.moments(x, a, 0.1) for x in (rho, rho.astype(float)))
    assert single.dtype == np.float64
    assert np.abs(single - double).max() <= 1e-13 * np.abs(double).max()


def test_far_tails_end_where_32_bits_lose_their_precision() -> None:
    sphere = CubedSphere(2, 5)
    rho = np.full((*sphere.shape, 4), 1e-30, np.float32)
    out = np.empty_like(rho)
    still = Velocity([], np.zeros(sphere.shape))
    grid = Grid(sphere.volume, np.arange(4.0), 1.0, sphere.connectivity)
    KERNELS.transport(out, 0.9 * rho, Stage("muscl", 1.0), still, grid)
    assert not out.any()
    KERNELS.transport(out, 2 * rho, Stage("muscl", 1.0), still, grid)
    assert (out > 0).all()


def test_weno_weights_of_32_bits_are_numbers_beside_the_steepest_jump() -> None:
    """The ratio of roughnesses is squared: without a bound it overflows, and 0 x inf is no number.

    For 64 bits the same jump is far from that, and the states are the same.
    """
    line = np.array([0, 0, 0, 0, 3e4, 3e4, 0, 0, 1, 1, 1, 1e-6], np.float32)
    for single, double in zip(
        weno_states(line, 0), weno_states(line.astype(float), 0), strict=True
    ):
        assert np.isfinite(single).all()
        np.testing.assert_allclose(single, double, rtol=1e-5, atol=1e-5 * 3e4)

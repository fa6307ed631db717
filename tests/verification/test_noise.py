"""Drift and diffusion under a fixed potential: heat, equilibrium, vacuum, every Peclet number.

    rho_t = div(rho grad(a h + tau log rho)),   a = 1, h given

References, each in its own basis and none of the solver's: harmonics decay at l(l+d-2) tau/r^2; a
linear potential is solved by matrix exponentials (`pde.exact`). Steps as in a run, short or long.
"""

from dataclasses import replace

import numpy as np
import pytest

from bnflow.pde.exact import DriftDiffusion
from bnflow.pde.verification import NoisyFlow
from bnflow.pde.verification.noise import decay_error
from bnflow.pde.verification.noisy import bent, flat, linear

STEPS = pytest.mark.parametrize("stabilise", [False, True], ids=["explicit", "stabilised"])

# --- heat -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("d", "cells", "degree", "bound"),
    [
        # numerics check 8, over l(l+d-2)
        (2, 32, 1, 3e-4),
        (2, 32, 2, 1e-3),
        (2, 32, 4, 5e-3),
        (3, 16, 1, 1.2e-3),
        (3, 16, 2, 4e-3),
        (3, 16, 4, 1.4e-2),
        (4, 12, 1, 1.3e-3),
        (4, 12, 2, 5e-3),
    ],
)
def test_heat_decays_at_the_laplacians_rate_to_second_order(
    d: int, cells: int, degree: int, bound: float
) -> None:
    """On a sphere of radius 1.3."""
    fine, coarse = (decay_error(d, n, degree, radius=1.3) for n in (cells, cells // 2))
    assert fine <= bound
    assert np.log2(coarse / fine) >= 1.9


@pytest.mark.parametrize(("d", "cells", "bound"), [(2, 32, 1e-3), (3, 16, 4e-3)])
def test_long_steps_decay_at_that_rate_too(d: int, cells: int, bound: float) -> None:
    """The most stages: the error in time is of fourth order in h, a fifth of the whole here."""
    errors = [decay_error(d, n, 2, stabilise=True) for n in (cells // 2, cells)]
    assert errors[1] <= bound
    assert np.log2(errors[0] / errors[1]) >= 1.9


def test_differences_across_faces_alone_are_noticed() -> None:
    """Without the cross-metric term the rate on S^2 does not converge."""
    made = NoisyFlow(3, 16, flat(3), 1.0)
    heat = made.velocity.heat
    assert heat is not None
    without = replace(heat.stencil, cross=[np.zeros_like(c) for c in heat.stencil.cross])
    made.velocity = replace(made.velocity, heat=replace(heat, stencil=without))
    assert decay_error(3, 16, 1, made=made) > 8e-3


# --- structure ------------------------------------------------------------------------------------


@STEPS
@pytest.mark.parametrize(
    ("d", "cells", "tau"),
    [(2, 32, 0.3), (2, 32, 0.03), (2, 32, 0.0085), (3, 12, 0.3), (3, 12, 0.0085), (4, 6, 0.03)],
)
def test_the_gibbs_state_is_kept(d: int, cells: int, tau: float, stabilise: bool) -> None:
    """||rho - pi||_1 <= 1e-14 after a hundred steps, down to 290 temperatures of potential."""
    made = NoisyFlow(d, cells, bent(d), tau, stabilise=stabilise)
    assert np.ptp(made.h) < 300 * tau
    pi, count = made.gibbs(), 0

    def count_up(_: np.ndarray) -> None:
        nonlocal count
        count += 1

    end = made.evolve(pi, 100 * made.longest, count_up)
    assert count >= 100
    assert (abs(end - pi) * made.volume).sum() <= 1e-14


@STEPS
@pytest.mark.parametrize(
    ("d", "cells", "tau"), [(2, 32, 0.3), (2, 32, 0.003), (3, 8, 0.03), (4, 5, 0.03)]
)
def test_from_a_single_cell_positive_and_downhill(
    d: int, cells: int, tau: float, stabilise: bool
) -> None:
    """Vacuum everywhere else: minimum 0, mass kept, and a free energy that never rises."""
    made = NoisyFlow(d, cells, bent(d), tau, stabilise=stabilise)
    start = made.single_cell()
    energies, least = [made.energy(start)], [0.0]

    def watch(now: np.ndarray) -> None:
        energies.append(made.energy(now))
        least.append(now.min())

    end = made.evolve(start, 60 * made.longest, watch)
    assert min(least) >= 0.0
    assert (end * made.volume).sum() == pytest.approx(1, abs=1e-13)
    assert np.diff(energies).max() <= 1e-14
    assert len(energies) >= 60


@STEPS
@pytest.mark.parametrize(("d", "cells"), [(2, 16), (3, 8), (4, 5)])
def test_the_alternating_mode_decays_at_the_longest_step(
    d: int, cells: int, stabilise: bool
) -> None:
    """Signs alternate from cell to cell: of all modes, the one that explicit stages lose first."""
    made = NoisyFlow(d, cells, flat(d), 1.0, stabilise=stabilise)
    signs = (-1.0) ** np.indices(made.sphere.shape)[1:].sum(axis=0)
    rho = made.evolve(1 + 1e-3 * signs, 40 * made.longest)
    assert abs(rho - 1).max() < 5e-4


# --- the Peclet range -----------------------------------------------------------------------------


def errors(d: int, sizes: tuple[int, int], tau: float, time: float) -> list[float]:
    truth = DriftDiffusion(d, tau, time)
    found = []
    for cells in sizes:
        made = NoisyFlow(d, cells, linear(d), tau)
        found.append(made.l1(made.evolve(np.ones(made.sphere.shape), time), truth.density))
    return found


@pytest.mark.parametrize("tau", [0.2, 0.02, 0.002])
def test_orders_over_the_peclet_range_on_the_circle(tau: float) -> None:
    """Measured order 1.6-1.9 at cell Peclet 0.2 to 25; numerics section 5, bounds x 1.3."""
    coarse, fine = errors(2, (16, 32), tau, 1.0)
    assert fine <= 1.3e-4
    assert np.log2(coarse / fine) >= 1.6


@pytest.mark.parametrize(
    ("tau", "bound", "order"), [(0.2, 4e-4, 1.7), (0.02, 8e-4, 1.7), (0.002, 8e-4, 1.5)]
)
def test_orders_over_the_peclet_range_on_the_sphere(tau: float, bound: float, order: float) -> None:
    """A bound on the speed that forgets the drift leaves 4e-2 at 0.02 (check 9); at 0.002 the
    order is that of transport alone on such grids."""
    coarse, fine = errors(3, (8, 16), tau, 0.7)
    assert fine <= bound
    assert np.log2(coarse / fine) >= order

"""A bump turned once around, through panel faces, edges and corners, comes back.

The rotation plane is span{e_1, (0, 1, .., 1)}; for d = 3 the path crosses faces and panel edges.
Bounds are the measured table of the discretization, x 1.2 (muscl) and x 1.3 to 2 (weno).
"""

import numpy as np
import pytest

from bnflow.pde.geometry import CubedSphere

SHARPNESS = {2: 20.0, 3: 20.0, 4: 10.0}


def turned(exact, d: int, cells: int, scheme: str = "muscl") -> tuple[float, float, float]:
    """Relative L1 error, relative mass drift and minimum after one revolution."""
    sphere = CubedSphere(d, cells)
    along, across = np.eye(d)[0], np.array([0.0] + [1.0] * (d - 1)) / np.sqrt(d - 1)
    generator = np.outer(across, along) - np.outer(along, across)
    bump = exact.cell_average(sphere, lambda v: np.exp(SHARPNESS[d] * (v[..., 0] - 1)))
    end = exact.evolve(sphere, bump, lambda v: v @ generator.T, 2 * np.pi, scheme=scheme)
    mass = sphere.volume
    error = (abs(end - bump) * mass).sum() / (bump * mass).sum()
    return error, abs((end * mass).sum() / (bump * mass).sum() - 1), end.min()


@pytest.mark.parametrize(
    ("scheme", "d", "cells", "order"),
    [
        ("muscl", 2, (128, 256), 1.6),
        ("muscl", 3, (32, 64), 1.7),
        ("weno", 2, (32, 64), 3.0),
        ("weno", 3, (16, 32), 2.5),
    ],
)
def test_order(exact, scheme: str, d: int, cells: tuple[int, int], order: float) -> None:
    coarse, fine = (turned(exact, d, n, scheme)[0] for n in cells)
    assert np.log2(coarse / fine) >= order


@pytest.mark.parametrize(
    ("scheme", "d", "cells", "bound"),
    [
        ("muscl", 2, 64, 0.064),
        ("muscl", 2, 128, 0.020),
        ("muscl", 3, 32, 0.13),
        ("muscl", 3, 64, 0.036),
        ("muscl", 4, 16, 0.16),
        # numerics check 4
        ("weno", 2, 64, 7e-4),
        ("weno", 3, 32, 6e-3),
        pytest.param("weno", 3, 64, 1.4e-3, marks=pytest.mark.slow),
        pytest.param("weno", 4, 16, 9e-3, marks=pytest.mark.slow),
    ],
)
def test_error_mass_and_positivity(exact, scheme: str, d: int, cells: int, bound: float) -> None:
    error, drift, minimum = turned(exact, d, cells, scheme)
    assert error <= bound
    assert drift <= 1e-13  # 500-1200 steps, each exact to rounding
    assert minimum >= 0.0


def test_a_flipped_metric_factor_is_noticed(exact, monkeypatch) -> None:
    """The covector's second component with the wrong sign: the flow is no rotation any more."""
    right = CubedSphere.covector

    def flipped(self, v, axis):
        covector = right(self, v, axis)
        for panel in range(2 * self.dimension):
            covector[panel][..., panel // 2] *= -1
        return covector

    monkeypatch.setattr(CubedSphere, "covector", flipped)
    assert turned(exact, 3, 16)[0] > 2 * 0.29  # 0.29 is the right scheme's error at 16 cells

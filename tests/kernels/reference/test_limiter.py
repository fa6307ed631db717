"""MC slopes case by case; balanced slopes add up to zero and stay limited."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bnflow.kernels.reference.limiter import balanced_half_slopes, mc_half_slope

rough = st.sampled_from([0.0, 5e-324, 1e-310, 1e-8, 1.0, 3.0, 1e9]) | st.floats(0, 1e6)
columns = st.integers(1, 12).flatmap(lambda n: arrays(float, (3, n), elements=rough))


@pytest.mark.parametrize(
    ("below", "above", "slope"),
    [
        (1.0, 1.0, 1.0),
        (1.0, 2.0, 1.5),  # the central difference, where neither bound binds
        (1.0, 4.0, 2.0),  # twice the smaller one-sided difference
        (4.0, 1.0, 2.0),
        (-1.0, -2.0, -1.5),
        (-1.0, -4.0, -2.0),
        (1.0, -1.0, 0.0),  # an extremum
        (-3.0, 2.0, 0.0),
        (0.0, 5.0, 0.0),
        (0.0, -5.0, 0.0),
    ],
)
def test_mc_half_slope(below: float, above: float, slope: float) -> None:
    assert mc_half_slope(np.array([below]), np.array([above]))[0] == slope / 2


@given(columns)
def test_balanced_slopes_sum_to_zero_and_keep_faces_between_0_and_2q(rho: np.ndarray) -> None:
    half = balanced_half_slopes(rho)
    rounding = 4 * np.finfo(float).eps * rho.shape[1] * rho.sum(axis=-1)
    assert (np.abs(half.sum(axis=-1)) <= rounding).all()
    for face in (rho + half, rho - half):
        assert (face >= 0).all()
        assert (face <= 2 * rho).all()


def test_balance_scales_the_larger_sum_down_and_leaves_the_smaller() -> None:
    rho = np.array([[0.0, 1.0, 2.0, 3.0, 4.0, 3.9, 3.8]])  # up: 1 + 1 + 1, down: 0.1 at the end
    slope = 2 * balanced_half_slopes(rho)[0]
    np.testing.assert_allclose(slope[5], -0.1, rtol=1e-14)
    np.testing.assert_allclose(slope[1:4], 0.1 / 3, rtol=1e-13)  # 3.9 - 4 cancels a digit
    assert slope[[0, 4, 6]].tolist() == [0.0, 0.0, 0.0]  # walls and the maximum


def test_a_monotone_column_has_no_slopes_at_all() -> None:
    assert (balanced_half_slopes(np.array([[0.0, 1.0, 3.0, 9.0]])) == 0).all()


def test_a_smooth_column_keeps_its_central_slopes() -> None:
    """Up and down balance by themselves where the column starts and ends in nothing."""
    a = np.linspace(-7, 7, 57)
    rho = np.exp(-(a**2) / 2)
    central = 0.5 * (rho[2:] - rho[:-2])
    inner = slice(20, 27)  # away from the maximum and the far tails
    slope = 2 * balanced_half_slopes(rho[None])[0]
    np.testing.assert_allclose(slope[1:-1][inner], central[inner], rtol=1e-9)

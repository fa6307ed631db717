"""Orders, estimates and bars of sequences whose limit is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnflow.pde.richardson import extrapolate, order_of_largest, orders

H = 0.5 ** np.arange(4)


def series(order: float, limit: float = 3.0, factor: float = 0.2) -> np.ndarray:
    return limit + factor * H**order


@given(st.floats(0.6, 2.4), st.floats(-5, 5), st.sampled_from([-0.3, 0.2]))
def test_a_pure_power_has_its_order_and_a_bar_that_covers(
    order: float, limit: float, factor: float
) -> None:
    values = series(order, limit, factor)
    found = extrapolate(values[:, None])
    np.testing.assert_allclose(orders(values), order, atol=1e-6)
    assert found.order[0] == pytest.approx(order, abs=1e-6)
    assert abs(values[-1] - limit) <= found.bar[0]
    if order <= 2:
        assert found.estimate[0] == pytest.approx(limit, abs=1e-9)
        assert found.bar[0] == pytest.approx(1.25 * abs(values[-1] - limit), rel=1e-5)


def test_an_order_above_the_scheme_is_not_believed() -> None:
    """p = 4: the correction is that of order 2, (1 - 1/16)/3 of the last step, and x 3."""
    values = series(4.0)
    found = extrapolate(values[:, None])
    step = values[-1] - values[-2]
    assert found.estimate[0] == pytest.approx(values[-1] + step / 3)
    assert found.bar[0] == pytest.approx(3 * abs(step) / 3)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1.0, 2.0, 1.5], "oscillating"),
        ([1.0, 1.0, 1.5], "oscillating"),
        ([1.0, 1.1, 1.3], "slow"),
        ([1.0, 1.1, 1.18], "slow"),
        ([1.0, 1.0 + 1e-15, 1.0], "rounding"),
        ([0.0, 0.0, 0.0], "rounding"),
        ([1.0, np.nan, 1.0], "undefined"),
        ([1.0, 1.4, 1.5], "monotone"),
    ],
)
def test_where_there_is_no_order_there_is_no_estimate(values: list[float], kind: str) -> None:
    found = extrapolate(np.array(values)[:, None])
    assert found.kind[0] == kind
    assert np.isfinite(found.estimate[0]) == (kind == "monotone")
    if kind in ("oscillating", "slow", "rounding"):
        assert found.bar[0] == pytest.approx(3 * np.ptp(values))


def test_times_are_judged_apart_and_shapes_kept() -> None:
    values = np.stack([series(1.0), series(2.0), series(1.5, factor=-0.2)], axis=1)
    np.testing.assert_allclose(extrapolate(values).order, [1.0, 2.0, 1.5])
    assert orders(values).shape == (2, 3)


def test_the_largest_change_is_not_spoiled_by_a_crossing() -> None:
    """One time at which two levels agree by accident has no order; the largest change has."""
    values = np.stack([series(2.0), series(2.0) - 0.2 * H**2, series(2.0)], axis=1)
    values[:, 1] = [3.01, 3.0, 3.0, 3.004]
    np.testing.assert_allclose(order_of_largest(values), 2.0)
    assert np.isnan(order_of_largest(np.ones((3, 4)))).all()

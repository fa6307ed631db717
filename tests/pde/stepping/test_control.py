"""Step control: stable, accurate, and never a tiny step before a save."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnflow.kernels import select
from bnflow.pde.stepping.control import FLOOR, StepControl, miss, norm, spread

CONTROL = StepControl(cfl=0.45, tolerance=1e-3)
KERNELS = select("numpy")
lengths = st.floats(1e-6, 10)


def test_a_stable_step_empties_no_cell_by_more_than_cfl() -> None:
    dt = CONTROL.stable(8.0)
    assert dt * 8.0 < 0.45  # strictly: rounding at the bound would cost the sign
    assert dt == pytest.approx(0.45 / 8, rel=1e-7)
    assert CONTROL.stable(0.0) == float("inf")


@pytest.mark.parametrize(
    ("miss", "factor"),
    [
        (1e-3 * 0.9**2, 1.0),  # 0.9 sqrt(tolerance / miss)
        (4e-3, 0.45),
        (1e-3, 0.9),
        (1e-3 / 4, 1.8),
        (1e-9, 2.0),  # at most twice
        (0.0, 2.0),
        (1.0, 0.2),  # and not below a fifth
    ],
)
def test_an_accurate_step_follows_the_square_root_of_the_miss(miss: float, factor: float) -> None:
    assert CONTROL.accurate(0.3, miss) == pytest.approx(0.3 * factor)


@given(lengths, lengths)
def test_steps_to_a_save_time_end_on_it_and_the_last_is_not_tiny(
    dt: float, remaining: float
) -> None:
    taken: list[float] = []
    left, hit = remaining, False
    while not hit and len(taken) < 20:
        step, hit = spread(dt, left)
        assert 0 < step <= dt * (1 + 1e-11)
        taken.append(step)
        left -= step
    if hit:
        assert sum(taken) == pytest.approx(remaining, rel=1e-12)
        assert taken[-1] >= 0.5 * min(dt, remaining) * (1 - 1e-9)
        assert len(taken) <= np.ceil(remaining / dt) + 1


def test_a_step_that_reaches_the_time_takes_exactly_what_is_left() -> None:
    assert spread(1.0, 0.7) == (0.7, True)
    assert spread(0.7 * (1 - 1e-14), 0.7) == (0.7, True)  # not 1e-14 short of it
    assert spread(0.6, 1.0) == (0.5, False)
    assert spread(0.3, 1.0) == (0.3, False)


def test_norm_and_miss_are_over_the_sphere() -> None:
    volume, h = np.array([0.5, 2.0]), np.array([3.0, -1.0])
    assert norm(KERNELS, h, volume) == pytest.approx(np.sqrt(0.5 * 9 + 2))
    predicted = np.array([3.0, -1.1])
    expected = np.sqrt(2 * 0.01) / np.sqrt(6.5)
    assert miss(KERNELS, h, predicted, volume, 0.0) == pytest.approx(expected)
    assert miss(KERNELS, 0 * h, 0 * h, volume, 0.0) == 0.0


def test_a_field_that_has_vanished_is_measured_against_its_peak() -> None:
    volume, h, predicted = np.ones(1), np.array([1e-9]), np.array([3e-9])
    assert miss(KERNELS, h, predicted, volume, 1.0) == pytest.approx(2e-9 / FLOOR)

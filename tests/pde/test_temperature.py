"""A temperature in time: its values and its exact means."""

import numpy as np
import pytest
from scipy.integrate import quad

from bnflow.pde.temperature import Temperature

TABLE = Temperature.of([[1.0, 0.2], [2.0, 0.0], [5.0, 0.3]])


def test_a_number_is_the_temperature_of_all_times() -> None:
    made = Temperature.of(0.3)
    assert made.at(0.0) == made.at(7.0) == made.mean(1.0, 2.0) == made.lowest == 0.3
    assert Temperature.of(0.0).zero
    assert not made.zero


def test_between_the_times_it_is_linear_and_beyond_constant() -> None:
    assert [TABLE.at(t) for t in (0.0, 1.0, 1.5, 2.0, 3.5, 5.0, 9.0)] == pytest.approx(
        [0.2, 0.2, 0.1, 0.0, 0.15, 0.3, 0.3]
    )
    assert TABLE.lowest == 0.2
    assert TABLE.highest(1.5, 3.0) == pytest.approx(0.1)
    assert TABLE.highest(0.0, 9.0) == 0.3


@pytest.mark.parametrize(("start", "end"), [(0.0, 0.5), (0.5, 1.7), (1.2, 1.3), (0.0, 9.0)])
def test_the_mean_is_exact_across_the_kinks(start: float, end: float) -> None:
    total, _ = quad(TABLE.at, start, end, points=[1.0, 2.0, 5.0], epsabs=1e-13)
    assert TABLE.mean(start, end) == pytest.approx(total / (end - start), rel=1e-12)
    assert TABLE.mean(start, start) == np.interp(start, TABLE.times, TABLE.values)

"""Medians, slopes and their intervals: the truth lies inside as often as 95 % says."""

import numpy as np
import pytest

from bnflow.depth.outlier import CONFIDENCE
from bnflow.depth.studies.fits import exponential, log_median, mean, slope, within

TRIALS = 2000


def share(inside: np.ndarray) -> float:
    return float(np.mean(inside))


def test_the_interval_of_the_median_covers() -> None:
    """Nominally 95 %; the order statistics are discrete, and +- 4 standard errors are 0.02."""
    values = np.random.default_rng(0).lognormal(0.0, 1.0, (TRIALS, 100))
    middle, error = log_median(values)
    assert share(np.abs(middle) <= CONFIDENCE * error) == pytest.approx(0.95, abs=0.03)
    assert error.mean() == pytest.approx(np.sqrt(np.pi / 2) / 10, rel=0.1)  # asymptotic, normal


def test_the_interval_of_a_slope_covers() -> None:
    rng = np.random.default_rng(1)
    x, error = np.arange(5.0), np.array([0.1, 0.2, 0.1, 0.4, 0.1])
    found = [slope(x, 2.0 - 0.5 * x + error * rng.standard_normal(5), error) for _ in range(TRIALS)]
    inside = np.array([each.low <= -0.5 <= each.high for each in found])
    assert share(inside) == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / TRIALS))


def test_a_point_without_an_error_does_not_stand_for_all() -> None:
    """As medians have where all networks are lost: y = 0, 0, -1 has the slope -1/2."""
    assert slope([0, 1, 2], [0.0, 0.0, -1.0], [0.0, 0.0, 0.1]).value == pytest.approx(-0.5)


def test_the_interval_of_a_mean_covers() -> None:
    rng = np.random.default_rng(2)
    found = [mean(1.0 + rng.standard_normal(8)) for _ in range(TRIALS)]
    inside = np.array([each.low <= 1.0 <= each.high for each in found])
    assert share(inside) == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / TRIALS))


def test_errors_and_exponentials() -> None:
    found = within(2.0, 0.5)
    assert found.error == pytest.approx(0.5)
    assert found.half == pytest.approx(0.5 * CONFIDENCE)
    assert exponential(found).high == pytest.approx(np.exp(2.0 + 0.5 * CONFIDENCE))

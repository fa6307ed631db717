"""Medians, means, lines and their 95 % intervals, by normal theory; findings from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t as student

from ..outlier import CONFIDENCE
from .study import Finding

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A value and its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def half(self) -> float:
        """Half of the interval."""
        return 0.5 * (self.high - self.low)

    @property
    def error(self) -> float:
        """The standard error."""
        return self.half / CONFIDENCE


UNKNOWN = Estimate(np.nan, np.nan, np.nan)  # decides nothing


def within(value: float, error: float) -> Estimate:
    """From a standard error."""
    half = CONFIDENCE * error
    return Estimate(float(value), float(value - half), float(value + half))


def mean(values: ArrayLike) -> Estimate:
    """Of independent values, two at least; the interval is Student's.

    >>> mean([1.0, 1.0]).high
    1.0
    """
    x = np.asarray(values, float).ravel()
    half = float(student.ppf(0.975, x.size - 1) * x.std(ddof=1) / np.sqrt(x.size))
    return Estimate(float(x.mean()), float(x.mean() - half), float(x.mean() + half))


def exponential(estimate: Estimate) -> Estimate:
    """exp of value and interval."""
    return Estimate(*np.exp([estimate.value, estimate.low, estimate.high]).tolist())


def log_median(values: ArrayLike) -> tuple[Array, Array]:
    """(..): log of the median over the last axis, of positive values, and its standard error.

    The error is that of the ranks N/2 +- z sqrt(N)/2 between which the median lies with 95 %.
    """
    x = np.log(np.sort(np.asarray(values, float), axis=-1))
    count = x.shape[-1]
    reach = 0.5 * CONFIDENCE * np.sqrt(count)
    places = np.clip([count / 2 - reach, count / 2 + reach], 0, count) - 0.5
    low, high = np.clip(np.floor(places).astype(int), 0, count - 1)
    error = (x[..., min(high + 1, count - 1)] - x[..., low]) / (2.0 * CONFIDENCE)
    return np.asarray(np.median(x, axis=-1)), np.asarray(error)


def slope(x: ArrayLike, y: ArrayLike, error: ArrayLike) -> Estimate:
    """Of the line through (x, y), y with independent standard errors.

    All points count alike: weights would let those without an error to speak of stand for all.

    >>> slope([0, 1, 2], [1, 3, 5], [1, 1, 1]).value
    2.0
    """
    place, height = np.asarray(x, float), np.asarray(y, float)
    share = (place - place.mean()) / np.sum((place - place.mean()) ** 2)
    return within(share @ height, float(np.linalg.norm(share * np.asarray(error, float))))


def finding(
    quantity: str, found: Estimate, least: float = -np.inf, most: float = np.inf
) -> Finding:
    """An estimate beside what is allowed."""
    return Finding(quantity, found.value, found.low, found.high, least, most)

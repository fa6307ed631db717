"""What a sequence of grids says about the exact value: order, Richardson estimate, error bar.

Of the three finest of values f_1, .., f_K on spacings that halve,

    p = log2 |f_(K-2) - f_(K-1)| / |f_(K-1) - f_K|
    estimate = f_K + (f_K - f_(K-1))/(2^q - 1),   q = min(p, 2)
    bar = 1.25 |f_K - f_(K-1)|/(2^q - 1)

where the values go one way and p >= 1/2. The bar is on f_K; p above the scheme's order 2 is not
believed, and 1.25 is the safety factor for three grids; for p > 5/2, where errors of two kinds
cancel, it is 3. Elsewhere there is no estimate: the bar is three times the range of the three
values, and `kind` says why. Differences within rounding of the values say nothing on the order.
Source: Roache, J. Fluids Eng. 116 (1994) 405; Eca and Hoekstra, J. Comput. Phys. 262 (2014) 104.

values (levels, ..): coarsest first; the results have the shape (..).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

DESIGN = 2.0  # order of the scheme
SLOWEST, FASTEST = 0.5, 2.5  # an order below is none, one above is an accident
SAFETY, UNSURE = 1.25, 3.0
ROUNDING = 1e-12  # relative to the values
KINDS = ("monotone", "oscillating", "slow", "rounding", "undefined")


@dataclass(frozen=True)
class Extrapolation:
    """order : p, NaN where the values do not go one way; estimate : NaN where there is none
    bar : the finest value is within this of the exact one, as far as these grids can tell
    kind : of KINDS; "slow" goes one way with p < 1/2 or apart, "undefined" has a NaN
    """

    order: Array
    estimate: Array
    bar: Array
    kind: NDArray[np.str_]


def orders(values: Array) -> Array:
    """(levels - 2, ..): p of every three successive levels; NaN where they turn or stand still."""
    steps = np.diff(np.asarray(values, float), axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = steps[:-1] / steps[1:]
        return np.where(np.isfinite(ratio) & (ratio > 0), np.log2(np.abs(ratio)), np.nan)


def order_of_largest(values: Array) -> Array:
    """(levels - 2,): p of the largest step over all entries: an order that no crossing spoils."""
    steps = np.abs(np.diff(values, axis=0)).reshape(len(values) - 1, -1).max(axis=1, initial=0.0)
    scale = np.abs(values).max(initial=0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.log2(steps[:-1] / steps[1:])
    return np.where(np.isfinite(found) & (steps[1:] > ROUNDING * scale), found, np.nan)


def extrapolate(values: Array) -> Extrapolation:
    """The three finest levels' order, estimate and bar."""
    last = np.asarray(values, float)[-3:]
    order, step = orders(last)[0], last[2] - last[1]
    kind = _kinds(last, order)
    good = kind == "monotone"
    gain = 2.0 ** np.where(good, np.minimum(order, DESIGN), 1.0) - 1
    safety = np.where(order > FASTEST, UNSURE, SAFETY)
    spread = UNSURE * np.ptp(last, axis=0)
    return Extrapolation(
        np.where(kind == "rounding", np.nan, order),
        np.where(good, last[2] + step / gain, np.nan),
        np.where(good, safety * np.abs(step) / gain, spread),
        kind,
    )


def _kinds(last: Array, order: Array) -> NDArray[np.str_]:
    steps = np.abs(np.diff(last, axis=0)).max(axis=0)
    kinds = np.where(np.isnan(order), "oscillating", "monotone").astype("<U11")
    kinds[order < SLOWEST] = "slow"
    kinds[steps <= ROUNDING * np.abs(last).max(axis=0)] = "rounding"
    kinds[~np.isfinite(last).all(axis=0)] = "undefined"
    return np.asarray(kinds)

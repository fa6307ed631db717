"""Linear combinations of arrays, beside exact sums."""

from fractions import Fraction

import numpy as np
import pytest

from bnflow.kernels.reference import combination
from bnflow.kernels.reference.combination import combine


@pytest.mark.parametrize("after", [0, 1, 3])
def test_the_later_weights_are_times_a_number_or_an_array_of_one(after: int) -> None:
    random = np.random.default_rng(after)
    arrays, weights = list(random.normal(size=(3, 7))), random.normal(size=3)
    dt = 0.37
    scaled = [w if k < after else dt * w for k, w in enumerate(weights)]
    wanted, by_number, by_array = (np.empty(7) for _ in range(3))
    combine(wanted, arrays, scaled)
    combine(by_number, arrays, list(weights), dt, after)
    combine(by_array, arrays, list(weights), np.array([dt]), after)
    assert np.array_equal(by_number, wanted)
    assert np.array_equal(by_array, wanted)


@pytest.mark.parametrize("block", [1 << 15, 5])
@pytest.mark.parametrize("shape", [(1,), (33,), (4, 3, 2), (2, 7)])
@pytest.mark.parametrize("count", [1, 2, 8])
def test_it_is_the_sum_in_order_even_over_one_of_its_own_terms(
    shape: tuple[int, ...], count: int, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(combination, "BLOCK", block)
    random = np.random.default_rng(count)
    arrays, weights = list(random.normal(size=(count, *shape))), random.normal(size=count)
    exact = [
        sum(Fraction(float(w)) * Fraction(float(x)) for w, x in zip(weights, terms, strict=True))
        for terms in zip(*(x.ravel() for x in arrays), strict=True)
    ]
    size = np.tensordot(np.abs(weights), np.abs(arrays), 1).ravel()
    out = arrays[-1]  # overwritten
    combine(out, arrays, list(weights))
    off = np.abs([float(Fraction(float(x)) - y) for x, y in zip(out.ravel(), exact, strict=True)])
    assert (off <= count * np.finfo(float).eps * size).all()

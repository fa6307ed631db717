"""Linear combinations of arrays, beside exact sums."""

from fractions import Fraction

import numpy as np
import pytest

from bnflow.kernels.reference import combination
from bnflow.kernels.reference.combination import combine


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

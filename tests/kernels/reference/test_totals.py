"""Sums of a whole, beside exact ones, and always in the same order."""

import math

import numpy as np
import pytest

from bnflow.kernels.reference.totals import totals

EPS = np.finfo(float).eps


@pytest.mark.parametrize("shape", [(1, 1), (3, 4, 5), (2, 6, 8, 8), (1, 100_003)])
@pytest.mark.parametrize("weighted", [False, True])
def test_they_are_the_sums_to_the_rounding_of_a_pairwise_one(
    shape: tuple[int, ...], weighted: bool
) -> None:
    """Pairs of blocks of 128 in eight parts: an eps for each product, and for each of 16 sums in a
    part and of the halvings above.
    """
    random = np.random.default_rng(0)
    values, weights = random.normal(size=shape), random.normal(size=shape[1:])
    got = totals(values, weights if weighted else None)
    assert got.shape == shape[:1]
    for total, row in zip(got, values, strict=True):
        terms = [float(x) for x in (row * weights if weighted else row).ravel()]
        depth = 20 + math.log2(len(terms))
        assert abs(total - math.fsum(terms)) <= depth * EPS * math.fsum(map(abs, terms))


def test_a_row_has_the_bits_it_has_alone_however_it_lies_in_memory() -> None:
    values, weights = np.random.default_rng(1).normal(size=(3, 6, 33, 7)), np.ones((6, 33, 7))
    together, flat = totals(values, weights), values.reshape(3, -1)
    assert [float(x) for x in together] == [float(totals(row[None])[0]) for row in values]
    for other in (np.asfortranarray(values), np.asfortranarray(flat), flat[:, ::-1][:, ::-1]):
        assert np.array_equal(totals(other), together)

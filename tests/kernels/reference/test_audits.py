"""Audits of a density, beside a loop over its cells."""

from itertools import product

import numpy as np
import pytest

from bnflow.kernels.reference import audits
from bnflow.kernels.reference.audits import column_audits, narrow_columns

Array = np.ndarray
SHAPES = [(4, 5, 7), (6, 4, 4, 1), (6, 3, 3, 33), (8, 4, 4, 4, 5)]
EPS = float(np.finfo(float).eps)


def density(shape: tuple[int, ...]) -> Array:
    random = np.random.default_rng(len(shape))
    return np.where(random.random(shape) < 0.2, 0.0, random.random(shape) ** 3)


@pytest.mark.parametrize("block", [1 << 15, 5])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_column_is_summed_cell_by_cell(
    shape: tuple[int, ...], block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audits, "BLOCK", block)
    rho, a = density(shape), np.linspace(-1.0, 1.5, shape[-1])
    got = column_audits(rho, a)
    assert got.shape == (4, *shape[:-1])
    for column in np.ndindex(shape[:-1]):
        cells = rho[column].tolist()
        logs = [q * np.log(q) for q in cells if q > 0]
        sizes = [q * abs(x) for q, x in zip(cells, a, strict=True)]
        assert got[(0, *column)] == min(cells)
        rounding = shape[-1] * EPS
        assert got[(1, *column)] == pytest.approx(sum(logs), abs=rounding)  # |q log q| < 1
        assert got[(2, *column)] == pytest.approx(sum(sizes), abs=2 * rounding)
        assert got[(3, *column)] == 0


def test_what_is_no_number_is_counted_and_leaves_no_smallest_value() -> None:
    rho = density((4, 5, 7))
    rho[1, 2, 3], rho[1, 2, 5], rho[3, 0, 0] = np.nan, np.inf, -np.inf
    got = column_audits(rho, np.ones(7))
    wanted = np.zeros((4, 5))
    wanted[1, 2], wanted[3, 0] = 2, 1
    np.testing.assert_array_equal(got[3], wanted)
    np.testing.assert_array_equal(np.isnan(got[0]), wanted > 0)


@pytest.mark.parametrize("along_a", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_cell_is_narrow_that_stands_out_along_any_axis(
    shape: tuple[int, ...], along_a: bool
) -> None:
    rho, share = density(shape), 0.73
    wanted = np.zeros(shape[:-1])
    axes = range(1, len(shape) if along_a else len(shape) - 1)
    for cell in product(*map(range, shape)):
        for axis in axes:
            if 0 < cell[axis] < shape[axis] - 1:
                low, high = (
                    rho[(*cell[:axis], cell[axis] + step, *cell[axis + 1 :])] for step in (-1, 1)
                )
                if rho[cell] > max(low, high) and low + high < 2 * share * rho[cell]:
                    wanted[cell[:-1]] += rho[cell]
                    break
    assert wanted.any()
    got = narrow_columns(rho, share, along_a=along_a)
    np.testing.assert_allclose(got, wanted, rtol=0, atol=shape[-1] * EPS)

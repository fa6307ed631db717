"""The range of singular covariances: its basis, and that it is the limit of regular ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnflow.kernels.errors import InputError
from bnflow.pde.geometry import BatchNormMetric
from bnflow.pde.geometry.subspace import range_of_covariance, range_of_rows, within

Array = np.ndarray


def singular(seed: int, p: int, rank: int) -> tuple[Array, Array]:
    """A covariance of that rank and its factor."""
    factor = np.random.default_rng(seed).standard_normal((p, rank))
    return factor @ factor.T, factor


@given(st.integers(0, 10**6), st.integers(2, 6), st.integers(1, 6))
def test_the_basis_is_orthonormal_and_spans_the_range(seed: int, p: int, rank: int) -> None:
    rank = min(rank, p)
    covariance, factor = singular(seed, p, rank)
    basis = range_of_covariance(covariance, rank)
    if rank == p:
        assert basis is None
        return
    assert basis is not None
    np.testing.assert_allclose(basis @ basis.T, np.eye(rank), rtol=0, atol=1e-12)
    np.testing.assert_allclose(
        basis.T @ (basis @ factor), factor, rtol=0, atol=1e-6 * abs(factor).max()
    )


@pytest.mark.parametrize(
    ("diagonal", "axes"), [([10, 0, 1], [0, 2]), ([0, 1, 10, 5], [1, 2, 3]), ([0, 0, 2], [2])]
)
def test_axes_that_vary_are_kept_in_their_order(diagonal: list[float], axes: list[int]) -> None:
    basis = range_of_covariance(np.diag(np.array(diagonal, float)), len(axes))
    np.testing.assert_allclose(basis, np.eye(len(diagonal))[axes], rtol=0, atol=1e-15)


def test_the_basis_depends_on_the_range_alone() -> None:
    """Not on the spectrum in it, where eigenvectors would turn."""
    _, factor = singular(3, 5, 3)
    one, other = (
        range_of_covariance(factor @ np.diag(scale) @ factor.T, 3)
        for scale in ([1.0, 1.0, 1.0], [1.0, 30.0, 5.0])
    )
    np.testing.assert_allclose(one, other, rtol=0, atol=1e-12)


@pytest.mark.parametrize("units", [[1, 1, 1, 1], [1e-3, 1, 1e3, 1]])
def test_rows_and_their_covariance_have_one_range(units: list[float]) -> None:
    x = np.random.default_rng(0).standard_normal((40, 3))
    rows = np.column_stack([x, x @ [1.0, -2.0, 0.5]]) * units + [5, -2, 0, 1e3]
    found = range_of_rows(rows)
    expected = range_of_covariance(np.cov(rows.T), 3)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_rows_whose_units_differ_by_much_are_not_dependent() -> None:
    rows = np.random.default_rng(0).standard_normal((40, 3)) * [1, 1e-9, 1e9]
    assert range_of_rows(rows) is None


def test_vectors_in_the_range_keep_their_products_and_others_are_refused() -> None:
    covariance, factor = singular(1, 4, 2)
    basis = range_of_covariance(covariance, 2)
    inside = (factor @ np.random.default_rng(0).standard_normal((2, 5))).T
    taken = within(inside, basis, "a.key")
    np.testing.assert_allclose(taken @ taken.T, inside @ inside.T, rtol=1e-10)
    assert within(inside, None, "a.key") is inside
    with pytest.raises(InputError, match=r"a\.key leaves the range"):
        within(inside + 1e-3, basis, "a.key")


@pytest.mark.parametrize("epsilon", [1e-2, 1e-4])
def test_mobility_and_whitening_are_limits_of_regular_covariances(epsilon: float) -> None:
    """S + eps K, K on the kernel: at w in the range, equal there up to O(eps).

    The mobility of the reduced problem is P M P; r counts the part in the range.
    """
    covariance, _ = singular(2, 3, 2)
    basis = range_of_covariance(covariance, 2)
    assert basis is not None
    reduced = BatchNormMetric(basis @ covariance @ basis.T, 1.7)
    kernel = np.eye(3) - basis.T @ basis
    regular = BatchNormMetric(covariance + epsilon * kernel, 1.7)
    u = np.random.default_rng(0).standard_normal((6, 2))
    v = reduced.whitened(u)
    np.testing.assert_allclose(regular.whitened(u @ basis), v @ basis, rtol=0, atol=1e-12)
    lifted = regular.mobility(v @ basis)
    np.testing.assert_allclose(
        basis @ lifted @ basis.T, reduced.mobility(v), rtol=1e-10, atol=1e-10
    )
    # out of the range it moves by eps q/r^2 only, and what it then sees changes by nothing
    out = np.einsum("kij,ij->k", lifted, kernel)
    np.testing.assert_allclose(
        out, epsilon * np.einsum("ki,ij,kj->k", v, reduced.inverse, v) / 1.7**2, rtol=1e-10
    )

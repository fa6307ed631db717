"""Triangular roots: L L^T is the matrix, and one without a root is told from its neighbours."""

import numpy as np

from bnflow.kernels.reference.roots import LEAST_PIVOT, cholesky


def matrices(count: int, rank: int) -> np.ndarray:
    rows = np.random.default_rng(0).standard_normal((count, rank + 2, rank))
    return rows.transpose(0, 2, 1) @ rows


def test_roots_are_triangular_and_give_the_matrix_back() -> None:
    """Backward error of Cholesky: (r + 1) eps of the largest entry on the diagonal."""
    made = matrices(7, 5)
    lower, regular = cholesky(made)
    assert regular.all()
    assert (np.triu(lower, 1) == 0.0).all()
    off = np.abs(lower @ lower.transpose(0, 2, 1) - made).max(axis=(1, 2))
    assert (off <= 6 * np.finfo(float).eps * np.abs(made).max(axis=(1, 2))).all()


def test_one_without_a_root_spoils_no_other() -> None:
    made = matrices(4, 5)
    alone = cholesky(made)[0]
    made[2] = -np.eye(5)
    lower, regular = cholesky(made)
    assert regular.tolist() == [True, True, False, True]
    np.testing.assert_array_equal(lower[regular], alone[regular])


def test_a_pivot_of_rounding_is_singular() -> None:
    """Whatever the scale: pivots below LEAST_PIVOT of the largest diagonal entry are."""
    for scale in (1e-30, 1.0, 1e30):
        pair = [np.diag([scale, factor * LEAST_PIVOT * scale]) for factor in (0.5, 2.0)]
        assert cholesky(np.array(pair))[1].tolist() == [False, True]

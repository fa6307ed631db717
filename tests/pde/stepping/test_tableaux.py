"""Runge-Kutta methods as data: convex or consistent, of the order that they claim."""

import numpy as np
import pytest
from numpy.polynomial import Polynomial

from bnflow.pde.stepping.tableaux import SSP_RK2, TABLEAUX, Tableau


def test_every_stage_is_a_convex_combination() -> None:
    for base, now in SSP_RK2:
        assert base + now == 1.0
        assert min(base, now) >= 0


def test_growth_of_a_linear_equation_is_the_exponential_to_second_order() -> None:
    """y' = z y: one step gives 1 + z + z^2 / 2, as a polynomial."""
    z = Polynomial([0.0, 1.0])
    y = base = Polynomial([1.0])
    for w0, w1 in SSP_RK2:
        y = w0 * base + w1 * (y + z * y)
    np.testing.assert_allclose(y.coef, [1.0, 1.0, 0.5], rtol=1e-15)


@pytest.mark.parametrize("tableau", TABLEAUX.values(), ids=TABLEAUX)
def test_a_step_of_a_linear_equation_is_the_exponential_to_its_order(tableau: Tableau) -> None:
    """y' = z y: the coefficients of z^k are 1/k!; the error estimate begins at its own order."""
    z, stages = Polynomial([0.0, 1.0]), [Polynomial([0.0, 1.0])]
    for row in tableau.stages:
        stages.append(z * (1 + sum(c * k for c, k in zip(row, stages, strict=True))))
    new = 1 + sum(c * k for c, k in zip(tableau.weights, stages, strict=True))
    factorials = np.cumprod([1.0, *range(1, tableau.order + 1)])
    np.testing.assert_allclose(new.coef[: tableau.order + 1], 1 / factorials, rtol=1e-13)
    if tableau.defect:
        defect = sum(c * k for c, k in zip(tableau.defect, [*stages, z * new], strict=True))
        lower = defect.coef[: tableau.order]  # of order q - 1: exact up to z^(q-1)
        np.testing.assert_allclose(lower, 0.0, atol=1e-15)
        assert abs(defect.coef[tableau.order]) > 1e-5


@pytest.mark.parametrize("tableau", TABLEAUX.values(), ids=TABLEAUX)
def test_order_conditions_that_a_linear_equation_does_not_see(tableau: Tableau) -> None:
    """sum b = 1, sum b c^k = 1/(k+1), and sum b c (A c) = 1/8 (Hairer, Norsett, Wanner, II.1)."""
    b = np.array(tableau.weights)
    a = np.zeros((len(b), len(b)))
    for i, row in enumerate(tableau.stages, start=1):
        a[i, : len(row)] = row
    c = a.sum(axis=1)
    for k in range(tableau.order):
        assert b @ c**k == pytest.approx(1 / (k + 1), abs=1e-14)
    if tableau.order >= 4:
        assert b @ (c * (a @ c)) == pytest.approx(1 / 8, abs=1e-14)
    if tableau.order >= 5:
        assert b @ (c**2 * (a @ c)) == pytest.approx(1 / 10, abs=1e-14)
        assert b @ (a @ c) ** 2 == pytest.approx(1 / 20, abs=1e-14)
        assert b @ (c * (a @ c**2)) == pytest.approx(1 / 15, abs=1e-14)

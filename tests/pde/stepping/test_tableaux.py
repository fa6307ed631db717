"""Runge-Kutta methods as data: convex or consistent, of the order that they claim."""

from fractions import Fraction

import numpy as np
import pytest
from numpy.polynomial import Polynomial

from bnflow.kernels.contract import Real
from bnflow.pde.stepping.tableaux import (
    SSP_RK2,
    SSP_RK3,
    TABLEAUX,
    Stages,
    Tableau,
    convex,
    legendre,
)


@pytest.mark.parametrize("stages", [SSP_RK2, SSP_RK3])
def test_every_stage_is_a_convex_combination(stages: Stages) -> None:
    """The weights add up to 1 exactly, not to a rounding: else mass would grow step by step."""
    for base, now in stages:
        assert Fraction(base) + Fraction(now) == 1
        assert min(base, now) >= 0


@pytest.mark.parametrize("stages", [SSP_RK2, SSP_RK3])
def test_so_it_is_in_32_bits(stages: Stages) -> None:
    """Each weight is a number of that type, and their sum 1: 2/3 and 1/3 alone make 1 + 2^-25."""
    for (base, now), (_, exact) in zip(convex(stages, "float32"), stages, strict=True):
        assert (float(np.float32(base)), float(np.float32(now))) == (base, now)
        assert Fraction(base) + Fraction(now) == 1
        assert now == pytest.approx(exact, rel=2.0**-24)
    assert convex(stages, "float64") == stages


@pytest.mark.parametrize("real", ["float64", "float32"])
@pytest.mark.parametrize("stages", [3, 5, 7])
def test_the_weights_of_a_stabilised_stage_are_numbers_of_its_type(stages: int, real: Real) -> None:
    """mu, nu and 1 - mu - nu as the kernels get them; in 64 bits the last is rounded once."""
    for mu, nu, _, _ in legendre(stages, real)[1]:
        weights = [float(np.dtype(real).type(x)) for x in (mu, nu, 1 - mu - nu)]
        off = abs(sum(map(Fraction, weights), Fraction(-1)))
        assert off <= (0 if real == "float32" else 2.0**-53)


@pytest.mark.parametrize(("stages", "order"), [(SSP_RK2, 2), (SSP_RK3, 3)])
def test_growth_of_a_linear_equation_is_the_exponential_to_its_order(
    stages: Stages, order: int
) -> None:
    """y' = z y: one step gives 1 + z + z^2/2 (+ z^3/6), as a polynomial."""
    z = Polynomial([0.0, 1.0])
    y = base = Polynomial([1.0])
    for w0, w1 in stages:
        y = w0 * base + w1 * (y + z * y)
    np.testing.assert_allclose(y.coef, [1.0, 1.0, 1 / 2, 1 / 6][: order + 1], rtol=1e-15)


def test_the_third_order_stages_meet_the_nonlinear_condition() -> None:
    """y' = t^2: a third-order method integrates it exactly; stages at t = 0, 1, 1/2."""
    y, t = 0.0, 0.0
    for _, now in SSP_RK3:
        y, t = now * (y + t**2), now * (t + 1.0)
    assert y == pytest.approx(1 / 3, rel=1e-15)
    assert t == pytest.approx(1.0, rel=1e-15)


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

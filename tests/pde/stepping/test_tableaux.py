"""Runge-Kutta methods as data: convex, consistent, second order."""

import numpy as np

from bnflow.pde.stepping.tableaux import SSP_RK2


def test_every_stage_is_a_convex_combination() -> None:
    for base, now in SSP_RK2:
        assert base + now == 1.0
        assert min(base, now) >= 0


def test_growth_of_a_linear_equation_is_the_exponential_to_second_order() -> None:
    """y' = z y: one step gives 1 + z + z^2 / 2, as a polynomial."""
    z = np.polynomial.Polynomial([0.0, 1.0])
    y = base = np.polynomial.Polynomial([1.0])
    for w0, w1 in SSP_RK2:
        y = w0 * base + w1 * (y + z * y)
    np.testing.assert_allclose(y.coef, [1.0, 1.0, 0.5], rtol=1e-15)

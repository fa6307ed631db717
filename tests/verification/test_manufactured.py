"""The full nonlocal equation with a source: the density comes back, every term alone and together.

Orders from 32 to 64 cells: of the mean direction (or of <a>, where no direction moves), and L1.
"""

import numpy as np
import pytest

from bnflow.pde.exact import Manufactured
from bnflow.pde.verification import march

ONE_BY_ONE = [(True, False), (False, True), (True, True)]


@pytest.mark.parametrize(("inner", "outer"), ONE_BY_ONE, ids=["w", "a", "w and a"])
def test_orders(inner: bool, outer: bool) -> None:
    case = Manufactured("relu", (1.0, 1.0), inner=inner, outer=outer, norm=1.2)
    coarse, fine = (march(case, "relu", n, 1.0, "numpy") for n in (32, 64))
    assert np.log2(coarse.direction / fine.direction) == pytest.approx(2.0, abs=0.15)
    assert np.log2(coarse.density / fine.density) == pytest.approx(2.0, abs=0.3)
    assert fine.risk < 5e-5
    assert fine.a < 5e-4


@pytest.mark.slow
@pytest.mark.parametrize("activation", ["relu", "linear"])
@pytest.mark.parametrize(("inner", "outer"), ONE_BY_ONE, ids=["w", "a", "w and a"])
def test_orders_at_condition_10(activation, inner: bool, outer: bool) -> None:
    case = Manufactured(activation, (10.0, 1.0), inner=inner, outer=outer, norm=1.2)
    coarse, fine = (march(case, activation, n, 1.0, "numpy") for n in (32, 64))
    assert np.log2(coarse.direction / fine.direction) == pytest.approx(2.0, abs=0.15)
    assert np.log2(coarse.density / fine.density) == pytest.approx(2.0, abs=0.3)


def test_a_missing_factor_is_noticed() -> None:
    """1/r^2 left out of the source: the error does not fall."""
    case = Manufactured("relu", (1.0, 1.0), outer=False, norm=1.2)
    right = march(case, "relu", 32, 0.5, "numpy").direction
    case.source, case.norm = Manufactured("relu", outer=False).source, 1.2  # type: ignore[method-assign]
    assert march(case, "relu", 32, 0.5, "numpy").direction > 20 * right

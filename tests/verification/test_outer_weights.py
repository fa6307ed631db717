"""Outer weights alone trained, linear activation: a linear ODE, solved by the matrix exponential.

The answer is `pde.exact.outer_weights`'s, which derives it.
"""

import numpy as np
import pytest

import bnflow
from bnflow.pde.exact import linear_risk

TIMES = [0.0, 0.5, 1.0, 2.0, 5.0]
WEIGHTS, ANGLES = [1.0, -0.5], [0.3, 1.9]


def exact_risk(mean_a: float) -> np.ndarray:
    return linear_risk(TIMES, [10.0, 1.0], WEIGHTS, ANGLES, mean_a)


def computed_risk(law: dict, cells: int, tolerance: float) -> np.ndarray:
    return bnflow.solve(
        {
            "network": {"activation": "linear", "train": ["a"]},
            "initial": {"a": law},
            "solver": {"cells": cells, "a_cells": cells, "tolerance": tolerance},
            "time": {"end": 5.0, "save": TIMES},
        }
    ).risk


@pytest.mark.filterwarnings("ignore::bnflow.Notice")  # an atom is spread over two cells: wanted
@pytest.mark.parametrize(
    "law",
    [{"kind": "normal", "mean": 0.3, "std": 0.5}, {"kind": "constant", "value": 0.4}],
    ids=["normal", "constant"],
)
def test_exact_and_second_order(law: dict) -> None:
    exact = exact_risk(law.get("mean", law.get("value")))
    coarse = abs(computed_risk(law, 32, 4e-3) - exact).max() / exact[0]
    fine = abs(computed_risk(law, 64, 1e-3) - exact).max() / exact[0]
    assert fine <= 2e-3  # the defaults; 1.1e-4 measured
    # dt ~ sqrt(tolerance) ~ h: both errors fall by 4
    assert np.log2(coarse / fine) >= 1.7


def test_first_moments_do_not_feel_the_limiter() -> None:
    """beta obeys its ODE at any number of a cells: the balanced slopes leave m1 exact in space."""
    law = {"kind": "uniform", "range": [-0.5, 1.0]}  # two jumps: slopes are limited everywhere
    base = {
        "network": {"activation": "linear", "train": ["a"]},
        "initial": {"a": law},
        "solver": {"a_range": [-4.0, 4.0], "tolerance": 1e-4},  # steps bound by the field alone
        "time": {"end": 2.0, "save": []},
    }
    few, many = (bnflow.solve(base, **{"solver.a_cells": n}) for n in (32, 128))
    assert few.step[-1] == many.step[-1]
    np.testing.assert_allclose(few.risk, many.risk, rtol=1e-7)  # tails diffused to the walls

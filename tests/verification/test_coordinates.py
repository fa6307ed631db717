"""Raw or whitened directions, and the two metrics: one equation on two grids, and against neurons.

A grid of u and a grid of v differ by their truncation errors alone, whatever of the network is
trained; both must meet weighted neurons, which know no grid.
"""

from typing import Any

import numpy as np
import pytest

import bnflow

pytestmark = pytest.mark.filterwarnings("ignore::bnflow.Notice")

TIMES = [0.5, 1.0]
CIRCLE: dict[str, Any] = {"time": {"end": 2.0, "save": TIMES}}
SPHERE: dict[str, Any] = {
    "data": {"covariance": [10.0, 10**0.5, 1.0]},
    "target": {"weights": [1.0, -0.5], "directions": [[1.0, 0.2, 0.0], [0.0, -1.0, 0.5]]},
    "network": {"activation": "erf", "weight_norm": 1.2},
    "time": {"end": 1.0, "save": [0.5]},
}


def on_the_grid(base: dict[str, Any], cells: int, **changes: Any) -> bnflow.Run:
    """Cells, a_cells and the square root of the tolerance refined together; 1e-3 at 32 cells."""
    sizes = {
        "solver.cells": cells,
        "solver.a_cells": 2 * cells,
        "solver.tolerance": 1e-3 * (32 / cells) ** 2,
    }
    return bnflow.solve(base, **sizes, **changes)


def by_neurons(base: dict[str, Any], width: int, **changes: Any) -> np.ndarray:
    keys = {"method": "particles", "sampling": "quadrature", "width": width, "tolerance": 1e-7}
    return bnflow.solve({**base, "solver": keys}, **changes).risk


@pytest.fixture(scope="module")
def circle_risk() -> dict[str, np.ndarray]:
    """Risks by quadrature neurons under either metric."""
    return {
        kind: by_neurons(CIRCLE, 10_000, **{"network.metric": kind}) for kind in ("bn", "round")
    }


@pytest.mark.parametrize("coordinates", ["raw", "whitened"])
@pytest.mark.parametrize("metric", ["bn", "round"])
def test_the_risk_meets_neurons_to_second_order(
    coordinates: str, metric: str, circle_risk: dict[str, np.ndarray]
) -> None:
    """Condition 10, both layers trained: h^2 with a constant of some 0.1, at 16 and 32 cells."""
    keys = {"solver.coordinates": coordinates, "network.metric": metric}
    errors = []
    for cells in (16, 32):
        run = on_the_grid(CIRCLE, cells, **keys)
        errors.append(abs(run.risk / circle_risk[metric] - 1).max())
        assert run.min_density.min() >= 0
        assert abs(run.mass - 1).max() < 1e-13
        assert run.dissipation_defect[-1] < 1.2e-2 * (16 / cells) ** 2
    assert errors[1] < 3e-4
    assert np.log2(errors[0] / errors[1]) > 1.5


@pytest.mark.parametrize("coordinates", ["raw", "whitened"])
def test_weno_meets_neurons_too(coordinates: str, circle_risk: dict[str, np.ndarray]) -> None:
    """No order here: its risk errors change sign between such grids."""
    keys = {"solver.coordinates": coordinates, "solver.scheme": "weno"}
    run = on_the_grid(CIRCLE, 16, **keys)
    np.testing.assert_allclose(run.risk, circle_risk["bn"], rtol=2e-3)
    assert run.min_density.min() >= 0
    assert abs(run.mass - 1).max() < 1e-13


def test_the_metrics_are_two_flows(circle_risk: dict[str, np.ndarray]) -> None:
    """Same start, same network, another speed: no test above could pass with the wrong one."""
    bn, round_one = circle_risk["bn"], circle_risk["round"]
    assert bn[0] == pytest.approx(round_one[0], rel=1e-12)
    assert abs(bn / round_one - 1).max() > 2e-2


@pytest.mark.parametrize("metric", ["bn", "round"])
def test_on_the_sphere_both_grids_converge_to_each_other(metric: str) -> None:
    gaps = []
    for cells in (8, 16):
        raw, whitened = (
            on_the_grid(SPHERE, cells, **{"network.metric": metric, "solver.coordinates": name})
            for name in ("raw", "whitened")
        )
        gaps.append(abs(raw.risk / whitened.risk - 1).max())
    assert gaps[1] < 3e-3
    assert np.log2(gaps[0] / gaps[1]) > 1.6


def test_with_noise_both_grids_converge_to_each_other() -> None:
    """Risk, energy with its entropy per Riemannian volume, and moments, on the way."""
    noise = {"training.temperature": 0.1, "training.ridge": 0.3, "time.end": 0.5}
    names = ("risk", "free_energy", "a_second_moment", "w_second_moment")
    gaps = []
    for cells in (12, 24):
        raw, whitened = (
            on_the_grid(CIRCLE, cells, **noise, **{"solver.coordinates": name})
            for name in ("raw", "whitened")
        )
        apart = [np.abs(getattr(raw, n)[-1] - getattr(whitened, n)[-1]).max() for n in names]
        gaps.append(np.array(apart))
    assert (gaps[1] < 4e-3).all()
    assert (np.log2(gaps[0] / gaps[1]) > 1.6).all()


@pytest.mark.parametrize("law", ["uniform-whitened", {"kind": "vmf", "mean": [1.0, 2.0]}])
def test_every_initial_law_is_the_same_law_on_both_grids(law: Any) -> None:
    raw, whitened = (
        on_the_grid(CIRCLE, 32, **{"initial.w": law, "solver.coordinates": name})
        for name in ("raw", "whitened")
    )
    np.testing.assert_allclose(raw.risk, whitened.risk, rtol=1e-3)
    np.testing.assert_allclose(raw.w_second_moment, whitened.w_second_moment, atol=2e-3)
    np.testing.assert_allclose(raw.entropy, whitened.entropy, atol=3e-2)


@pytest.mark.parametrize("coordinates", ["raw", "whitened"])
@pytest.mark.parametrize("rates", [{"a": 0.3, "w": 2.0}, {"a": 2.0, "w": 0.2}])
def test_unequal_rates_meet_neurons_and_keep_the_energy_balance(
    coordinates: str, rates: dict[str, float]
) -> None:
    keys = {"training.rates": rates}
    exact = by_neurons(CIRCLE, 4000, **keys)
    run = on_the_grid(CIRCLE, 32, **keys, **{"solver.coordinates": coordinates})
    np.testing.assert_allclose(run.risk, exact, rtol=1e-3)
    assert run.dissipation_defect[-1] < 6e-3


def test_equal_rates_are_another_clock() -> None:
    """Both layers twice as fast for half of the time: the same steps, up to rounding."""
    fixed = {"solver.a_range": [-3.5, 3.5]}
    usual = on_the_grid(CIRCLE, 16, **fixed)
    faster = on_the_grid(
        {"time": {"end": 1.0, "save": [t / 2 for t in TIMES]}},
        16,
        **fixed,
        **{"training.rates": {"a": 2.0, "w": 2.0}},
    )
    np.testing.assert_allclose(faster.risk, usual.risk, rtol=1e-10)
    np.testing.assert_allclose(faster.dissipation, 2 * usual.dissipation, rtol=1e-9)


def test_predictions_of_both_grids_agree_at_raw_inputs() -> None:
    x = np.random.default_rng(0).standard_normal((30, 2)) * [3.0, 1.0]
    raw, whitened = (
        on_the_grid(CIRCLE, 32, **{"solver.coordinates": name}) for name in ("raw", "whitened")
    )
    expected = raw.predict(x, 2.0)
    np.testing.assert_allclose(
        whitened.predict(x, 2.0), expected, rtol=0, atol=2e-3 * abs(expected).max()
    )

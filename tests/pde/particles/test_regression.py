"""Outer weights that are solved for: the regression, its energy, the limit of fast ones."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bnflow.kernels.errors import InputError, NumericalFailure
from bnflow.pde.config import load_config
from bnflow.pde.particles.regression import by_overlaps, by_rows
from bnflow.pde.particles.session import NeuronSession

Make = Callable[..., NeuronSession]
SOLVED = {"training__rates": {"a": "optimal"}, "training__ridge": 0.05}


@pytest.mark.parametrize("shape", [(30, 8), (8, 30)])
def test_it_is_least_squares_with_a_ridge(shape: tuple[int, int]) -> None:
    """As least squares of rows and, below them, the weights; more rows than neurons, and fewer."""
    random = np.random.default_rng(0)
    features, targets = random.standard_normal(shape), random.standard_normal(shape[0])
    mass = random.random(shape[1])
    rows, width = shape
    system = np.concatenate([features * mass / rows**0.5, np.diag((0.3 * mass) ** 0.5)])
    exact = np.linalg.lstsq(system, np.append(targets / rows**0.5, np.zeros(width)))[0]
    np.testing.assert_allclose(by_rows(features, targets, mass, 0.3), exact, rtol=1e-10)


def test_a_ridge_that_rounding_takes_is_told() -> None:
    """Two neurons that are one, with an overlap that rounding has made too large."""
    overlap = np.array([[1.0, 1.0 + 1e-13], [1.0 + 1e-13, 1.0]])
    with pytest.raises(NumericalFailure, match="1e-20 is lost in the rounding"):
        by_overlaps(overlap, np.ones(2), np.ones(2), 1e-20)


@pytest.mark.parametrize(
    ("d", "changes"),
    [
        (2, {}),
        (5, {}),
        (5, {"solver__width": 100}),
        (5, {"network__train": ["w", "a", "gamma"], "solver__replicas": 2}),
        (2, {"network__batch_norm": False}),
        (5, {"network__batch_norm": False}),
    ],
    ids=str,
)
def test_it_is_stationary_in_a_at_every_time(
    d: int, changes: dict[str, Any], neurons: Make
) -> None:
    """h = -lambda a, with h of the interaction's own sums; a of the start is not looked at."""
    made = neurons(d, **SOLVED, **changes)
    driver = made.driver()
    for frame in driver.frames():
        a = frame.fields["a"]
        np.testing.assert_allclose(driver.field.h, -0.05 * a, atol=1e-12 * np.abs(a).max())
    assert frame.step > 0


def test_the_energy_falls_by_what_the_inner_weights_dissipate(neurons: Make) -> None:
    """The envelope theorem: a changes, and does no work; a defect of the integrator's order."""
    frames = list(neurons(**SOLVED, solver__tolerance=1e-7).driver().frames())
    energy = [frame.diagnostics["free_energy"] for frame in frames]
    assert (np.diff(energy) < 0).all()
    assert frames[-1].diagnostics["dissipation_defect"] < 1e-6
    assert frames[-1].diagnostics["free_energy"] > frames[-1].diagnostics["risk"]


def test_it_is_the_limit_of_fast_outer_weights(neurons: Make) -> None:
    """First order in 1/k, and the next is k^-2: about a quarter at four times the rate."""
    keys = {"network__batch_norm": False, "training__ridge": 0.2, "solver__tolerance": 1e-6}
    keys |= {"time__end": 2.0}  # by then the outer weights have forgotten their start

    def energy(rate: Any) -> float:
        made = neurons(**keys, training__rates={"a": rate})
        *_, last = made.driver().frames()
        return float(last.diagnostics["free_energy"])

    limit = energy("optimal")
    slow, fast = (energy(rate) - limit for rate in (60.0, 240.0))
    assert slow / fast == pytest.approx(4, abs=0.5)
    assert 0 < fast < 1e-3 * limit


def test_a_continued_run_is_bitwise_the_same(neurons: Make) -> None:
    made = neurons(5, **SOLVED)
    frames = list(made.driver().frames())
    *_, again = made.driver(frames[1].restart).frames()
    assert (again.fields["a"] == frames[-1].fields["a"]).all()
    assert (again.fields["direction"] == frames[-1].fields["direction"]).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, 'a sheet that cells of a cannot hold; give solver.method = "particles"'),
        ({"solver.method": "particles"}, "one solution with a ridge only; give training.ridge > 0"),
        (
            {"solver.method": "particles", "network.train": ["w"], "training.ridge": 1.0},
            'give network.train with "a"',
        ),
        (
            {
                "solver.method": "particles", "training.ridge": 1.0, "loss.kind": "huber",
                "data": {"kind": "sampled", "samples": 20},
            },
            'solves least squares; give loss.kind = "square", not "huber"',
        ),
        (
            {"solver.method": "particles", "training.ridge": 1.0, "training.temperature": 0.1},
            "is without noise",
        ),
    ],
)  # fmt: skip
def test_what_has_no_regression_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match="optimal") as told:
        load_config(None, {"training.rates": {"a": "optimal"}, **changes})
    assert message in str(told.value)
    assert "\n" not in str(told.value)


def test_a_regression_that_does_not_fit_is_refused_before_it_is_tried(
    neurons: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """20 neurons: 12 copies of their three numbers are 5,760 bytes, three squares of them 9,600."""
    monkeypatch.setattr("bnflow.kernels.registry.NumpyKernels.memory", lambda self: 12_000)
    neurons()
    with pytest.raises(InputError, match="give fewer neurons"):
        neurons(**SOLVED)

"""The target that a figure draws is the one that labelled the rows."""

from typing import Any

import numpy as np
import pytest

import bnflow
from bnflow.io.figures.subject import target_function, teachers
from bnflow.pde.network.data import Samples
from bnflow.pde.problem import Problem

FACTOR = np.array([[1.0, 0.5], [0.0, 1.0], [2.0, -1.0]])
FLAT = {"kind": "sampled", "samples": 30, "covariance": (FACTOR @ FACTOR.T).tolist()}
ROUND = {"kind": "sampled", "samples": 30, "covariance": [3.0, 1.0], "mean": [1.0, -1.0]}
SMALL: dict[str, Any] = {
    "solver": {"cells": 4, "a_cells": 8},
    "time": {"end": 0.01, "save": []},
}


@pytest.mark.parametrize(
    ("data", "target"),
    [
        (ROUND, {"weights": [1.0, -0.5], "angles": [0.3, 1.9]}),
        (ROUND, {"kind": "linear", "coefficients": [1.0, 2.0]}),
        (ROUND, {"kind": "single-index", "hermite": [0, 1, 1], "angle": 1.0, "label": "sign"}),
        (FLAT, {"weights": [1.0, -0.5], "directions": FACTOR.T.tolist()}),
        (FLAT, {"kind": "linear", "coefficients": FACTOR[:, 1].tolist()}),
        ({**FLAT, "samples": 3}, {"kind": "single-index", "hermite": [0, 1, 1], "angle": 1.0}),
    ],
    ids=["teacher", "linear", "classes", "flat-teacher", "flat-linear", "three-rows"],
)
def test_at_the_rows_it_has_their_targets(data: dict[str, Any], target: dict[str, Any]) -> None:
    run = bnflow.solve({**SMALL, "data": data, "target": target})
    samples = Problem.from_config(run.config).data
    assert isinstance(samples, Samples)
    drawn = target_function(run)
    assert drawn is not None
    np.testing.assert_allclose(drawn(samples.inputs), samples.targets, rtol=0, atol=1e-10)


def test_directions_of_a_flat_law_are_marked_in_the_coordinates_of_its_range() -> None:
    target = {"weights": [1.0, -0.5], "directions": FACTOR.T.tolist()}
    run = bnflow.solve({**SMALL, "data": FLAT, "target": target})
    directions, weights = teachers(run)
    assert weights.tolist() == [1.0, -0.5]
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1.0)
    unit = FACTOR / np.linalg.norm(FACTOR, axis=0)
    np.testing.assert_allclose(directions @ directions.T, unit.T @ unit, rtol=0, atol=1e-12)


def test_a_function_from_python_is_not_drawn() -> None:
    run = bnflow.solve({**SMALL, "data": ROUND}, target=lambda x: x[:, 0])
    assert target_function(run) is None
    run.plot(what="overview")

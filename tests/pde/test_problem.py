"""From a configuration to what is solved."""

from typing import Any

import numpy as np
import pytest

from bnflow.kernels.errors import InputError
from bnflow.pde.config import load_config
from bnflow.pde.given import Given
from bnflow.pde.network.data import Population, Samples
from bnflow.pde.network.initial import OuterLaw
from bnflow.pde.network.table import Table
from bnflow.pde.network.target import NeuronTeacher
from bnflow.pde.problem import Problem

FILE: dict[str, Any] = {"kind": "file", "path": "x.npz", "inputs": "x", "targets": "y"}


def table(columns: int) -> Given:
    random = np.random.default_rng(0)
    return Given(Table(random.standard_normal((30, columns)), random.standard_normal(30), "digest"))


def test_every_part_comes_from_its_table() -> None:
    problem = Problem.from_config(
        load_config(
            {
                "network": {"activation": "erf", "train": ["a"], "weight_norm": 2.5},
                "data": {"kind": "population", "covariance": [3.0, 2.0, 1.0], "mean": [1, 2, 3]},
                "target": {"weights": [2.0], "directions": [[0.0, 0.0, 4.0]], "noise": 0.1},
                "initial": {"a": {"kind": "uniform", "range": [-1, 2]}},
            }
        )
    )
    assert (problem.activation.name, problem.dimension) == ("erf", 3)
    assert (problem.trains_inner, problem.trains_outer) == (False, True)
    assert problem.metric.norm == 2.5
    np.testing.assert_array_equal(problem.metric.covariance, np.diag([3.0, 2.0, 1.0]))
    assert isinstance(problem.data, Population)
    assert problem.data.mean.tolist() == [1, 2, 3]
    assert isinstance(problem.teacher, NeuronTeacher)
    assert problem.teacher.directions.tolist() == [[0, 0, 1]]
    assert (problem.teacher.activation.name, problem.teacher.noise) == ("erf", 0.1)
    assert problem.outer_law == OuterLaw("uniform", (-1.0, 2.0))
    assert problem.loss.slope(np.array([3.0]), np.array([1.0]))[0] == 2.0


def test_samples_are_normalised_by_their_own_moments_not_the_laws() -> None:
    problem = Problem.from_config(
        load_config(None, ["data.kind=sampled", "data.samples=30", "data.seed=4"])
    )
    assert isinstance(problem.data, Samples)
    np.testing.assert_array_equal(problem.metric.covariance, problem.data.covariance)
    assert not np.allclose(problem.metric.covariance, np.diag([10.0, 1.0]), rtol=1e-3)


def test_targets_of_a_file_have_no_teacher() -> None:
    problem = Problem.from_config(load_config({"data": FILE}), table(3))
    assert problem.teacher is None
    assert problem.dimension == 3


def test_a_teacher_of_another_dimension_than_the_file_is_one_line() -> None:
    config = load_config({"data": FILE, "target": {"weights": [1.0], "directions": [[1.0, 0.0]]}})
    with pytest.raises(InputError, match=r"target.directions: 2 entries each, .* 3 columns;"):
        Problem.from_config(config, table(3))


def test_a_file_that_was_not_read_is_told() -> None:
    with pytest.raises(InputError, match="were not given"):
        Problem.from_config(load_config({"data": FILE}))


@pytest.mark.parametrize("columns", [1, 5])
def test_a_dimension_that_only_the_file_tells_is_checked_when_it_is_read(columns: int) -> None:
    with pytest.raises(InputError, match=rf'd = {columns}, and solver.method = "grid" takes d = 2'):
        Problem.from_config(load_config({"data": FILE}), table(columns))


def test_labels_that_are_no_classes_are_refused_by_the_logistic_loss() -> None:
    config = load_config({"data": FILE, "loss": {"kind": "logistic"}})
    with pytest.raises(InputError, match=r'row 0 is .* classes -1 and 1,.* target.label = "sign"'):
        Problem.from_config(config, table(3))
    signed = Problem.from_config(config.replace(**{"target.label": "sign"}), table(3))
    assert isinstance(signed.data, Samples)
    assert set(signed.data.targets) == {-1.0, 1.0}


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (
            {"data": {"kind": "arrays"}},
            r'data.kind = "arrays": .*bnflow.solve\(config, data=\(x, y',
        ),
        (
            {"data": {"kind": "sampled", "samples": 9}, "target": {"kind": "function"}},
            'target.kind = "function" is a Python function, which only Python can give',
        ),
        ({"initial": {"density": "f"}}, "initial.density is a Python function, which only Python"),
    ],
)
def test_what_only_python_can_give_is_asked_for(raw: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        Problem.from_config(load_config(raw))

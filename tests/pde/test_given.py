"""Problems that come in part from Python: what the configuration keeps of them."""

from typing import Any

import numpy as np
import pytest

from bnflow.kernels.errors import InputError
from bnflow.pde.config.target import ArrayTarget, FunctionTarget, Teacher
from bnflow.pde.given import configured, from_python, source_text

Array = np.ndarray
X = np.random.default_rng(0).standard_normal((20, 3))
Y = X[:, 0]


def squared(x: Array) -> Array:
    # a remark that stays with the text
    return x[:, 0] ** 2


def test_arrays_take_the_place_of_data_and_target() -> None:
    config, given = configured(None, {"data.test_fraction": 0.2}, (X, Y))
    assert config.data.kind == "arrays"
    assert (config.data.columns, config.data.test_fraction) == (3, 0.2)
    assert isinstance(config.target, ArrayTarget)
    assert given.table is not None
    assert (given.table.inputs == X).all()
    assert given.table.digest == configured(None, {}, (X.tolist(), Y[:, None]))[1].table.digest


def test_rows_alone_keep_the_target_that_is_there() -> None:
    source = {"target": {"weights": [1.0], "directions": [[1, 0, 0]]}}
    config, _ = configured(source, {}, X)
    assert isinstance(config.target, Teacher)
    assert configured({"data": {"kind": "arrays", "seed": 4}}, {}, (X, Y))[0].data.seed == 4


def test_labels_and_noise_stay_when_a_function_comes() -> None:
    source = {"data": {"kind": "sampled", "samples": 9}, "target": {"label": "sign", "noise": 0.5}}
    config, given = configured(source, {}, target=squared)
    assert isinstance(config.target, FunctionTarget)
    assert (config.target.label, config.target.noise) == ("sign", 0.5)
    assert config.target.source.startswith("def squared(x: Array)")
    assert "a remark that stays" in config.target.source
    assert given.target is squared
    again, _ = configured(config, {"target.noise": 0.25}, target=squared)
    assert (again.target.label, again.target.noise) == ("sign", 0.25)


def test_a_configuration_with_python_parts_survives_its_text() -> None:
    config, _ = configured(None, {}, X, squared, lambda v, a: a)
    import tomllib

    from bnflow.pde.config import load_config

    assert load_config(tomllib.loads(config.to_toml())) == config
    assert from_python(config.to_dict()) == [
        "data (arrays)",
        "target (a function)",
        "initial density (a function)",
    ]
    assert from_python(load_config().to_dict()) == []


def test_text_that_python_does_not_know_is_named_without_an_address() -> None:
    assert source_text(np.sin) == source_text(np.sin)
    assert "its text is not known" in source_text(np.sin)
    made: dict[str, Any] = {}
    exec("def hidden(x): return x", made)
    assert "0x" not in source_text(made["hidden"])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"data": (X, Y), "target": squared}, "both give targets; give data=x"),
        ({"data": X[0]}, r"data: x: shape \(3,\); give \(rows, columns\)"),
        ({"data": (X, Y[:-1])}, r"data: y: shape \(19,\) for 20 rows of inputs"),
        ({"data": X * np.nan}, "data: x: row 0 holds NaN or infinity"),
        ({"data": (X, np.array(["a"] * 20))}, "data: y: no real numbers"),
        ({"data": "rows.csv"}, "data: x: no real numbers"),
        ({"target": 3}, "3 is no function"),
        ({"target": squared}, 'a target function has no closed form on data.kind = "population"'),
        ({"data": X}, "have d = 3|inputs of dimension 2"),
        ({"data": (X[:, [0] * 5], Y)}, 'd = 5, and solver.method = "grid" takes d = 2 to 4'),
    ],
)
def test_mistakes_are_one_line(arguments: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told) as error:
        configured(None, {}, **arguments)
    assert len(str(error.value).splitlines()) == 1

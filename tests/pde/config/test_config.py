"""Config: canonical text, equality, difference; and what its tables derive from their keys."""

import tomllib
import warnings
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnflow.kernels.errors import InputError, Notice
from bnflow.pde.config import load_config
from bnflow.pde.config.solver import Time
from bnflow.pde.config.target import FileTarget, Teacher


def test_the_canonical_text_reads_back_and_fixes_the_digest() -> None:
    config = load_config(None, ["time.stop.risk=1e-6", "time.save={log=[0.1, 5, 4]}"])
    again = load_config(tomllib.loads(config.to_toml()))
    assert again == config
    assert again.digest() == config.digest()
    assert hash(again) == hash(config)
    assert config.digest() != load_config().digest()


def test_the_digest_does_not_depend_on_how_a_value_was_written() -> None:
    as_integer = load_config({"time": {"end": 5}, "network": {"train": ["a", "w"]}})
    as_number = load_config({"network": {"train": ["w", "a"]}, "time": {"end": 5.0}})
    assert as_integer.digest() == as_number.digest()


def test_every_key_stands_in_the_canonical_text() -> None:
    text = tomllib.loads(load_config().to_toml())
    assert text["solver"]["tolerance"] == 1e-3
    assert text["training"]["temperature"] == 0.0
    assert text["network"]["weight_norm"] == 1.0


def test_difference_names_both_values() -> None:
    here = load_config()
    there = here.replace(**{"time.end": 10.0, "time.stop.risk": 0.1})
    assert here.difference(there) == [
        "time.end: 5.0 here, 10.0 there",
        "time.stop.risk: not set here, 0.1 there",
    ]
    assert here.difference(here) == []


def test_a_config_is_immutable() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_config().time.end = 3.0


@pytest.mark.parametrize(
    ("data", "d"),
    [
        ({"covariance": [1, 2]}, 2),
        ({"kind": "file", "path": "x.csv", "inputs": [0, 1, 2], "targets": 3}, 3),
        ({"kind": "file", "path": "x.h5", "inputs": "x", "targets": "y"}, None),
        ({"kind": "file", "path": "x.h5", "inputs": "x", "targets": "y", "components": 4}, 4),
    ],
)
def test_dimension(data: dict[str, object], d: int | None) -> None:
    assert load_config({"data": data}).d == d


def test_file_data_bring_their_targets_unless_a_teacher_is_named() -> None:
    data = {"kind": "file", "path": "x.h5", "inputs": "x", "targets": "y"}
    teacher = {"weights": [1], "angles": [0]}
    assert isinstance(load_config({"data": data}).target, FileTarget)
    assert isinstance(load_config({"data": data, "target": teacher}).target, Teacher)


def test_a_range_is_free_where_the_outer_weights_stay() -> None:
    changes = ['network.train=["w"]', "solver.a_range=[1, 2]"]
    assert load_config(None, changes).solver.a_range == (1.0, 2.0)


@pytest.mark.parametrize("scheme", ["muscl", "weno"])
def test_a_half_is_the_largest_courant_number_of_second_order_and_above(scheme: str) -> None:
    keys = {"solver.scheme": scheme, "time.cfl": 0.5}
    assert load_config(None, keys).time.cfl == 0.5
    with pytest.raises(InputError, match=rf'solver.scheme = "{scheme}"; allowed: at most 0.5'):
        load_config(None, {**keys, "time.cfl": 0.51})


def test_directions_are_normalised_and_angles_are_directions() -> None:
    a = load_config(None, ["target.angles=[0.0, 0.9272952180016122]"]).target
    b = load_config(None, ["target.directions=[[2, 0], [3, 4]]"]).target
    assert isinstance(a, Teacher)
    assert isinstance(b, Teacher)
    assert b.unit_directions.tolist() == [[1.0, 0.0], [0.6, 0.8]]
    assert a.unit_directions == pytest.approx(b.unit_directions, abs=4e-16)


def test_saves_hold_both_ends_and_drop_what_lies_beyond_with_a_notice() -> None:
    time = load_config(None, ["time.end=1", "time.save=[0.5, 2, 0.25, 0.5]"]).time
    with pytest.warns(Notice, match="1 of the save times lie beyond"):
        assert time.saves() == (0.0, 0.25, 0.5, 1.0)


def test_saves_at_intervals_are_free_of_rounding() -> None:
    assert Time(end=0.3, save_every=0.1).saves() == (0.0, 0.1, 0.2, 0.3)
    assert Time(end=1.0, save_every=3.0).saves() == (0.0, 1.0)


def test_saves_are_tenths_where_none_are_asked() -> None:
    assert Time(end=2.0).saves() == (0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 1.8, 2.0)


@given(st.floats(1e-300, 1e12), st.floats(1e-300, 1e12))
def test_saves_ascend_strictly_from_zero_to_the_end(end: float, every: float) -> None:
    config = load_config(None, {"time.end": end, "time.save_every": max(every, end / 100)})
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # intervals never reach beyond the end
        saves = config.time.saves()
    assert saves[0] == 0.0
    assert saves[-1] == end
    assert all(a < b for a, b in pairwise(saves))

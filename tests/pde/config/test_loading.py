"""load_config: whatever comes in, out comes a Config or an InputError of one line."""

import datetime
import tomllib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bnflow.kernels.errors import InputError
from bnflow.pde.config import Config, load_config, schema_table
from bnflow.pde.config.data import Sampled

NAMES = sorted({part for entry in schema_table() for part in entry.name.split(".")} | {"log", "w"})
KEYS = [entry.name for entry in schema_table()]
WORDS = sorted({c.strip('"') for entry in schema_table() for c in (*entry.choices, *entry.later)})

names = st.sampled_from(NAMES) | st.text(max_size=5)
leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=10**30, max_value=10**400),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(WORDS),
    st.binary(max_size=3),
    st.datetimes(),
    st.just(datetime.date(2024, 1, 1)),
    st.just(np.float64(2.0)),
    st.just(np.array([[1.0, 2.0], [2.0, 9.0]])),
    st.just(Path("x.csv")),
    st.just({1, 2}),
    st.just(object()),
)
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(names | st.integers(), inner, max_size=4)
    ),
    max_leaves=12,
)


def outcome(source: object, overrides: object = ()) -> Config | None:
    """The config, or None after an error that keeps the promise of one line."""
    try:
        config = load_config(source, overrides)
    except InputError as error:
        message = str(error)
        assert message.strip()
        assert len(message.splitlines()) == 1
        return None
    assert load_config(tomllib.loads(config.to_toml())) == config
    return config


@given(st.dictionaries(names, values, max_size=5))
@settings(max_examples=300, deadline=None)
def test_any_dictionary_is_a_config_or_one_line(raw: dict[str, object]) -> None:
    outcome(raw)


@given(st.dictionaries(st.sampled_from(KEYS), values, min_size=1, max_size=3))
@settings(max_examples=500, deadline=None)
def test_any_mutation_of_a_valid_config_is_a_config_or_one_line(changes: dict[str, object]) -> None:
    outcome(None, changes)


@given(st.sampled_from(KEYS) | st.text(max_size=12), st.text(max_size=20))
@settings(max_examples=300, deadline=None)
def test_any_override_is_a_config_or_one_line(name: str, value: str) -> None:
    outcome(None, [f"{name}={value}"])


@given(st.text(max_size=40) | st.binary(max_size=40))
@settings(max_examples=200, deadline=None)
def test_any_file_is_a_config_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, content: str | bytes
) -> None:
    path = tmp_path_factory.mktemp("any") / "config.toml"
    raw = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
    path.write_bytes(raw)
    outcome(path)


@given(st.text(max_size=12))
@example("~nobody-of-that-name")
@settings(max_examples=100, deadline=None)
def test_any_name_of_a_file_is_a_config_or_one_line(name: str) -> None:
    outcome(name)


@pytest.mark.parametrize("source", [3, b"x.toml", [], object()])
def test_a_source_of_another_type_is_told(source: object) -> None:
    assert outcome(source) is None


def test_nesting_without_end_is_told() -> None:
    endless: dict[str, object] = {}
    endless["data"] = endless
    assert outcome(endless) is None
    assert outcome({"data": [[[]]] * 2}) is None
    assert outcome(None, ["data=" + "[" * 5000]) is None


def test_nothing_given_is_the_packaged_circle_teacher() -> None:
    config = load_config()
    assert config.data.kind == "population"
    assert config.target.weights == (1.0, -0.5)
    assert config == load_config("circle-teacher")
    assert config.base == load_config("circle-teacher").base
    assert (config.base / "circle-teacher.toml").is_file()


def test_a_file_wins_over_a_packaged_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("circle-teacher").write_text("time.end = 3")
    assert load_config("circle-teacher").time.end == 3.0
    assert load_config("circle-teacher").base == tmp_path


def test_arrays_tuples_and_numpy_scalars_are_taken() -> None:
    config = load_config(
        {
            "data": {"covariance": np.diag([4.0, 1.0]), "mean": (1, 2)},
            "solver": {"cells": np.int64(8)},
            "time": {"end": np.float32(2.0)},
        }
    )
    assert config.data.covariance == ((4.0, 0.0), (0.0, 1.0))
    assert config.solver.cells == 8
    assert config.time.end == 2.0


def test_overrides_as_text() -> None:
    config = load_config(
        None,
        [
            "solver.scheme=upwind",
            "time.end = 2",
            "data={kind='sampled', samples=100, covariance=[[2, 1], [1, 2]]}",
            "time.stop.risk=1e-3",
        ],
    )
    assert config.solver.scheme == "upwind"
    assert config.time.end == 2.0
    assert config.time.stop.risk == 1e-3
    assert isinstance(config.data, Sampled)
    assert config.data.samples == 100


def test_an_override_takes_the_place_of_its_alternative() -> None:
    config = load_config(None, ["time.save_every=1", "target.directions=[[0, 2], [1, 1]]"])
    assert config.time.save is None
    assert config.target.angles is None
    back = load_config(config, ["time.save.log=[0.1, 1, 3]"])
    assert back.time.save_every is None
    assert back.time.saves() == pytest.approx((0.0, 0.1, 10**-0.5, 1.0, 5.0), rel=1e-14)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("time.end", "is no override; write key=value"),
        ("=3", "is no key"),
        ("time..end=3", "is no key"),
        ("time.save=[0, x]", "is no TOML value"),
        ("time.end=1\nrun.seed=2", "one value only"),
    ],
)
def test_malformed_overrides(text: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        load_config(None, [text])


def test_missing_file_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "sphere.toml").touch()
    with pytest.raises(InputError, match=r"did you mean .*sphere\.toml\? \(see bnflow examples\)"):
        load_config(tmp_path / "shpere.toml")
    with pytest.raises(InputError, match="did you mean circle-teacher"):
        load_config("circle-techer")
    with pytest.raises(InputError, match="is a folder"):
        load_config(tmp_path)


def test_invalid_toml_names_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text("[time]\nend = \n")
    with pytest.raises(InputError, match=r"bad\.toml: .*line 2"):
        load_config(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="not UTF-8"):
        load_config(path)


def test_data_files_are_found_from_the_config_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("""
        data = {kind = "file", path = "rows.csv", inputs = ["a", "b"], targets = "y"}
    """)
    config = load_config(path)
    assert config.data_path == tmp_path / "rows.csv"
    monkeypatch.chdir("/")
    assert config.replace(**{"time.end": 1.0}).data_path == tmp_path / "rows.csv"
    assert load_config(config.to_dict(), base=tmp_path).data_path == tmp_path / "rows.csv"
    assert load_config(config.to_dict()) == config  # wherever it lies
    assert load_config().data_path is None

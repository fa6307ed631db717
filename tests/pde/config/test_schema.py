"""The schema is read from the declaration: complete, worded, and valid for real configs."""

import tomllib

from bnflow.pde.config import json_schema, load_config, schema_table
from bnflow.pde.config.schema import REQUIRED, find

RESERVED = """
network.activation network.batch_norm network.train network.weight_norm network.eps
network.metric data.kind data.covariance data.samples data.seed data.path data.inputs
data.targets data.components data.test_fraction target.kind target.weights target.angles
target.directions target.activation target.noise target.hermite target.label loss.kind
loss.delta training.temperature training.ridge training.weight_decay training.rates.a
training.rates.w training.alpha training.learning_rate training.batch_size training.one_pass
training.momentum training.schedule training.statistics initial.w initial.a.kind solver.method
solver.cells solver.a_cells solver.a_range solver.scheme solver.coordinates solver.interaction
solver.width solver.sampling solver.replicas solver.w_range time.end time.save time.save_every
time.stop.risk time.cfl run.backend run.dtype run.seed sweep
"""


def test_every_reserved_name_is_declared() -> None:
    assert {entry.name for entry in schema_table()} >= set(RESERVED.split())


def test_every_key_has_a_meaning_and_allowed_values_in_words() -> None:
    for entry in schema_table():
        assert entry.meaning.endswith(".")
        assert entry.allowed not in ("", "a value")


def test_every_default_is_valid() -> None:
    for entry in schema_table():
        if entry.default not in ("", REQUIRED) and entry.kinds in ((), ("population", "sampled")):
            load_config(None, [f"{entry.name}={entry.default}"])


def test_the_packaged_values_are_the_declared_defaults_where_the_example_is_silent() -> None:
    declared = load_config({"time": {"save": [0.0, 0.5, 1.0, 2.0, 5.0]}})
    assert load_config().difference(declared) == []


def test_a_key_with_two_meanings_is_found_by_kind() -> None:
    sampled, file = find("data.test_fraction", "sampled"), find("data.test_fraction", "file")
    assert sampled is not None
    assert file is not None
    assert sampled.meaning != file.meaning
    assert find("no.such") is None


def test_json_schema_lists_the_keys_of_a_canonical_config() -> None:
    schema = json_schema()
    tables = tomllib.loads(load_config().to_toml())
    assert tables.keys() <= schema["properties"].keys()
    solver = schema["$defs"]["Solver"]["properties"]
    assert solver["cells"]["minimum"] == 4
    assert tables["solver"].keys() <= solver.keys()

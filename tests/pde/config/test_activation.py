"""The values of network.activation and target.activation, network.gain and target.gain."""

import pytest

from bnflow.kernels.errors import InputError
from bnflow.pde.config import load_config, schema_table
from bnflow.pde.config.activation import ACTIVATION_NAMES
from bnflow.pde.config.schema import find

BENT = '{kind="piecewise-linear", knots=[-1, 0, 2], values=[0, 0, 1]}'


@pytest.mark.parametrize("table", ["network", "target"])
@pytest.mark.parametrize("name", ACTIVATION_NAMES)
def test_every_name_is_taken(table: str, name: str) -> None:
    config = load_config(None, [f"{table}.activation={name}", f"{table}.gain=2"])
    assert getattr(config, table).activation == name
    assert getattr(config, table).gain == 2.0


@pytest.mark.parametrize("table", ["network", "target"])
def test_a_piecewise_linear_function_survives_its_text(table: str) -> None:
    config = load_config(None, [f"{table}.activation={BENT}"])
    assert getattr(config, table).activation.knots == (-1.0, 0.0, 2.0)
    again = load_config(config.to_dict())
    assert again == config
    assert again.digest() == config.digest()
    assert load_config(config, [f"{table}.activation=erf"]) != config


def test_a_config_of_the_old_form_means_gain_one() -> None:
    assert load_config(None, ["network.gain=1"]) == load_config()
    assert load_config().target.gain is None


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("network.activation=rleu", 'activation = "rleu" must be "relu", "linear", "erf", "tanh"'),
        ("network.activation=softplsu", 'did you mean "softplus"?'),
        ("network.activation=3", 'network.activation = 3 must be "relu"'),
        ('network.activation={kind="foo"}', "must have a kind that is known: {kind = "),
        ("network.activation={knots=[0, 1]}", "must have a kind that is known"),
        ('network.activation={kind="piecewise-linear"}', "network.activation.knots is missing"),
        (f"network.activation={BENT[:-1]}, slope=1}}", "network.activation.slope is no key"),
        (BENT.replace("2", "0"), "has the knots 0, 0; give them in growing order"),
        (BENT.replace("[0, 0, 1]", "[0, 1]"), "has 3 knots and 2 values"),
        (BENT.replace("[-1, 0, 2]", "[1]"), "needs at least 2 knots"),
        (BENT.replace("2", "nan"), "network.activation.knots[2] = nan must be a finite number"),
        (BENT.replace("2", '"a"'), 'network.activation.knots[2] = "a" must be a number'),
        ("network.gain=0", "network.gain = 0 must be a number > 0"),
        ("network.gain=-2", "network.gain = -2 must be a number > 0"),
        ("network.gain=big", 'network.gain = "big" must be a number > 0'),
        ("target.gain=2", "target.gain = 2 is given without target.activation; give both"),
    ],
)
def test_mistakes_are_one_line(override: str, message: str) -> None:
    if override.startswith("{"):
        override = f"network.activation={override}"
    with pytest.raises(InputError) as caught:
        load_config(None, [override])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_step_whose_place_is_trained_needs_the_law_itself() -> None:
    rows = {"kind": "sampled", "samples": 100}
    with pytest.raises(InputError, match=r'"step" has no gradient on rows.*"population"'):
        load_config({"network": {"activation": "step"}, "data": rows})
    load_config({"network": {"activation": "step"}})
    load_config({"network": {"activation": "step", "train": ["a"]}, "data": rows})


def test_the_schema_knows_names_and_forms() -> None:
    for name in ("network.activation", "target.activation"):
        entry = find(name)
        assert entry is not None
        assert [choice.strip('"') for choice in entry.choices][: len(ACTIVATION_NAMES)] == [
            *ACTIVATION_NAMES
        ]
        assert "piecewise-linear" in entry.allowed
        assert not entry.later
    assert all(entry.available for entry in schema_table() if entry.name.endswith(".gain"))

"""Scales and shifts in a configuration: where they exist, and one line where they do not."""

import pytest

from bnflow.kernels.errors import InputError
from bnflow.pde.config import load_config
from bnflow.pde.config.affine import has_affine
from bnflow.pde.config.initial import Normal, Scale, Shift, TwoPoint
from bnflow.pde.config.schema import find

TRAIN = 'network.train=["w", "a", "gamma", "beta"]'
ROWS = ("data.kind=sampled", "data.samples=20")
NEURONS = "solver.method=particles"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            (TRAIN,),
            'network.train = ["w", "a", "gamma", "beta"] needs solver.method = "particles" and '
            'data.kind = "sampled", "file" or "arrays"',
        ),
        ((TRAIN, *ROWS), '"beta"] needs solver.method = "particles"'),
        ((TRAIN, NEURONS), '"beta"] needs data.kind = "sampled", "file" or "arrays"'),
        ((TRAIN, NEURONS, *ROWS, "network.batch_norm=false"), "needs network.batch_norm = true"),
        (
            ("initial.gamma={value=2}", *ROWS),
            'initial.gamma = {kind = "constant", value = 2.0} needs solver.method = "particles"',
        ),
        (
            ("initial.beta.kind=normal", NEURONS),
            'initial.beta = {kind = "normal", mean = 0.0, std = 0.5} needs data.kind = "sampled"',
        ),
        (
            ("network.activation=step", 'network.train=["a", "beta"]', NEURONS, *ROWS),
            "has no gradient on rows, so beta cannot be trained",
        ),
        (('network.train=["gama"]',), 'or "beta"; did you mean "gamma"?'),
        (
            ('network.train=["gamma", "gamma"]',),
            "names one twice; allowed: each of w, a, gamma, beta at most once",
        ),
        (("initial.gamma=1.0",), 'must be a table with kind = "constant", "normal", "two-point"'),
        (("initial.beta.kind=nrmal",), 'did you mean "normal"?'),
        (('initial.gamma={kind="normal", std=0}',), "initial.gamma.std = 0 must be a number > 0"),
        (("initial.beta.std=1",), 'is no key of initial.beta with kind = "constant"'),
    ],
)
def test_mistakes(overrides: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError) as caught:
        load_config(None, overrides)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_allowed_reads_back() -> None:
    laws = ("initial.gamma.kind=normal", "initial.beta.kind=two-point")
    config = load_config(None, (TRAIN, NEURONS, *ROWS, *laws))
    assert config.network.train == ("w", "a", "gamma", "beta")
    assert config.initial.gamma == Normal()
    assert config.initial.beta == TwoPoint()
    assert load_config(config.to_dict()) == config
    assert has_affine(config)


def test_one_and_zero_are_the_defaults_and_ask_for_nothing() -> None:
    config = load_config(None, ('initial.gamma={kind="constant"}', "initial.beta={value=0}"))
    assert config == load_config()
    assert (config.initial.gamma, config.initial.beta) == (Scale(value=1.0), Shift(value=0.0))
    assert not has_affine(config)


@pytest.mark.parametrize(
    ("name", "neutral", "law"), [("gamma", "1.0", "scales"), ("beta", "0.0", "shifts")]
)
def test_the_schema_tells_the_law_and_its_neutral_value(name: str, neutral: str, law: str) -> None:
    kind, value = find(f"initial.{name}.kind"), find(f"initial.{name}.value")
    assert kind is not None
    assert value is not None
    assert kind.default == '"constant"'
    assert law in kind.meaning
    assert value.default == neutral

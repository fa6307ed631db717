"""The table [output]: its defaults change nothing, and its mistakes are one line."""

import pytest

from bnflow.kernels.errors import InputError
from bnflow.pde.config import load_config


def test_everything_is_stored_unless_something_else_is_said() -> None:
    output = load_config().output
    assert (output.fields, output.density_every) == ("auto", 1)
    assert (output.compression, output.mantissa_bits) == ("none", None)


def test_a_config_from_before_there_was_a_choice_is_the_same() -> None:
    before = load_config().to_dict()
    del before["output"]
    assert load_config(before) == load_config()


@pytest.mark.parametrize(
    ("changes", "phrase"),
    [
        (["output.fields=[]"], "output.fields = .*names nothing, or something twice"),
        (['output.fields=["moments", "moments"]'], "names nothing, or something twice"),
        (['output.fields=["momnets"]'], "moments"),
        (["output.density_every=0"], "output.density_every = 0"),
        (["output.mantissa_bits=12"], 'give output.compression = "gzip", too'),
        (["output.mantissa_bits=60", "output.compression=gzip"], "output.mantissa_bits = 60"),
        (["output.compression=zip"], "gzip"),
        (["output.density_every=3", 'output.fields=["moments"]'], "output.fields leaves out"),
        (["solver.method=particles", 'output.fields=["moments"]'], "neurons are stored whole"),
        (["output.densty_every=3"], "density_every"),
    ],
)
def test_mistakes_are_one_line(changes: list[str], phrase: str) -> None:
    with pytest.raises(InputError, match=phrase) as error:
        load_config({}, changes)
    assert "\n" not in str(error.value)

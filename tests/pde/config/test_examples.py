"""Every packaged example loads, says in its first line what it shows, and has its data with it."""

import pytest

from bnflow.pde.config import examples, load_config


@pytest.mark.parametrize("name", examples.names())
def test_a_packaged_example_is_complete(name: str) -> None:
    config = load_config(name)
    assert examples.path(name).read_text().startswith("# ")
    assert len(examples.summary(name)) > 10
    assert all(part.is_file() for part in examples.parts(name))
    assert (config.data_path is None) == (len(examples.parts(name)) == 1)


def test_the_default_is_one_of_them() -> None:
    assert examples.DEFAULT in examples.names()

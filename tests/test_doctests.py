"""Every example in a docstring is true."""

import doctest
import importlib
import pkgutil

import pytest

import bnflow

MODULES = ["bnflow", *(found.name for found in pkgutil.walk_packages(bnflow.__path__, "bnflow."))]
ROOMS = {"api", "benchmarks", "cli", "depth", "io", "kernels", "pde"}


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_the_walk_enters_every_room_and_no_other_folder() -> None:
    folders = {name.split(".")[1] for name in MODULES if name.count(".") > 1}
    assert folders == ROOMS

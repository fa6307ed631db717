"""The package's front door: complete for readers and checkers, and light to open."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import bnflow

HEAVY = {"numpy", "scipy", "h5py", "matplotlib", "pydantic", "tqdm", "threadpoolctl", "cupy"}


def test_checkers_and_the_interpreter_find_the_same_names_in_the_same_homes() -> None:
    tree = ast.parse(Path(bnflow.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    homes = {a.asname: f".{node.module}" for node in imports for a in node.names}
    assert homes == vars(bnflow)["_HOMES"]
    assert homes.keys() | {"__version__"} == set(dir(bnflow))


@pytest.mark.parametrize("name", dir(bnflow))
def test_every_public_name_loads(name: str) -> None:
    assert getattr(bnflow, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'slove'"):
        _ = vars(bnflow)["__getattr__"]("slove")


def test_opening_the_door_loads_nothing_heavy() -> None:
    look = "import sys, bnflow, bnflow.cli; print(*{name.split('.')[0] for name in sys.modules})"
    shown = subprocess.run(
        [sys.executable, "-c", look], capture_output=True, text=True, check=True, timeout=60
    )
    assert not HEAVY & set(shown.stdout.split())

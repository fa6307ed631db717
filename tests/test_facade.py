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
    homes = {a.asname: f".{node.module}" for node in imports if node.module for a in node.names}
    rooms = {a.asname for node in imports if not node.module for a in node.names}
    assert homes == vars(bnflow)["_HOMES"]
    assert rooms == set(vars(bnflow)["_ROOMS"])
    assert homes.keys() | rooms | {"__version__"} == set(dir(bnflow))


@pytest.mark.parametrize("name", dir(bnflow))
def test_every_public_name_loads(name: str) -> None:
    assert getattr(bnflow, name) is not None


def test_depth_opens_with_the_door_and_holds_what_the_contract_names() -> None:
    """In a process of its own, where nothing has imported it before."""
    look = "import bnflow; print(bnflow.depth.fisher_theory, bnflow.depth.fisher.digits)"
    subprocess.run([sys.executable, "-c", look], check=True, timeout=60, stdout=subprocess.DEVNULL)
    assert set(bnflow.depth.__all__) <= set(dir(bnflow.depth))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'slove'"):
        _ = vars(bnflow)["__getattr__"]("slove")


def test_opening_the_door_loads_nothing_heavy() -> None:
    look = "import sys, bnflow, bnflow.cli; print(*{name.split('.')[0] for name in sys.modules})"
    shown = subprocess.run(
        [sys.executable, "-c", look], capture_output=True, text=True, check=True, timeout=60
    )
    assert not HEAVY & set(shown.stdout.split())

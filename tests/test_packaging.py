"""What is in the tree is in the package, and nothing else is.

`contents` is what ought to travel; in an editable install the package is the tree, and only a
built one puts the two comparisons to the test.
"""

from configparser import ConfigParser
from pathlib import Path

import pytest

import bnflow

ROOT = Path(__file__).parents[1]
ROOMS = ("api", "benchmarks", "cli", "depth", "io", "kernels", "pde")
CODE = {".py", ".cu", ".cuh", ".bib"}
HOME = Path(bnflow.__file__).parent


def contents(root: Path) -> dict[str, bytes]:
    """The root's modules, all code below the rooms, and every example with its data."""
    found = [*root.glob("*.py"), root / "py.typed", *visible(root / "examples")]
    found += [path for room in ROOMS for path in visible(root / room) if path.suffix in CODE]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in found}


def visible(folder: Path) -> list[Path]:
    """All files below a folder, but caches and hidden files."""
    found = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in found if not path.name.startswith(".") and path.suffix != ".pyc"]


def test_setup_cfg_lists_every_folder_with_code() -> None:
    config = ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    folders = {path.parent for room in ROOMS for path in (ROOT / room).rglob("*.py")}
    names = sorted(".".join(["bnflow", *folder.relative_to(ROOT).parts]) for folder in folders)
    assert config["options"]["packages"].split() == ["bnflow", *names]
    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []


def test_every_folder_of_code_in_the_root_is_a_room() -> None:
    assert {path.parent.name for path in ROOT.glob("*/__init__.py")} == set(ROOMS)


def test_the_root_holds_the_front_door_only() -> None:
    assert {path.name for path in ROOT.glob("*.py")} == {"__init__.py", "__main__.py"}


def test_the_installed_package_is_the_tree() -> None:
    here, there = contents(ROOT), contents(HOME)
    changed = sorted(
        name for name in here.keys() | there.keys() if here.get(name) != there.get(name)
    )
    assert changed == [], "the installed bnflow is not this tree: pip install . again"


@pytest.mark.skipif(HOME == ROOT, reason="an editable install holds whatever lies in the tree")
def test_nothing_else_travels_along() -> None:
    assert {path.relative_to(HOME).as_posix() for path in visible(HOME)} == contents(ROOT).keys()


def test_one_version_everywhere() -> None:
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8").splitlines()
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines()
    assert f"version: {bnflow.__version__}" in citation
    assert any(line.startswith(f"## {bnflow.__version__} ") for line in changes)

"""kernels <- pde <- depth <- io <- api <- benchmarks <- cli; outside libraries stay in their rooms.

Benchmarks use the front door, too (""). Read from the source: wherever an import stands, in a
function or behind TYPE_CHECKING, and also when it is written as `import_module("name")`.
"""

import ast
from collections.abc import Iterator
from importlib.util import resolve_name
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAY_USE = {
    "kernels": {"kernels"},
    "pde": {"kernels", "pde"},
    "depth": {"kernels", "pde", "depth"},
    "io": {"kernels", "pde", "depth", "io"},
    "api": {"kernels", "pde", "depth", "io", "api"},
    "benchmarks": {"", "kernels", "pde", "depth", "io", "api", "benchmarks"},
    "cli": {"kernels", "pde", "depth", "io", "api", "benchmarks", "cli"},
    "__init__": {"kernels", "pde", "depth", "io", "api"},
    "__main__": {"cli"},
}
OF_PDE_IN_DEPTH = ("pde.network.", "pde.config.text.")  # the second: how messages are written
KEPT_IN = {
    "cupy": "kernels",
    "h5py": "io",
    "matplotlib": "io",
    "mpl_toolkits": "io",
    "h5netcdf": "io",
    "xarray": "io",
    "ot": "io",
    "tqdm": "io cli",
}
DYNAMIC = ("import_module", "__import__")
FACADE = Path("__init__.py")  # its table of homes is held to its imports in test_facade
ROOMS = sorted(name for name in MAY_USE if (ROOT / name).is_dir())
FILES = sorted(
    path.relative_to(ROOT)
    for path in [*ROOT.glob("*.py"), *(p for room in ROOMS for p in (ROOT / room).rglob("*.py"))]
)


def imported(file: Path) -> Iterator[str]:
    """Absolute names of all that a file imports, wherever in it the import stands."""
    package = ".".join(["bnflow", *file.parent.parts])
    for node in ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = resolve_name("." * node.level + (node.module or ""), package)
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and called(node) in DYNAMIC and file != FACADE:
            yield resolve_name(literal_start(node.args[0]), package)


def called(call: ast.Call) -> str:
    """The last part of the name of what is called."""
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


def literal_start(argument: ast.expr) -> str:
    """A string, or what an f-string begins with: `f".{verb}"` stays in the package."""
    parts = argument.values if isinstance(argument, ast.JoinedStr) else [argument]
    first = parts[0]
    assert isinstance(first, ast.Constant), "a module's name must be readable in the source"
    return str(first.value)


@pytest.mark.parametrize("file", FILES, ids=str)
def test_imports_flow_one_way(file: Path) -> None:
    room = file.parts[0].removesuffix(".py")
    for name in imported(file):
        top, _, rest = name.partition(".")
        assert top not in MAY_USE.keys() - {"io"}, f"{file}: bare `{top}`; write a relative import"
        assert room in KEPT_IN.get(top, room).split(), f"{file}: {top} belongs to {KEPT_IN[top]}"
        if top == "bnflow":
            part = rest.partition(".")[0]
            legal = part in MAY_USE[room] or part.startswith("__")
            assert legal, f"{file}: {room} may not use {part or 'the facade'}"
            apart = room == "depth" and part == "pde" and not rest.startswith(OF_PDE_IN_DEPTH)
            assert not apart, f"{file}: of pde, depth may use {OF_PDE_IN_DEPTH} alone"


def test_the_law_has_every_room() -> None:
    assert {path.parent.name for path in ROOT.glob("*/__init__.py")} == set(ROOMS)
    assert {path.stem for path in ROOT.glob("*.py")} | set(ROOMS) == MAY_USE.keys()

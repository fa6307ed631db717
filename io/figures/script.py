"""The script that draws a figure again: one file, from the run's HDF5, without bnflow.

It is made of the code that drew the figure: `figure` of its module and all that this uses, found in
the sources, with `standalone` in the place of `io.run`. So the figure is the same to the last
pixel, and the script is the reader's own to change. Needs h5py, numpy, scipy and matplotlib.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import resolve_name
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from pprint import pformat
from typing import TYPE_CHECKING, Any

import numpy as np

from ...kernels.errors import InputError
from ..view import VIEW
from .subject import remarks, target_law

if TYPE_CHECKING:
    from ..run import Run

Node = ast.FunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign
ROOT = Path(__file__).parents[2]
HERE = __name__.rpartition(".")[0]
READER = f"{HERE}.standalone"
WRITTEN = '"""A figure of a bnflow run, drawn by its own script.'  # how to know one
TYPES = {  # what annotations say, as a script knows it
    "Array": "np.ndarray",
    "NeuronRun": "Any",
    "Layout": "Any",
    "NeuronLayout": "Any",
    "AnyLayout": "Any",
}
LEFT_OUT = ("REMARKS", "TARGET")  # written anew
WIDTH = 96


@dataclass(frozen=True)
class Source:
    """A module's text; its definitions, names from the package, and import lines, by name."""

    lines: tuple[str, ...]
    definitions: dict[str, Node]
    relatives: dict[str, str]
    imports: dict[str, str]


def script(run: Run, module: str, t: float, figure: Path, others: list[Run]) -> str:
    """The text of the script beside `figure`, which the module's `figure(run, t, *others)` drew."""
    paths = [_view(each, figure) for each in (run, *others)]
    parts = list(_needed(f"{HERE}.{module}", "figure"))
    parts += [part for part in _needed(f"{HERE}.style", "styled") if part not in parts]
    parts += [part for part in _needed(READER, "Run") if part not in parts]
    names = {name for each in parts for name in _names(_source(each[0]).definitions[each[1]])}
    constants = [f"TIME = {t!r}"]
    if "remarks" in names:
        constants.append(f"REMARKS = {pformat(remarks(run, t), width=WIDTH)}")
    if "target_function" in names:
        constants.append(f"TARGET = {pformat(_target(run), width=WIDTH, sort_dicts=False)}")
    places = dict(zip(("RUN", "NEURONS"), paths, strict=False)) | {"OUTPUT": figure.name}
    head = [_docstring(figure), "from __future__ import annotations", _imports(parts)]
    head.append("\n".join(f"{name} = {kind}" for name, kind in TYPES.items() if name in names))
    constants = [f"{name} = HERE / {str(place)!r}" for name, place in places.items()] + constants
    head.append("\n".join(["HERE = Path(__file__).resolve().parent", *constants]))
    body = ["\n".join(_constants(parts)), *(f"\n{_text(*p)}" for p in parts if _is_code(*p))]
    return "\n\n".join([*(part for part in head if part), *body, _main(len(others))]) + "\n"


def write(run: Run, module: str, t: float, figure: Path, others: list[Run]) -> Path:
    """Write it beside the figure, under its name; a file that is no such script stays."""
    from ..safefile import atomic_bytes

    path = figure.with_suffix(".py")
    if path.exists() and not path.read_text("utf-8", "replace").startswith(WRITTEN):
        raise InputError(f"{path} is not a script of bnflow's: choose another name for the figure")
    atomic_bytes(path, script(run, module, t, figure, others).encode())
    return path


def _view(run: Run, figure: Path) -> str:
    """The file to read, as seen from the folder of the figure."""
    if run.path is None:
        raise InputError("a script reads the files of a run, and this one is in memory: use out=")
    path = run.path if run.path.is_file() else run.path / VIEW  # a packed run is one file
    return os.path.relpath(path.resolve(), figure.resolve().parent)


def _target(run: Run) -> dict[str, Any] | None:
    """See `standalone`."""
    _refuse_function(run.activation.spec)
    if (law := target_law(run)) is None:
        return None
    found, to_law = law
    unit = np.eye(run.layout.dimension)
    offset = to_law(0.0 * unit)[0]
    shared: dict[str, Any] = {
        "classes": found.classes,
        "shift": float(run.layout.target_shift),
        "scale": float(run.layout.target_scale),
        "matrix": (to_law(unit) - offset).tolist(),
        "offset": offset.tolist(),
    }
    if (sigma := getattr(found, "activation", None)) is not None:
        _refuse_function(sigma.spec)
        shared |= {"activation": sigma.spec, "gain": sigma.gain}
    kinds = {"directions": "teacher", "direction": "single-index", "coefficients": "linear"}
    kind = next(word for name, word in kinds.items() if hasattr(found, name))
    arrays = ("weights", "directions", "hermite", "direction", "coefficients")
    own = {name: getattr(found, name).tolist() for name in arrays if hasattr(found, name)}
    return {"kind": kind, **shared, **own}


def _refuse_function(spec: Any) -> None:
    if not isinstance(spec, str) and spec.get("kind") == "custom":
        raise InputError(
            "a script cannot hold this run's activation, a Python function: figures without the "
            "network (density, measure, marginals, curves) have one"
        )


def _docstring(figure: Path) -> str:
    from ... import __version__

    return f'''{WRITTEN}

python {figure.stem}.py     reads the run (h5py), one saved time at once, and writes {figure.name}

Made by bnflow {__version__} of the code that drew the figure; change what you like.
"""'''


def _main(others: int) -> str:
    more = ", Run(NEURONS)" * others
    return f"""
if __name__ == "__main__":
    with styled():
        figure(Run(RUN), TIME{more}).savefig(OUTPUT)"""


# -- from the sources ----------------------------------------------------------------------------


@cache
def _source(module: str) -> Source:
    place = ROOT.joinpath(*module.split(".")[1:])
    file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    text = file.read_text(encoding="utf-8")
    found = Source(tuple(text.splitlines()), {}, {}, {})
    for node in ast.parse(text).body:
        if isinstance(node, ast.ImportFrom) and node.level:
            base = resolve_name("." * node.level + (node.module or ""), module.rpartition(".")[0])
            found.relatives.update({alias.name: base for alias in node.names})
        elif isinstance(node, ast.ImportFrom) and node.module != "__future__":
            lines = {a.name: f"from {node.module} import {a.name}" for a in node.names}
            found.imports.update(lines)
        elif isinstance(node, ast.Import):
            names = {alias.asname or alias.name: ast.unparse(node) for alias in node.names}
            found.imports.update(names)
        elif isinstance(node, Node):
            found.definitions.update(dict.fromkeys(_defined(node), node))
    return found


def _defined(node: Node) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        yield node.name
        return
    for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
        yield from (each.id for each in ast.walk(target) if isinstance(each, ast.Name))


def _names(node: Node) -> list[str]:
    """The names that a definition uses, in their order."""
    return list(dict.fromkeys(each.id for each in ast.walk(node) if isinstance(each, ast.Name)))


def _needed(module: str, name: str) -> Iterator[tuple[str, str]]:
    """The definitions that a name needs, itself first, as (module, name)."""
    seen: set[int] = set()
    waiting = [(module, name)]
    while waiting:
        place = _home(*waiting.pop())
        if place is None or id(node := _source(place[0]).definitions[place[1]]) in seen:
            continue
        seen.add(id(node))
        yield place
        waiting += [(place[0], each) for each in reversed(_names(node))]


def _home(module: str, name: str) -> tuple[str, str] | None:
    """Where a name that a module uses is defined; None outside the package and for types."""
    if name in TYPES or name in LEFT_OUT:
        return None
    if name in _source(READER).definitions:
        return READER, name
    source = _source(module)
    if name in source.definitions:
        return module, name
    return _home(source.relatives[name], name) if name in source.relatives else None


def _imports(parts: list[tuple[str, str]]) -> str:
    lines = {"from pathlib import Path", "import numpy as np", "from typing import Any"}
    for module, name in parts:
        source = _source(module)
        used = _names(source.definitions[name])
        lines |= {source.imports[each] for each in used if each in source.imports}
    whole = sorted(line for line in lines if line.startswith("import"))
    single = sorted(line.split(" import ") for line in lines if line.startswith("from"))
    for home, group in groupby(single, key=itemgetter(0)):
        whole.append(f"{home} import {', '.join(name for _, name in group)}")
    return "\n".join(whole)


def _constants(parts: list[tuple[str, str]]) -> Iterator[str]:
    """The constants as they stand in the sources, each after those that it uses."""
    waiting = [part for part in parts if not _is_code(*part)]
    while waiting:
        names = {
            name for part in waiting for name in _defined(_source(part[0]).definitions[part[1]])
        }
        for module, name in [*waiting]:
            node = _source(module).definitions[name]
            if not (names - set(_defined(node))) & set(_names(node)):
                waiting.remove((module, name))
                yield _text(module, name)


def _is_code(module: str, name: str) -> bool:
    return isinstance(_source(module).definitions[name], ast.FunctionDef | ast.ClassDef)


def _text(module: str, name: str) -> str:
    source = _source(module)
    node = source.definitions[name]
    first = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", []))])
    return "\n".join(source.lines[first - 1 : node.end_lineno])

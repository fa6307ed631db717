"""A script beside a figure draws it again, to the last byte, and knows nothing of bnflow."""

import ast
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bnflow.api import open as open_run
from bnflow.api import solve
from bnflow.io.figures import KINDS, MODULES, NEURON_KINDS, script, standalone
from bnflow.io.figures.subject import target_function
from bnflow.io.run import Run
from bnflow.kernels.errors import InputError
from bnflow.pde.config.activation import ACTIVATION_NAMES
from bnflow.pde.network.activations import activation

SMALL: dict[str, Any] = {
    "solver": {"cells": 8, "a_cells": 16},
    "time": {"end": 0.4, "save": [0.2]},
}
NEURONS = {**SMALL, "solver": {"method": "particles", "width": 20}}
SPHERE = {
    "data": {"kind": "sampled", "covariance": [4.0, 1.0, 0.5], "samples": 30},
    "target": {"weights": [1.0, -0.7], "directions": [[1.0, 0.5, 0.0], [0.0, 1.0, -1.0]]},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    made: dict[str, Path] = {}

    def make(name: str, *parts: dict[str, Any], **overrides: Any) -> Path:
        if name not in made:
            made[name] = tmp_path_factory.mktemp("runs") / name
            tables: dict[str, Any] = {}
            for part in parts:
                tables |= part
            solve(tables, out=made[name], **overrides)
        return made[name]

    return make


def drawn_twice(run: Run, path: Path, what: str, **options: Any) -> tuple[bytes, bytes]:
    """The figure, and what its script makes of it."""
    run.plot(path, what, script=True, **options)
    first = path.read_bytes()
    path.unlink()
    runpy.run_path(str(path.with_suffix(".py")), run_name="__main__")
    return first, path.read_bytes()


@pytest.mark.parametrize("what", ["overview", "marginals"])
def test_a_script_draws_the_same_bytes(
    tmp_path: Path, folder: Callable[..., Path], what: str
) -> None:
    run = open_run(folder("circle", SMALL))
    first, second = drawn_twice(run, tmp_path / "f.png", what)
    assert first == second


@pytest.mark.slow
def test_of_a_sphere_of_rows_too(tmp_path: Path, folder: Callable[..., Path]) -> None:
    """Here the target's inputs are whitened by the law of the rows, not by the rows."""
    small = {**SMALL, "solver": {"cells": 4, "a_cells": 12}}
    first, second = drawn_twice(
        open_run(folder("sphere", small, SPHERE)), tmp_path / "f.png", "overview"
    )
    assert first == second


def test_of_neurons_and_of_neurons_over_a_density(
    tmp_path: Path, folder: Callable[..., Path]
) -> None:
    neurons = open_run(folder("neurons", NEURONS))
    first, second = drawn_twice(neurons, tmp_path / "n.png", "neurons")
    assert first == second
    run = open_run(folder("circle", SMALL))
    first, second = drawn_twice(run, tmp_path / "o.png", "neurons", neurons=neurons)
    assert first == second


def test_where_densities_were_not_stored_it_reads_what_was(
    tmp_path: Path, folder: Callable[..., Path]
) -> None:
    run = open_run(folder("partly", SMALL, **{"output.density_every": 2}))
    assert not run.stores(0.2)
    first, second = drawn_twice(run, tmp_path / "m.png", "measure", time=0.2)
    assert first == second


@pytest.mark.slow
@pytest.mark.parametrize("what", KINDS)
def test_of_every_kind(tmp_path: Path, folder: Callable[..., Path], what: str) -> None:
    small = {**SMALL, "solver": {"cells": 4, "a_cells": 12}}
    run = open_run(folder("sphere", small, SPHERE))
    neurons = open_run(folder("sphere-neurons", NEURONS, SPHERE)) if what == "neurons" else None
    first, second = drawn_twice(run, tmp_path / "f.png", what, neurons=neurons)
    assert first == second


def test_it_runs_apart_from_bnflow(tmp_path: Path, folder: Callable[..., Path]) -> None:
    """Isolated, from another folder; it imports nothing beyond the four libraries."""
    open_run(folder("circle", SMALL)).plot(tmp_path / "f.pdf", "curves", script=True)
    (tmp_path / "f.pdf").unlink()
    text = (tmp_path / "f.py").read_text()
    modules = {
        name.partition(".")[0]
        for node in ast.walk(ast.parse(text))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [f"{'.' * node.level}{node.module}"]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert modules - set(sys.stdlib_module_names) <= {"h5py", "numpy", "scipy", "matplotlib"}
    subprocess.run([sys.executable, "-I", str(tmp_path / "f.py")], check=True, cwd="/")
    assert (tmp_path / "f.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(
    "module", sorted({*KINDS, *NEURON_KINDS, *(m for pair in MODULES.values() for m in pair)})
)
def test_no_two_definitions_of_a_script_share_a_name(module: str) -> None:
    """The later one would replace the other, silently."""
    if module in MODULES and module not in MODULES[module]:
        pytest.skip("a kind, not a module")
    starts = ((f"{script.HERE}.{module}", "figure"), (script.READER, "Run"))
    parts = {part for start in starts for part in script._needed(*start)}
    nodes = {id(node): node for m, name in parts for node in [script._source(m).definitions[name]]}
    names = [name for node in nodes.values() for name in script._defined(node)]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("gain", [1.0, 1.7])
@pytest.mark.parametrize("name", [*ACTIVATION_NAMES, "piecewise-linear"])
def test_activations_of_scripts_are_the_networks(name: str, gain: float) -> None:
    spec: Any = name
    if name == "piecewise-linear":
        spec = {"kind": name, "knots": [-1.0, 0.3, 1.0], "values": [0.2, -0.4, 1.5]}
    z = np.linspace(-3, 3, 61)
    ours = standalone.activation(spec, gain)(z)
    np.testing.assert_allclose(ours, activation(spec, gain).value(z), rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize(
    "target",
    [
        {"kind": "teacher", "weights": [1.0, -0.5], "angles": [0.3, 1.9], "label": "sign"},
        {"kind": "teacher", "weights": [1.0], "angles": [0.3], "activation": "tanh", "gain": 2.0},
        {"kind": "single-index", "hermite": [0.1, 1.0, 0.5, 0.2], "angle": 0.4},
        {"kind": "linear", "coefficients": [1.0, -2.0]},
    ],
)
def test_targets_of_scripts_are_the_runs(target: dict[str, Any]) -> None:
    data = {"kind": "sampled", "covariance": [[3.0, 1.0], [1.0, 2.0]], "samples": 20}
    run = solve(SMALL, data=data, target=target, **{"time.end": 0.01, "time.save": []})
    whole, constants = target_function(run), script._target(run)
    assert whole is not None
    assert constants is not None
    xt = np.random.default_rng(1).normal(size=(50, 2))
    np.testing.assert_allclose(standalone.target_values(constants, xt), whole(xt), rtol=1e-12)


def test_mistakes_are_one_line_and_leave_what_is_there(
    tmp_path: Path, folder: Callable[..., Path]
) -> None:
    run = open_run(folder("circle", SMALL))
    (tmp_path / "f.py").write_text("mine")
    with pytest.raises(InputError, match=r"f\.py is not a script of bnflow's"):
        run.plot(tmp_path / "f.png", "curves", script=True)
    assert [path.name for path in tmp_path.iterdir()] == ["f.py"]
    assert (tmp_path / "f.py").read_text() == "mine"
    with pytest.raises(InputError, match="give a path"):
        run.plot(None, "curves", script=True)
    memory = solve(SMALL, **{"time.end": 0.01, "time.save": []})
    with pytest.raises(InputError, match="in memory"):
        memory.plot(tmp_path / "g.png", "curves", script=True)


def test_a_snapshot_that_went_is_told(tmp_path: Path) -> None:
    solve(SMALL, out=tmp_path / "run")
    (last,) = sorted((tmp_path / "run" / "snap").iterdir())[-1:]
    last.unlink()
    run = standalone.Run(tmp_path / "run" / "trajectory.h5")
    with pytest.raises(SystemExit, match=r"rho of t = 0\.4 is not in"):
        run.density(0.4)
    with pytest.raises(SystemExit, match=r"nearest: 0\.2"):
        run.density(0.25)

"""The independent check: torch's own batch normalization and autograd land on bnflow's curves.

Grid and particles share their sums over rows, and both know the network as a flow on a manifold;
torch_network.py, a program of its own, knows raw weights, `BatchNorm1d` and gradient descent.
"""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bnflow

pytestmark = [
    pytest.mark.torch,
    pytest.mark.skipif(find_spec("torch") is None, reason='torch is absent: pip install "torch"'),
    pytest.mark.filterwarnings("ignore::bnflow.kernels.errors.Notice"),
]
PROGRAM = Path(__file__).parent / "torch_network.py"
TIMES = [0.2, 1.0, 2.0]
DT = 4e-3  # of the coarser descent; divides the times
NEURONS = 256
ROWS = {2: 250, 6: 150}
Array = np.ndarray


def rows(d: int) -> Array:
    """Correlated rows of condition 10 that are not centred."""
    generator = np.random.default_rng(d)
    mixing = np.linalg.qr(generator.standard_normal((d, d)))[0] * np.geomspace(3.2, 1.0, d)
    return generator.standard_normal((ROWS[d], d)) @ mixing.T + generator.standard_normal(d)


def wanted(x: Array) -> Array:
    """What is to be learned: of order one, and no network."""
    return np.sin(x[:, 0]) + 0.3 * x[:, 1]


def solved(d: int, activation: str, norm: float, **solver: Any) -> bnflow.Run:
    config = {
        "network": {"activation": activation, "weight_norm": norm},
        "solver": {"tolerance": 1e-7, **solver},
        "time": {"end": TIMES[-1], "save": TIMES},
    }
    return bnflow.solve(config, data=rows(d), target=wanted)


def descended(
    folder: Path, run: bnflow.Run, activation: str, norm: float, dt: float
) -> tuple[Array, Array]:
    """Risk (times,) and f (times, rows) by torch, from the neurons that the run starts with."""
    x = rows(run.layout.dimension)
    direction, a, mass = run.particles(0.0)
    assert np.ptp(mass) == 0  # torch's neurons are all alike
    steps = np.rint(np.diff([0.0, *TIMES]) / dt).astype(int)
    start = {"x": x, "y": wanted(x), "w": norm * direction[0], "a": a[0]}
    np.savez(folder / "start.npz", activation=activation, dt=dt, steps=steps, **start)
    files = [str(folder / name) for name in ("start.npz", "end.npz")]
    subprocess.run([sys.executable, str(PROGRAM), *files], check=True, timeout=600)
    with np.load(files[1]) as end:
        return end["risk"], end["f"]


@pytest.mark.parametrize(("d", "activation", "norm"), [(2, "relu", 0.7), (6, "tanh", 1.0)])
def test_gradient_descent_in_torch_lands_on_the_particles(
    tmp_path: Path, d: int, activation: str, norm: float
) -> None:
    """With steps of dt and dt/2 extrapolated to 0, Euler's first-order error is gone.

    Left is O(dt^2), at rates of order one, and 1e-7 of the particles' own steps. Where a relu
    neuron passes over a row its rate jumps, and O(dt) of that neuron is left, a share 1/N in f.
    """
    run = solved(d, activation, norm, method="particles", sampling="sobol", width=NEURONS)
    coarse, fine = (descended(tmp_path, run, activation, norm, dt) for dt in (DT, DT / 2))
    risk, f = (2 * b - a for a, b in zip(coarse, fine, strict=True))
    expected = np.stack([run.predict(rows(d), t) for t in run.time])
    kinks = 10 * DT / NEURONS if activation == "relu" else 0.0  # some ten neurons a row and unit t
    np.testing.assert_allclose(risk, run.risk, atol=DT**2)
    np.testing.assert_allclose(f, expected, atol=DT**2 + kinks)
    assert abs(coarse[1] - coarse[1][0]).max() > 0.1  # there was something to learn


def test_gradient_descent_in_torch_lands_on_the_grid(tmp_path: Path) -> None:
    """N neurons are within 1/sqrt(N) of the density, in f and in R."""
    start = solved(2, "relu", 1.0, method="particles", sampling="sobol", width=NEURONS)
    grid = solved(2, "relu", 1.0, cells=32, a_cells=64, tolerance=1e-3)
    risk, f = descended(tmp_path, start, "relu", 1.0, DT)
    off = f - np.stack([grid.predict(rows(2), t) for t in grid.time])
    np.testing.assert_allclose(risk, grid.risk, atol=NEURONS**-0.5)
    assert np.sqrt(np.mean(off**2, axis=1)).max() <= NEURONS**-0.5

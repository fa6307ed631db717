"""Networks of finite width against the density, an independent integration, and the law of width.

Grid and particles share kernels, so their agreement alone proves little: the first tests compare
particles with neurons that were integrated by a program of their own (`pde.exact`).
"""

from typing import Any

import numpy as np
import pytest
from scipy.stats import linregress

import bnflow
from bnflow.pde.config import load_config
from bnflow.pde.particles.session import NeuronSession

TIMES = [0.0, 0.5, 1.0, 2.0, 5.0]
quiet = pytest.mark.filterwarnings("ignore::bnflow.kernels.errors.Notice")
PARTICLES = {"solver.method": "particles", "time.end": 5.0, "time.save": TIMES}
QUADRATURE = {**PARTICLES, "solver.sampling": "quadrature", "solver.tolerance": 1e-7}


@quiet
def test_circle_against_neurons_of_another_program(neurons) -> None:
    """Same nodes, Fourier series of the kernel, RK4: its 40 modes leave 1e-7 of the risk."""
    config = load_config(None, {**QUADRATURE, "solver.width": 300})
    start = NeuronSession.prepare(config).initial_state()
    field = neurons.CircleReluPopulation(np.diag([10.0, 1.0]), [1.0, -0.5], [0.3, 1.9])
    expected = neurons.integrate(field, start.x[0], start.a[0], start.mass, TIMES, 0.05)
    np.testing.assert_allclose(bnflow.solve(config).risk, expected, atol=1e-6)


@pytest.mark.parametrize("coordinates", ["raw", "whitened", "ellipsoid"])
def test_rows_in_five_dimensions_against_neurons_of_another_program(
    neurons, coordinates: str
) -> None:
    config = load_config(
        {
            "network": {"activation": "tanh"},
            "data": {"kind": "sampled", "covariance": [5.0, 1.0, 0.3, 2.0, 1.0], "samples": 80},
            "target": {"weights": [1.0, -0.5], "directions": np.eye(5)[:2].tolist()},
        },
        {
            **PARTICLES,
            "solver.width": 30,
            "solver.tolerance": 1e-8,
            "solver.coordinates": coordinates,
        },
    )
    made = NeuronSession.prepare(config)
    start, rows = made.initial_state(), made.problem.data
    values, vectors = np.linalg.eigh(rows.covariance)
    inputs = rows.inputs @ (vectors * np.sqrt(values) @ vectors.T)
    field = neurons.OnRows(inputs, rows.targets, np.tanh, lambda z: 1 / np.cosh(z) ** 2)
    u = made.flow.chart.raw(start.x)[0]
    expected = neurons.integrate(field, u, start.a[0], start.mass, TIMES, 0.02)
    np.testing.assert_allclose(bnflow.solve(config).risk, expected, atol=1e-7)


# -- against the density ---------------------------------------------------------------------------


@quiet
@pytest.mark.parametrize(
    ("cells", "a_cells", "width", "room"),
    [(32, 64, 2000, 2e-4), (64, 128, 16_000, 1e-4)],
)
def test_the_density_and_quadrature_neurons_have_one_risk(
    cells: int, a_cells: int, width: int, room: float
) -> None:
    """Condition 10, ReLU, everything trained, a normal: 3.5e-5 at full size, of which 3e-5 are
    the grid's (second order: four times as much at half the cells)."""
    keys = {"time.end": 5.0, "time.save": TIMES}
    grid = bnflow.solve(
        None, **keys, **{"solver.cells": cells, "solver.a_cells": a_cells, "solver.tolerance": 4e-4}
    )
    particles = bnflow.solve(None, **{**QUADRATURE, "solver.width": width})
    assert np.abs(grid.risk - particles.risk).max() <= room
    x = np.random.default_rng(0).standard_normal((50, 2)) * [10**0.5, 1.0]
    off = grid.predict(x, 5.0) - particles.predict(x, 5.0)
    assert np.sqrt((off**2).mean()) < 2e-3


NOISY = {
    "w": {
        "network.train": ["w"],
        "initial.a": {"kind": "two-point", "values": [-1.0, 1.0]},
        "training.temperature": 0.1,
        "time.end": 2.0,
    },
    "w and a": {"training.temperature": 0.2, "training.ridge": 0.2, "time.end": 0.6},
}


@quiet
@pytest.mark.parametrize("case", NOISY)
def test_noisy_neurons_have_the_risk_of_the_noisy_density(case: str) -> None:
    """Within 3.5 standard errors over the replicas, and the bias E phi^2/(2 N) of finite width;
    without the noise the density is further off, in the risk or in <a^2>."""
    width, replicas = 800, 24
    base: dict[str, Any] = {**NOISY[case], "time.save": []}
    grid, cold = (
        bnflow.solve(None, **{**base, "solver.cells": 32, "solver.a_cells": 48, **other})
        for other in ({}, {"training.temperature": 0.0})
    )
    size = {"solver.width": width, "solver.replicas": replicas, "solver.sampling": "stratified"}
    steps = {"solver.integrator": "bogacki-shampine", "solver.tolerance": 4e-3}
    run = bnflow.solve(None, **base, **size, **steps, **{"solver.method": "particles"})
    each = run.risk_replicas[-1]
    room = 3.5 * each.std() / replicas**0.5 + 0.5 / (2 * width)
    assert abs(run.risk[-1] - grid.risk[-1]) <= room
    bars = 3.5 * np.sqrt(2 / (width * replicas)) * grid.a_second_moment[-1]  # of normal numbers
    assert abs(run.a_second_moment[-1] - grid.a_second_moment[-1]) <= bars
    moved = abs(cold.risk - grid.risk)[-1] > room
    assert moved or abs(cold.a_second_moment - grid.a_second_moment)[-1] > 10 * bars


@quiet
def test_quadrature_neurons_converge_much_faster_than_drawn_ones() -> None:
    """A smooth problem: 400 nodes are worth more than 10^6 independent neurons, and 3,200 are exact
    to 1e-7 (1.1e-5 and 4e-9 measured, against 12,000)."""
    base = {
        **PARTICLES,
        "time.end": 1.0,
        "time.save": [],
        "solver.tolerance": 1e-9,
        "network.activation": "tanh",
        "data": {"kind": "sampled", "samples": 40, "covariance": [3.0, 1.0]},
    }

    def risk(width: int, sampling: str = "quadrature") -> float:
        changes = {"solver.width": width, "solver.sampling": sampling}
        return float(bnflow.solve(None, **{**base, **changes}).risk[-1])

    exact = risk(8000)
    assert abs(risk(400) - exact) < 3e-5
    assert abs(risk(3200) - exact) < 1e-7
    assert abs(risk(400, "iid") - exact) > 1e-3


# -- the law of width ------------------------------------------------------------------------------

WIDTHS = [64, 128, 256, 512, 1024]
REPLICAS = 96


@quiet
def test_the_error_of_independent_neurons_falls_as_the_root_of_the_width() -> None:
    """rms |R_N - R| and |f_N - f| at t = 1: slope -1/2 on logarithmic axes, +-1.96 standard errors.

    The bias of the risk is of order 1/N, and so is what the mean over replicas leaves out. Source:
    Mei, Misiakiewicz, Montanari, arXiv 1902.06015; Rotskoff, Vanden-Eijnden 2018.
    """
    base = {**PARTICLES, "time.end": 1.0, "time.save": [], "solver.tolerance": 1e-3}
    limit = bnflow.solve(None, **{**base, "solver.sampling": "quadrature", "solver.width": 4000})
    angle = (np.arange(48) + 0.5) * np.pi / 24
    xt = np.sqrt(2) * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    f = limit.network(xt, 1.0)
    logs: dict[str, list[np.ndarray]] = {"R": [], "f": []}
    for width in WIDTHS:
        run = bnflow.solve(None, **{**base, "solver.width": width, "solver.replicas": REPLICAS})
        off = np.array([run.network(xt, 1.0, k) - f for k in range(REPLICAS)])
        logs["f"].append((off**2).mean(axis=1))
        logs["R"].append((run.risk_replicas[-1] - limit.risk[-1]) ** 2)
    for name, squares in logs.items():
        slope, error = slope_and_error(np.array(squares))
        assert abs(slope + 0.5) <= 1.96 * error, (name, slope, error)
        assert 1.96 * error < 0.08, (name, error)


def slope_and_error(squares: np.ndarray) -> tuple[float, float]:
    """Slope of log rms against log width, and its standard error by the bootstrap over replicas."""
    x, rng = np.log(WIDTHS), np.random.default_rng(1)
    drawn = [
        linregress(x, [0.5 * np.log(rng.choice(row, REPLICAS).mean()) for row in squares]).slope
        for _ in range(400)
    ]
    whole = linregress(x, 0.5 * np.log(squares.mean(axis=1))).slope
    return float(whole), float(np.std(drawn))

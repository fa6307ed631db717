"""Figures of neurons are drawn in every dimension, with their axes named, and show every neuron."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.collections import PathCollection

from bnflow.api import solve
from bnflow.io.figures import NEURON_KINDS, draw
from bnflow.io.figures.neurons import NEGATIVE, POSITIVE
from bnflow.io.run import Run

BASE: dict[str, Any] = {
    "solver": {"method": "particles", "width": 15, "replicas": 2},
    "time": {"end": 1.0, "save": [0.5]},
}


@pytest.fixture(scope="module")
def make_run() -> Callable[..., Run]:
    def make(d: int, plain: bool = False, **changes: Any) -> Run:
        data = {"kind": "sampled", "covariance": [4.0, 1.0, 2.0, 1.0, 3.0][:d], "samples": 30}
        target = {"weights": [1.0, -0.5], "directions": np.eye(max(d, 2))[:2, :d].tolist()}
        if d == 1:
            target = {"weights": [1.0], "directions": [[1.0]]}
        tables = {"data": data, "target": target, "network": {"batch_norm": not plain}}
        return solve({**BASE, **tables}, **changes)

    return make


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("d", [1, 2, 3, 5])
@pytest.mark.parametrize("what", NEURON_KINDS)
def test_figures_are_written_and_their_axes_named(
    tmp_path: Path, make_run: Callable[..., Run], d: int, what: str, plain: bool
) -> None:
    figure = make_run(d, plain).plot(tmp_path / "f.png", what)
    assert (tmp_path / "f.png").stat().st_size > 5000
    named = [ax for ax in figure.axes if ax.axison]
    assert named
    assert any(ax.get_xlabel() for ax in named)
    assert any(ax.get_ylabel() for ax in named)


def dots(run: Run, t: float) -> list[PathCollection]:
    (ax,) = draw(run, "neurons", t).axes
    return [item for item in ax.collections if isinstance(item, PathCollection)]


def test_the_condensation_plot_shows_angle_and_amplitude_of_every_neuron(
    make_run: Callable[..., Run],
) -> None:
    run = make_run(2)
    direction, a, _ = run.particles(1.0)
    drawn = dots(run, 1.0)[-1]  # the turn + 2 pi of the ends is last; the middle one is in view
    angle = np.arctan2(direction[..., 1], direction[..., 0]).ravel() % (2 * np.pi)
    x, y = np.asarray(drawn.get_offsets()).T
    np.testing.assert_allclose(x - 2 * np.pi, angle, atol=1e-12)
    np.testing.assert_allclose(y, a.ravel())
    colours = np.asarray(drawn.get_facecolor())[:, :3]
    blue, orange = (np.all(np.isclose(colours, _rgb(c)), axis=1) for c in (POSITIVE, NEGATIVE))
    np.testing.assert_array_equal(blue, a.ravel() > 0)
    np.testing.assert_array_equal(orange, a.ravel() <= 0)


def test_a_plain_network_is_drawn_by_its_amplitude(make_run: Callable[..., Run]) -> None:
    run = make_run(2, plain=True)
    w, a, _ = run.particles(1.0)
    drawn = np.asarray(dots(run, 1.0)[-1].get_offsets())
    np.testing.assert_allclose(drawn[:, 1], (a * np.linalg.norm(w, axis=-1)).ravel())


@pytest.mark.filterwarnings("ignore::bnflow.kernels.errors.Notice")
def test_dots_are_as_large_as_the_mass(make_run: Callable[..., Run]) -> None:
    changes = {"solver.sampling": "quadrature", "solver.replicas": 1, "solver.width": 60}
    run = make_run(2, **changes)
    areas, mass = np.asarray(dots(run, 1.0)[-1].get_sizes()), run.particles(1.0)[2]
    heavy = mass > 0.1 * mass.max()
    np.testing.assert_allclose(areas[heavy] / areas.max(), mass[heavy] / mass.max())
    assert draw(run, "neurons").get_supxlabel() == "the area of a dot is the mass of its neuron"
    assert len(set(dots(make_run(2), 1.0)[-1].get_sizes())) == 1


def test_at_the_start_there_is_no_way_yet(make_run: Callable[..., Run]) -> None:
    draw(make_run(3), "overview", 0.0)


def test_of_many_neurons_some_are_drawn_and_the_figure_says_so(
    make_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bnflow.io.figures.neurons.DRAWN", 10)
    figure = draw(make_run(3), "neurons")
    assert figure.get_supxlabel() == "10 of 30 neurons are drawn"


def test_boundaries_of_classes_are_drawn(make_run: Callable[..., Run]) -> None:
    """f = 0 of the network and of the target, in both maps."""

    def levels(run: Run) -> list[float]:
        maps = draw(run, "function").axes[:2]
        found = [getattr(item, "levels", []) for ax in maps for item in ax.collections]
        return [float(level) for each in found for level in each]

    assert 0.0 not in levels(make_run(2))
    classes = make_run(2, **{"target.label": "sign", "loss.kind": "logistic"})
    assert levels(classes).count(0.0) == 4


def _rgb(colour: str) -> tuple[float, ...]:
    return tuple(int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5))

"""Tracers: the exact field, the characteristics of neurons, second order, bitwise continuation."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bnflow.pde.density.tracers import Tracers
from bnflow.pde.frame import Frame
from bnflow.pde.particles.session import NeuronSession
from bnflow.pde.session import Session

Make = Callable[..., Session]


def last(made: Session, **options: Any) -> Frame:
    *_, frame = made.driver(**options).frames()
    return frame


@pytest.mark.parametrize("activation", ["relu", "erf", "gelu", "linear"])
@pytest.mark.parametrize("coordinates", ["raw", "whitened"])
@pytest.mark.parametrize("d", [2, 3])
def test_the_field_anywhere_is_that_of_the_grid_at_its_centres(
    d: int, coordinates: str, activation: str, session: Make
) -> None:
    """Population (d = 2) and rows (d = 3); in both the sums of the grid go another way."""
    made = session(d, network__activation=activation, solver__coordinates=coordinates)
    flow = made.flow
    outer = flow.cell_volume * np.cos(
        3 * flow.sphere.centres[..., 0] + flow.sphere.centres[..., -1]
    )
    response = flow.interaction.respond(outer)
    v, p = (x.reshape(-1, d) for x in (flow.whitened, flow.sphere.centres))
    h, ambient = flow.interaction.at(v, response.source)
    gradient = flow.chart.gradient(ambient, p, v)
    scale = np.abs(response.gradient).max()
    np.testing.assert_allclose(h, response.h.ravel(), rtol=0, atol=1e-12)
    expected = response.gradient.reshape(-1, d)
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-11 * scale)


NEURONS = {"method": "particles", "sampling": "quadrature", "width": 200, "tolerance": 1e-8}
SMOOTH = {
    "network__activation": "erf",
    "target__activation": "erf",
    "data__covariance": [2.0, 1.0],
    "time__end": 1.0,
}


@pytest.mark.parametrize("coordinates", ["raw", "whitened"])
def test_tracers_go_where_neurons_go(coordinates: str, session: Make) -> None:
    """From the nodes of a quadrature, whose neurons are their own field; second order jointly."""
    settings = {f"solver.{name}": value for name, value in NEURONS.items()}
    driver = NeuronSession.prepare(session(**SMOOTH).config.replace(**settings)).driver()
    u, a = driver.state.x[0].copy(), driver.state.a[0].copy()
    *_, end = driver.frames()
    off = []
    for cells in (12, 24):
        keys = {"solver__cells": cells, "solver__a_cells": 2 * cells, **SMOOTH}
        keys |= {"solver__tolerance": 0.016 / cells**2, "solver__coordinates": coordinates}
        made = session(**keys)
        state = made.initial_state()
        state.tracers = Tracers(u if coordinates == "raw" else made.problem.metric.whitened(u), a)
        fields = last(made, restart=state.packed()).fields
        pairs = [("tracer_direction", "direction"), ("tracer_a", "a")]
        off.append(max(np.abs(fields[ours] - end.fields[its][0]).max() for ours, its in pairs))
    assert off[1] < 0.3 * off[0]
    assert off[1] < 1e-3 * np.abs(end.fields["a"][0] - a).max()


def test_a_continued_run_moves_them_bitwise(session: Make) -> None:
    made = session(3, solver__tracers=20)
    frames = list(made.driver().frames())
    again = list(made.driver(frames[1].restart).frames())
    for name in ("tracer_direction", "tracer_a"):
        assert (again[-1].fields[name] == frames[-1].fields[name]).all()
        assert (frames[-1].fields[name] != frames[0].fields[name]).any()


def test_they_start_by_the_initial_law_and_act_on_nothing(session: Make) -> None:
    law = {"kind": "normal", "mean": 0.3, "std": 0.5}
    made, without = (session(solver__tracers=count, initial__a=law) for count in (4000, 0))
    tracers = made.initial_state().tracers
    assert tracers is not None
    # stratified: the mean of each coordinate is that of its law to about 1/count
    assert tracers.a.mean() == pytest.approx(0.3, abs=1e-3)
    assert tracers.a.std() == pytest.approx(0.5, abs=2e-3)
    assert np.abs(tracers.p.mean(axis=0)).max() < 1e-3
    assert np.linalg.norm(tracers.p, axis=1) == pytest.approx(1, abs=1e-14)
    assert (last(made).fields["rho"] == last(without).fields["rho"]).all()


@pytest.mark.parametrize("train", [["w"], ["a"]])
def test_what_is_not_trained_does_not_move(train: list[str], session: Make) -> None:
    made = session(network__train=train, solver__tracers=10)
    start, end = made.initial_state().tracers, last(made).fields
    assert start is not None
    assert (end["tracer_a"] == start.a).all() == (train == ["w"])
    still = np.abs(end["tracer_direction"] - start.p).max() <= 1e-14  # made of length one again
    assert still == (train == ["a"])

"""From a configuration to something that runs, and what it will cost."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bnflow.kernels.errors import InputError, Notice
from bnflow.pde.config import load_config
from bnflow.pde.memory import TABLES
from bnflow.pde.session import Plan, Session, plan

Make = Callable[..., Session]


def tables(told: Plan) -> int:
    """Bytes of the tables for the sums."""
    return sum(item.bytes for item in told.memory.items if item.what == TABLES)


@pytest.mark.parametrize("d", [2, 3])
def test_the_layout_carries_the_grid_its_volumes_and_both_directions(d: int, session: Make) -> None:
    made = session(d, network__weight_norm=1.5)
    layout = made.layout(made.initial_state())
    metric = made.problem.metric
    assert layout.dimension == d
    assert layout.panel.tolist() == list(range(2 * d))
    area = {2: 2 * np.pi, 3: 4 * np.pi}[d] * 1.5 ** (d - 1)
    assert layout.cell_volume.sum() == pytest.approx(area, rel=1e-13)
    # the panel's own coordinates and the stored points are one grid
    last = layout.direction_raw[-1]
    np.testing.assert_allclose(
        np.arctan(last[..., 0] / last[..., -1]),
        np.broadcast_to(layout.xi.reshape(-1, *[1] * (d - 2)), last.shape[:-1]),
        atol=1e-14,
    )
    through = layout.direction_raw @ metric.square_root
    through /= np.linalg.norm(through, axis=-1, keepdims=True)
    np.testing.assert_allclose(layout.direction_whitened, through, atol=1e-14)
    np.testing.assert_array_equal(layout.data_covariance, metric.covariance)
    assert layout.a_width == pytest.approx(np.diff(layout.a_values)[0])
    assert (layout.target_shift, layout.target_scale, layout.input_basis) == (0.0, 1.0, None)


@pytest.mark.parametrize("d", [2, 3])
def test_a_grid_of_whitened_directions_says_so(d: int, session: Make) -> None:
    made = session(d, solver__coordinates="whitened", network__weight_norm=1.5)
    layout, metric = made.layout(made.initial_state()), made.problem.metric
    assert layout.coordinates == "whitened"
    assert (layout.direction_whitened == made.flow.sphere.centres).all()
    np.testing.assert_allclose(layout.direction_raw, metric.raw(layout.direction_whitened))
    area = {2: 2 * np.pi, 3: 4 * np.pi}[d] * 1.5 ** (d - 1)
    assert layout.cell_volume.sum() == pytest.approx(area, rel=1e-4)
    assert "whitened directions" in made.describe()


def test_a_list_has_no_cell_width(session: Make) -> None:
    made = session(initial__a={"kind": "two-point"}, network__train=["w"])
    layout = made.layout(made.initial_state())
    assert layout.a_width is None
    assert layout.a_values.tolist() == [-1.0, 1.0]


def test_the_driver_is_told_the_configuration(session: Make) -> None:
    made = session(time__cfl=0.3, solver__tolerance=1e-2, time__stop={"risk": 0.01})
    driver = made.driver()
    assert (driver.control.cfl, driver.control.tolerance, driver.stop_risk) == (0.3, 1e-2, 0.01)
    assert driver.saves == (0.0, 0.1, 0.25, 0.4)
    assert driver.extend
    assert not session(solver__a_range=[-5, 5]).driver().extend


@pytest.mark.parametrize(
    ("d", "directions", "pairs"), [(2, 4 * 6, 0), (3, 6 * 4 * 4, 40 * 6 * 4 * 4 // 2)]
)
def test_the_plan_counts_cells_memory_pairs_and_steps(
    d: int, directions: int, pairs: int, session: Make
) -> None:
    made = session(d)
    told = plan(made)
    assert (told.directions, told.a_cells, told.pairs, told.saves) == (directions, 12, pairs, 4)
    assert told.field_bytes == 8 * directions * 12
    taken = list(made.driver().frames())[-1].step
    assert 0.3 * taken < told.steps <= 3 * taken  # the start's length, not the later ones
    text = "\n".join(told.lines())
    assert f"{directions * 12:,}" in text
    assert ("of direction and row a step" in text) == (d == 3)


def test_the_plan_counts_lines_where_they_are_summed_along(session: Make) -> None:
    """3 panels of 4 lines, and the 2 sides of the edge on which no line ends."""
    told = plan(session(3, solver__interaction="lines"))
    assert told.pairs == 40 * (3 * 4 + 2)
    assert f"{told.pairs:,} of line and row a step" in "\n".join(told.lines())
    assert "line sums over 40 rows" in told.description
    assert tables(told) == 4 * told.pairs


def test_the_sums_over_the_law_are_those_that_were_asked_for(session: Make) -> None:
    told = [
        session(solver__coordinates="whitened", solver__interaction=way).describe()
        for way in ("auto", "transform", "direct")
    ]
    assert ["FFT on the circle" in each for each in told] == [True, True, False]
    assert "kernel matrices of 2.62 KiB, kept" in told[2]


def test_the_plan_counts_kernel_matrices(session: Make) -> None:
    """Of k and k': 2 x 6 centres and 2 stations on edges, by 2 x 6 centres."""
    told = plan(session(2))
    assert tables(told) == 2 * 8 * 14 * 12
    assert tables(plan(session(3, solver__interaction="direct"))) == 0


def test_the_head_line_says_what_runs(session: Make) -> None:
    told = session(3).describe()
    assert told.startswith("relu network, d = 3, 6 x 4 x 4 directions, muscl, direct sums over 40")
    assert told.endswith("numpy")


def test_a_gpu_that_is_absent_is_an_error_before_anything_is_built() -> None:
    with pytest.raises(InputError, match=r'run\.backend = "cuda"'):
        Session.prepare(load_config(None, ["run.backend=cuda"]))


def test_what_is_prepared_twice_is_the_same(session: Make) -> None:
    one, two = (session(3).initial_state() for _ in range(2))
    assert (one.rho == two.rho).all()
    fields: list[Any] = [session(3).flow.field(state) for state in (one, two)]
    assert (fields[0].h == fields[1].h).all()


def test_a_whitened_grid_that_an_extreme_condition_makes_stiff_is_told(session: Make) -> None:
    """Its steps grow with the condition; the raw grid's do not."""
    keys = {"data__covariance": [1e6, 1.0], "solver__cells": 16}
    with pytest.warns(Notice, match=r'condition 1e\+06 is stiff: about .* steps; "raw" takes'):
        session(solver__coordinates="whitened", **keys).driver()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        session(**keys).driver()
        session(solver__coordinates="whitened", data__covariance=[10.0, 1.0]).driver()

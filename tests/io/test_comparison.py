"""Two runs side by side: every number against its formula, bands over replicas, mistakes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bnflow
from bnflow.api import compare, solve
from bnflow.io import distance
from bnflow.io.comparison import Band, Comparison, drawn_inputs
from bnflow.io.run import Run
from bnflow.kernels.errors import InputError, Notice
from bnflow.pde.frame import Layout, NeuronLayout

pytestmark = pytest.mark.filterwarnings("ignore::bnflow.kernels.errors.Notice")
X = np.random.default_rng(0).standard_normal((30, 2)) * [2.0, 1.0] + [1.0, 0.0]
TIME = {"end": 0.5, "save": [0.1, 0.2]}
SMALL = {"cells": 4, "a_cells": 8}
NEURONS = {"method": "particles", "width": 16}
ROWS = {"kind": "sampled", "samples": 20, "covariance": [4.0, 1.0], "mean": [1.0, 0.0]}


def made(solver: dict[str, Any], **changes: Any) -> Run:
    return solve({"data": ROWS, "time": TIME, "solver": solver}, **changes)


@pytest.fixture(scope="module")
def grid() -> Run:
    return made(SMALL)


@pytest.fixture(scope="module")
def three() -> Run:
    return made({**NEURONS, "replicas": 3})


def refused(match: str) -> "pytest.RaisesExc[InputError]":
    return pytest.RaisesExc(InputError, match=match, check=lambda error: "\n" not in str(error))


def test_differences_are_those_of_risks_and_predictions(grid: Run, three: Run) -> None:
    found = compare(grid, three, X)
    assert found.time.tolist() == [0.0, 0.1, 0.2, 0.5]
    np.testing.assert_array_equal(found.risk_difference, grid.risk[:, None] - three.risk_replicas)
    np.testing.assert_allclose(found.risk_b, three.risk)
    for row, t in enumerate(found.time):
        each = np.stack([three.predict(X, t, replica=k) for k in range(3)])
        off = np.abs(grid.predict(X, t) - each)
        np.testing.assert_allclose(found.rms_difference[row], np.sqrt((off**2).mean(axis=1)))
        np.testing.assert_allclose(found.max_difference[row], off.max(axis=1))
        assert found.scale[row] == pytest.approx(np.sqrt(np.mean(each**2)))


def test_the_other_way_round_only_the_sign_changes(grid: Run, three: Run) -> None:
    one, other = compare(grid, three), compare(three, grid)
    np.testing.assert_array_equal(one.risk_difference, -other.risk_difference)
    np.testing.assert_allclose(one.rms_difference, other.rms_difference)
    np.testing.assert_allclose(one.distance, other.distance)


def test_a_run_beside_itself_is_no_distance_away(three: Run) -> None:
    found = compare(three, three)
    assert found.pairs == 3
    assert not found.risk_difference.any()
    assert not found.max_difference.any()
    np.testing.assert_allclose(found.distance, 0.0, atol=1e-7)


def test_w2_is_that_of_the_neurons(three: Run) -> None:
    """At the start, where all outer weights are larger by c, it is c."""
    moved = made({**NEURONS, "replicas": 3}, **{"initial.a.mean": 0.25})
    found = compare(three, moved)
    assert found.distance is not None
    assert found.distance[0] == pytest.approx(0.25, rel=1e-9)
    np.testing.assert_array_equal(found.distance_error, 0.0)


def test_bands_are_over_the_pairs() -> None:
    values = np.arange(21.0)[None, :] ** 2
    band = Band.of(values)
    assert band.mean[0] == pytest.approx(np.mean(values))
    assert band.standard_error[0] == pytest.approx(np.std(values, ddof=1) / np.sqrt(21))
    assert band.quantiles[:, 0].tolist() == [1.0, 25.0, 100.0, 225.0, 361.0]
    alone = Band.of(values[:, :1])
    assert np.isnan(alone.standard_error).all()
    assert alone.to_info()["standard_error"] == [None]


def test_bands_may_be_of_absolute_values(grid: Run, three: Run) -> None:
    found = compare(grid, three)
    absolute = np.abs(found.risk_difference)
    np.testing.assert_allclose(found.band("risk_difference", True).mean, absolute.mean(axis=1))
    with refused("no difference 'f'; there are risk_difference"):
        found.band("f")


def test_replicas_are_compared_in_pairs(three: Run) -> None:
    two = made({**NEURONS, "replicas": 2}, run={"seed": 1})
    found = compare(three, two, X)
    assert found.pairs == 2
    np.testing.assert_array_equal(
        found.risk_difference, three.risk_replicas[:, :2] - two.risk_replicas
    )
    assert any("the first 2 are compared in pairs" in line for line in found.remarks)


def test_only_common_times_count(grid: Run) -> None:
    other = made(SMALL, time={"end": 0.4, "save": [0.2, 0.3]})
    assert compare(grid, other).time.tolist() == [0.0, 0.2]


# -- inputs ----------------------------------------------------------------------------------------


def test_inputs_have_the_moments_of_the_data(grid: Run) -> None:
    """To the sampling error of 2,000 rows: 5 standard errors of means and second moments."""
    x, layout = drawn_inputs(grid.layout), grid.layout
    assert x.shape == (2000, 2)
    spread = np.sqrt(np.diag(layout.data_covariance))
    assert (abs(x.mean(axis=0) - layout.data_mean) < 5 * spread / np.sqrt(2000)).all()
    np.testing.assert_allclose(np.std(x, axis=0), spread, rtol=5 / np.sqrt(4000))
    np.testing.assert_array_equal(x, drawn_inputs(layout))


def test_inputs_of_projected_data_are_raw(make_layout: Callable[..., Layout]) -> None:
    """Projected again, they are the normal rows that they were made of."""
    basis, centre = np.array([[1.0, 2.0, 0.0], [0.0, 0.5, -1.0]]), np.array([3.0, 0.0, 1.0])
    x = drawn_inputs(make_layout(2, input_basis=basis, input_centre=centre))
    assert x.shape == (2000, 3)
    plain = drawn_inputs(make_layout(2))
    np.testing.assert_allclose((x - centre) @ basis.T, plain, atol=1e-12)


# -- mistakes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"data.covariance": [4.0, 2.0]}, r"differ in data.covariance: \[4.0, 1.0\] here"),
        ({"data.seed": 1}, "differ in data.seed: 0 here, 1 there"),
        ({"target.angles": [0.3, 1.0]}, "differ in target.angles"),
        ({"loss.kind": "huber"}, "differ in loss.kind"),
        ({"network.activation": "tanh"}, "network's activation, relu in A and tanh in B"),
        ({"time": {"end": 0.15, "save": [0.15]}}, "no saved time after 0 is common to both"),
    ],
)
def test_runs_of_other_problems_are_refused(grid: Run, changes: Any, told: str) -> None:
    other = made(SMALL, **changes)
    with refused(told):
        compare(grid, other)


def test_runs_of_other_dimensions_and_rows_are_refused(grid: Run) -> None:
    directions = {"weights": [1.0], "directions": [[1.0, 0.0, 0.0]]}
    other = solve(
        {"data": {**ROWS, "covariance": [4.0, 1.0, 1.0], "mean": None}, "target": directions},
        **{"solver.cells": 4, "solver.a_cells": 8, "time.end": 0.1},
    )
    with refused("A has d = 2 and B has d = 3; compare runs of the same data"):
        compare(grid, other)
    two = [solve({"solver": SMALL, "time": TIME}, data=(rows, X[:, 0])) for rows in (X, X + 1)]
    with refused("A and B were trained on other rows"):
        compare(*two)


def test_other_activations_may_learn_one_teacher(grid: Run) -> None:
    one = made(SMALL, **{"target.activation": "erf"})
    other = made(SMALL, **{"target.activation": "erf", "network.activation": "tanh"})
    assert compare(one, other).rms_difference[-1] > 0


def test_inputs_of_another_width_are_refused(grid: Run) -> None:
    with refused("x has shape"):
        compare(grid, grid, np.zeros((4, 3)))


# -- without a distance ----------------------------------------------------------------------------


def test_without_pot_there_is_no_distance_and_that_is_said(
    grid: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distance, "is_available", lambda: False)
    with pytest.warns(Notice, match="no W2: POT is not installed"):
        found = compare(grid, grid)
    assert found.distance is None
    assert found.to_info()["distance"] is None
    assert "W2" not in found.summary().splitlines()[3]


def test_a_plain_network_has_another_space(three: Run) -> None:
    plain = made(NEURONS, **{"network.batch_norm": False})
    assert isinstance(plain.layout, NeuronLayout)
    found = compare(three, plain)
    assert found.distance is None
    assert any("the other plain" in line for line in found.remarks)
    assert compare(plain, plain).distance is not None


# -- telling ---------------------------------------------------------------------------------------


def test_it_is_told_in_json_and_in_words(grid: Run, three: Run, tmp_path: Path) -> None:
    found = compare(grid, three)
    found.write(tmp_path / "c.json")
    info = json.loads((tmp_path / "c.json").read_text(), parse_constant=lambda _: 1 / 0)
    assert info == found.to_info()
    assert info["rms_difference"]["mean"] == pytest.approx(found.rms_difference.mean(axis=1))
    lines = found.summary().splitlines()
    assert lines[0].startswith("A  <Run in memory")
    assert len([line for line in lines if "±" in line]) == len(found.time) + 1


@pytest.mark.parametrize("time", [None, 0.2])
def test_the_figure_has_its_bands(grid: Run, three: Run, tmp_path: Path, time: Any) -> None:
    found = compare(grid, three)
    figure = found.plot(tmp_path / "c.png", time)
    assert (tmp_path / "c.png").stat().st_size > 5000
    risks, differences, networks = figure.axes
    np.testing.assert_array_equal(risks.lines[0].get_ydata(), grid.risk)
    assert len(differences.collections) == 6  # 50 % and 90 % of three differences
    t = 0.5 if time is None else time
    angles = np.asarray(networks.lines[0].get_xdata())
    xt = np.sqrt(2) * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    np.testing.assert_allclose(networks.lines[0].get_ydata(), grid.network(xt, t))
    with refused("t = 0.3 is no common time; the nearest is 0.2"):
        found.plot(None, 0.3)


# -- the shadow ------------------------------------------------------------------------------------


@pytest.fixture
def shadowed(tmp_path: Path) -> tuple[Run, Path]:
    return made(SMALL, out=tmp_path / "run", shadow_particles=40), tmp_path / "run"


def test_a_shadow_is_the_same_problem_by_a_quadrature(shadowed: tuple[Run, Path]) -> None:
    run, folder = shadowed
    assert isinstance(run.shadow, Comparison)
    assert run.shadow.a is run
    beside = Run.from_directory(folder / "shadow")
    assert beside.config.solver.method == "particles"
    assert beside.config.solver.sampling == "quadrature"
    np.testing.assert_allclose(run.shadow.b.risk, beside.risk)
    assert json.loads((folder / "shadow.json").read_text()) == run.shadow.to_info()
    again = Run.from_directory(folder).shadow
    assert again is not None
    np.testing.assert_array_equal(again.risk_difference, run.shadow.risk_difference)


def test_a_shadow_is_continued_with_its_run(shadowed: tuple[Run, Path]) -> None:
    _, folder = shadowed
    longer = made(SMALL, out=folder, shadow_particles=40, **{"time.end": 0.7})
    assert longer.shadow is not None
    assert longer.shadow.time[-1] == 0.7
    with refused("shadow holds a run of another configuration: solver.width: 41 here, 40 there"):
        made(SMALL, out=folder, shadow_particles=41, **{"time.end": 0.7})


def test_a_shadow_in_memory_sees_the_arrays_and_the_function_of_its_run() -> None:
    run = solve(
        {"solver": SMALL, "time": TIME},
        data=X,
        target=lambda x: x[:, 0] * x[:, 1],
        shadow_particles=30,
    )
    assert run.shadow is not None
    assert run.shadow.b.status == "complete"
    assert run.path is None
    assert made(SMALL).shadow is None


def test_particles_have_no_shadow() -> None:
    with refused("shadow particles = 9: they accompany a run on a grid"):
        made(NEURONS, shadow_particles=9)
    with refused("solver.width = 0"):
        made(SMALL, shadow_particles=0)


def test_the_front_door_has_it() -> None:
    assert bnflow.compare is compare
    assert bnflow.Comparison is Comparison

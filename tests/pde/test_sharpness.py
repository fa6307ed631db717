"""Sharpness of a density: closed forms on an isotropic circle and sphere, dense eigenvalues."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from bnflow.pde.critical import CriticalClock
from bnflow.pde.density.state import State
from bnflow.pde.network.data import Samples
from bnflow.pde.session import Session
from bnflow.pde.sharpness import GridTangent, largest_eigenvalue, sharpness

Make = Callable[..., Session]
LIST = {"kind": "two-point", "values": [-0.5, 1.0]}  # E a = 1/4, E a^2 = 5/8, exactly on the grid
FUNK_HECKE = {  # eigenvalues of relu's dual kernel on the sphere, by degree
    2: [4 / np.pi, np.pi / 4, 4 / (9 * np.pi), 0.0, 4 / (225 * np.pi)],
    3: [0.75 * np.pi, np.pi / 3, 0.1472621556, 0.0, 0.0040906154],
}


def tilted(made: Session) -> State:
    """Neurons of a > 0 are on the one side, of a < 0 on the other."""
    state, flow = made.initial_state(), made.flow
    state.rho *= np.exp(2 * flow.sphere.centres[..., :1] * np.sign(state.axis.values))
    state.rho /= (state.rho * flow.cell_volume[..., None]).sum() * state.axis.weight
    return state


def brute_force(made: Session, state: State) -> float:
    """Of the cells as neurons: all rows by all rows, the mobility as a matrix."""
    flow, problem = made.flow, made.problem
    assert isinstance(problem.data, Samples)
    x, v = problem.data.inputs, flow.whitened.reshape(-1, problem.dimension)
    m0, m1, m2 = (flow.cell_volume * flow.moments(state)).reshape(3, -1)
    z, sigma, rates = x @ v.T, problem.activation, problem.rates
    kernel = np.zeros((len(x), len(x)))
    if problem.trains_outer:
        kernel += rates.outer * (sigma.value(z) * m0) @ sigma.value(z).T
    if problem.trains_inner:
        mobility = problem.metric.mobility(v)
        slope = sigma.slope(z)[..., None] * x[:, None, :]
        raised = np.einsum("j,jab,kjb->kja", rates.inner * m2, mobility, slope)
        kernel += np.einsum("kja,lja->kl", raised, slope)
    f = sigma.value(z) @ m1
    bend = np.sqrt(problem.loss.curvature(f, problem.data.targets) / len(x))
    return float(np.linalg.eigvalsh(bend[:, None] * kernel * bend)[-1])


@pytest.mark.parametrize("norm", [1.0, 0.15])
@pytest.mark.parametrize("d", [2, 3])
def test_of_a_uniform_law_and_relu_it_is_known_in_closed_form(
    d: int, norm: float, session: Make
) -> None:
    """max over l of E[a^2] l (l+d-2)/r^2 lambda_l / |S^(d-1)|, w alone; second order or better."""
    data = {"kind": "population", "covariance": [1.0] * d}
    keys = {"network__train": ["w"], "network__weight_norm": norm, "initial__a": LIST}
    made = session(d, data=data, solver__cells=12, **keys)
    exact = max(
        0.625 * degree * (degree + d - 2) / norm**2 * eigenvalue / made.flow.sphere.total_volume
        for degree, eigenvalue in enumerate(FUNK_HECKE[d])
    )
    got = sharpness(made.flow, made.flow.moments(made.initial_state()))
    assert got == pytest.approx(exact, rel=0.5 * made.flow.sphere.spacing**2)


def test_with_outer_weights_every_mode_has_one_more(session: Make) -> None:
    """(1 + E[a^2] l^2/r^2) lambda_l/(2 pi): at r = 1 the constant mode is the largest, 2/pi^2."""
    made = session(data__covariance=[1.0, 1.0], solver__cells=16)
    got = sharpness(made.flow, made.flow.moments(made.initial_state()))
    assert got == pytest.approx(2 / np.pi**2, rel=0.5 * made.flow.sphere.spacing**2)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"network__train": ["w"]},
        {"network__train": ["a"]},
        {"network__activation": "erf", "network__weight_norm": 0.4},
        {"solver__coordinates": "whitened"},
        {"training__rates": {"a": 0.3, "w": 2.0}},
        {"loss__kind": "huber", "loss__delta": 0.4},
        {"target__label": "sign", "loss__kind": "logistic"},
    ],
    ids=str,
)
def test_on_rows_it_is_the_largest_of_all_eigenvalues(
    changes: dict[str, Any], session: Make
) -> None:
    """Both forms are exact sums over cells, so the search, from below, is all that can be off.

    Its space is off by h^2, the value by the square of that (h^4 = 1.5e-3), and by where it ends.
    """
    made = session(3, **changes, solver__cells=8)
    state = tilted(made)
    got, exact = sharpness(made.flow, made.flow.moments(state)), brute_force(made, state)
    assert got <= exact * (1 + 1e-12)
    assert got == pytest.approx(exact, rel=1e-4)


def test_the_round_metric_has_its_own(session: Make) -> None:
    """The same data and density; only the metric is another, and the sharpness with it."""
    bn, other = (
        session(3, network__metric=m, solver__coordinates="whitened") for m in ("bn", "round")
    )
    state = tilted(bn)
    one, two = (sharpness(made.flow, made.flow.moments(state)) for made in (bn, other))
    assert abs(one / two - 1) > 0.01


@pytest.mark.parametrize("d", [2, 3])
def test_moving_loads_is_the_adjoint_of_pulling_fields_to_the_grids_order(
    d: int, session: Make
) -> None:
    """<z, W z'> by finite volumes against by gradients: the search space fits the forms."""
    off = []
    for cells in (8, 16):
        made = session(d, solver__cells=cells)
        tangent = GridTangent(made.flow, made.flow.moments(tilted(made)))
        one = tangent.field(made.flow.cell_volume * made.flow.sphere.centres[..., 0])
        two = tangent.field(made.flow.cell_volume * (1 + made.flow.sphere.centres.sum(-1)))
        form = tangent.form(one, two)
        assert form == pytest.approx(tangent.form(two, one), rel=1e-12)
        off.append(abs(tangent.pairing(tangent.load(one), two) / form - 1))
    assert off[1] < 0.7 * off[0]
    assert off[1] < 0.1


def test_jumps_that_are_trained_have_none(session: Make) -> None:
    made = session(network__activation="step", target__activation="relu")
    assert np.isnan(sharpness(made.flow, made.flow.moments(made.initial_state())))
    made = session(network__activation="step", network__train=["a"], target__activation="relu")
    assert sharpness(made.flow, made.flow.moments(made.initial_state())) > 0


class Matrix:
    """A symmetric matrix as Q, with W = 1: loads and fields are vectors."""

    def __init__(self, matrix: Any) -> None:
        self.matrix = matrix

    def start(self) -> Any:
        return np.random.default_rng(1).standard_normal(len(self.matrix))

    def field(self, load: Any) -> Any:
        return self.matrix @ load

    def load(self, field: Any) -> Any:
        return field

    def pairing(self, load: Any, field: Any) -> float:
        return float(load @ field)

    def form(self, one: Any, other: Any) -> float:
        return float(one @ other)


@pytest.mark.parametrize("rank", [1, 2, 30])
def test_the_search_finds_the_largest_eigenvalue_of_a_matrix(rank: int) -> None:
    """Also where the Krylov space is exhausted at once."""
    random = np.random.default_rng(0)
    factor = random.standard_normal((30, rank))
    matrix = factor @ factor.T
    exact = np.linalg.eigvalsh(matrix)[-1]
    assert largest_eigenvalue(Matrix(matrix)) == pytest.approx(exact, rel=1e-5)


def test_critical_steps_are_the_trapezoidal_integral_of_half_the_sharpness(session: Make) -> None:
    frames = list(session(3).driver().frames())
    expected = [0.0]
    for before, after in pairwise(frames):
        both = before.diagnostics["sharpness"] + after.diagnostics["sharpness"]
        expected.append(expected[-1] + 0.25 * float(both) * (after.time - before.time))
    assert [f.diagnostics["critical_steps"] for f in frames] == pytest.approx(expected, rel=1e-13)
    assert expected[-1] > 0


def test_the_clock_comes_back_whole_and_an_old_one_does_not_know() -> None:
    clock = CriticalClock()
    clock.advance(0.0, 2.0)
    clock.advance(0.5, 4.0)
    clock.advance(0.5, 4.0)  # a time that is saved twice counts once
    assert clock.steps == 0.75
    assert CriticalClock.unpacked(clock.packed()) == clock
    assert np.isnan(CriticalClock.unpacked(None).steps)

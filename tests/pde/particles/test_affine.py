"""Scale and shift of batch normalization, trained: their gradients, their laws, their restart.

The reference here is dense, on raw weights and raw rows, and shares nothing with the package:
z = w.(x - mean) / sqrt(w' S w), f = sum mass a sigma(gamma z + beta), all derivatives by hand.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bnflow.kernels.errors import InputError, NumericalFailure
from bnflow.pde.frame import Frame
from bnflow.pde.network.affine import Affine
from bnflow.pde.particles.flow import NeuronFlow
from bnflow.pde.particles.session import NeuronSession, plan
from bnflow.pde.particles.state import NeuronState

Make = Callable[..., NeuronSession]
Array = np.ndarray
EVERYTHING: dict[str, Any] = {
    "network__train": ["w", "a", "gamma", "beta"],
    "initial__gamma": {"kind": "uniform", "range": [0.5, 1.5]},
    "initial__beta": {"kind": "normal", "std": 0.3},
}


def run(made: NeuronSession, **options: Any) -> list[Frame]:
    return list(made.driver(**options).frames())


def affine(made: NeuronSession) -> tuple[NeuronState, Affine]:
    state = made.initial_state()
    assert state.affine is not None
    return state, state.affine


# -- against dense formulas ------------------------------------------------------------------------


class Dense:
    """tanh on raw rows x, targets y: risk and its gradient in w, a, gamma, beta, each per mass."""

    def __init__(self, made: NeuronSession) -> None:
        data: Any = made.problem.data
        self.x = data.inputs @ made.problem.metric.square_root
        self.y, self.x = data.targets, self.x - self.x.mean(axis=0)

    def __call__(self, w: Array, a: Array, gamma: Array, beta: Array) -> tuple[Array, ...]:
        n, m = len(self.y), len(a)
        s = self.x @ w.T
        scale = np.sqrt((s**2).mean(axis=0))
        z = s / scale
        active = np.tanh(z * gamma + beta)
        off = active @ a / m - self.y
        by_argument = off[:, None] * a * (1 - active**2) / n
        by_z = by_argument * gamma
        by_s = (by_z - z * (by_z * z).sum(axis=0) / n) / scale
        return by_s.T @ self.x, off @ active / n, (by_argument * z).sum(0), by_argument.sum(0)

    def moved(self, theta: tuple[Array, ...], dt: float, steps: int) -> tuple[Array, ...]:
        """Classical RK4 of theta' = -gradient, on raw weights whose length nothing restores."""

        def shifted(k: tuple[Array, ...], by: float) -> tuple[Array, ...]:
            return self(*(part - by * slope for part, slope in zip(theta, k, strict=True)))

        for _ in range(steps):
            one = self(*theta)
            two = shifted(one, dt / 2)
            three = shifted(two, dt / 2)
            four = shifted(three, dt)
            theta = tuple(
                part - dt / 6 * (a + 2 * b + 2 * c + d)
                for part, a, b, c, d in zip(theta, one, two, three, four, strict=True)
            )
        return theta


@pytest.mark.parametrize("coordinates", ["raw", "whitened", "ellipsoid"])
def test_everything_trained_moves_as_the_dense_network_on_raw_weights(
    coordinates: str, neurons: Make
) -> None:
    """Classical RK4 of step 0.01 errs by some 1e-9 here; so does the pair at tolerance 1e-9."""
    made = neurons(
        5,
        **EVERYTHING,
        network__activation="tanh",
        network__weight_norm=0.8,
        solver__coordinates=coordinates,
        solver__tolerance=1e-9,
    )
    (state, start), dense = affine(made), Dense(made)
    theta = (0.8 * made.flow.chart.raw(state.x)[0], state.a[0], start.gamma[0], start.beta[0])
    w, *numbers = dense.moved(theta, 0.01, 100)
    length = np.linalg.norm(w, axis=1, keepdims=True)
    np.testing.assert_allclose(length, 0.8, rtol=1e-8)
    end = run(made)[-1].fields
    np.testing.assert_allclose(end["direction"][0], w / length, atol=1e-7)
    for name, expected, before in zip(("a", "gamma", "beta"), numbers, theta[1:], strict=True):
        np.testing.assert_allclose(end[name][0], expected, atol=1e-7)
        assert np.abs(expected - before).max() > 0.01


@pytest.mark.parametrize("activation", ["tanh", "softplus", "quadratic", "gelu"])
@pytest.mark.parametrize("loss", ["square", "huber"])
def test_every_velocity_is_the_derivative_of_the_risk(
    activation: str, loss: str, neurons: Make
) -> None:
    """a' = -(dR/da)/mass, likewise gamma and beta, by central differences of 1e-5; raw u likewise
    along its motion: dR = -mass <u', du> on the sphere of radius 1."""
    made = neurons(5, **EVERYTHING, network__activation=activation, loss={"kind": loss})
    flow, (state, start), step = made.flow, affine(made), 1e-5
    field = flow.field(state.x, state.a, state.mass, start)
    x, a, _, gamma, beta = flow.velocity(field, state.a)
    mass = state.mass[3]

    def risk(**by: Array) -> float:
        moved = Affine(start.gamma + by.get("gamma", 0.0), start.beta + by.get("beta", 0.0))
        return float(
            flow.field(
                state.x + by.get("x", 0.0), state.a + by.get("a", 0.0), state.mass, moved
            ).risk[0]
        )

    one = np.zeros_like(state.a)
    one[0, 3] = step
    for name, velocity in (("a", a), ("gamma", gamma), ("beta", beta)):
        slope = (risk(**{name: one}) - risk(**{name: -one})) / (2 * step)
        assert velocity[0, 3] == pytest.approx(-slope / mass, rel=1e-5, abs=1e-8)
    along = np.zeros_like(state.x)
    along[0, 3] = step * x[0, 3]
    slope = (risk(x=along) - risk(x=-along)) / (2 * step)
    assert x[0, 3] @ x[0, 3] == pytest.approx(-slope / mass, rel=1e-5, abs=1e-8)


# -- laws ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", ["relu", "abs", "linear"])
@pytest.mark.parametrize("coordinates", ["raw", "whitened", "ellipsoid"])
def test_a_homogeneous_neuron_keeps_a2_less_gamma2_and_beta2(
    activation: str, coordinates: str, neurons: Make
) -> None:
    """Euler in (gamma, beta) [Ma, Ying]: to the integrator's tolerance, and r to that as well."""
    made = neurons(
        5,
        **EVERYTHING,
        network__activation=activation,
        solver__coordinates=coordinates,
        solver__tolerance=1e-8,
    )
    first, *_, last = run(made)
    start, end = (
        frame.fields["a"] ** 2 - frame.fields["gamma"] ** 2 - frame.fields["beta"] ** 2
        for frame in (first, last)
    )
    np.testing.assert_allclose(end, start, atol=1e-8)
    assert np.abs(last.fields["a"] ** 2 - first.fields["a"] ** 2).max() > 0.05
    assert 0 < last.diagnostics["balance_drift"] < 1e-8
    assert last.diagnostics["manifold_drift"] < 1e-6
    assert last.diagnostics["weight_norm"] == 1.0


def test_the_balance_is_of_the_order_of_the_method(neurons: Make) -> None:
    """RK4 on a problem without kinks (linear): halving the step divides the drift by 2^4 to 2^5."""
    drift = [
        run(neurons(5, **EVERYTHING, network__activation="linear", solver__integrator="rk4",
                    solver__step=step))[-1].diagnostics["balance_drift"]
        for step in (0.25, 0.125)
    ]  # fmt: skip
    assert 3.5 < np.log2(float(drift[0]) / float(drift[1])) < 5.5


@pytest.mark.parametrize(
    "changes",
    [
        {"network__activation": "tanh"},
        {"network__train": ["w", "a", "beta"]},
        {"network__train": ["w", "gamma", "beta"]},
    ],
)
def test_there_is_no_such_law_where_something_is_missing(
    changes: dict[str, Any], neurons: Make
) -> None:
    made = neurons(5, **{**EVERYTHING, **changes})
    assert np.isnan(run(made)[-1].diagnostics["balance_drift"])


@pytest.mark.parametrize(
    "train", [["gamma"], ["beta"], ["w", "gamma"], ["a", "beta"], ["w", "a", "gamma", "beta"]]
)
def test_the_dissipation_is_the_rate_of_the_risk_and_the_rest_stays(
    train: list[str], neurons: Make
) -> None:
    made = neurons(
        5,
        **{**EVERYTHING, "network__train": train},
        network__activation="tanh",
        solver__tolerance=1e-8,
    )
    first, *_, last = run(made)
    assert last.diagnostics["risk"] < first.diagnostics["risk"] - 1e-4
    assert last.diagnostics["dissipation_defect"] < 1e-6
    for name, field in (("w", "direction"), ("a", "a"), ("gamma", "gamma"), ("beta", "beta")):
        off = np.abs(last.fields[field] - first.fields[field]).max()
        assert off > 1e-3 if name in train else off < 1e-12


def test_untrained_ones_and_zeros_do_not_change_the_flow(neurons: Make) -> None:
    """A shift of 1e-14 takes the way with a column of ones: same flow, but for rounding."""
    base = {"network__activation": "tanh", "solver__tolerance": 1e-8}
    plain = run(neurons(5, **base))[-1]
    other = run(neurons(5, **base, initial__beta={"kind": "constant", "value": 1e-14}))[-1]
    assert set(plain.fields) == {"direction", "a"}
    assert set(other.fields) == {"direction", "a", "gamma", "beta"}
    for name in plain.fields:
        np.testing.assert_allclose(other.fields[name], plain.fields[name], atol=1e-9)
    assert other.diagnostics["test_risk"] == pytest.approx(plain.diagnostics["test_risk"], rel=1e-8)


def test_a_constant_scale_is_a_gain(neurons: Make) -> None:
    """sigma(2 z) by initial.gamma, or by network.gain: one flow, at the same teacher."""
    teacher = {"target": {"weights": [1.0], "directions": [[1, 0, 0, 0, 0]], "activation": "tanh"}}
    base = {**teacher, "network__activation": "tanh", "solver__tolerance": 1e-9}
    scaled = run(neurons(5, **base, initial__gamma={"kind": "constant", "value": 2.0}))[-1]
    gained = run(neurons(5, **base, network__gain=2.0))[-1]
    assert scaled.diagnostics["risk"] == pytest.approx(gained.diagnostics["risk"], rel=1e-8)
    np.testing.assert_allclose(scaled.fields["direction"], gained.fields["direction"], atol=1e-8)


# -- start, restart, guards ------------------------------------------------------------------------


@pytest.mark.parametrize("sampling", ["iid", "stratified", "sobol"])
def test_the_start_is_of_the_laws(sampling: str, neurons: Make) -> None:
    """Five standard errors of 4096 independent draws; a and gamma, gamma and beta independent."""
    made = neurons(5, **EVERYTHING, solver__width=4096, solver__sampling=sampling)
    state, (gamma, beta) = affine(made)
    assert gamma.shape == beta.shape == (1, 4096)
    room = 5 / 64
    assert gamma.mean() == pytest.approx(1.0, abs=0.29 * room)
    assert gamma.std() == pytest.approx(12**-0.5, abs=0.29 * room)
    assert beta.std() == pytest.approx(0.3, abs=0.3 * room)
    assert (gamma >= 0.5).all()
    assert (gamma <= 1.5).all()
    for one, other in ((state.a, gamma), (gamma, beta), (state.x[..., 0], beta)):
        assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < room


def test_laws_of_one_number_leave_the_draws_as_they_are(neurons: Make) -> None:
    """Training gamma and beta from 1 and 0 starts with the very neurons of a run without."""
    plain = neurons(5).initial_state()
    state, (gamma, beta) = affine(neurons(5, network__train=["w", "a", "gamma", "beta"]))
    np.testing.assert_array_equal(state.x, plain.x)
    np.testing.assert_array_equal(state.a, plain.a)
    assert (gamma == 1.0).all()
    assert (beta == 0.0).all()


@pytest.mark.filterwarnings("ignore::bnflow.kernels.errors.Notice")
def test_a_quadrature_is_a_product_with_the_nodes_of_the_laws(neurons: Make) -> None:
    rows = {"data": {"kind": "sampled", "samples": 40, "covariance": [2.0, 1.0]}}
    made = neurons(2, **rows, **EVERYTHING, solver__sampling="quadrature", solver__width=6000)
    state, (gamma, beta) = affine(made)
    mass = state.mass
    assert 0.5 * 6000 < len(mass) < 2 * 6000
    assert gamma[0] @ mass == pytest.approx(1.0, rel=1e-12)
    assert (gamma[0] - 1) ** 2 @ mass == pytest.approx(1 / 12, rel=1e-10)
    assert beta[0] ** 2 @ mass == pytest.approx(0.09, rel=1e-10)
    # independent: the mixed moments are products
    u2 = state.x[0, :, 0] ** 2
    assert (u2 * gamma[0] ** 2 * beta[0] ** 2 * state.a[0] ** 2) @ mass == pytest.approx(
        0.5 * (1 + 1 / 12) * 0.09 * 0.25, rel=1e-10
    )


@pytest.mark.parametrize("integrator", ["dormand-prince", "rk4"])
def test_a_run_continued_from_any_frame_is_bitwise_the_same(integrator: str, neurons: Make) -> None:
    extra = {"solver__step": 0.07} if integrator == "rk4" else {}
    made = neurons(5, **EVERYTHING, solver__integrator=integrator, solver__replicas=2, **extra)
    whole = run(made)
    assert {"gamma", "beta", "balance"} <= whole[0].restart.keys()
    for stop in range(len(whole) - 1):
        rest = run(made, restart=whole[stop].restart)[-(len(whole) - 1 - stop) :]
        for ours, theirs in zip(rest, whole[stop + 1 :], strict=True):
            assert (ours.time, ours.step) == (theirs.time, theirs.step)
            for name, values in theirs.restart.items():
                np.testing.assert_array_equal(ours.restart[name], values)


def test_the_error_of_a_step_counts_them(neurons: Make) -> None:
    """With gamma and beta alone in motion the steps follow the tolerance, not the save times."""
    changes = {**EVERYTHING, "network__train": ["gamma", "beta"], "time__end": 40.0}
    base = {**changes, "network__activation": "tanh", "time__save": []}
    coarse, fine = (run(neurons(5, **base, solver__tolerance=t))[-1] for t in (1e-5, 1e-9))
    assert coarse.step > 8
    assert fine.step > 3 * coarse.step  # 10^(4/5) = 6.3 for a pair of order 5
    assert coarse.diagnostics["risk"] == pytest.approx(fine.diagnostics["risk"], rel=1e-4)


@pytest.mark.parametrize("name", ["gamma", "beta"])
def test_a_scale_or_shift_that_is_not_finite_is_named(name: str, neurons: Make) -> None:
    made = neurons(5, **EVERYTHING)
    state, start = affine(made)
    getattr(start, name)[0, 3] = np.nan
    with np.errstate(invalid="ignore"), pytest.raises(NumericalFailure) as caught:
        made.driver(state.packed())
    assert f"{name} is not finite at index (0, 3), t = 0, step 0" in str(caught.value)


def test_their_memory_is_counted(neurons: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two numbers more a neuron, d + 3 in all."""
    assert plan(neurons(5, **EVERYTHING)).state_bytes == 8 * 20 * (5 + 3)
    held = 8 * 12 * 20 * (5 + 2)  # between what a run without and a run with needs
    monkeypatch.setattr("bnflow.kernels.registry.NumpyKernels.memory", lambda self: held)
    assert isinstance(neurons(5).flow, NeuronFlow)
    with pytest.raises(InputError, match="give fewer neurons"):
        neurons(5, **EVERYTHING)

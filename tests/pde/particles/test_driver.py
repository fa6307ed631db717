"""Neurons in time: exact save times, exact laws, one flow in three coordinates, bitwise resume."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from scipy.linalg import expm

from bnflow.kernels.errors import NumericalFailure
from bnflow.pde.frame import Frame
from bnflow.pde.particles.flow import NeuronField
from bnflow.pde.particles.session import NeuronSession
from bnflow.pde.particles.state import NeuronState
from bnflow.pde.stepping.loop import Report

Make = Callable[..., NeuronSession]
BOTH = pytest.mark.parametrize("d", [2, 5])
RK4 = {"solver__integrator": "rk4"}


def run(made: NeuronSession, **options: Any) -> list[Frame]:
    return list(made.driver(**options).frames())


def risks(made: NeuronSession) -> np.ndarray:
    return np.array([frame.diagnostics["risk"] for frame in run(made)])


@pytest.mark.parametrize("integrator", ["dormand-prince", "bogacki-shampine", "rk4"])
def test_frames_come_at_the_save_times_exactly(integrator: str, neurons: Make) -> None:
    step = 0.2 if integrator == "rk4" else None
    extra = {} if step is None else {"solver__step": step}
    made = neurons(time__save=[0.1, 0.3 - 1e-9, 0.3], solver__integrator=integrator, **extra)
    frames = run(made)
    assert [frame.time for frame in frames] == [0.0, 0.1, 0.3 - 1e-9, 0.3, 1.0]
    assert all(a.step < b.step for a, b in pairwise(frames))


def test_a_fixed_step_is_shortened_evenly_before_a_save(neurons: Make) -> None:
    frames = run(neurons(**RK4, solver__step=0.1))
    dt = np.concatenate([frame.log["dt"] for frame in frames])
    assert dt == pytest.approx([0.25 / 3] * 3 + [0.25 / 3] * 3 + [0.1] * 5)


def test_the_log_and_the_report_tell_every_step_once(neurons: Make) -> None:
    told: list[Report] = []
    frames = run(neurons(), report=told.append)
    log = {name: np.concatenate([f.log[name] for f in frames]) for name in frames[0].log}
    assert [r.step for r in told] == list(range(1, frames[-1].step + 1))
    assert log["time"].tolist() == [r.time for r in told]
    assert log["risk"].tolist() == [r.risk for r in told]
    np.testing.assert_allclose(np.cumsum(log["dt"]), log["time"], rtol=1e-13)


@BOTH
def test_the_three_coordinates_are_one_flow(d: int, neurons: Make) -> None:
    """Same risk, same neurons: isometric charts, to the integrator's accuracy."""
    tight = {"solver__tolerance": 1e-9, "network__activation": "tanh", "network__weight_norm": 0.7}
    ends = [
        run(neurons(d, solver__coordinates=c, **tight))[-1]
        for c in ("raw", "whitened", "ellipsoid")
    ]
    for other in ends[1:]:
        assert other.diagnostics["risk"] == pytest.approx(ends[0].diagnostics["risk"], abs=1e-8)
        for name in ("direction", "a"):
            np.testing.assert_allclose(other.fields[name], ends[0].fields[name], atol=1e-8)
    risk = [end.diagnostics["risk"] for end in ends]
    assert len(set(risk)) == 3  # they are three computations


@pytest.mark.parametrize(
    ("loss", "label"), [("square", None), ("logistic", "sign"), ("huber", None)]
)
@pytest.mark.parametrize("coordinates", ["raw", "whitened", "ellipsoid"])
def test_the_dissipation_is_the_rate_of_the_risk(
    loss: str, label: str | None, coordinates: str, neurons: Make
) -> None:
    """R(0) - R(t) = int D: the balance is a part of the equation, so the pair's order holds."""
    changes = {"loss": {"kind": loss}, "solver__coordinates": coordinates}
    if label:
        changes["target__label"] = label
    made = neurons(5, network__activation="tanh", solver__tolerance=1e-8, **changes)
    frames = run(made)
    assert frames[-1].diagnostics["risk"] < 0.96 * frames[0].diagnostics["risk"]
    # where l' has kinks (huber) the pair falls back to a lower order
    assert frames[-1].diagnostics["dissipation_defect"] < (1e-6 if loss == "huber" else 1e-8)
    first, second = frames[0].diagnostics, frames[1].diagnostics
    mean = 0.5 * (first["dissipation"] + second["dissipation"])
    assert (first["risk"] - second["risk"]) / 0.25 == pytest.approx(mean, rel=0.02)


@pytest.mark.parametrize("train", [["w"], ["a"]])
def test_what_is_not_trained_stays(train: list[str], neurons: Make) -> None:
    made = neurons(5, network__train=train, network__activation="tanh", solver__tolerance=1e-7)
    frames = run(made)
    still, moving = ("a", "direction") if train == ["w"] else ("direction", "a")
    np.testing.assert_allclose(frames[-1].fields[still], frames[0].fields[still], rtol=1e-13)
    assert np.abs(frames[-1].fields[moving] - frames[0].fields[moving]).max() > 0.01
    assert frames[-1].diagnostics["dissipation_defect"] < 1e-6


def test_outer_weights_alone_follow_the_matrix_exponential(neurons: Make) -> None:
    """a' = -(K (mass a) - b), linear: K_ij = E sigma(z_i) sigma(z_j) over the rows."""
    made = neurons(5, network__train=["a"], solver__tolerance=1e-9, network__activation="erf")
    state, rows = made.initial_state(), made.flow.interaction.rows  # type: ignore[attr-defined]
    active = made.problem.activation.value(made.flow.chart.points(state.x)[0] @ rows.inputs.T)
    n, count = len(rows.targets), state.a.shape[1]
    system = np.zeros((count + 1, count + 1))
    system[:-1, :-1] = -active @ active.T / n / count
    system[:-1, -1] = active @ rows.targets / n
    exact = (expm(system) @ np.append(state.a[0], 1.0))[:-1]
    np.testing.assert_allclose(run(made)[-1].fields["a"][0], exact, atol=1e-8)


def test_one_neuron_moves_as_plain_gradient_descent_on_its_weights(neurons: Make) -> None:
    """The mean-field clock: m neurons, steps of length m dt on f = (1/m) sum, against this flow."""
    made = neurons(5, network__activation="tanh", network__weight_norm=1.3, solver__width=3)
    problem, rows = made.problem, made.problem.data
    x = rows.inputs @ problem.metric.square_root
    start, m = made.initial_state(), 3
    w, a = 1.3 * start.x[0], start.a[0].copy()
    y, n = rows.targets, len(rows.targets)

    def loss_and_slope(w: np.ndarray, a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        scale = np.sqrt(((w @ x.T) ** 2).mean(axis=1))  # batch statistics of raw, centred inputs
        z = w @ x.T / scale[:, None]
        off = a @ np.tanh(z) / m - y
        by_z = a[:, None] * off / np.cosh(z) ** 2 / (m * n)
        by_w = (by_z @ x - (by_z * z).sum(axis=1)[:, None] * (z @ x) / n) / scale[:, None]
        return by_w, np.tanh(z) @ off / (m * n)

    ends = []
    for steps in (400, 800):
        u, b = w.copy(), a.copy()
        for _ in range(steps):
            by_w, by_a = loss_and_slope(u, b)
            u, b = u - m / steps * by_w, b - m / steps * by_a
        ends.append(np.column_stack([u / np.linalg.norm(u, axis=1)[:, None], b]))
    limit = 2 * ends[1] - ends[0]  # Euler's first order extrapolated
    end = run(neurons(5, network__activation="tanh", network__weight_norm=1.3, solver__width=3,
                      solver__tolerance=1e-9))[-1]  # fmt: skip
    got = np.column_stack([end.fields["direction"][0], end.fields["a"][0]])
    np.testing.assert_allclose(got, limit, atol=3e-6)
    assert np.abs(ends[1] - limit).max() > 1e-5


# -- conservation ----------------------------------------------------------------------------------


@pytest.mark.parametrize("coordinates", ["raw", "whitened", "ellipsoid"])
def test_the_norm_is_conserved_by_the_integrator_and_exactly_after_each_step(
    coordinates: str, neurons: Make
) -> None:
    made = neurons(5, solver__coordinates=coordinates, solver__tolerance=1e-8)
    driver = made.driver()
    *_, last = driver.frames()
    assert 0 < last.diagnostics["manifold_drift"] < 1e-6  # what the steps left to be removed
    back = made.flow.chart.retracted(driver.state.x)
    np.testing.assert_allclose(driver.state.x, back, rtol=1e-14)
    assert last.diagnostics["weight_norm"] == 1.0


def test_a_plain_relu_neuron_keeps_its_balance(neurons: Make) -> None:
    """a^2 - |w|^2 of every neuron (Du, Hu, Lee 2018); with tanh there is no such law."""
    plain = {
        "network__batch_norm": False,
        "initial__w": {"kind": "normal", "std": 0.7},
        "solver__tolerance": 1e-9,
    }
    for d in (2, 5):  # population and rows
        last = run(neurons(d, **plain))[-1]
        assert last.diagnostics["balance_drift"] < 1e-7
        assert last.diagnostics["dissipation_defect"] < 1e-6  # rows: the field of relu jumps
    last = run(neurons(5, **plain, network__activation="tanh"))[-1]
    assert np.isnan(last.diagnostics["balance_drift"])


def test_batch_normalization_does_not_keep_that_balance(neurons: Make) -> None:
    assert np.isnan(run(neurons())[-1].diagnostics["balance_drift"])


# -- accuracy --------------------------------------------------------------------------------------


def test_rk4_is_of_fourth_order(neurons: Make) -> None:
    ends = []
    for step in (0.25, 0.125, 0.0625):
        made = neurons(5, **RK4, solver__step=step, network__activation="tanh")
        ends.append(run(made)[-1].fields["a"])
    ratio = np.abs(ends[0] - ends[1]).max() / np.abs(ends[1] - ends[2]).max()
    assert np.log2(ratio) == pytest.approx(4, abs=0.3)


@pytest.mark.parametrize("integrator", ["dormand-prince", "bogacki-shampine"])
def test_the_error_follows_the_tolerance(integrator: str, neurons: Make) -> None:
    base = {"network__activation": "tanh", "solver__integrator": integrator, "time__end": 5.0}
    exact = risks(
        neurons(5, **{**base, "solver__integrator": "dormand-prince"}, solver__tolerance=1e-9)
    )
    steps = []
    for tolerance in (1e-3, 1e-5, 1e-7):
        frames = run(neurons(5, **base, solver__tolerance=tolerance))
        off = abs(frames[-1].diagnostics["risk"] / exact[-1] - 1)
        assert off < 20 * tolerance
        steps.append(frames[-1].step)
    assert steps[0] < steps[1] < steps[2]


def test_replicas_are_the_networks_that_they_would_be_alone(neurons: Make) -> None:
    """One clock for all: equal to the accuracy of the steps; the mean is that of the replicas."""
    both = run(neurons(solver__replicas=3, solver__tolerance=1e-9))[-1]
    alone = run(neurons(solver__tolerance=1e-9))[-1]
    assert both.fields["a"].shape == (3, 20)
    np.testing.assert_allclose(both.fields["a"][0], alone.fields["a"][0], atol=1e-7)
    each = np.asarray(both.diagnostics["risk_replicas"])
    assert each[0] == pytest.approx(alone.diagnostics["risk"], abs=1e-8)
    assert both.diagnostics["risk"] == pytest.approx(each.mean(), rel=1e-14)
    assert np.ptp(each) > 1e-4


# -- restart and guards ----------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("integrator", ["dormand-prince", "bogacki-shampine", "rk4"])
def test_a_run_continued_from_any_frame_is_bitwise_the_same(
    d: int, integrator: str, neurons: Make
) -> None:
    extra = {"solver__step": 0.07} if integrator == "rk4" else {}
    made = neurons(d, solver__integrator=integrator, solver__coordinates="ellipsoid", **extra)
    whole = run(made)
    for stop in range(len(whole) - 1):
        rest = run(made, restart=whole[stop].restart)
        rest = rest[-(len(whole) - 1 - stop) :]
        for ours, theirs in zip(rest, whole[stop + 1 :], strict=True):
            assert (ours.time, ours.step) == (theirs.time, theirs.step)
            for name, values in theirs.restart.items():
                np.testing.assert_array_equal(ours.restart[name], values)


def test_a_state_comes_back_whole(neurons: Make) -> None:
    state = neurons(network__batch_norm=False).initial_state()
    again = NeuronState.unpacked(state.packed())
    for name, value in vars(state).items():
        if name != "critical":  # NaN is not NaN
            np.testing.assert_array_equal(getattr(again, name), value)
    np.testing.assert_array_equal(again.critical.packed(), state.critical.packed())


def test_a_start_that_is_not_finite_is_named_with_index_and_time(neurons: Make) -> None:
    made = neurons(5)
    state = made.initial_state()
    state.a[0, 3] = np.nan
    with pytest.raises(NumericalFailure, match=r"a is not finite at index \(0, 3\), t = 0, step 0"):
        made.driver(state.packed())


def test_a_field_that_breaks_stops_the_run_and_what_was_saved_stays(
    neurons: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, calls = neurons(5), 0
    driver = made.driver()
    frames: list[Frame] = []
    real = driver.flow.field

    def breaking(*arguments: Any) -> NeuronField:
        nonlocal calls
        calls += 1
        field = real(*arguments)
        if calls > 60:
            field.h[...] = np.nan
        return field

    monkeypatch.setattr(driver.flow, "field", breaking)
    with np.errstate(invalid="ignore"), pytest.raises(NumericalFailure, match=r"is not finite"):
        frames.extend(driver.frames())
    assert frames
    assert all(np.isfinite(frame.fields["a"]).all() for frame in frames)


def test_a_stop_at_a_risk_ends_early(neurons: Make) -> None:
    """At the first step below it, which is saved."""
    frames = run(neurons(time__end=50.0, time__save=[10.0], time__stop={"risk": 0.06}))
    assert frames[-1].time < 10.0
    assert frames[-1].diagnostics["risk"] <= 0.06
    assert (frames[-1].log["risk"][:-1] > 0.06).all()

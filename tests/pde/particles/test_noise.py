"""Noise of neurons: the law of a walk by quadrature, runs against their own laws, and restarts."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.special import roots_genlaguerre

from bnflow.kernels.errors import Notice
from bnflow.pde.exact import HeatMode
from bnflow.pde.frame import Frame
from bnflow.pde.particles.noise import on_sphere
from bnflow.pde.particles.session import NeuronSession

Make = Callable[..., NeuronSession]
HELD = {"training__ridge": 0.5}
TENTHS: dict[str, Any] = {"solver__integrator": "rk4", "solver__step": 0.1}
quiet = pytest.mark.filterwarnings("ignore::bnflow.kernels.errors.Notice")


def run(made: NeuronSession, **options: Any) -> list[Frame]:
    return list(made.driver(**options).frames())


# -- the walk on the sphere ------------------------------------------------------------------------


def mean_harmonic(d: int, degree: int, time: float) -> float:
    """E Z_l(u'.u) after one walk of that time at tau = r = 1, over |P_u xi|^2 ~ chi^2 of d - 1."""
    nodes, weights = roots_genlaguerre(24, (d - 3) / 2)
    mode = HeatMode(d, degree)
    around = np.linalg.qr(np.column_stack([mode.c, np.eye(d)[:, : d - 1]]))[0].T
    xi = np.sqrt(2 * nodes)[:, None] * around[1] + 0.7 * mode.c  # what is along u has no part in it
    ends = on_sphere(np.broadcast_to(mode.c, xi.shape), np.sqrt(2 * time), xi)
    return float(weights @ mode.harmonic(ends) / weights.sum())


@pytest.mark.parametrize("degree", [1, 2, 4])
@pytest.mark.parametrize("d", [2, 3, 4, 7])
def test_harmonics_decay_at_the_laplacians_rate(d: int, degree: int) -> None:
    """exp(-l(l+d-2) t): to third order in one walk, so to second in many; exactly on the circle."""
    rate = HeatMode(d, degree).rate
    errors = [abs(mean_harmonic(d, degree, x / rate) - np.exp(-x)) for x in (0.1, 0.05)]
    if d == 2:
        assert max(errors) < 1e-13
    else:
        assert errors[0] < 2e-4  # x^3/6 of the exponential
        assert np.log2(errors[0] / errors[1]) > 2.8


def test_the_straight_walk_would_be_of_first_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the correction of its length the error of one walk is of second order."""
    monkeypatch.setattr("bnflow.pde.particles.noise.max", lambda *_: 0, raising=False)
    errors = [abs(mean_harmonic(4, 1, x / 3) - np.exp(-x)) for x in (0.1, 0.05)]
    assert np.log2(errors[0] / errors[1]) < 2.2


def test_a_walk_ends_on_the_sphere_and_one_of_no_time_stays() -> None:
    random = np.random.default_rng(0)
    u = random.standard_normal((50, 5))
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    far = on_sphere(u, 3.0, random.standard_normal(u.shape))
    np.testing.assert_allclose(np.linalg.norm(far, axis=1), 1, rtol=1e-14)
    np.testing.assert_allclose(on_sphere(u, 0.0, random.standard_normal(u.shape)), u, rtol=1e-14)


# -- runs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("coordinates", ["raw", "whitened", "ellipsoid"])
def test_directions_forget_their_start_at_the_rates_of_heat(
    coordinates: str, neurons: Make
) -> None:
    """No outer weight, so no drift: E Z_l(u.u_0) = exp(-l(l+3) tau t/r^2), within four of the
    standard errors of 20,000 (5e-3)."""
    tau, r, d = 0.1, 1.3, 5
    made = neurons(
        d,
        solver__width=20_000,
        solver__coordinates=coordinates,
        initial__a={"kind": "constant", "value": 0.0},
        network__train=["w"],
        network__weight_norm=r,
        training__temperature=tau,
        time__save=[],
        data__samples=8,
        data__test_fraction=0.0,
        **TENTHS,
    )
    start, last = run(made)
    cosine = np.einsum("knd,knd->kn", start.fields["direction"], last.fields["direction"])[0]
    for degree, values in ((1, cosine), (2, (d * cosine**2 - 1) / (d - 1))):
        expected = np.exp(-degree * (degree + d - 2) * tau / r**2)
        bars = 4 * values.std() / values.size**0.5
        assert values.mean() == pytest.approx(expected, abs=bars)
        assert bars < 0.05 * expected


@pytest.mark.parametrize("rates", [1.0, 2.0])
def test_outer_weights_alone_are_an_ornstein_uhlenbeck_process(rates: float, neurons: Make) -> None:
    """Of given mean field: the variance obeys the recursion of its own steps exactly, and the
    process to second order in their length."""
    tau, ridge, width = 0.3, 0.8, 40_000
    made = neurons(
        solver__width=width,
        solver__integrator="rk4",
        solver__step=0.25,
        network__train=["a"],
        initial__a={"kind": "normal", "std": 0.1},
        training__temperature=tau,
        training__ridge=ridge,
        training__rates={"a": rates},
        time__save=[],
    )
    last = run(made)[-1]
    k, dt, variance, exact = rates, 0.25, 0.01, tau / ridge
    for _ in range(4):
        variance = np.exp(-2 * k * ridge * dt) * (variance + k * tau * dt) + k * tau * dt
    exact += np.exp(-2 * k * ridge) * (0.01 - exact)
    # a moves by its direction's field besides, which is of the second order in its size
    spread = last.fields["a"][0] - binned(last.fields["direction"][0], last.fields["a"][0])
    bars = 4 * variance * np.sqrt(2 / width)
    assert spread.var() == pytest.approx(variance, abs=bars)
    assert abs(variance / exact - 1) < (k * ridge * dt) ** 2


def binned(u: np.ndarray, a: np.ndarray) -> np.ndarray:
    """Mean of a over neurons of nearly one direction, 1.4 degrees."""
    place = np.floor((np.arctan2(u[:, 1], u[:, 0]) / (2 * np.pi) + 0.5) * 256).astype(int) % 256
    return (np.bincount(place, a, 256) / np.bincount(place, minlength=256))[place]


@quiet
@pytest.mark.parametrize("name", ["gamma", "beta"])
def test_scale_and_shift_walk_where_they_are_trained(name: str, neurons: Make) -> None:
    made = neurons(
        5,
        solver__width=20_000,
        network__train=[name],
        initial__a={"kind": "constant", "value": 0.0},
        training__temperature=0.2,
        time__save=[],
        data__samples=8,
        data__test_fraction=0.0,
        **TENTHS,
    )
    start, last = run(made)
    moved = last.fields[name] - start.fields[name]
    assert moved.var() == pytest.approx(2 * 0.2, rel=4 * np.sqrt(2 / 20_000))
    for other in {"gamma", "beta", "a", "direction"} - {name}:
        np.testing.assert_allclose(last.fields[other], start.fields[other], atol=1e-14)


@quiet
def test_plain_weights_walk_in_their_own_space(neurons: Make) -> None:
    made = neurons(
        5,
        solver__width=20_000,
        network__batch_norm=False,
        network__train=["w"],
        initial__a={"kind": "constant", "value": 0.0},
        training__temperature=0.2,
        training__rates={"w": 1.5},
        time__save=[],
        data__samples=8,
        data__test_fraction=0.0,
        **TENTHS,
    )
    start, last = run(made)
    moved = last.fields["direction"] - start.fields["direction"]
    assert moved.var() == pytest.approx(2 * 1.5 * 0.2, rel=4 * np.sqrt(2 / 100_000))


def test_a_ridge_without_noise_keeps_the_balance(neurons: Make) -> None:
    """F = R + lambda/2 <a^2> falls by what is dissipated, rates inside."""
    for d in (2, 5):
        made = neurons(
            d,
            network__activation="tanh",
            solver__tolerance=1e-8,
            training__rates={"a": 2.0, "w": 0.5},
            **HELD,
        )
        first, *_, last = run(made)
        assert last.diagnostics["dissipation_defect"] < 1e-7
        square = (last.fields["a"] ** 2).mean()
        fallen = first.diagnostics["free_energy"] - last.diagnostics["free_energy"]
        assert last.diagnostics["free_energy"] == pytest.approx(
            last.diagnostics["risk"] + 0.25 * square
        )
        assert fallen > 0.01


# -- what is told, and restarts --------------------------------------------------------------------


@pytest.mark.parametrize("tau", [0.1, [[0.0, 0.2], [0.3, 0.0]]], ids=["noise", "cooling"])
@pytest.mark.parametrize("integrator", ["dormand-prince", "rk4"])
@pytest.mark.parametrize("d", [2, 5])
def test_a_noisy_run_goes_on_bitwise_from_any_frame(
    d: int, integrator: str, tau: Any, neurons: Make
) -> None:
    step = {"solver__step": 0.06} if integrator == "rk4" else {}
    made = neurons(
        d,
        solver__integrator=integrator,
        solver__replicas=2,
        training__temperature=tau,
        **step,
        **HELD,
    )
    whole = run(made)
    for stop in range(len(whole) - 1):
        rest = run(made, restart=whole[stop].restart)[-(len(whole) - 1 - stop) :]
        for ours, theirs in zip(rest, whole[stop + 1 :], strict=True):
            for name, values in theirs.restart.items():
                np.testing.assert_array_equal(ours.restart[name], values)


def test_noise_depends_on_the_seed_and_not_on_the_number_of_replicas(neurons: Make) -> None:
    fixed: dict[str, Any] = {"training__temperature": 0.1, **TENTHS, **HELD}
    alone, both, other = (
        run(neurons(**fixed, **change))[-1].fields["a"]
        for change in ({}, {"solver__replicas": 2}, {"run__seed": 1})
    )
    np.testing.assert_array_equal(both[0], alone[0])
    assert abs(both[1] - both[0]).max() > 0.1
    assert abs(other - alone).max() > 0.1


def test_the_temperature_is_that_of_its_time(neurons: Make) -> None:
    """Cold to 0.5, then hot: the first frames are those without noise, F and D are told there."""
    tables = [[0.5, 0.0], [0.500001, 0.2]], 0.0
    hot, cold = (run(neurons(training__temperature=t, **TENTHS, **HELD)) for t in tables)
    np.testing.assert_array_equal(hot[2].fields["a"], cold[2].fields["a"])
    assert abs(hot[3].fields["a"] - cold[3].fields["a"]).max() > 0.1
    assert hot[2].diagnostics["dissipation"] == cold[2].diagnostics["dissipation"]
    for name in ("free_energy", "dissipation", "dissipation_defect"):
        assert np.isnan(hot[3].diagnostics[name])


def test_steps_follow_the_tolerance(neurons: Make) -> None:
    """dt ~ sqrt(tolerance), as the method is of second order."""
    steps = [
        run(neurons(training__temperature=0.1, solver__tolerance=t, **HELD))[-1].step
        for t in (1e-3, 1e-5)
    ]
    assert steps[1] == pytest.approx(10 * steps[0], rel=0.2)


def test_what_nothing_holds_is_told(neurons: Make) -> None:
    with pytest.warns(Notice, match="spreads a for ever"):
        neurons(training__temperature=0.1).driver()
    with pytest.warns(Notice, match="spreads gamma and beta for ever"):
        neurons(5, network__train=["gamma", "beta"], training__temperature=0.1).driver()
    with warnings.catch_warnings():
        warnings.simplefilter("error", Notice)
        neurons(training__temperature=[[0.0, 0.1], [0.1, 0.0]]).driver()  # no noise in the end
    plain: dict[str, Any] = {"network__batch_norm": False, "network__train": ["w"]}
    with pytest.warns(Notice, match="spreads w for ever"):
        neurons(5, training__temperature=0.1, **plain).driver()

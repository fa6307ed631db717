"""Whole runs on the CUDA kernels: driver, launches and arguments; the trajectory is NumPy's.

Arrays are those of device_arrays.py, which stay on the device as CuPy's do: a line that mixes them
with NumPy's, or makes NumPy arrays of them unasked, fails here and not first on a GPU.
"""

import warnings
from typing import Any

import numpy as np
import pytest

from bnflow.kernels.cuda import CudaKernels
from bnflow.pde.config import load_config
from bnflow.pde.geometry import CubedSphere, metric
from bnflow.pde.particles.session import NeuronSession
from bnflow.pde.precision import measured
from bnflow.pde.session import Session
from bnflow.pde.stationary import stationary_state
from bnflow.pde.verification import backends, prescribed
from bnflow.pde.verification.prescribed import evolve

# 32 bits underflow sooner
WARM: dict[str, dict[str, Any]] = {"circle, weno, noise": {"training.temperature": 0.08}}
KEYS = {**backends.SMALL, "data": backends.CIRCLE}
CIRCLE = backends.CIRCLE


@pytest.mark.parametrize("name", backends.RUNS)
def test_a_run_is_the_one_of_numpy_to_rounding(name: str, on_device: CudaKernels) -> None:
    findings = backends._compared(name, backends.RUNS[name], on_device)
    assert all(finding.passed for finding in findings), [str(f) for f in findings]


@pytest.mark.parametrize(
    "changes",
    [
        {"solver.coordinates": "whitened"},
        {"network.metric": "round"},
        {"loss.kind": "logistic", "target.label": "sign"},
        {"network.train": ["w"], "initial.a": {"kind": "two-point", "values": [-1.0, 1.0]}},
        {"network.train": ["a"], "solver.a_range": [-4.0, 4.0]},
        {"data": {"covariance": [4.0, 1.0]}, "network.activation": "erf"},
        {"solver.tracers": 4},
        {"solver.interaction": "lines", "data": {**backends.CIRCLE, "test_fraction": 0.2}},
        {"solver.interaction": "lines", "network.activation": "step", "network.train": ["a"]},
        {"data": {"covariance": [4.0, 1.0]}, "solver.interaction": "direct", "solver.tracers": 4},
        {
            "data": {"covariance": [4.0, 1.0]},  # a kernel with a jump
            "network.activation": "step",
            "network.train": ["a"],
        },
        {
            "data": {"covariance": [4.0, 1.0, 2.0]},
            "target": {"weights": [1.0], "directions": [[1.0, 0.2, 0.0]]},
            "solver.cells": 4,
            "solver.interaction": "transform",
            "network.activation": "erf",
        },
    ],
    ids=lambda changes: "-".join(changes),
)
def test_nothing_leaves_the_device_unasked(changes: dict[str, Any], on_device: CudaKernels) -> None:
    session = Session.prepare(load_config(None, {**KEYS, **changes}))
    there = session.on(on_device)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted, got = (list(each.driver().frames()) for each in (session, there))
        again = list(there.driver(got[0].restart).frames())
    for one, other in zip(got, wanted, strict=True):
        for name, value in one.diagnostics.items():
            assert type(value) in (float, np.ndarray)
            assert value == pytest.approx(other.diagnostics[name], rel=1e-9, abs=1e-12, nan_ok=True)
    assert np.array_equal(again[-1].fields["rho"], got[-1].fields["rho"])  # and goes on bitwise
    layout = there.layout(there.initial_state())
    assert np.array_equal(layout.cell_volume, session.layout(session.initial_state()).cell_volume)


def test_a_stationary_state_is_found_on_the_device(on_device: CudaKernels) -> None:
    session = Session.prepare(
        load_config(None, {**KEYS, **backends.NOISE, "training.temperature": 0.3})
    )
    found = [stationary_state(s.flow, s.initial_state()) for s in (session, session.on(on_device))]
    rho = on_device.host(found[1].state.rho)
    assert found[0].iterations == found[1].iterations
    assert np.abs(rho - found[0].state.rho).max() <= 1e-12 * found[0].state.rho.max()


NEURONS = {"solver": {"method": "particles", "width": 40}, "time.end": 0.2, "time.save": [0.1]}
WALLS = {"solver.a_range": [-4.0, 4.0]}
POPULATION = {"data": {"covariance": [4.0, 1.0]}}
AXES = {"covariance": [4.0, 1.0, 2.0]}
SINGLE = {"kind": "single-index", "hermite": [0.0, 1.0, 0.5], "direction": [1.0, 0.2, 0.0]}
ALONG = {"weights": [1.0], "directions": [[1.0, 0.2, 0.0]]}


@pytest.mark.parametrize(
    "changes",
    [
        {"data": CIRCLE, "solver.replicas": 2, "solver.integrator": "bogacki-shampine"},
        {"data": CIRCLE, "solver.coordinates": "whitened", "network.metric": "round"},
        {"data": CIRCLE, "solver.coordinates": "ellipsoid", "loss.kind": "huber"},
        {"data": {**CIRCLE, "test_fraction": 0.2}, "network.batch_norm": False},
        {"data": CIRCLE, **backends.NOISE},
        {"data": CIRCLE, "training.ridge": 0.1, "training.rates": {"a": "optimal"}},
        {
            "data": CIRCLE,
            "network.train": ["w", "a", "gamma", "beta"],
            "initial.beta": {"kind": "constant", "value": 0.1},
        },
        {**POPULATION, "network.activation": "relu"},
        {**POPULATION, "network.activation": "erf", "target.activation": "relu"},
        {**POPULATION, "network.batch_norm": False, "training.ridge": 0.1},
        {
            "data": AXES,
            "target": ALONG,
            "network.activation": "gelu",
            "solver.integrator": "rk4",
            "solver.step": 0.05,
        },
        {"data": AXES, "target": {"kind": "linear", "coefficients": [1.0, 0.0, 0.5]}},
        {"data": AXES, "target": SINGLE, "network.activation": "abs"},
    ],
    ids=lambda changes: "-".join(changes),
)
def test_neurons_stay_on_the_device(changes: dict[str, Any], on_device: CudaKernels) -> None:
    session = NeuronSession.prepare(load_config(None, {**NEURONS, **changes}))
    there = session.on(on_device)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted, got = (list(each.driver().frames()) for each in (session, there))
        again = list(there.driver(got[1].restart).frames())
    for one, other in zip(got, wanted, strict=True):
        assert one.step == other.step
        for name, values in one.fields.items():
            # rounding decides nothing but the lengths of steps, which follow it smoothly
            assert type(values) is np.ndarray
            assert np.abs(values - other.fields[name]).max() < 1e-11
        for name, value in one.diagnostics.items():
            assert type(value) in (float, np.ndarray)
            assert value == pytest.approx(other.diagnostics[name], rel=1e-8, abs=1e-11, nan_ok=True)
    for name, values in got[-1].fields.items():
        assert np.array_equal(again[-1].fields[name], values)  # and goes on bitwise
    assert np.array_equal(
        there.layout(there.initial_state()).neuron_mass, session.initial_state().mass
    )


@pytest.mark.parametrize("on_device", ["cpu"], indirect=True)  # CuPy counts no copies
def test_many_neurons_on_a_circle_are_sorted_on_the_device(
    on_device: CudaKernels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CudaKernels, "sorts_from", 40)
    session = NeuronSession.prepare(load_config(None, {**NEURONS, **POPULATION}))
    there = session.on(on_device)
    assert not there.flow.replayable(40)
    *_, wanted = session.driver().frames()
    *_, got = there.driver().frames()
    assert got.step == wanted.step
    for name, values in wanted.fields.items():
        np.testing.assert_allclose(got.fields[name], values, rtol=1e-9, atol=1e-12)


def test_a_matrix_is_placed_once_and_its_copy_goes_with_it(on_device: CudaKernels) -> None:
    """As long as a flow has a matrix its graphs know an address, whatever others place."""
    matrix, points = np.eye(2), on_device.array(np.ones((3, 2)))
    placed, key = metric.beside(matrix, points), (id(matrix), type(points))
    others = [np.eye(2) for _ in range(50)]
    assert all(metric.beside(other, points) is not placed for other in others)
    assert metric.beside(matrix, points) is placed
    del matrix
    assert key not in metric._placed


@pytest.mark.parametrize(
    ("session", "keys"),
    [
        (NeuronSession, {**NEURONS, "data": CIRCLE}),
        (NeuronSession, {**NEURONS, **POPULATION, "solver.coordinates": "ellipsoid"}),
        (Session, {**KEYS, **WALLS, "solver.coordinates": "whitened"}),
        (Session, {**backends.SMALL, **WALLS, **POPULATION}),
        (Session, {**KEYS, **WALLS, **backends.NOISE}),
    ],
    ids=["rows", "neurons", "whitened", "population", "noise"],
)
def test_a_step_copies_no_array(session: Any, keys: dict[str, Any], on_device: CudaKernels) -> None:
    """Neither way; what the host reads is single numbers."""
    keys = {**keys, "time.end": 5.0, "time.save": [], "solver.tolerance": 1e-6}
    xp, counts = on_device.device.xp, list[int]()
    there = session.prepare(load_config(None, keys)).on(on_device)
    driver = there.driver(report=lambda _: counts.append(xp.copies))
    driver.stop_when(lambda: len(counts) == 6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        list(driver.frames())
    assert len(counts) == 6
    assert counts[2:] == [counts[1]] * 4  # the first steps place what they keep


def test_the_verification_of_transport_runs_on_a_device(
    on_device: CudaKernels, monkeypatch: pytest.MonkeyPatch
) -> None:
    sphere = CubedSphere(3, 4)
    start = np.exp(sphere.centres[..., 0])
    turn = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    wanted = evolve(sphere, start, lambda v: v @ turn, 0.2)
    monkeypatch.setattr(prescribed, "select", lambda backend: on_device)
    got = evolve(sphere, start, lambda v: v @ turn, 0.2)
    assert np.abs(got - wanted).max() <= 1e-14 * wanted.max()


@pytest.mark.parametrize(
    "name",
    [
        "circle, muscl",
        "circle, weno, noise",
        pytest.param("sphere, muscl", marks=pytest.mark.slow),
    ],
)
def test_a_run_in_32_bits_stays_on_the_device_and_near_64(
    name: str, on_device: CudaKernels
) -> None:
    """From one start the steps part by rounding, of the interaction too; it goes on bitwise."""
    keys = {**backends.SMALL, **backends.RUNS[name], **WARM.get(name, {})}
    session = Session.prepare(load_config(None, keys))
    there = session.on(on_device.typed("float32"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = measured(there)
    assert found is not None
    assert 2.0**-26 < found.density < found.expected
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        *_, wanted = session.driver().frames()
        got = list(there.driver().frames())
        again = list(there.driver(got[0].restart).frames())
    last, bound = got[-1], 16 * 2.0**-24 * (wanted.step + 1)
    assert last.fields["rho"].dtype == np.dtype("float32")
    assert last.step == wanted.step
    off = np.abs(last.fields["rho"] - wanted.fields["rho"]).max()
    assert off <= bound * wanted.fields["rho"].max()
    for audit in ("risk", "mass", "dissipation", "sharpness", "a_second_moment"):
        assert last.diagnostics[audit] == pytest.approx(wanted.diagnostics[audit], rel=bound)
    assert np.array_equal(again[-1].fields["rho"], last.fields["rho"])

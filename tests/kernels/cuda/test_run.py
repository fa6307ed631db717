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
from bnflow.pde.geometry import CubedSphere
from bnflow.pde.particles.flow import NeuronFlow
from bnflow.pde.particles.session import NeuronSession
from bnflow.pde.session import Session
from bnflow.pde.stationary import stationary_state
from bnflow.pde.verification import backends, prescribed
from bnflow.pde.verification.prescribed import evolve

KEYS = {**backends.SMALL, "data": backends.CIRCLE}


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


def test_neurons_meet_their_rows_on_the_device(on_device: CudaKernels) -> None:
    keys = {**KEYS, "solver": {"method": "particles", "width": 40}}
    session = NeuronSession.prepare(load_config(None, keys))
    coordinates = session.config.solver.coordinates
    flow = NeuronFlow(session.problem, coordinates, on_device)
    there = NeuronSession(session.config, session.problem, flow)
    *_, wanted = session.driver().frames()
    *_, got = there.driver().frames()
    # rounding decides nothing here but the lengths of steps, which follow it smoothly
    assert np.abs(got.fields["a"] - wanted.fields["a"]).max() < 1e-12
    assert got.step == wanted.step


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

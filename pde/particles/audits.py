"""Audits of a run of neurons: what must hold, and what a reader wants to know, at a saved time.

    dissipation defect(t) = |F(0) - F(t) - int_0^t D ds| / (F(0) - F(t)), mean over the replicas;
                          with noise F has an entropy, which finitely many neurons do not: NaN
    manifold drift        sum over the steps of the largest |departure of w from its manifold|
                          that was removed: how far r was from being conserved by the integrator
    balance drift         largest change of a^2 - |w|^2 (plain, homogeneous activation, both
                          trained), relative to the largest a^2 + |w|^2; with batch normalization
                          that of a^2 - gamma^2 - beta^2, where all three are trained
    stationarity          mean |grad_g Psi|^2 of what is trained, over the neurons, rates left out
    displacement          root mean square distance, in the metric, of every neuron from its start:
                          a coupling, so not below W2 between the two laws
    sign changed mass     of the neurons whose a has another sign than at the start
    sharpness             see `particles.sharpness`; of the first replica

Source of the last: Du, Hu, Lee, NeurIPS 2018; with gamma and beta fixed there is no such law.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..network.data import Population
from ..stepping.loop import balance_defect
from .flow import NeuronField, NeuronFlow
from .state import NeuronState

Array = NDArray[np.float64]

LARGEST_MOMENT = 64  # d up to which the d x d second moment of v is kept


def audit(
    flow: NeuronFlow, state: NeuronState, field: NeuronField, energy: float, dissipation: float
) -> dict[str, float | Array]:
    """Every diagnostic of a saved time, by name; NaN where one is not defined.

    energy, dissipation : F and D, means over the replicas
    """
    risk, test = float(field.risk.mean()), flow.test_risk(state)
    share = state.mass / len(state.a)
    known = isinstance(flow.problem.data, Population)
    values: dict[str, float | Array] = {
        "risk": risk,
        "test_risk": float(test.mean()),
        "population_risk": risk if known else float("nan"),
        "free_energy": energy,
        "mass": float(state.mass.sum()),
        "dissipation": dissipation,
        "dissipation_defect": balance_defect(state.start_energy, energy, state.dissipated),
        "stationarity": _stationarity(flow, state, field),
        "sharpness": state.critical.sharpness,
        "critical_steps": state.critical.steps,
        "sign_changed_mass": _sign_changed(state),
        "displacement": _displacement(flow, state),
        "sup_h": float(np.abs(field.h).max()),
        "a_mean": float((state.a @ share).sum()),
        "a_second_moment": float((state.a**2 @ share).sum()),
        "a_max": float(np.abs(state.a).max()),
        "weight_norm": _weight_norm(flow, state),
        "manifold_drift": state.drift,
        "balance_drift": _balance_drift(flow, state),
        "risk_replicas": flow.kernels.host(field.risk),
        "test_risk_replicas": flow.kernels.host(test),
    }
    if flow.problem.dimension <= LARGEST_MOMENT:
        values["w_second_moment"] = _second_moment(flow, state)
    return values


def _stationarity(flow: NeuronFlow, state: NeuronState, field: NeuronField) -> float:
    """NaN with noise: a law of finitely many neurons has no logarithm."""
    noisy = flow.problem.temperature.at(state.time) > 0
    return float("nan") if noisy else float(field.drive.mean())


def _sign_changed(state: NeuronState) -> float:
    if state.origin is None:
        return float("nan")
    changed = (state.a * state.origin.a < 0).astype(float)
    return float((changed @ state.mass).mean())


def _displacement(flow: NeuronFlow, state: NeuronState) -> float:
    """Root mean square over neurons and replicas of the distance from the start."""
    start = state.origin
    if start is None:
        return float("nan")
    square = flow.distance(state.x, start.x) ** 2 + (state.a - start.a) ** 2
    if state.affine is not None and start.affine is not None:
        for now, before in zip(state.affine, start.affine, strict=True):
            square += (now - before) ** 2
    return float(np.sqrt((square @ state.mass).mean()))


def _weight_norm(flow: NeuronFlow, state: NeuronState) -> float:
    """r, or the root mean square of |w| in a plain network."""
    if flow.problem.normalised:
        return flow.problem.metric.norm
    square = np.einsum("knd,knd->kn", state.x, state.x)
    return float(np.sqrt((square @ state.mass).mean()))


def _balance_drift(flow: NeuronFlow, state: NeuronState) -> float:
    if state.balance is None:
        return float("nan")
    square = flow.balancing(state)
    off = np.abs(state.a**2 - square - state.balance).max()
    return float(off / (state.a**2 + square).max())


def _second_moment(flow: NeuronFlow, state: NeuronState) -> Array:
    """(d, d): E[v v'] of the whitened directions, over all neurons and replicas."""
    metric = flow.problem.metric
    v = metric.whitened(flow.chart.raw(state.x))
    weighted = v * (state.mass / len(v))[:, None]
    return flow.kernels.host(np.einsum("kni,knj->ij", weighted, v))

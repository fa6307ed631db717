"""Audits of a run of neurons: what must hold, and what a reader wants to know, at a saved time.

    dissipation defect(t) = |F(0) - F(t) - int_0^t D ds| / (F(0) - F(t)), mean over the replicas
    manifold drift        sum over the steps of the largest |departure of w from its manifold|
                          that was removed: how far r was from being conserved by the integrator
    balance drift         largest change of a^2 - |w|^2 (plain, homogeneous activation, both
                          trained), relative to the largest a^2 + |w|^2; with batch normalization
                          that of a^2 - gamma^2 - beta^2, where all three are trained

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


def audit(flow: NeuronFlow, state: NeuronState, field: NeuronField) -> dict[str, float | Array]:
    """Every diagnostic of a saved time, by name; NaN where one is not defined."""
    risk, test = float(field.risk.mean()), flow.test_risk(state)
    share = state.mass / len(state.a)
    known = isinstance(flow.problem.data, Population)
    values: dict[str, float | Array] = {
        "risk": risk,
        "test_risk": float(test.mean()),
        "population_risk": risk if known else float("nan"),
        "free_energy": risk,
        "mass": float(state.mass.sum()),
        "dissipation": float(field.dissipation.mean()),
        "dissipation_defect": balance_defect(state.start_energy, risk, state.dissipated),
        "sup_h": float(np.abs(field.h).max()),
        "a_mean": float((state.a @ share).sum()),
        "a_second_moment": float((state.a**2 @ share).sum()),
        "a_max": float(np.abs(state.a).max()),
        "weight_norm": _weight_norm(flow, state),
        "manifold_drift": state.drift,
        "balance_drift": _balance_drift(flow, state),
        "risk_replicas": field.risk,
        "test_risk_replicas": test,
    }
    if flow.problem.dimension <= LARGEST_MOMENT:
        values["w_second_moment"] = _second_moment(flow, state)
    return values


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
    return np.asarray(np.einsum("kni,knj->ij", weighted, v))

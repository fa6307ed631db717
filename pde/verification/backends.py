"""Checks of the backends against one another, and of their 32 bits against 64.

Whole small runs: every kernel with its arguments as the driver gives them, and no step that one
backend takes and another does not. Two backends sum in different orders, so a run's density may
differ by a few eps a step, relative to its largest value.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ...kernels import Kernels, probe_cuda, select
from ...kernels.errors import WITHOUT, Notice
from ..config import load_config
from ..precision import measured
from ..session import Session
from .check import Finding, Skip, at_most

BOUND = 16 * float(np.finfo(float).eps)  # of a step
SMALL: dict[str, Any] = {"solver.cells": 8, "solver.a_cells": 12, "time.end": 0.2, "time.save": []}
CIRCLE = {"kind": "sampled", "covariance": [4.0, 1.0], "samples": 60, "seed": 1}
SPHERE = {"kind": "sampled", "covariance": [4.0, 1.0, 2.0], "samples": 40, "seed": 1}
NOISE = {"training.temperature": 0.05, "training.ridge": 0.1}
RUNS: dict[str, dict[str, Any]] = {
    "circle, muscl": {"data": CIRCLE, "solver.interaction": "direct"},
    "circle, population": {},
    "circle, weno, noise": {
        "data": CIRCLE,
        "solver.scheme": "weno",
        "network.activation": "tanh",
        **NOISE,
    },
    "sphere, muscl": {
        "data": SPHERE,
        "target": {"weights": [1.0], "directions": [[1.0, 0.2, 0.0]]},
        "solver.cells": 4,
        "network.activation": "gelu",
    },
    "sphere, lines": {
        "data": SPHERE,
        "target": {"weights": [1.0], "directions": [[1.0, 0.2, 0.0]]},
        "solver.cells": 4,
        "solver.interaction": "lines",
    },
}


def cuda(backend: str) -> list[Finding]:
    """The CUDA kernels against their NumPy twins; skipped, with the reason, where none run."""
    there, found = probe_cuda()
    if not there:
        raise Skip(found)
    return parity(select("cuda"))


def single(backend: str) -> list[Finding]:
    """The first steps in 32 bits beside those in 64, from one start."""
    found = []
    for name, keys in RUNS.items():
        warmer = {"training.temperature": 0.1} if "training.temperature" in keys else {}
        asked = {"run.backend": backend, "run.dtype": "float32", **keys, **warmer}
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", f"(?!{WITHOUT} )", Notice)
            off = measured(Session.prepare(load_config(None, {**SMALL, **asked})))
        assert off is not None
        for what in ("density", "measure", "risk"):
            found.append(at_most(f"{name}: {what}", getattr(off, what), off.expected))
    return found


def parity(kernels: Kernels) -> list[Finding]:
    """Runs on these kernels and on NumPy's."""
    return [finding for name, keys in RUNS.items() for finding in _compared(name, keys, kernels)]


def _compared(name: str, keys: dict[str, Any], kernels: Kernels) -> list[Finding]:
    session = Session.prepare(load_config(None, {**SMALL, "run.backend": "numpy", **keys}))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", f"(?!{WITHOUT} )", Notice)
        *_, wanted = session.driver().frames()
        *_, got = session.on(kernels).driver().frames()
    off = np.abs(got.fields["rho"] - wanted.fields["rho"]).max() / wanted.fields["rho"].max()
    return [
        at_most(f"{name}: steps more or fewer", abs(got.step - wanted.step), 0.0),
        at_most(f"{name}: density", float(off), BOUND * max(wanted.step, 1)),
    ]

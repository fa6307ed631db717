"""Claims put to the test: known answers on this machine, and what papers say of deep networks."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from ..depth.studies.registry import find_study
from ..depth.studies.settings import settings_of
from ..io.study import StudyProgress, StudyResult, run_study
from ..kernels.errors import Notice
from ..pde.verification import CHECKS, Check, Finding, Level, Result, Verification, at_most
from ..pde.verification import verify as verify_checks
from .runs import solve


def verify(
    level: Level = "standard",
    backend: str = "auto",
    *,
    report: Callable[[Result], None] | None = None,
) -> Verification:
    """Hold the solver against known answers on this machine.

    level : "quick" (below a minute), "standard", or "full"; each has the checks of those before
    report : called with every result as it comes

    A check that cannot be made here is skipped, with the reason, and counted. Raises InputError for
    an unknown level and for a backend that cannot run here.
    """
    with threadpool_limits(limits=1, user_api="blas"), np.errstate(all="ignore"):
        return verify_checks(level, backend, (*CHECKS, _STORED), report)


def study(
    name: str,
    out: str | PathLike[str] | None = None,
    *,
    quick: bool = False,
    progress: StudyProgress | None = None,
    **settings: Any,
) -> StudyResult:
    """Put a claim of a paper about random networks in depth to the test.

    name : of the study, as `bnflow study list` has it
    out : folder for its file, NAME.h5, or NAME-quick.h5; the same call continues one that was
        stopped. None keeps it in memory
    quick : small sizes, below a minute
    progress : told every piece of the computation
    settings : of the study, as seed=1

    Raises InputError for an unknown study or setting, and where the file holds other settings.
    """
    found = find_study(name)
    file = None if out is None else Path(out) / f"{name}{'-quick' if quick else ''}.h5"
    chosen = settings_of(found, quick, settings)
    with threadpool_limits(limits=1, user_api="blas"):
        return run_study(found, chosen, file, progress)


def _resume_from_disk(backend: str) -> list[Finding]:
    """A run whose end has grown goes on from its folder, bitwise as one that never stopped."""
    keys: dict[str, Any] = {
        "solver.cells": 16,
        "solver.a_cells": 16,
        "time.save": [1.0],
        "run.backend": backend,
    }
    whole = solve(None, **{**keys, "time.end": 2.0})
    with TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", Notice)
        solve(None, folder, **{**keys, "time.end": 1.0})
        parts = solve(None, folder, **{**keys, "time.end": 2.0})
        off = np.abs(parts.density(2.0) - whole.density(2.0)).max()
    return [at_most("density's difference", float(off), 0.0)]


_STORED = Check(
    "resume-stored",
    "storage",
    "a run continued from its files is bitwise the uninterrupted one",
    "quick",
    _resume_from_disk,
)

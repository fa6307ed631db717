"""Every study once, as small as it can be, and its figure."""

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from matplotlib.figure import Figure

from bnflow import api
from bnflow.io.study import StudyResult

DATA: dict[str, Any] = {"side": 8, "width": 16, "networks": ["dense"], "nets": 2}
TRAINED: dict[str, Any] = {**DATA, "samples": 30, "epochs": 2}
TINY: dict[str, dict[str, Any]] = {
    "gram-width": {"widths": [16, 64], "depths": [2, 6], "batch": 4, "nets": 10},
    "gram-depth": {
        "activations": ["linear", "relu"],
        "plain": ["linear"],
        "widths": [16, 32],
        "depth": 100,
        "batch": 4,
        "nets": 8,
    },
    "gram-mixing": {
        "batch": 4,
        "layers": 12,
        "width": 32,
        "nets": 8,
        "chains": 8,
        "depth": 50,
    },
    "gram-gradient": {"width": 32, "depth": 10, "nets": 8},
    "gram-evolution": {"layers": [0, 3, 10], "width": 32, "nets": 8, "batch": 4},
    "fisher-eigenvalue": {
        **DATA,
        "gammas": [0.5, 1.0],
        "dense_samples": 8,
        "many_nets": 2,
    },
    "fisher-step": {
        "networks": ["dense"],
        "side": 6,
        "width": 8,
        "gammas": [0.5, 1.0],
        "momenta": [0.0, 0.9],
        "samples": 6,
        "epochs": 16,
        "explosion_epochs": 3,
    },
    "fisher-heatmap": {**TRAINED, "gammas": [0.5, 1.0], "rates": 5, "batch": 15},
    "fisher-gamma": {**TRAINED, "gammas": [0.5, 1.0, 2.0], "rates": 3, "batch": 15},
    "fisher-speed": {**TRAINED, "gammas": [0.5, 1.0]},
    "ablations-components": {"depths": [0, 3], "batch": 5, "width": 8, "nets": 4},
    "ablations-geometry": {"depths": [0, 3, 9], "batch": 5, "width": 8, "nets": 4},
    "ablations-phase": {"points": 3, "layers": 5, "width": 8, "nets": 4},
    "ablations-stability": {"batches": [6, 7, 8]},
    "ablations-outlier": {"batches": [4, 6], "widths": [8, 16], "depth": 3, "nets": 4},
}


@pytest.fixture(scope="session")
def drawn() -> Callable[[str], tuple[StudyResult, Figure]]:
    """The result of a study and its figure."""

    @cache
    def draw(name: str) -> tuple[StudyResult, Figure]:
        found = api.study(name, quick=True, **TINY[name])
        return found, found.plot()

    return draw

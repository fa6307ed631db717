"""Small networks of finite width, prepared but not run."""

from collections.abc import Callable
from typing import Any

import pytest

from bnflow.pde.config import load_config
from bnflow.pde.particles.session import NeuronSession

CIRCLE: dict[str, Any] = {
    "solver.method": "particles",
    "solver.width": 20,
    "time.end": 1.0,
    "time.save": [0.25, 0.5],
}
ROWS: dict[str, Any] = {
    "data": {
        "kind": "sampled",
        "covariance": [4.0, 1.0, 2.0, 0.5, 1.0],
        "samples": 60,
        "seed": 1,
        "test_fraction": 0.2,
    },
    "target": {"weights": [1.0, -0.5], "directions": [[1, 0.2, 0, 0, 1], [0, -1.0, 0.5, 2, 0]]},
}


@pytest.fixture(scope="session")
def neurons() -> Callable[..., NeuronSession]:
    """The circle teacher, or rows in d = 5; keys with __ for the dot."""

    def make(d: int = 2, **changes: Any) -> NeuronSession:
        keys = {name.replace("__", "."): value for name, value in changes.items()}
        config = load_config(None, {**CIRCLE, **(ROWS if d == 5 else {}), **keys})
        return NeuronSession.prepare(config)

    return make

"""Small runs, prepared but not run."""

from collections.abc import Callable
from typing import Any

import pytest

from bnflow.pde.config import load_config
from bnflow.pde.session import Session

SMALL: dict[str, Any] = {
    "solver.cells": 6,
    "solver.a_cells": 12,
    "time.end": 0.4,
    "time.save": [0.1, 0.25],
}
SPHERE: dict[str, Any] = {
    "data": {
        "kind": "sampled",
        "covariance": [4.0, 1.0, 2.0],
        "samples": 40,
        "seed": 1,
        "test_fraction": 0.2,
    },
    "target": {"weights": [1.0, -0.5], "directions": [[1.0, 0.2, 0.0], [0.0, -1.0, 0.5]]},
    "solver.cells": 4,
}


@pytest.fixture(scope="session")
def session() -> Callable[..., Session]:
    """The circle teacher on 24 x 12 cells, or a sphere with `d = 3`; keys with __ for the dot."""

    def make(d: int = 2, **changes: Any) -> Session:
        keys = {name.replace("__", "."): value for name, value in changes.items()}
        return Session.prepare(load_config(None, {**SMALL, **(SPHERE if d == 3 else {}), **keys}))

    return make

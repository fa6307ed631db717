"""The shadow of a run on a grid: a configuration that particles take."""

from typing import Any

import pytest

from bnflow.pde.config import load_config
from bnflow.pde.config.shadow import shadow


@pytest.mark.parametrize(
    ("keys", "sampling"),
    [
        ({"solver.tracers": 20}, "quadrature"),
        ({"training.temperature": 0.1, "solver.diffusion": "explicit"}, "stratified"),
        ({"training.temperature": [[0.0, 0.1], [1.0, 0.0]]}, "stratified"),
        ({"solver.interaction": "transform"}, "quadrature"),
        ({"solver.coordinates": "whitened", "network.metric": "round"}, "quadrature"),
    ],
)
def test_what_only_a_grid_has_is_left_out(keys: dict[str, Any], sampling: str) -> None:
    """Weighted nodes are a rule of the start, which noise takes away."""
    made = shadow(load_config(None, keys), 30)
    assert made.solver.method == "particles"
    assert made.solver.sampling == sampling
    assert made.solver.tracers == 0
    assert (made.solver.diffusion, made.solver.interaction) == ("auto", "auto")

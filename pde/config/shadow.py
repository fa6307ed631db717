"""The shadow of a run on a grid: the same problem for particles, to check one by the other."""

from __future__ import annotations

from ...kernels.errors import InputError
from .config import Config
from .particles import RULES_TO

TOLERANCE = 1e-6  # of the shadow's clock, so that time steps do not count in a comparison


def shadow(config: Config, particles: int) -> Config:
    """The configuration of `particles` neurons: a quadrature of the initial law where there is one.

    With noise every neuron walks on its own, so neurons of equal mass are the better sample.

    Raises InputError where the run is of particles itself, or particles cannot solve it.
    """
    if config.solver.method == "particles":
        raise InputError(
            f"shadow particles = {particles}: they accompany a run on a grid, and this one has "
            'solver.method = "particles"; leave them out, or give solver.method = "grid"'
        )
    has_rule = config.d is None or config.d <= RULES_TO
    ruled = "stratified" if config.training.temperature else "quadrature"
    return config.replace(
        **{
            "solver.method": "particles",
            "solver.width": particles,
            "solver.sampling": ruled if has_rule else "iid",
            "solver.tracers": 0,
            "solver.interaction": "auto",
            "solver.diffusion": "auto",
            "run.dtype": "float64",
            "solver.tolerance": min(config.solver.tolerance, TOLERANCE),
        }
    )

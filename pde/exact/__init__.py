"""Exact solutions: answers that the solver did not produce, for tests, benchmarks and `verify`.

Each module derives its answer, or names the source. Nothing here uses the package's activations,
kernels, metric, grids or stepping, so that an agreement with the solver says something. What the
solver is held against them on is `pde.verification`.

    conformal        gradient flow of a linear potential on the sphere, in u and in whitened v
    rotation         a bump that is turned rigidly around
    outer_weights    outer weights alone trained, linear activation: a matrix exponential
    neurons          weighted quadrature neurons, integrated by Runge-Kutta
    heat             modes of the heat flow on the sphere
    drift_diffusion  a linear potential with noise, by matrix exponentials
    stationary       the stationary state of a linear network's noisy training
    manufactured     a given density, with the source that makes it solve the nonlocal equation
    overlap          E[sigma(z) tau(z')] of two neurons, by nested quadrature
"""

from .conformal import CONDITION_10, ConformalFlow, WhitenedConformalFlow
from .drift_diffusion import DriftDiffusion
from .heat import HeatMode
from .manufactured import Manufactured
from .neurons import (
    CircleReluPopulation,
    Neurons,
    OnRows,
    circle_nodes,
    integrate,
    normal_nodes,
    product_nodes,
    sphere_nodes,
)
from .outer_weights import linear_risk
from .overlap import overlap
from .rotation import Rotation
from .stationary import stationary_linear_risk

__all__ = [
    "CONDITION_10",
    "CircleReluPopulation",
    "ConformalFlow",
    "DriftDiffusion",
    "HeatMode",
    "Manufactured",
    "Neurons",
    "OnRows",
    "Rotation",
    "WhitenedConformalFlow",
    "circle_nodes",
    "integrate",
    "linear_risk",
    "normal_nodes",
    "overlap",
    "product_nodes",
    "sphere_nodes",
    "stationary_linear_risk",
]

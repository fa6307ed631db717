"""Targets: what the network is to learn, as a function of the whitened inputs.

    teacher   y(x) = sum_k weights_k sigma(e_k . xt) + noise,   |e_k| = 1,  xt = S^(-1/2)(x - mu)

A plain sum, not a mean. On population data its correlations with a neuron of direction v are

    E[y sigma(v.xt)] = sum_k weights_k kappa(v.e_k)
    E[y^2] = sum_kl weights_k weights_l kappa(e_k.e_l) + noise^2

Targets that come from a file have no function; `pde.network.data` holds their values.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..config.data import Teacher as TeacherTarget
from .activations import activation
from .dual import DualKernel

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Teacher:
    """A sum of neurons on whitened inputs.

    weights : (k,); directions : (k, d) unit vectors; activation : its name; noise : std of y
    """

    weights: Array
    directions: Array
    activation: str
    noise: float = 0.0

    @classmethod
    def from_config(cls, target: TeacherTarget, network_activation: str) -> Teacher:
        """The teacher of a configuration; its activation is the network's unless given."""
        name = target.activation or network_activation
        weights = np.asarray(target.weights, float)
        return cls(weights, target.unit_directions, name, float(target.noise))

    def value(self, whitened: ArrayLike) -> Array:
        """(rows,): y without noise, of whitened inputs (rows, d)."""
        z = np.asarray(whitened, float) @ self.directions.T
        return np.asarray(activation(self.activation).value(z) @ self.weights)

    def correlation(self, v: Array, network_activation: str) -> tuple[Array, Array]:
        """(m,) and (m, d): E[y sigma(v.xt)] on normal inputs and its ambient gradient in v."""
        kernel = DualKernel(network_activation, self.activation)
        c = v @ self.directions.T
        return kernel.value(c) @ self.weights, kernel.slope(c) @ (
            self.weights[:, None] * self.directions
        )

    def second_moment(self) -> float:
        """E[y^2] on normal inputs, without noise."""
        overlap = DualKernel(self.activation).value(self.directions @ self.directions.T)
        return float(self.weights @ overlap @ self.weights)


def evaluate_teacher(target: TeacherTarget, network_activation: str, whitened: ArrayLike) -> Array:
    """(rows,): the teacher of a configuration on whitened inputs (rows, d), without noise."""
    return Teacher.from_config(target, network_activation).value(whitened)

"""Finite random networks: drawn, run, differentiated, and measured.

    z^l = W^l h^{l-1} + b^l,    h^l = phi(gamma zhat^l + beta),    f = z^L

with zhat the normalised z (`normalization`), and h^0 = x. All data are one batch, so with batch
normalization f is a function of theta on the whole batch, and so is its derivative:

    J = df/dtheta,    jvp: v -> J v,    vjp: u -> J^T u                 (`linearization`)

    theta, v : (P,), per layer weights then biases (`Architecture.split`)
    x : (n, ..), channels last;    f, u : (n, outputs)

`RandomNet.frozen` makes the same network with the statistics at some theta as constants: equal
values there, another derivative. gamma and beta are numbers of the `LayerSpec`, not parameters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...kernels.errors import InputError
from ...pde.config.text import listed, nearest
from ..layers import LayerSpec, generator, refuse_batch
from .architecture import Architecture
from .linearization import Bend, Linearization, Stage
from .normalization import AXES, Frozen, Normalized, Spatial, Statistics, normalized
from .spectrum import ConstantDirection, constant_direction, lambda_max

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RandomNet:
    """A network to be drawn, run and differentiated.

    architecture : made by `dense` or `convolutional`
    spec : what stands between two affine maps; gives sigma_w and sigma_b too
    spatial : "location", statistics of every place by itself, or "shared" over the places
    constants : statistics of every hidden layer that are not the batch's own; made by `frozen`
    """

    architecture: Architecture
    spec: LayerSpec
    spatial: Spatial = "location"
    constants: tuple[Statistics, ...] | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be differentiated."""
        if self.spatial not in AXES:
            raise InputError(
                f'spatial = "{self.spatial}" must be {listed(AXES)}{nearest(self.spatial, AXES)}'
            )
        if self.spec.phi.name == "step":
            raise InputError('activation "step" has no gradient; choose relu, tanh or erf')

    def draw(self, rng: np.random.Generator) -> Array:
        """Parameters (P,) of a random network: W ~ N(0, sigma_w^2/fan_in), b ~ N(0, sigma_b^2)."""
        theta = generator(rng).standard_normal(self.architecture.size)
        for layer, weight, bias in self.architecture.split(theta):
            weight *= self.spec.sigma_w / np.sqrt(layer.fan_in)
            bias *= self.spec.sigma_b
        return theta

    def forward(self, theta: Array, x: ArrayLike) -> Array:
        """f, (n, outputs)."""
        return self.at(theta, x).output

    def jvp(self, theta: Array, x: ArrayLike, v: Array) -> Array:
        """J v, (n, outputs); for several v, keep `at(theta, x)`."""
        return self.at(theta, x).jvp(v)

    def vjp(self, theta: Array, x: ArrayLike, u: Array) -> Array:
        """J^T u, (P,); for several u, keep `at(theta, x)`."""
        return self.at(theta, x).vjp(u)

    def lambda_max(self, theta: Array, x: ArrayLike, *, tolerance: float = 1e-6) -> float:
        """The largest eigenvalue of the Fisher information on the data, to that relative error."""
        return lambda_max(self.at(theta, x), tolerance)

    def constant_direction(self, theta: Array, x: ArrayLike) -> ConstantDirection:
        """The Rayleigh quotients of the constant functions: what `fisher_theory` predicts."""
        return constant_direction(self.at(theta, x))

    def frozen(self, theta: Array, x: ArrayLike) -> RandomNet:
        """The same network with the statistics at theta and x as constants."""
        constants = tuple(bend.norm.statistics for bend in self.at(theta, x).bends)
        return RandomNet(self.architecture, self.spec, self.spatial, constants)

    def at(self, theta: Array, x: ArrayLike) -> Linearization:
        """The network at theta, linearised."""
        h = self.architecture.arranged(x)
        self._refuse(theta, len(h))
        stages: list[Stage] = []
        bends: list[Bend] = []
        for layer, weight, bias in self.architecture.split(theta):
            stages.append(Stage(layer, weight, layer.patches(h)))
            z = stages[-1].value(weight, bias)
            if len(stages) < self.architecture.depth:
                bends.append(self._bend(z, len(bends)))
                h = bends[-1].value
        return Linearization(z[:, 0], tuple(stages), tuple(bends))

    def _bend(self, z: Array, index: int) -> Bend:
        """Normalization and activation of a hidden layer."""
        norm: Normalized | Frozen
        if self.constants is None:
            norm = normalized(z, self.spec, self.spatial)
        else:
            norm = Frozen(self.constants[index].applied(z), self.constants[index])
        phi, inner = self.spec.phi, self.spec.gamma * norm.value + self.spec.beta
        return Bend(phi.value(inner), self.spec.gamma * phi.slope(inner), norm)

    def _refuse(self, theta: Array, count: int) -> None:
        if np.shape(theta) != (self.architecture.size,):
            raise InputError(
                f"parameters of shape {np.shape(theta)}: the network takes "
                f"({self.architecture.size},); make them with draw(rng)"
            )
        if self.constants is None:
            refuse_batch(self.spec, count)

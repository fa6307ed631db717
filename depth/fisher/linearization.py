"""The derivative of a network in all its parameters, both ways, by hand.

With what every layer sees, A^l = patches(h^{l-1}), and D^l = slope^l o (d zhat^l/dz^l),

    dz^l = A^l dW^T + db + patches(D^{l-1} dz^{l-1}) W^T,     J v = dz^L
    g^L = u,    g^{l-1} = D^{l-1}^T patches^T(g^l W),         J^T u = (g^l^T A^l, sum g^l) over l

    v : (P,);  u : (n, outputs);  dz^l, g^l : (n, places, outputs of the layer)

D goes through the statistics of batch normalization (`normalization`). No second derivatives.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...kernels.errors import InputError
from .architecture import Affine, Architecture
from .normalization import Frozen, Normalized

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Stage:
    """An affine map at its input: `seen` (n places, fan_in) is what every place sees."""

    layer: Affine
    weight: Array
    seen: Array

    def value(self, weight: Array, bias: Array) -> Array:
        """z, or its change with weights and biases."""
        z = self.seen @ weight.T + bias
        return z.reshape(-1, self.layer.places, self.layer.outputs)

    def carried(self, dh: Array) -> Array:
        """The change of z with the input."""
        dz = self.layer.patches(dh) @ self.weight.T
        return dz.reshape(-1, self.layer.places, self.layer.outputs)

    def gradient(self, g: Array) -> Array:
        """In weights and biases, flat, of the sum of g z."""
        g = g.reshape(-1, self.layer.outputs)
        return np.concatenate([(g.T @ self.seen).ravel(), g.sum(axis=0)])

    def pulled(self, g: Array) -> Array:
        """The gradient in the input."""
        return self.layer.gathered(g.reshape(-1, self.layer.outputs) @ self.weight)


@dataclass(frozen=True, eq=False)
class Bend:
    """A hidden layer's normalization and activation, h = value; slope = dh/dzhat."""

    value: Array
    slope: Array
    norm: Normalized | Frozen

    def tangent(self, dz: Array) -> Array:
        """The change of h with z."""
        return self.slope * self.norm.tangent(dz)

    def adjoint(self, g: Array) -> Array:
        """The transposed map."""
        return self.norm.adjoint(self.slope * g)


@dataclass(frozen=True, eq=False)
class Linearization:
    """A network at one theta on one batch: f and J, without J's matrix."""

    output: Array
    stages: tuple[Stage, ...]
    bends: tuple[Bend, ...]

    @property
    def architecture(self) -> Architecture:
        """Of the network."""
        return Architecture(tuple(stage.layer for stage in self.stages))

    def jvp(self, v: Array) -> Array:
        """J v. (P,) -> (n, outputs)."""
        _refuse_shape("v", v, (self.architecture.size,))
        changes = self.architecture.split(v)
        _, *first = next(changes)
        dz = self.stages[0].value(*first)
        for bend, stage, (_, weight, bias) in zip(
            self.bends, self.stages[1:], changes, strict=True
        ):
            dz = stage.value(weight, bias) + stage.carried(bend.tangent(dz))
        return dz[:, 0]

    def vjp(self, u: Array) -> Array:
        """J^T u. (n, outputs) -> (P,)."""
        _refuse_shape("u", u, self.output.shape)
        g, gradients = u[:, None, :], []
        for bend, stage in zip(self.bends[::-1], self.stages[:0:-1], strict=True):
            gradients.append(stage.gradient(g))
            g = bend.adjoint(stage.pulled(g))
        gradients.append(self.stages[0].gradient(g))
        return np.concatenate(gradients[::-1])


def _refuse_shape(name: str, value: Array, shape: tuple[int, ...]) -> None:
    if np.shape(value) != shape:
        raise InputError(f"{name} of shape {np.shape(value)} must be {shape}")

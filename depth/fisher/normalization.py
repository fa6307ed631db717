"""What batch normalization does to a layer of a network, and its derivative both ways.

With mean m and scale s of the layer's z over the data, per output and place ("location"), or per
output over data and places together ("shared"):

    zhat = (z - m)/s                  RC takes m away, RS divides by s = sqrt(mean(inner^2) + eps)
    d zhat  = (dz - mean dz - zhat mean(ihat dz))/s         ihat = inner/s
    adjoint : (g - mean g - ihat mean(zhat g))/s            (without RC no `mean dz`, `mean g`)

inner is z - m, or z where RS stands alone and is no "std" (`LayerSpec`). Statistics that are held
constant leave d zhat = dz/s: the "frozen" derivative.

    z, zhat, g : (n, places, channels);  m, s : (1, 1 or places, channels)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ...kernels.errors import InputError
from ..layers import LayerSpec

Array = NDArray[np.float64]
Spatial = Literal["location", "shared"]

_ROUNDING = 1e-14  # of a mean of equal numbers, relative

AXES: dict[Spatial, tuple[int, ...]] = {"location": (0,), "shared": (0, 1)}


@dataclass(frozen=True, eq=False)
class Statistics:
    """What is taken away and what is divided by; zeros and ones where nothing is."""

    shift: Array
    scale: Array

    def applied(self, z: Array) -> Array:
        """zhat."""
        return np.asarray((z - self.shift) / self.scale)


@dataclass(frozen=True, eq=False)
class Normalized:
    """zhat of a layer by its own statistics, and the derivative."""

    value: Array
    inner: Array
    statistics: Statistics
    spec: LayerSpec
    axes: tuple[int, ...]

    def tangent(self, dz: Array) -> Array:
        """The change of zhat with z."""
        return self._linear(dz, self.inner, self.value)

    def adjoint(self, g: Array) -> Array:
        """The transposed map."""
        return self._linear(g, self.value, self.inner)

    def _linear(self, z: Array, seen: Array, along: Array) -> Array:
        """(z - mean z - along mean(seen z))/s, as far as RC and RS are on."""
        total = z - z.mean(self.axes, keepdims=True) if self.spec.recenter else z
        if not self.spec.rescale:
            return total
        total = total - along * (seen * z).mean(self.axes, keepdims=True)
        return np.asarray(total / self.statistics.scale)


@dataclass(frozen=True, eq=False)
class Frozen:
    """zhat by statistics that are constants: the derivative is its own adjoint."""

    value: Array
    statistics: Statistics

    def tangent(self, dz: Array) -> Array:
        """dz/s."""
        return np.asarray(dz / self.statistics.scale)

    adjoint = tangent


def normalized(z: Array, spec: LayerSpec, spatial: Spatial) -> Normalized:
    """zhat by the statistics of z itself.

    Raises InputError where an output is constant over the data and eps = 0.
    """
    axes = AXES[spatial]
    mean = z.mean(axes, keepdims=True)
    shift = mean if spec.recenter else np.zeros_like(mean)
    inner = z - mean if spec.centred_scale else z
    scale = np.ones_like(mean)
    if spec.rescale:
        scale = np.sqrt((inner * inner).mean(axes, keepdims=True) + spec.eps)
    if spec.rescale and not (scale > _ROUNDING * np.abs(mean)).all():
        raise InputError(
            "a neuron is constant over the data, and rescaling divides by zero; "
            "give more data, or eps > 0"
        )
    statistics = Statistics(shift, scale)
    return Normalized(statistics.applied(z), inner / scale, statistics, spec, axes)

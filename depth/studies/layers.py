"""The layers, starts and shares that the Gram studies have in common."""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import NDArray

from ...kernels.errors import InputError
from ..gram_mixture import slopes
from ..gram_symmetric import symmetric_gram
from ..layers import LayerSpec
from .study import Settings

Array = NDArray[np.float64]

COSINE = 0.5  # of all pairs of inputs at the start
WORKERS = len(os.sched_getaffinity(0))  # threads; no result depends on them


def layer(activation: str, normalised: bool) -> LayerSpec:
    """A layer with BN (RC and RS), or without at the critical sigma_w, without biases.

    Critical: where mean-field theory keeps small inputs, 2/(up^2 + down^2) for slopes up and down
    of a phi of degree one, else 1/phi'(0)^2.

    >>> float(round(layer("relu", False).sigma_w ** 2, 12))
    2.0
    """
    spec = LayerSpec(activation, recenter=normalised, rescale=normalised)
    if normalised:
        return spec
    found = slopes(spec)
    if found is None:
        gain = float(spec.phi.slope(0.0)) ** 2
    else:
        p, r = found
        gain = p * p + r * r
    return LayerSpec(activation, recenter=False, rescale=False, sigma_w=1.0 / np.sqrt(gain))


def start(batch: int) -> Array:
    """(B, B): inputs of norm 1 at equal angles."""
    return symmetric_gram(batch, 1.0, COSINE)


def refuse_below(settings: Settings, **least: int) -> None:
    """Raise InputError where a setting, or an entry of one, is below what the study needs."""
    for name, bound in least.items():
        if np.min(settings[name]) < bound:
            raise InputError(
                f"{name} = {settings[name]} must be >= {bound} in this study; give {name} = {bound}"
            )


def label(activation: str, normalised: bool) -> str:
    """For people."""
    return f"{activation}, {'BN' if normalised else 'no BN'}"

"""A bound on the distance of a finite network from infinite width that holds at every depth.

    E||G_l - T^l(G_0)||_F <= C R/((1 - kappa) sqrt(n))          for all l
    if  Lip(T^m) <= C kappa^m for all m,  R = sup ||h||^2

One layer adds at most R/sqrt(n): its rows are independent, E||G_{l+1} - T(G_l)||^2 <= R^2/n; the
layers after it shrink what it added, and the sum is geometric. Derived here, under the assumption
as it stands. Joudaki, Daneshmand, Bach, arXiv 2205.13076, assume rapid mixing too, but this is not
their theorem. kappa of a fixed point (`stability`) is the local rate: C kappa^m for all G is to be
assumed or measured.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..kernels.errors import InputError
from .gram_mixture import slopes
from .layers import LayerSpec, count

Array = NDArray[np.float64]

WITHIN_ONE = ("erf", "tanh", "sin", "cos", "step")  # |phi| <= 1


def row_bound(spec: LayerSpec, batch: int) -> float:
    """R = sup ||h||^2 over all rows, or a bound on it.

    B where |phi| <= 1; B gamma^2 max slope^2 where phi is of degree one and RS divides by the row's
    own size. Raises InputError where rows are unbounded.

    >>> row_bound(LayerSpec("relu"), 16)
    16.0
    """
    batch, found = count("batch", batch), slopes(spec)
    if spec.phi.name in WITHIN_ONE:
        return float(batch)
    whole = spec.rescale and (spec.recenter or spec.variant == "rms")
    if found is None or not whole:
        raise InputError(
            f"R = sup |h|^2 is infinite or not known for {spec.phi.label} with rescale = "
            f"{spec.rescale}; give relu, linear or a bounded activation, with RS"
        )
    p, r = found
    return float(batch * max(abs(p + r), abs(r - p)) ** 2)


def all_depth_bound(
    spec: LayerSpec, batch: int, width: ArrayLike, rate: float, factor: float = 1.0
) -> Array:
    """The right-hand side, at widths of any shape.

    rate, factor : kappa and C of the assumption

    >>> float(all_depth_bound(LayerSpec("relu"), 16, 1024, 0.5))
    1.0
    """
    if not 0.0 <= rate < 1.0:
        raise InputError(f"rate = {rate} must be in [0, 1): without contraction there is no bound")
    if not factor >= 1.0:
        raise InputError(f"factor = {factor} must be >= 1: Lip(T^0) is 1")
    widths = np.asarray(width, float)
    if not (widths >= 1).all():
        raise InputError(f"width = {widths.min():g} must be >= 1; give a number of neurons")
    return np.asarray(factor * row_bound(spec, batch) / ((1.0 - rate) * np.sqrt(widths)))

"""The layers, starts and shares that the studies of the parts of batch normalization share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..components import ablation_specs
from ..ensemble import Ensemble, simulate
from ..layers import LayerSpec
from ..outlier import wilson
from .fits import Estimate
from .layers import WORKERS, refuse_below
from .study import Computation, Piece, Settings

Array = NDArray[np.float64]

NAMES = tuple(ablation_specs())
APART, FULL = "RC+NL", "RC+RS+NL"  # where the outlier is, and full BN
OFTEN, SELDOM = 0.5, 0.1  # shares of networks: most, at least; few, at most


def layer(name: str) -> LayerSpec:
    """One of the eight, with ReLU where NL is on."""
    return ablation_specs()[name]


def every_layer(
    look: Callable[[Ensemble], Piece], method: Literal["chain", "direct"] = "chain"
) -> Callable[[Settings], Mapping[str, Computation]]:
    """The pieces of a study: what `look` keeps of an ensemble of each of the eight, G_0 = I."""

    def pieces(settings: Settings) -> Mapping[str, Computation]:
        refuse_below(settings, batch=3, width=1, nets=2)
        return {name: partial(seen, settings, name) for name in NAMES}

    def seen(settings: Settings, name: str, rng: np.random.Generator) -> Piece:
        depths, spec = settings["depths"], layer(name)
        return look(
            simulate(
                spec,
                np.eye(settings["batch"]),
                settings["width"],
                max(depths),
                settings["nets"],
                rng,
                depths=depths,
                method=method,
                unit_trace=not spec.rescale,
                workers=WORKERS,
            )
        )

    return pieces


def share(present: ArrayLike) -> Estimate:
    """Of networks with something, with its 95 % interval (Wilson)."""
    found = np.asarray(present, bool)
    low, high = wilson(int(found.sum()), found.size)
    return Estimate(float(found.mean()), low if found.any() else 0.0, 1.0 if found.all() else high)


def plane(grams: ArrayLike) -> Array:
    """(.., B, 2): the batch as points, in the plane of its two largest principal axes.

    No mean is taken away: G = V diag(values) V^T is V_ij sqrt(value_j).
    """
    values, vectors = np.linalg.eigh(np.asarray(grams, float))
    points = vectors * np.sqrt(np.maximum(values, 0.0))[..., None, :]
    return np.asarray(points[..., :-3:-1])

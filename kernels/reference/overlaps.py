"""Sums over neurons with a dual kernel, in tiles; no matrix of all pairs exists.

    s_i = sum_j c_j k(p_i.q_j),   g_i = sum_j c_j k'(p_i.q_j) q_j

k : see `contract.Overlap`; p and q are unit vectors.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..contract import Overlap
from .interaction import tiles

Array = NDArray[np.float64]

TILE = 512  # points x neurons of float64: 2 MiB


@dataclass(frozen=True)
class OverlapSums:
    """The sums of one overlap."""

    overlap: Overlap

    def __call__(self, points: Array, neurons: Array, weights: Array) -> tuple[Array, Array]:
        """(m,) and (m, d): s and g at points (m, d), of neurons (k, d) with weights (k,)."""
        sums, gradients = np.zeros(len(points)), np.zeros(points.shape)
        moved = weights[:, None] * neurons
        for here in tiles(len(points), TILE):
            for there in tiles(len(neurons), TILE):
                value, slope = self.overlap.both(points[here] @ neurons[there].T)
                sums[here] += value @ weights[there]
                gradients[here] += slope @ moved[there]
        return sums, gradients

"""Recentering, rescaling and nonlinearity taken apart: what each of the 2^3 layers does in depth.

With Nachum, Bondaschi, Gastpar, Khina, arXiv 2412.02843, whose question it is. Measured here, for
ReLU, from G_0 = I or any other:

| RC | RS | NL | deep layers |
|---|---|---|---|
|    |    |    | rank one: products of random matrices, at l ~ n |
| x  |    |    | rank one |
|    | x  |    | orthogonal: I but for noise of order n^(-1/2) |
| x  | x  |    | a simplex: B/(B - 1) (I - 11^T/B) |
|    |    | x  | one direction, all cosines 1 |
| x  |    | x  | a cluster and one orthogonal outlier (`outlier`) |
|    | x  | x  | equal angles |
| x  | x  | x  | equal angles |

Where RS is off the Gram matrices are divided by their trace over B. Effective rank: the exponential
of the entropy of the eigenvalues, 1 .. B.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..pde.network.activations import Spec
from .ensemble import Progress, simulate
from .gram import refuse_scale
from .layers import LayerSpec, checked_grams, cosines
from .outlier import Outliers, find_outliers

Array = NDArray[np.float64]

NEAR = 0.1  # relative distance to the last value within which a state counts as formed


@dataclass(frozen=True)
class Ablation:
    """One of the eight layers in depth.

    name : the parts that are on, as "RC+NL"; "none"
    depths : (D,) layers that were kept
    grams : (D, E, B, B) of the networks
    outliers : norms and angles, each (D, E)
    cosine : (D, E) mean cosine over all pairs
    effective_rank : (D, E)
    """

    name: str
    spec: LayerSpec
    depths: NDArray[np.int64]
    grams: Array
    outliers: Outliers
    cosine: Array
    effective_rank: Array

    def formed(self) -> int | None:
        """The first kept layer from which the median rank stays near its last value."""
        rank = np.median(self.effective_rank, axis=1)
        away = np.abs(rank - rank[-1]) > NEAR * rank[-1]
        first = int(np.flatnonzero(away)[-1]) + 1 if away.any() else 0
        return int(self.depths[first]) if first < len(rank) - 1 else None


def ablation_specs(activation: Spec = "relu", **numbers: float) -> dict[str, LayerSpec]:
    """The eight layers by name; without NL the activation is linear.

    numbers : of `LayerSpec`, as sigma_w = 1.0

    >>> list(ablation_specs())
    ['none', 'RC', 'RS', 'RC+RS', 'NL', 'RC+NL', 'RS+NL', 'RC+RS+NL']
    """
    full = LayerSpec(activation, **numbers)  # type: ignore[arg-type]
    made = {}
    for code in range(8):
        on = [part for bit, part in enumerate(("RC", "RS", "NL")) if code >> bit & 1]
        made["+".join(on) or "none"] = replace(
            full,
            activation=activation if "NL" in on else "linear",
            recenter="RC" in on,
            rescale="RS" in on,
        )
    return made


def ablate(
    gram: ArrayLike,
    width: int,
    depth: int,
    nets: int,
    rng: np.random.Generator,
    *,
    activation: Spec = "relu",
    depths: Sequence[int] | None = None,
    workers: int = 1,
    backend: str = "numpy",
    progress: Progress | None = None,
) -> Iterator[Ablation]:
    """Simulate the eight layers, one after the other, all from the Gram matrix G_0 (B, B), B >= 3.

    activation : of degree one, as relu and abs: without RS the others have no direction to keep
    the rest : as in `simulate`

    Raises InputError at the first layer for what one of the eight cannot do.
    """
    checked_grams(gram, least=3)
    specs = ablation_specs(activation)
    refuse_scale(specs["NL"])
    for name, spec in specs.items():
        found = simulate(
            spec,
            gram,
            width,
            depth,
            nets,
            rng,
            depths=depths,
            unit_trace=not spec.rescale,
            workers=workers,
            backend=backend,
            progress=progress,
        )
        g = found.grams
        yield Ablation(
            name, spec, found.depths, g, find_outliers(g), mean_cosine(g), effective_rank(g)
        )


def mean_cosine(grams: ArrayLike) -> Array:
    """(..): mean cosine over all pairs of inputs, of Gram matrices (.., B, B); a zero input has 0.

    >>> float(mean_cosine([[4.0, 1.0], [1.0, 1.0]]))
    0.5
    """
    g = checked_grams(grams, least=2)
    return np.asarray(cosines(g)[..., ~np.eye(g.shape[-1], dtype=bool)].mean(axis=-1))


def effective_rank(grams: ArrayLike) -> Array:
    """(..): exp of the entropy of the eigenvalues over their sum, of Gram matrices (.., B, B).

    NaN where all is zero.
    Roy and Vetterli, EUSIPCO 2007.

    >>> effective_rank([np.eye(4), np.ones((4, 4))]).round(9).tolist()
    [4.0, 1.0]
    """
    values = np.maximum(np.linalg.eigvalsh(checked_grams(grams)), 0.0)
    total = values.sum(axis=-1, keepdims=True)
    share = np.divide(values, total, out=np.full(values.shape, np.nan), where=total > 0.0)
    logs = np.log(np.maximum(share, np.finfo(float).tiny))
    return np.asarray(np.exp(-(share * logs).sum(axis=-1)))

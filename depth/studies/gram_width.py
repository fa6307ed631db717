"""How far a finite network is from infinite width, against its width, at several depths.

    e = ||G_l - T^l(G_0)||_F / ||T^l(G_0)||_F,    median over networks ~ n^slope

All networks start at inputs of equal angles, which BN takes to the fixed point in one layer, so
that T^l(G_0) is known to rounding there.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...kernels.errors import InputError
from ..ensemble import simulate
from ..gram import mean_field
from .fits import UNKNOWN, Estimate, exponential, finding, log_median, slope, within
from .layers import WORKERS, label, layer, refuse_below, start
from .study import Computation, Finding, Piece, Pieces, Settings, Study, Verdict, variable

Array = NDArray[np.float64]

HALF = (-0.56, -0.44)  # slopes that count as -1/2
STEADY = (0.9, 1.1)  # of the error, from the first depth to the last
QUANTILES = (0.5, 0.9, 0.99)


def names(settings: Settings) -> list[tuple[str, bool]]:
    """Activation and BN of every curve."""
    return [(phi, bn) for bn in (True, False) for phi in settings["activations"]]


def piece_name(activation: str, normalised: bool, width: int) -> str:
    """Of one activation and width."""
    return f"{activation}-{'bn' if normalised else 'plain'}-{width}"


def pieces(settings: Settings) -> Mapping[str, Computation]:
    """One ensemble a layer and width."""
    refuse_below(settings, depths=1, nets=8, widths=1, batch=2)
    if len(set(settings["widths"])) < 2:
        raise InputError(
            f"widths = {settings['widths']}: a slope needs two; give widths = [64, 256]"
        )

    def ensemble(activation: str, normalised: bool, width: int) -> Computation:
        def compute(rng: np.random.Generator) -> Piece:
            spec, depths = layer(activation, normalised), settings["depths"]
            ideal = _ideal(activation, normalised, settings["batch"], tuple(depths))
            found = simulate(
                spec,
                start(settings["batch"]),
                width,
                max(depths),
                settings["nets"],
                rng,
                depths=depths,
                workers=WORKERS,
            )
            return {
                "depth": variable(found.depths, "depth", "layer"),
                "error": variable(
                    found.relative_errors(ideal),
                    "depth net",
                    "distance of the Gram matrix from infinite width, relative",
                ),
            }

        return compute

    return {
        piece_name(phi, bn, width): ensemble(phi, bn, width)
        for phi, bn in names(settings)
        for width in settings["widths"]
    }


@lru_cache(maxsize=16)
def _ideal(activation: str, normalised: bool, batch: int, depths: tuple[int, ...]) -> Array:
    """(D, B, B): infinite width, the same at every width."""
    spec = layer(activation, normalised)
    return mean_field(spec, start(batch), max(depths), depths=depths).grams


def errors(settings: Settings, found: Pieces, activation: str, normalised: bool) -> Array:
    """(widths, depths, nets)."""
    each = [piece_name(activation, normalised, width) for width in settings["widths"]]
    return np.array([found[name]["error"].values for name in each])


def width_slopes(settings: Settings, of: Array) -> list[Estimate]:
    """At every depth, of errors (widths, depths, nets)."""
    middle, error = log_median(of)
    x = np.log(settings["widths"])
    return [slope(x, middle[:, k], error[:, k]) for k in range(of.shape[1])]


def judge(settings: Settings, found: Pieces) -> Verdict:
    """Slopes with and without BN, and the error's growth with depth."""
    depths = sorted(settings["depths"])
    findings: list[Finding] = []
    numbers: dict[str, Any] = {}
    for phi, bn in names(settings):
        of = errors(settings, found, phi, bn)
        fitted = width_slopes(settings, of)
        numbers[label(phi, bn)] = {
            "slope": {
                str(depth): [each.value, each.low, each.high]
                for depth, each in zip(depths, fitted, strict=True)
            },
            "quantiles": np.quantile(of, QUANTILES, axis=-1),
        }
        for depth, each in zip(depths, fitted, strict=True):
            if bn or depth == depths[-1]:
                name = f"slope in width, {label(phi, bn)}, depth {depth}"
                bounds = HALF if bn else (HALF[1], np.inf)
                findings.append(finding(name, each, *bounds))
        name = f"error at depth {depths[-1]} / at {depths[0]}, {label(phi, bn)}"
        grown = growth(of) if depths[0] < depths[-1] else UNKNOWN
        findings.append(finding(name, grown, *(STEADY if bn else (STEADY[1], np.inf))))
    return Verdict(tuple(findings), numbers)


def growth(of: Array) -> Estimate:
    """Of the median error from the first depth to the last, over all widths together."""
    middle, error = log_median(of)
    change = middle[:, -1] - middle[:, 0]
    weight = 1.0 / (error[:, -1] ** 2 + error[:, 0] ** 2)
    return exponential(within(weight @ change / weight.sum(), 1.0 / np.sqrt(weight.sum())))


STUDY = Study(
    name="gram-width",
    group="gram",
    claim="with batch normalization the Gram matrix of a random network is n^(-1/2) from its "
    "mean-field limit at every depth; without, the error grows with depth",
    source="Joudaki, Daneshmand, Bach, arXiv 2205.13076",
    criterion="It holds where the 95 % intervals lie within these bounds: with BN the slope of the "
    "median error in the width is -1/2 ± 0.06 and the error at the last depth is that at the first "
    "but for 10 %; without BN the slope at the last depth is above -0.44 and the error grows by "
    "more than 10 %.",
    settings={
        "activations": ["linear", "relu", "tanh", "sin"],
        "widths": [64, 128, 256, 512, 1024],
        "depths": [10, 100, 1000],
        "batch": 8,
        "nets": 100,
        "seed": 0,
    },
    quick={"widths": [32, 64, 128, 256], "depths": [10, 100], "batch": 5, "nets": 200},
    pieces=pieces,
    judge=judge,
)

"""The error of a finite network against its depth, far beyond its width.

    sqrt(n) E||G_l - T^l(G_0)||_F against l

With BN it stays on a plateau: n E||.||^2 -> tr Sigma (`noise`), below the bound of `bound`, whose
constant C is the largest ||T^m(G) - T^m(G')|| / (kappa^m ||G - G'||) that was seen on pairs of Gram
matrices of networks: measured, not proven. Without BN the error relative to T^l(G_0) grows, as
sqrt(l/n) at first (`exact`).
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..bound import all_depth_bound
from ..ensemble import simulate
from ..exact import linear_error
from ..fixed_points import fixed_point
from ..gram import mapped, mean_field
from ..layers import LayerSpec
from ..noise import noise_covariance
from .fits import Estimate, exponential, finding, log_median, mean, within
from .layers import WORKERS, label, layer, refuse_below, start
from .study import Computation, Finding, Piece, Pieces, Settings, Study, Verdict, exactly, variable

Array = NDArray[np.float64]

CONSTANT = (0.97, 1.03)  # measured over predicted
FLAT = (0.95, 1.05)  # mean square of the last half of the depths over that of the half before
GROWN = 2.0  # without BN, from depth 10 to the last
POINTS_OF_LIPSCHITZ = 2**7
STEPS = 24  # layers T^m
NETS = 12  # for C, next to each other


def kept(depth: int) -> NDArray[np.int64]:
    """Layers that are kept: ten a decade, and 300 over the last nine tenths."""
    decades = np.geomspace(1, depth, 10 * max(1, round(np.log10(depth))) + 1)
    late = np.linspace(depth / 10, depth, 300)
    return np.unique(np.concatenate([decades, late]).round()).astype(int)


def curves(settings: Settings) -> list[tuple[str, bool]]:
    """Activation and BN."""
    return [(phi, True) for phi in settings["activations"]] + [
        (phi, False) for phi in settings["plain"]
    ]


def piece_name(activation: str, normalised: bool, width: int | str) -> str:
    """Of one activation and width, or "theory"."""
    return f"{activation}-{'bn' if normalised else 'plain'}-{width}"


def pieces(settings: Settings) -> Mapping[str, Computation]:
    """The predictions with BN, and one ensemble a layer and width."""
    refuse_below(settings, depth=100, nets=8, widths=1, batch=2)
    made: dict[str, Computation] = {}
    for phi in settings["activations"]:
        made[piece_name(phi, True, "theory")] = _theory(phi, settings)
    for phi, bn in curves(settings):
        for width in settings["widths"]:
            made[piece_name(phi, bn, width)] = _ensemble(phi, bn, width, settings)
    return made


def _theory(activation: str, settings: Settings) -> Computation:
    def compute(rng: np.random.Generator) -> Piece:
        spec, batch = layer(activation, True), settings["batch"]
        noise = noise_covariance(spec, fixed_point(spec, batch).gram)
        factor = lipschitz(spec, batch, min(settings["widths"]), noise.rate, rng)
        return {
            "constant": variable(noise.constant, "", "tr Sigma, the limit of n E||G - G*||^2"),
            "constant_error": variable(noise.standard_error, "", "its standard error"),
            "rate": variable(noise.rate, "", "kappa, the rate of mixing"),
            "factor": variable(factor, "", "C, the largest that was seen"),
            "bound": variable(
                float(all_depth_bound(spec, batch, 1, noise.rate, max(1.0, factor))),
                "",
                "sqrt(n) times the bound on E||G_l - T^l(G_0)||",
            ),
        }

    return compute


def lipschitz(
    spec: LayerSpec, batch: int, width: int, rate: float, rng: np.random.Generator
) -> float:
    """C as far as it is seen, on the Gram matrices of networks next to each other."""
    found = simulate(spec, start(batch), width, 4, NETS, rng, depths=[4]).grams[0]
    largest = 1.0
    for first, second in pairwise(found):
        gap = np.linalg.norm(first - second)
        for step in range(1, STEPS + 1):
            first, second = (
                mapped(spec, g, points=POINTS_OF_LIPSCHITZ).gram for g in (first, second)
            )
            ratio = np.linalg.norm(first - second) / (rate**step * gap)
            largest = max(largest, float(ratio))
    return largest


def _ensemble(activation: str, normalised: bool, width: int, settings: Settings) -> Computation:
    def compute(rng: np.random.Generator) -> Piece:
        spec, first = layer(activation, normalised), start(settings["batch"])
        depths = kept(settings["depth"]).tolist()
        ideal = mean_field(spec, first, depths[-1], depths=depths).grams
        found = simulate(
            spec,
            first,
            width,
            depths[-1],
            settings["nets"],
            rng,
            depths=depths,
            workers=WORKERS,
        )
        error = found.errors(ideal) if normalised else found.relative_errors(ideal)
        words = "distance from infinite width" + ("" if normalised else ", relative")
        return {
            "depth": variable(found.depths, "depth", "layer"),
            "error": variable(error, "depth net", words),
        }

    return compute


def judge(settings: Settings, found: Pieces) -> Verdict:
    """Plateau, its constant and flatness, the bound; growth without BN."""
    findings: list[Finding] = []
    numbers: dict[str, Any] = {}
    for phi in settings["activations"]:
        theory = found[piece_name(phi, True, "theory")]
        numbers[label(phi, True)] = {name: float(each.values) for name, each in theory.items()}
        ratios = {n: constant_ratio(settings, found, phi, n) for n in settings["widths"]}
        numbers[label(phi, True)]["measured over predicted"] = {
            str(n): [r.value, r.low, r.high] for n, r in ratios.items()
        }
        widest = max(settings["widths"])
        name, best = f"{label(phi, True)}, n = {widest}", ratios[widest]
        findings.append(finding(f"plateau over tr Sigma, {name}", best, *CONSTANT))
        flat = flatness(found, phi, widest)
        findings.append(finding(f"late over early plateau, {name}", flat, *FLAT))
        top = max(largest(found, phi, n) for n in settings["widths"])
        share = top / float(theory["bound"].values)
        told = f"largest error over the bound, {label(phi, True)}"
        findings.append(exactly(told, share, most=1.0))
    for phi in settings["plain"]:
        widest = max(settings["widths"])
        grown = growth(found, phi, widest)
        name = f"relative error, last depth over depth 10, {label(phi, False)}, n = {widest}"
        findings.append(finding(name, grown, GROWN, np.inf))
    return Verdict(tuple(findings), numbers, ("C of the bound is measured, not proven.",))


def plateau(found: Pieces, activation: str, width: int) -> Array:
    """(depths, nets): n ||G - G*||^2 over the last nine tenths."""
    piece = found[piece_name(activation, True, width)]
    depth = piece["depth"].values
    return np.asarray(width * piece["error"].values[depth >= 0.1 * depth[-1]] ** 2)


def constant_ratio(settings: Settings, found: Pieces, activation: str, width: int) -> Estimate:
    """Measured over predicted constant; networks are independent, depths need not be."""
    theory = found[piece_name(activation, True, "theory")]
    predicted = float(theory["constant"].values)
    relative = float(theory["constant_error"].values) / predicted
    each = mean(plateau(found, activation, width).mean(axis=0) / predicted)
    return within(each.value, np.hypot(each.error, relative))


def flatness(found: Pieces, activation: str, width: int) -> Estimate:
    """Mean square of the last half of the plateau over the first."""
    values = plateau(found, activation, width)
    half = len(values) // 2
    early, late = mean(values[:half].mean(axis=0)), mean(values[half:].mean(axis=0))
    ratio = late.value / early.value
    return within(ratio, ratio * np.hypot(early.error / early.value, late.error / late.value))


def largest(found: Pieces, activation: str, width: int) -> float:
    """max over depths of sqrt(n) E||G_l - T^l(G_0)||."""
    error = found[piece_name(activation, True, width)]["error"].values
    return float(np.sqrt(width) * error.mean(axis=1).max())


def growth(found: Pieces, activation: str, width: int) -> Estimate:
    """Median relative error at the last depth over that at the first kept depth >= 10."""
    piece = found[piece_name(activation, False, width)]
    ends = [int(np.searchsorted(piece["depth"].values, 10)), -1]
    middle, error = log_median(piece["error"].values[ends])
    return exponential(within(middle[1] - middle[0], np.hypot(*error)))


def exact_relative(settings: Settings, width: int, depths: NDArray[np.int64]) -> Array:
    """(D,): root mean square of the relative error of linear networks without BN, by the law."""
    first = start(settings["batch"])
    square = linear_error(layer("linear", False), first, width, depths)
    return np.asarray(np.sqrt(square) / np.linalg.norm(first))


STUDY = Study(
    name="gram-depth",
    group="gram",
    claim="with batch normalization the mean-field error stays below one bound at all depths, on a "
    "plateau of a predicted height; without, it grows with depth",
    source="Joudaki, Daneshmand, Bach, arXiv 2205.13076; bound and height derived here",
    criterion="It holds where, at the largest width, n E||G - G*||^2 over the last nine tenths of "
    "the depths is 1 ± 0.03 of the prediction and its halves agree to 5 %, no mean error exceeds "
    "the bound, and the median relative error without BN at least doubles from depth 10 on.",
    settings={
        "activations": ["linear", "relu", "tanh"],
        "plain": ["linear", "relu"],
        "widths": [64, 256, 1024],
        "depth": 10000,
        "batch": 8,
        "nets": 32,
        "seed": 0,
    },
    quick={"widths": [64, 256], "depth": 500, "batch": 5, "nets": 80},
    pieces=pieces,
    judge=judge,
)

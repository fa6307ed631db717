"""Gram matrices through the layers: with batch normalization to one state, without to one line.

All networks start at two clusters of inputs. With BN every G_l ends at G* but for the noise of its
width, E||G_l - G*||^2 ~ tr Sigma/n (`noise`), at any depth; without, the effective rank falls to
one: by the mean-field map itself for relu, by the products of random matrices, at l ~ n, for all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..components import effective_rank
from ..ensemble import simulate
from ..fixed_points import fixed_point
from ..noise import noise_covariance
from .fits import finding, mean
from .gram_mixing import starts
from .layers import WORKERS, label, layer, refuse_below
from .study import Computation, Finding, Piece, Pieces, Settings, Study, Verdict, variable

Array = NDArray[np.float64]

NOISE = (0.8, 1.2)  # mean square distance from G*, over tr Sigma/n
COLLAPSED = 1.5  # effective rank without BN, at most
CLUSTERS = "two clusters"


def curves(settings: Settings) -> list[tuple[str, bool]]:
    """Activation and BN."""
    return [(phi, bn) for phi in settings["activations"] for bn in (True, False)]


def piece_name(activation: str, normalised: bool) -> str:
    """Of one layer."""
    return f"{activation}-{'bn' if normalised else 'plain'}"


def pieces(settings: Settings) -> Mapping[str, Computation]:
    """One ensemble a layer, with what BN leads to."""
    refuse_below(
        {**settings, "layers": max(settings["layers"])}, batch=3, width=1, nets=8, layers=1
    )
    return {piece_name(*curve): _ensemble(*curve, settings) for curve in curves(settings)}


def _ensemble(activation: str, normalised: bool, settings: Settings) -> Computation:
    def compute(rng: np.random.Generator) -> Piece:
        spec, batch = layer(activation, normalised), settings["batch"]
        found = simulate(
            spec,
            starts(batch)[CLUSTERS],
            settings["width"],
            max(settings["layers"]),
            settings["nets"],
            rng,
            depths=settings["layers"],
            workers=WORKERS,
        )
        made = {
            "layer": variable(found.depths, "layer", "layer"),
            "gram": variable(found.grams[:, 0], "layer input other", "G of the first network"),
            "rank": variable(effective_rank(found.grams), "layer net", "effective rank"),
        }
        if normalised:
            goal = fixed_point(spec, batch).gram
            square = found.errors(goal) ** 2
            constant = noise_covariance(spec, goal).constant
            made["goal"] = variable(goal, "input other", "G*, of infinite width")
            made["square"] = variable(square, "layer net", "||G - G*||_F^2")
            made["constant"] = variable(constant, "", "tr Sigma")
        return made

    return compute


def judge(settings: Settings, found: Pieces) -> Verdict:
    """The noise around G* with BN, the rank without, both at the last layer."""
    findings: list[Finding] = []
    numbers: dict[str, Any] = {}
    last = max(settings["layers"])
    for phi, bn in curves(settings):
        piece, title = found[piece_name(phi, bn)], label(phi, bn)
        rank = mean(piece["rank"].values[-1])
        numbers[title] = {"effective rank": piece["rank"].values.mean(axis=1)}
        if not bn:
            name = f"effective rank at layer {last}, {title}"
            findings.append(finding(name, rank, most=COLLAPSED))
            continue
        predicted = float(piece["constant"].values) / settings["width"]
        ratio = mean(piece["square"].values[-1] / predicted)
        name = f"mean square distance from G* over tr Sigma/n at layer {last}, {title}"
        findings.append(finding(name, ratio, *NOISE))
    return Verdict(tuple(findings), numbers)


STUDY = Study(
    name="gram-evolution",
    group="gram",
    claim="batch normalization takes Gram matrices to one state of full rank and holds them there "
    "at any depth; without it all inputs end on one line",
    source="Joudaki, Daneshmand, Bach, arXiv 2205.13076; Daneshmand, Joudaki, Bach, arXiv "
    "2106.03970",
    criterion="It holds where, with 95 % at the last layer, the mean square distance from "
    "G* is 1 ± 0.2 of the predicted noise with BN, and the effective rank is at most 1.5 without.",
    settings={
        "activations": ["linear", "relu", "tanh"],
        "layers": [0, 1, 2, 5, 20, 100, 1000],
        "width": 128,
        "batch": 8,
        "nets": 200,
        "seed": 0,
    },
    quick={"width": 64, "layers": [0, 1, 2, 5, 20, 100, 300], "nets": 150},
    pieces=pieces,
    judge=judge,
)

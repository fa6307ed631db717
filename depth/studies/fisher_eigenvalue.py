"""The largest Fisher eigenvalue against gamma: theory, its corrections, and random networks.

    lambda_max >= Rayleigh quotient of the constant function,   eta* = 2 (1 + momentum)/lambda_max

A network has the same weights and data for every gamma and every kind, so that ratios between them
are sharp. Without BN the quotient differs much from network to network, and theory is about its
mean: many more networks tell it, at the gamma nearest to 1.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ..layers import count
from .fisher_networks import (
    CURVES,
    CURVES_OF,
    KINDS,
    NETWORKS,
    architecture,
    drawn,
    network,
    refuse,
    seeds,
    theory,
)
from .fits import finding, mean
from .study import Computation, Finding, Piece, Pieces, Settings, Study, Verdict, variable

Array = NDArray[np.float64]

AGREES = (0.97, 1.03)  # of the measured quotient over the finite-sample theory
TOLERANCE = 1e-3  # relative, of lambda_max


def pieces(settings: Settings) -> Mapping[str, Computation]:
    """The theory of a network, and one network with its weights at a time."""
    refuse(settings)
    found: dict[str, Computation] = {}
    for name in settings["networks"]:
        found[f"{name}-theory"] = _predicted(settings, name)
        found[f"{name}-many"] = _many(settings, name)
        found |= {f"{name}-{seed}": _measured(settings, name) for seed in seeds(settings)}
    return found


def _predicted(settings: Settings, name: str) -> Computation:
    def compute(rng: np.random.Generator) -> Piece:
        built, gammas = architecture(name, settings), settings["gammas"]
        found = {"gamma": variable(gammas, "gamma", "scale before the activation")}
        for kind in KINDS:
            rows = [theory(built, kind, gamma, settings[f"{name}_samples"]) for gamma in gammas]
            for curve in CURVES_OF[kind]:
                told = f"eigenvalue, {KINDS[kind]}, {CURVES[curve]}"
                values = [row[curve] for row in rows]
                found[f"{kind}_{curve}"] = variable(values, "gamma", told)
        return found

    return compute


def _measured(settings: Settings, name: str) -> Computation:
    def compute(rng: np.random.Generator) -> Piece:
        built, gammas = architecture(name, settings), settings["gammas"]
        theta = drawn(built, rng)
        x = rng.standard_normal((settings[f"{name}_samples"], built.inputs))
        largest, quotient = np.empty((2, len(KINDS), len(gammas)))
        for i, kind in enumerate(KINDS):
            for j, gamma in enumerate(gammas):
                net = network(built, kind, gamma, theta, x)
                largest[i, j] = net.lambda_max(theta, x, tolerance=TOLERANCE)
                quotient[i, j] = net.constant_direction(theta, x).quotient.mean()
        return {
            "kind": variable(np.array(list(KINDS), "S"), "kind", "normalization and derivative"),
            "gamma": variable(gammas, "gamma", "scale before the activation"),
            "lambda_max": variable(largest, "kind gamma", "largest Fisher eigenvalue"),
            "quotient": variable(quotient, "kind gamma", "quotient of the constant functions"),
        }

    return compute


def _many(settings: Settings, name: str) -> Computation:
    def compute(rng: np.random.Generator) -> Piece:
        built, gamma = architecture(name, settings), settings["gammas"][nearest_to_one(settings)]
        shape, quotients = (settings[f"{name}_samples"], built.inputs), []
        for _ in range(count("many_nets", settings["many_nets"], 2)):
            theta, x = drawn(built, rng), rng.standard_normal(shape)
            net = network(built, "plain", gamma, theta, x)
            quotients.append(net.constant_direction(theta, x).quotient.mean())
        return {"quotient": variable(quotients, "net", "quotient of constant functions, no BN")}

    return compute


def nearest_to_one(settings: Settings) -> int:
    """Place of the gamma at which networks with and without BN are compared."""
    return int(np.argmin(np.abs(np.log(settings["gammas"]))))


def curve(found: Pieces, name: str, kind: str, which: str) -> Array:
    """(gammas,): of the theory."""
    return found[f"{name}-theory"][f"{kind}_{which}"].values


def measured(settings: Settings, found: Pieces, name: str, kind: str, which: str) -> Array:
    """(nets, gammas): "lambda_max" or "quotient"."""
    place = list(KINDS).index(kind)
    return np.array([found[f"{name}-{seed}"][which].values[place] for seed in seeds(settings)])


def judge(settings: Settings, found: Pieces) -> Verdict:
    """Whether theory is met, and whether BN and a small gamma make the eigenvalue small."""
    findings, numbers, remarks = [], {"gamma": settings["gammas"]}, []
    one = nearest_to_one(settings)
    for name in settings["networks"]:
        missed = []
        for kind, told in KINDS.items():
            whole = f"{NETWORKS[name]}, {told}"
            numbers[whole] = row = _means(settings, found, name, kind)
            quotient = measured(settings, found, name, kind, "quotient")
            ratio = (quotient / row["theory"]).mean(axis=1)
            if kind == "plain":
                ratio = found[f"{name}-many"]["quotient"].values / row["theory"][one]
            findings.append(finding(f"quotient / theory, {whole}", mean(ratio), *AGREES))
            paper = row["paper"] / row["quotient"]
            missed.append(f"{told} {paper.min():.2f} .. {paper.max():.2f}")
            if kind != "plain":
                findings += _lowered(settings, found, name, kind)
        head = f"The paper's formula over the measured quotient, {NETWORKS[name]}"
        remarks.append(f"{head}: {'; '.join(missed)}.")
    return Verdict(tuple(findings), numbers, tuple(remarks))


def _means(settings: Settings, found: Pieces, name: str, kind: str) -> dict[str, Array]:
    """(gammas,): measured and predicted."""
    each = {
        which: measured(settings, found, name, kind, which).mean(axis=0)
        for which in ("lambda_max", "quotient")
    }
    ideal = curve(found, name, kind, CURVES_OF[kind][-1])
    return {**each, "theory": ideal, "paper": curve(found, name, kind, "paper")}


def _lowered(settings: Settings, found: Pieces, name: str, kind: str) -> list[Finding]:
    """The eigenvalue beside that without BN, and its slopes in gamma."""
    gammas, told = np.array(settings["gammas"]), f"{NETWORKS[name]}, {KINDS[kind]}"
    one = nearest_to_one(settings)
    largest = measured(settings, found, name, kind, "lambda_max")
    ratio = mean(largest[:, one] / measured(settings, found, name, "plain", "lambda_max")[:, one])
    slopes = np.diff(np.log(largest), axis=1) / np.diff(np.log(gammas))
    return [
        finding(f"lambda with / without BN at gamma {gammas[one]:g}, {told}", ratio, most=1.0),
        finding(f"least slope of log lambda in log gamma, {told}", mean(slopes.min(axis=1)), 0.0),
    ]


STUDY = Study(
    name="fisher-eigenvalue",
    group="fisher",
    claim="batch normalization lowers the largest Fisher eigenvalue of a random network, the more "
    "the smaller gamma is, and mean-field theory predicts it",
    source="Wei, Stokes, Schwab, arXiv 1903.02606",
    criterion="It holds where the 95 % intervals over random networks lie within these bounds: the "
    "quotient of the constant function is that of the finite-sample theory with its corrections "
    "but for 3 % (a mean over gamma; without BN at gamma = 1); at gamma = 1 the eigenvalue with BN "
    "is below that without; it rises with gamma.",
    settings={
        "networks": list(NETWORKS),
        "gammas": [0.125, 0.25, 0.5, 1.0, 2.0, 4.0],
        "side": 28,
        "width": 500,
        "channels": [30, 60, 90],
        "dense_samples": 100,
        "conv_samples": 40,
        "nets": 6,
        "many_nets": 400,
        "seed": 0,
    },
    quick={
        "gammas": [0.25, 1.0, 4.0],
        "side": 12,
        "width": 200,
        "channels": [10, 20, 30],
        "dense_samples": 50,
        "conv_samples": 30,
        "many_nets": 100,
    },
    pieces=pieces,
    judge=judge,
)

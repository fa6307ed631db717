"""The step at which training becomes unstable, by bisection of training runs, against gamma.

    eta* = 2 (1 + momentum)/lambda_max

Near a minimum noise grows above `critical`; from a random start on random targets training runs
away above `explosion`, which no theory here predicts. All kinds and momenta have one network, data
and targets.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ..fisher import Threshold, critical_step, explosion_step, max_learning_rate
from .fisher_networks import (
    CURVES_OF,
    KINDS,
    NETWORKS,
    OUTPUTS,
    architecture,
    drawn,
    network,
    refuse,
)
from .fisher_networks import theory as predicted
from .study import (
    Computation,
    Finding,
    Piece,
    Pieces,
    Settings,
    Study,
    Variable,
    Verdict,
    generator,
    variable,
)

Array = NDArray[np.float64]

AGREES = (0.98, 1.02)  # of the critical step over eta* of the measured eigenvalue
ENDS = ("lower", "upper")


def piece_name(name: str, kind: str, momentum: float) -> str:
    """Of one network at one momentum, all gamma."""
    return f"{name}-{kind}-{momentum:g}"


def pieces(settings: Settings) -> Mapping[str, Computation]:
    """One network of a kind at a momentum."""
    refuse(settings, gammas=1)
    return {
        piece_name(name, kind, momentum): _thresholds(settings, name, kind, momentum)
        for name in settings["networks"]
        for kind in KINDS
        for momentum in settings["momenta"]
    }


def _thresholds(settings: Settings, name: str, kind: str, momentum: float) -> Computation:
    def compute(rng: np.random.Generator) -> Piece:
        built, gammas, samples = (
            architecture(name, settings),
            settings["gammas"],
            settings["samples"],
        )
        one = generator(STUDY.name, name, settings["seed"])  # of all kinds and momenta
        theta, x = drawn(built, one), one.standard_normal((samples, built.inputs))
        y = one.standard_normal((samples, OUTPUTS))
        critical: list[Threshold] = []
        explosion: list[Threshold] = []
        for gamma in gammas:
            net = network(built, kind, gamma, theta, x)
            long, short = settings["epochs"], settings["explosion_epochs"]
            critical.append(critical_step(net, theta, x, rng, momentum=momentum, epochs=long))
            explosion.append(explosion_step(net, theta, x, y, momentum=momentum, epochs=short))
        curves = [predicted(built, kind, gamma, samples) for gamma in gammas]
        ends = np.array(ENDS, "S")
        return {
            "gamma": variable(gammas, "gamma", "scale before the activation"),
            "end": variable(ends, "end", "no growth, growth"),
            "measured": variable(
                [each.predicted for each in critical], "gamma", "eta* of lambda_max"
            ),
            "paper": _steps(curves, "paper", momentum, "eta* of the paper's formula"),
            "theory": _steps(curves, CURVES_OF[kind][-1], momentum, "eta* of corrected theory"),
            "critical": _bracket(critical, "step where noise about a minimum grows"),
            "explosion": _bracket(explosion, "step where training from a random start runs away"),
        }

    return compute


def _steps(curves: list[dict[str, float]], name: str, momentum: float, told: str) -> Variable:
    return variable(max_learning_rate([each[name] for each in curves], momentum), "gamma", told)


def _bracket(found: list[Threshold], told: str) -> Variable:
    return variable([(each.lower, each.upper) for each in found], "gamma end", told)


def judge(settings: Settings, found: Pieces) -> Verdict:
    """Whether growth begins at eta*, at every gamma; beside it, where training runs away."""
    findings, numbers, remarks = [], {"gamma": settings["gammas"]}, []
    for name in settings["networks"]:
        reached: dict[str, list[Array]] = {}
        for kind, told in KINDS.items():
            for momentum in settings["momenta"]:
                piece = found[piece_name(name, kind, momentum)]
                critical, explosion = (_ratio(piece, which) for which in ("critical", "explosion"))
                whole = f"{NETWORKS[name]}, {told}, momentum {momentum:g}"
                middle = float(np.exp(np.log(critical).mean()))
                low, high = float(critical[:, 0].min()), float(critical[:, 1].max())
                findings.append(
                    Finding(f"critical step / eta*, {whole}", middle, low, high, *AGREES)
                )
                numbers[whole] = {"critical / eta*": critical, "explosion / eta*": explosion}
                reached.setdefault(told, []).append(explosion[:, 0])
        ranges = [f"{t} {np.min(r):.3g} .. {np.max(r):.3g}" for t, r in reached.items()]
        remarks.append(f"Training runs away at eta* times, {NETWORKS[name]}: {'; '.join(ranges)}.")
    return Verdict(tuple(findings), numbers, tuple(remarks))


def _ratio(piece: Piece, which: str) -> Array:
    """(gammas, 2): the bracket over eta* of the measured eigenvalue."""
    return np.asarray(piece[which].values / piece["measured"].values[:, None])


STUDY = Study(
    name="fisher-step",
    group="fisher",
    claim="the largest learning rate that is stable near a minimum is eta* = 2 (1 + momentum) / "
    "lambda_max, with BN and without",
    source="Wei, Stokes, Schwab, arXiv 1903.02606",
    criterion="It holds where for every gamma the bracket of the critical step, found by training "
    "runs alone, lies within 2 % of eta* of the measured eigenvalue. Where training from a random "
    "start runs away is another number, without a claim.",
    settings={
        "networks": list(NETWORKS),
        "gammas": [0.25, 0.5, 1.0, 2.0],
        "momenta": [0.0, 0.9],
        "side": 12,
        "width": 100,
        "channels": [8, 16, 24],
        "samples": 30,
        "epochs": 250,
        "explosion_epochs": 100,
        "seed": 0,
    },
    quick={
        "gammas": [0.5, 1.0],
        "side": 9,
        "width": 40,
        "channels": [4, 8, 12],
        "samples": 16,
    },
    pieces=pieces,
    judge=judge,
)

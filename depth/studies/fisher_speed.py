"""Loss against epoch, each network at half of its own eta*: does BN converge faster?

    eta = 0.5 eta* = (1 + momentum)/lambda_max, of the eigenvalue measured at its start

Full batches, to which eta* belongs. Networks that are compared have one start and the same images.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ..fisher import descend, max_learning_rate
from .fisher_networks import (
    DIGITS,
    KINDS,
    NETWORKS,
    architecture,
    checksum,
    drawn,
    images,
    network,
    refuse,
    refuse_other_images,
    seeds,
)
from .fits import finding, mean
from .study import Computation, Piece, Pieces, Settings, Study, Verdict, variable

Array = NDArray[np.float64]

SHARE = 0.5  # of eta*
PLAIN = ("plain", 1.0)


def curves(settings: Settings) -> list[tuple[str, float]]:
    """Kind and gamma of every network that is compared: no BN, then BN at every gamma."""
    return [PLAIN, *(("full", gamma) for gamma in settings["gammas"])]


def label(kind: str, gamma: float) -> str:
    """For people."""
    return KINDS[kind] if kind == "plain" else f"{KINDS[kind]}, gamma {gamma:g}"


def pieces(settings: Settings) -> Mapping[str, Computation]:
    """One start on images of its own: all curves."""
    refuse(settings, gammas=1)

    def trained(name: str) -> Computation:
        return lambda rng: _trained(settings, name, rng)

    return {f"{name}-{k}": trained(name) for name in settings["networks"] for k in seeds(settings)}


def _trained(settings: Settings, name: str, rng: np.random.Generator) -> Piece:
    built, found = architecture(name, settings), images(settings)
    data, theta = found.drawn(settings["samples"], rng), drawn(built, rng)
    epochs, momentum = settings["epochs"], settings["momentum"]
    rates, losses = [], []
    for kind, gamma in curves(settings):
        net = network(built, kind, gamma, theta, data.x)
        eigenvalue = net.lambda_max(theta, data.x, tolerance=1e-3)
        rates.append(SHARE * float(max_learning_rate(eigenvalue, momentum)))
        run = descend(net, theta, data.x, data.targets, rates[-1], epochs=epochs, momentum=momentum)
        losses.append(np.pad(run.loss, (0, epochs + 1 - len(run.loss)), constant_values=np.inf))
    names = np.array([label(*curve) for curve in curves(settings)], "S")
    return {
        "curve": variable(names, "curve", "network"),
        "epoch": variable(np.arange(epochs + 1), "epoch", "epoch, of one step"),
        "rate": variable(rates, "curve", "learning rate, half of eta*"),
        "loss": variable(losses, "curve epoch", "loss"),
        "checksum": variable(checksum(found), "", "of the images"),
    }


def losses(settings: Settings, found: Pieces, name: str) -> Array:
    """(nets, curves, epochs + 1)."""
    return np.array([found[f"{name}-{seed}"]["loss"].values for seed in seeds(settings)])


def judge(settings: Settings, found: Pieces) -> Verdict:
    """Whether every network with BN ends below the one without."""
    refuse_other_images(settings, found)
    findings, numbers = [], {}
    for name in settings["networks"]:
        of = losses(settings, found, name)
        rates = np.array([found[f"{name}-{seed}"]["rate"].values for seed in seeds(settings)])
        for k, curve in enumerate(curves(settings)):
            told = f"{NETWORKS[name]}, {label(*curve)}"
            numbers[told] = {
                "learning rate": np.median(rates[:, k]),
                "median loss": np.median(of[:, k], axis=0),
            }
            if k:
                with np.errstate(invalid="ignore"):  # of two that ran away nothing is known
                    ratio = mean(np.log(of[:, k, -1] / of[:, 0, -1]))
                quantity = f"log of last loss with / without BN, {told}"
                findings.append(finding(quantity, ratio, most=0.0))
    return Verdict(tuple(findings), numbers)


STUDY = Study(
    name="fisher-speed",
    group="fisher",
    claim="a network with BN converges faster than one without, each at half of its own largest "
    "learning rate eta*",
    source="Wei, Stokes, Schwab, arXiv 1903.02606",
    criterion="It holds where after the last epoch the loss with BN is below that without (95 % "
    "interval of the mean log ratio over random networks), for both networks and every gamma.",
    settings={
        "networks": list(NETWORKS),
        "gammas": [0.25, 0.5, 1.0],
        "images": DIGITS,
        "side": 28,
        "width": 150,
        "channels": [8, 12, 16],
        "samples": 200,
        "epochs": 50,
        "momentum": 0.9,
        "nets": 8,
        "seed": 0,
    },
    quick={
        "gammas": [0.5, 1.0],
        "side": 9,
        "width": 60,
        "channels": [4, 8, 12],
        "samples": 80,
        "epochs": 40,
    },
    pieces=pieces,
    judge=judge,
)

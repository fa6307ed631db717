"""Whether a smaller gamma leaves a lower loss after the same epochs, by three choices of eta.

    fixed   one eta for all gamma
    best    for each gamma the eta of the lowest median loss among the other networks, so that no
            network chooses for itself
    half    0.5 eta* of the network's own measured eigenvalue

The trend of a network is the rank correlation (Spearman) of gamma with its loss; over all networks
it is tested by Page's test for ordered alternatives (J. Am. Stat. Assoc. 58 (1963) 216), where the
loss is the same at no two gamma.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import page_trend_test, rankdata

from .fisher_losses import loss_map, trial
from .fisher_networks import DIGITS, NETWORKS, refuse, refuse_other_images, seeds
from .fits import finding, mean
from .study import Computation, Piece, Pieces, Settings, Study, Verdict, variable

Array = NDArray[np.float64]

CHOICES = {"fixed": "one eta", "best": "best eta", "half": "0.5 eta*"}


def pieces(settings: Settings) -> Mapping[str, Computation]:
    """One random network on images of its own."""
    refuse(settings, gammas=3)

    def trained(name: str) -> Computation:
        return lambda rng: _trained(settings, name, rng)

    return {f"{name}-{k}": trained(name) for name in settings["networks"] for k in seeds(settings)}


def _trained(settings: Settings, name: str, rng: np.random.Generator) -> Piece:
    of = trial(settings, name, rng)
    found = loss_map(of)
    half = [
        of.losses(gamma, 0.5 * step)[-1]
        for gamma, step in zip(settings["gammas"], found["measured"].values, strict=True)
    ]
    fixed = [of.losses(gamma, settings["fixed_rate"])[-1] for gamma in settings["gammas"]]
    return {
        **found,
        "fixed": variable(fixed, "gamma", "loss after the last epoch, one learning rate"),
        "half": variable(half, "gamma", "loss after the last epoch at 0.5 eta*"),
    }


def losses(settings: Settings, found: Pieces, name: str, choice: str) -> Array:
    """(nets, gammas): after the last epoch, eta chosen as said."""
    each = [found[f"{name}-{seed}"] for seed in seeds(settings)]
    if choice != "best":
        return np.array([piece[choice].values for piece in each])
    return left_out(np.array([piece["loss"].values for piece in each]))


def left_out(loss: Array) -> Array:
    """(nets, gammas) of loss (nets, gammas, rates): at the rate that is best for the others."""
    rows = np.arange(loss.shape[1])
    best = [np.median(np.delete(loss, net, 0), axis=0).argmin(axis=1) for net in range(len(loss))]
    return np.array([loss[net, rows, chosen] for net, chosen in enumerate(best)])


def correlations(loss: Array) -> Array:
    """(nets,): rank correlation of gamma, ascending, with loss (nets, gammas)."""
    ranks = rankdata(loss, axis=1)
    ranks -= ranks.mean(axis=1, keepdims=True)
    order = np.arange(loss.shape[1]) - 0.5 * (loss.shape[1] - 1)
    size = np.sqrt((ranks**2).sum(axis=1) * (order @ order))
    return np.asarray(ranks @ order / np.where(size > 0.0, size, 1.0))


def judge(settings: Settings, found: Pieces) -> Verdict:
    """For each choice of eta: the trend over all gamma, and whether it reaches the smallest."""
    refuse_other_images(settings, found)
    findings, numbers = [], {}
    for name in settings["networks"]:
        first = np.array([found[f"{name}-{seed}"]["first"].values for seed in seeds(settings)])
        for choice, words in CHOICES.items():
            loss, told = losses(settings, found, name, choice), f"{NETWORKS[name]}, {words}"
            with np.errstate(invalid="ignore"):  # of two that ran away nothing is known
                last = mean(np.log(loss[:, 0] / loss[:, 1]))
            trend = mean(correlations(loss))
            findings += [
                finding(f"rank correlation of loss with gamma, {told}", trend, least=0.0),
                finding(f"log of loss at the smallest gamma / at the next, {told}", last, most=0.0),
            ]
            numbers[told] = _numbers(loss, first)
    return Verdict(tuple(findings), {"gamma": settings["gammas"], **numbers}, _remarks(numbers))


def _numbers(loss: Array, first: Array) -> dict[str, Any]:
    """Medians, the trend of the loss over its start, and p values of Page's test both ways."""
    worst = np.where(np.isfinite(loss), loss, np.finfo(float).max)
    return {
        "median loss": np.median(loss, axis=0),
        "rank correlation of loss / first loss": float(correlations(loss / first).mean()),
        "p, loss rises with gamma": float(page_trend_test(worst).pvalue),
        "p, loss falls with gamma": float(page_trend_test(-worst).pvalue),
    }


def _remarks(numbers: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    """What Page's test says, and the trend over the loss before training, which rises, too."""
    page = [f"{told} {each['p, loss rises with gamma']:.1g}" for told, each in numbers.items()]
    trend = "rank correlation of loss / first loss"
    relative = [f"{told} {each[trend]:.2f}" for told, each in numbers.items()]
    return (
        f"Page's test, p that a rising loss is chance: {'; '.join(page)}.",
        f"The loss before training rises with gamma, too; {trend}: {'; '.join(relative)}.",
    )


STUDY = Study(
    name="fisher-gamma",
    group="fisher",
    claim="a network with BN has a lower loss after the same number of epochs the smaller gamma is",
    source="Wei, Stokes, Schwab, arXiv 1903.02606",
    criterion="It holds where the rank correlation of gamma with the loss is above zero and the "
    "smallest gamma has a lower loss than the next (95 % intervals of means over random networks), "
    "at one learning rate for all, at the best one for each gamma, and at half of each network's "
    "own eta*.",
    settings={
        "networks": list(NETWORKS),
        "gammas": [0.125, 0.25, 0.5, 1.0, 2.0],
        "log_rates": [-3.0, 0.25],
        "rates": 14,
        "fixed_rate": 0.003,
        "images": DIGITS,
        "side": 28,
        "width": 100,
        "channels": [8, 12, 16],
        "samples": 250,
        "batch": 50,
        "epochs": 5,
        "momentum": 0.9,
        "nets": 8,
        "seed": 0,
    },
    quick={
        "gammas": [0.25, 0.5, 1.0, 2.0],
        "rates": 8,
        "side": 9,
        "width": 50,
        "channels": [4, 8, 12],
        "samples": 100,
        "batch": 25,
    },
    pieces=pieces,
    judge=judge,
)

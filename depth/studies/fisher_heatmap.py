"""The loss after some epochs over (learning rate, gamma), with the line eta*(gamma), on images.

A learning rate is usable while the loss ends below its start; training breaks down between the last
usable one and the next of the grid.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from .fisher_losses import LINES, learning_rates, loss_map, trial
from .fisher_networks import DIGITS, NETWORKS, refuse, refuse_other_images, seeds
from .study import Computation, Finding, Pieces, Settings, Study, Verdict

Array = NDArray[np.float64]

FACTOR = 3.0  # half a decade: how near to eta* the breakdown must be


def pieces(settings: Settings) -> Mapping[str, Computation]:
    """One random network on images of its own: all gamma and all learning rates."""
    refuse(settings)

    def mapped(name: str) -> Computation:
        return lambda rng: loss_map(trial(settings, name, rng))

    return {f"{name}-{k}": mapped(name) for name in settings["networks"] for k in seeds(settings)}


def median(settings: Settings, found: Pieces, name: str, array: str) -> Array:
    """Over the networks."""
    each = [found[f"{name}-{seed}"][array].values for seed in seeds(settings)]
    return np.asarray(np.median(each, axis=0))


def breakdown(settings: Settings, found: Pieces, name: str) -> Array:
    """(gammas, 2): the last usable learning rate and the next; 0 or inf beyond the grid."""
    loss = median(settings, found, name, "loss")
    usable = loss < median(settings, found, name, "first")[:, None]
    rates = np.concatenate([[0.0], learning_rates(settings), [np.inf]])
    last = np.array([np.flatnonzero(row)[-1] + 1 if row.any() else 0 for row in usable])
    return np.stack([rates[last], rates[last + 1]], axis=1)


def judge(settings: Settings, found: Pieces) -> Verdict:
    """Whether training breaks down near the paper's eta*, at every gamma."""
    refuse_other_images(settings, found)
    findings, numbers, remarks = [], {"gamma": settings["gammas"]}, []
    for name, told in NETWORKS.items():
        if name not in settings["networks"]:
            continue
        ends = breakdown(settings, found, name)
        ratios = {line: ends / median(settings, found, name, line)[:, None] for line in LINES}
        low, high = ratios["paper"][:, 0].min(), ratios["paper"][:, 1].max()
        middle = float(np.sqrt(np.median(ratios["paper"][:, 0]) * np.median(ratios["paper"][:, 1])))
        quantity = f"learning rate where training breaks down / eta*, {told}"
        findings.append(Finding(quantity, middle, low, high, 1.0 / FACTOR, FACTOR))
        numbers[told] = {"breakdown": ends} | {f"over {LINES[k]}": r for k, r in ratios.items()}
        ranges = [
            f"{LINES[k]} {r[:, 0].min():.2g} .. {r[:, 1].max():.2g}" for k, r in ratios.items()
        ]
        remarks.append(f"It breaks down, {told}, at these multiples: {'; '.join(ranges)}.")
    return Verdict(tuple(findings), numbers, tuple(remarks))


STUDY = Study(
    name="fisher-heatmap",
    group="fisher",
    claim="the predicted eta*(gamma) is the learning rate at which training of a network with BN "
    "breaks down",
    source="Wei, Stokes, Schwab, arXiv 1903.02606",
    criterion=f"It holds where for every gamma the loss after the last epoch ceases to be below "
    f"its start within a factor of {FACTOR:g} of the paper's eta* (medians over networks, to "
    "a step of the grid).",
    settings={
        "networks": list(NETWORKS),
        "gammas": [0.125, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0],
        "log_rates": [-3.5, 0.5],
        "rates": 25,
        "images": DIGITS,
        "side": 28,
        "width": 200,
        "channels": [10, 20, 30],
        "samples": 300,
        "batch": 50,
        "epochs": 5,
        "momentum": 0.9,
        "nets": 3,
        "seed": 0,
    },
    quick={
        "gammas": [0.25, 1.0, 3.0],
        "rates": 9,
        "side": 14,
        "width": 60,
        "channels": [6, 8, 10],
        "samples": 100,
        "batch": 25,
        "nets": 2,
    },
    pieces=pieces,
    judge=judge,
)

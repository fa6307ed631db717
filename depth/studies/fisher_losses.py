"""Training random networks with BN on images: the loss after some epochs over (gamma, eta).

Heavy ball on mini-batches, as in the figures of Wei, Stokes, Schwab, arXiv 1903.02606. For all
gamma and eta a network has the same start, the same images and the same order of the mini-batches.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...kernels.errors import InputError
from ..fisher import Architecture, Images, RandomNet, descend, max_learning_rate
from ..layers import count
from .fisher_networks import architecture, checksum, drawn, images, network, theory
from .study import Piece, Settings, variable

Array = NDArray[np.float64]

CEILING = 1e3  # of the first loss, where training is stopped: it has run away
LINES = {
    "paper": "eta* of the paper's formula",
    "theory": "eta* of corrected theory",
    "measured": "eta* of the measured eigenvalue",
}


def learning_rates(settings: Settings) -> Array:
    """(rates,): evenly in the logarithm, from the first to the second of `log_rates`."""
    ends = settings["log_rates"]
    if len(ends) != 2 or not ends[0] < ends[1]:
        raise InputError(f"log_rates = {ends} must be two that ascend; give [-3.5, 0.5]")
    return np.logspace(ends[0], ends[1], count("rates", settings["rates"], 2))


@dataclass(frozen=True, eq=False)
class Trial:
    """One network at its start theta, its images, and the order of its mini-batches."""

    settings: Settings
    built: Architecture
    theta: Array
    data: Images
    order: int
    checksum: int

    def network(self, gamma: float) -> RandomNet:
        """With BN at that scale."""
        return network(self.built, "full", gamma, self.theta, self.data.x)

    def losses(self, gamma: float, rate: float) -> Array:
        """Before training and after every epoch; infinite at the end where it ran away."""
        run = descend(
            self.network(gamma),
            self.theta,
            self.data.x,
            self.data.targets,
            rate,
            epochs=self.settings["epochs"],
            momentum=self.settings["momentum"],
            batch=self.settings["batch"],
            rng=np.random.default_rng(self.order),
            ceiling=CEILING,
        )
        ran_away = not run.growth <= CEILING
        return np.append(run.loss[:-1], np.inf if ran_away else run.loss[-1])

    def steps(self, gamma: float) -> Array:
        """(3,): eta* on every line."""
        ideal = theory(self.built, "full", gamma, self.settings["samples"])
        seen = self.network(gamma).lambda_max(self.theta, self.data.x, tolerance=1e-3)
        values = [ideal["paper"], ideal["both"], seen]
        return max_learning_rate(values, self.settings["momentum"])


def trial(settings: Settings, name: str, rng: np.random.Generator) -> Trial:
    """Drawn anew."""
    built, found = architecture(name, settings), images(settings)
    data = found.drawn(settings["samples"], rng)
    order = int(rng.integers(2**32))
    return Trial(settings, built, drawn(built, rng), data, order, checksum(found))


def loss_map(of: Trial) -> Piece:
    """Loss (gamma, rate) after the last epoch, and eta* (gamma)."""
    gammas, rates = of.settings["gammas"], learning_rates(of.settings)
    runs = [[of.losses(gamma, rate) for rate in rates] for gamma in gammas]
    steps = np.array([of.steps(gamma) for gamma in gammas])
    told = "loss after the last epoch, inf where it ran away"
    return {
        "gamma": variable(gammas, "gamma", "scale before the activation"),
        "rate": variable(rates, "rate", "learning rate"),
        "loss": variable([[run[-1] for run in row] for row in runs], "gamma rate", told),
        "first": variable([row[0][0] for row in runs], "gamma", "loss before training"),
        "checksum": variable(of.checksum, "", "of the images"),
        **{line: variable(steps[:, k], "gamma", LINES[line]) for k, line in enumerate(LINES)},
    }

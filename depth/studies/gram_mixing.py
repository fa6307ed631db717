"""How fast Gram matrices forget where they started, and how a network's own noise is forgotten.

    ||T^l(G_0) - G*||_F ~ kappa^l                            for every start G_0
    tr Cov(G_l, G_{l+k}) / tr Cov(G_l) -> tr(J^k Sigma)/tr Sigma          deep in the network

kappa is the largest |eigenvalue| of J = dT(G*) (`stability`), Sigma the stationary covariance
(`noise`). At finite width the mean over E networks shows the first down to its own noise,
sqrt(tr Sigma/(n E)), and a bias of order 1/n.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..ensemble import simulate
from ..fixed_points import fixed_point
from ..gram import mean_field, unit
from ..layers import LayerSpec
from ..noise import noise_covariance
from ..outlier import grouped_gram
from ..stability import jacobian
from .fits import finding, within
from .layers import WORKERS, refuse_below
from .study import Computation, Finding, Piece, Pieces, Settings, Study, Verdict, exactly, variable

Array = NDArray[np.float64]

LAYERS = {
    "linear-rs": LayerSpec("linear", recenter=False),
    "linear-bn": LayerSpec("linear"),
    "relu-bn": LayerSpec("relu"),
}
LABELS = {"linear-rs": "linear, RS", "linear-bn": "linear, BN", "relu-bn": "relu, BN"}
STARTS = ("random", "two clusters", "outlier")
LAGS = (1, 2, 4, 8)  # at which the autocorrelation is judged
LARGEST_LAG = 16
RATE = 0.01  # relative, of the observed rate
CORRELATION = 0.03
FLOOR, CEILING = 1e-11, 1e-4  # of the distance, relative to G*, where its slope is taken
BURN = 50  # layers before the stationary part


def starts(batch: int) -> dict[str, Array]:
    """Gram matrices (B, B) at trace B."""
    x = np.random.Generator(np.random.Philox(7)).standard_normal((batch + 1, batch))
    group = np.arange(batch) < batch // 2
    clusters = np.where(group[:, None] == group, 0.9, 0.0) + 0.1 * np.eye(batch)
    found = (unit(x.T @ x), clusters, grouped_gram(batch, 0.9, (batch - 1.0) ** 2))
    return dict(zip(STARTS, found, strict=True))


def pieces(settings: Settings) -> Mapping[str, Computation]:
    """Of every layer: infinite width, networks from a random start, and deep networks."""
    refuse_below(settings, batch=3, layers=10, width=1, nets=2, chains=8, depth=50)
    made: dict[str, Computation] = {}
    for name, spec in LAYERS.items():
        made[f"{name}-ideal"] = _ideal(spec, settings)
        made[f"{name}-mean"] = _mean(spec, settings)
        made[f"{name}-stationary"] = _stationary(spec, settings)
    return made


def _ideal(spec: LayerSpec, settings: Settings) -> Computation:
    def compute(rng: np.random.Generator) -> Piece:
        batch, depth = settings["batch"], settings["layers"]
        goal = fixed_point(spec, batch).gram
        noise, power = noise_covariance(spec, goal), jacobian(spec, goal).matrix
        paths = [mean_field(spec, g, depth).grams for g in starts(batch).values()]
        distance = np.linalg.norm(np.array(paths) - goal, axis=(-2, -1)) / np.linalg.norm(goal)
        covariance, correlation = noise.stationary, []
        for _ in range(LARGEST_LAG + 1):
            correlation.append(np.trace(covariance) / noise.constant)
            covariance = power @ covariance
        return {
            "layer": variable(np.arange(depth + 1), "layer", "layer"),
            "distance": variable(distance, "start layer", "||T^l(G_0) - G*||, relative"),
            "rate": variable(noise.rate, "", "kappa, by the derivative"),
            "constant": variable(noise.constant, "", "tr Sigma"),
            "size": variable(np.linalg.norm(goal), "", "||G*||_F"),
            "lag": variable(np.arange(LARGEST_LAG + 1), "lag", "layers between"),
            "correlation": variable(correlation, "lag", "tr(J^k Sigma)/tr Sigma"),
        }

    return compute


def _mean(spec: LayerSpec, settings: Settings) -> Computation:
    def compute(rng: np.random.Generator) -> Piece:
        batch, depth = settings["batch"], settings["layers"]
        goal = fixed_point(spec, batch).gram
        first = starts(batch)[STARTS[0]]
        width, nets = settings["width"], settings["nets"]
        found = simulate(spec, first, width, depth, nets, rng, workers=WORKERS)
        distance = np.linalg.norm(found.grams.mean(axis=1) - goal, axis=(-2, -1))
        return {
            "layer": variable(found.depths, "layer", "layer"),
            "distance": variable(
                distance / np.linalg.norm(goal), "layer", "||mean G_l - G*||, relative"
            ),
        }

    return compute


def _stationary(spec: LayerSpec, settings: Settings) -> Computation:
    def compute(rng: np.random.Generator) -> Piece:
        goal = fixed_point(spec, settings["batch"]).gram
        depth, nets = BURN + settings["depth"], settings["chains"]
        depths = range(BURN, depth + 1)
        found = simulate(
            spec, goal, settings["width"], depth, nets, rng, depths=depths, workers=WORKERS
        )
        away = found.grams - found.grams.mean(axis=(0, 1))
        products = [
            np.einsum("lnij,lnij->n", away[: len(away) - k], away[k:]) / (len(away) - k)
            for k in range(LARGEST_LAG + 1)
        ]
        return {
            "lag": variable(np.arange(LARGEST_LAG + 1), "lag", "layers between"),
            "product": variable(products, "lag net", "mean of <G_l - mean, G_(l+k) - mean>"),
        }

    return compute


def observed_rate(distance: Array) -> float:
    """Of a path, by its slope where the nonlinear part has died out; NaN where it is too short."""
    inside = np.flatnonzero((distance < CEILING) & (distance > FLOOR))
    if len(inside) < 4:
        return float("nan")
    return float(np.exp(np.polyfit(inside, np.log(distance[inside]), 1)[0]))


def autocorrelation(piece: Piece) -> tuple[Array, Array]:
    """(lags,) and its standard error, by the networks, which are independent."""
    products = piece["product"].values
    total = products[0].mean()
    value = products.mean(axis=1) / total
    spread = (products - value[:, None] * products[0]).std(axis=1, ddof=1)
    return value, np.asarray(spread / total / np.sqrt(products.shape[1]))


def judge(settings: Settings, found: Pieces) -> Verdict:
    """Rates from every start; the autocorrelation at a few lags."""
    findings: list[Finding] = []
    numbers: dict[str, Any] = {}
    for name in LAYERS:
        ideal, title = found[f"{name}-ideal"], LABELS[name]
        rate = float(ideal["rate"].values)
        paths = zip(STARTS, ideal["distance"].values, strict=True)
        rates = {start: observed_rate(path) for start, path in paths}
        numbers[title] = {"kappa": rate, "observed": rates}
        slowest = max((r for r in rates.values() if np.isfinite(r)), default=float("nan"))
        told = f"slowest observed rate over kappa = {rate:.4g}, {title}"
        findings.append(exactly(told, slowest / rate, 1 - RATE, 1 + RATE))
        value, error = autocorrelation(found[f"{name}-stationary"])
        off = value - ideal["correlation"].values
        numbers[title] |= {"autocorrelation": value, "predicted": ideal["correlation"].values}
        for k in LAGS:
            quantity = f"autocorrelation less prediction, lag {k}, {title}"
            findings.append(finding(quantity, within(off[k], error[k]), -CORRELATION, CORRELATION))
    remark = "A start that shares no leading eigendirection shrinks faster than kappa^l."
    return Verdict(tuple(findings), numbers, (remark,))


STUDY = Study(
    name="gram-mixing",
    group="gram",
    claim="Gram matrices of batch-normalized networks mix geometrically, at the rate kappa of the "
    "mean-field map, and so does the noise of finite width",
    source="rapid mixing is the assumption of Joudaki, Daneshmand, Bach, arXiv 2205.13076; "
    "kappa derived here",
    criterion="It holds where the slowest start shrinks at kappa but for 1 % and the 95 % interval "
    "of the stationary autocorrelation is within 0.03 of the prediction at lags 1, 2, 4 and 8.",
    settings={
        "batch": 8,
        "layers": 100,
        "width": 512,
        "nets": 400,
        "chains": 64,
        "depth": 600,
        "seed": 0,
    },
    quick={"batch": 5, "layers": 60, "width": 256, "nets": 200, "chains": 32, "depth": 400},
    pieces=pieces,
    judge=judge,
)

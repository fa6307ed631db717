"""The model of a cluster and one input apart, as a flow over (cosine in the cluster, norm ratio).

Batches of B - 1 inputs that are alike and one that is not have three numbers besides their scale:
the cosine within the cluster, the ratio of the squared norms, and the cosine between the two. The
mean-field map moves all three; an arrow shows the first two over one layer, the third being where
it stays under them. Lines are the map's own way through the layers, from three starts; paths are
random networks, from beside the exact cluster and outlier and from orthogonal inputs.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ..ensemble import simulate
from ..gram import gram_map, unit
from ..layers import LayerSpec
from ..outlier import cluster_gram, find_outliers, grouped_gram, outlier_branch
from .ablations_layers import APART, FULL, OFTEN, SELDOM, layer, share
from .fits import finding
from .layers import WORKERS, refuse_below
from .study import Computation, Piece, Pieces, Settings, Study, Verdict, exactly, variable

Array = NDArray[np.float64]

NAMES = (APART, FULL)
SETTLE = 6  # maps that let the third number settle under an arrow
OPENING = 1e-3  # 1 - cosine in the cluster, of the starts beside the exact state
STARTS = ("cluster", "orthogonal")
REACHED = (0.99, 1.01)  # a norm ratio over that of a state
SAME = 1e-9  # relative change of a Gram matrix that counts as none


def pieces(settings: Settings) -> Mapping[str, Computation]:
    """The mean-field flow of both layers, and the paths of networks."""
    refuse_below(settings, batch=3, points=2, layers=1, width=1, nets=1, shown=1)

    def flow(name: str) -> Computation:
        return lambda rng: _flow(settings, layer(name))

    def paths(name: str) -> Computation:
        return lambda rng: _paths(settings, layer(name), rng)

    return {f"flow-{name}": flow(name) for name in NAMES} | {
        f"paths-{name}": paths(name) for name in NAMES
    }


def _flow(settings: Settings, spec: LayerSpec) -> Piece:
    batch, points = settings["batch"], settings["points"]
    within = np.linspace(0.05, 0.98, points)
    ratio = np.geomspace(1.05, 1.1 * (batch - 1.0) ** 2, points)
    arrows = np.array([[arrow(spec, batch, w, r) for r in ratio] for w in within])
    starts = (
        beside_cluster(batch),
        grouped_gram(batch, 0.1, 2.0),
        grouped_gram(batch, 0.2, 0.5 * (batch - 1.0) ** 2),
    )
    lines = np.array([_line(spec, start, settings["layers"]) for start in starts])
    kept = cluster_gram([batch - batch // 2, batch // 2])
    change = np.abs(unit(gram_map(spec, kept).gram) - unit(kept)).max()
    return {
        "within": variable(within, "within", "cosine in the cluster"),
        "ratio": variable(ratio, "ratio", "norm ratio"),
        "arrow": variable(arrows, "within ratio part", "both, one layer deeper"),
        "line": variable(lines, "start layer part", "both, layer by layer, mean field"),
        "two_clusters": variable(change, "", "change of a two-cluster Gram matrix in a layer"),
    }


def beside_cluster(batch: int) -> Array:
    """(B, B): cluster and outlier but for an opening; a layer keeps the exact ones."""
    return grouped_gram(batch, 1.0 - OPENING, (batch - 1.0) ** 2)


def arrow(spec: LayerSpec, batch: int, within: float, ratio: float) -> tuple[float, float]:
    """Where one layer takes the two numbers; the third is settled first."""
    cosine, seen = 0.0, (within, ratio, 0.0)
    limit = 0.99 * np.sqrt((1.0 + (batch - 2.0) * within) / (batch - 1.0))
    for _ in range(SETTLE):
        gram = grouped_gram(batch, within, ratio, min(cosine, limit))
        seen = three_numbers(gram_map(spec, gram).gram)
        cosine = seen[2]
    return seen[:2]


def three_numbers(gram: Array) -> tuple[float, float, float]:
    """Cosine in the cluster, norm ratio, cosine between, of inputs of which the last is apart."""
    norms = np.sqrt(np.diagonal(gram))
    cosines = gram / np.outer(norms, norms)
    return float(cosines[0, 1]), float(gram[-1, -1] / gram[0, 0]), float(cosines[0, -1])


def _line(spec: LayerSpec, gram: Array, layers: int) -> list[tuple[float, float]]:
    """(layers + 1, 2): the map's own way."""
    numbers = [three_numbers(gram)]
    for _ in range(layers):
        gram = unit(gram_map(spec, gram).gram)
        numbers.append(three_numbers(gram))
    return [each[:2] for each in numbers]


def _paths(settings: Settings, spec: LayerSpec, rng: np.random.Generator) -> Piece:
    batch = settings["batch"]
    ways, last = [], []
    for start in (beside_cluster(batch), np.eye(batch)):
        found = simulate(
            spec,
            start,
            settings["width"],
            settings["layers"],
            settings["nets"],
            rng,
            unit_trace=not spec.rescale,
            workers=WORKERS,
        )
        seen = find_outliers(found.grams)
        shown = slice(settings["shown"])
        ways.append(np.stack([seen.within[:, shown].T, seen.norm_ratio[:, shown].T], axis=-1))
        last.append(seen.present[-1])
    return {
        "start": variable(np.array(STARTS, "S"), "start", "cluster and outlier, or orthogonal"),
        "path": variable(ways, "start net layer part", "cosine in the cluster and norm ratio"),
        "present": variable(last, "start all", "whether one input is apart, last layer"),
    }


def judge(settings: Settings, found: Pieces) -> Verdict:
    """Where the mean-field map ends from beside the exact cluster, and what networks do there."""
    batch, findings = settings["batch"], []
    branch = outlier_branch(layer(APART), batch, rates=1)
    goal = {APART: np.nan if branch is None else branch.norm_ratio, FULL: 1.0}
    bounds = {APART: (OFTEN, 1.0), FULL: (0.0, SELDOM)}
    for name in NAMES:
        end = float(found[f"flow-{name}"]["line"].values[0, -1, 1]) / goal[name]
        findings.append(
            exactly(f"norm ratio at the end / that of the state, {name}", end, 0.99, 1.01)
        )
        kept = share(found[f"paths-{name}"]["present"].values[0])
        told = f"share of networks that keep the outlier, {name}, width {settings['width']}"
        findings.append(finding(told, kept, *bounds[name]))
    change = float(found[f"flow-{APART}"]["two_clusters"].values)
    findings.append(exactly(f"change of two exact clusters in a layer, {APART}", change, most=SAME))
    numbers = {"states": goal, "critical": None if branch is None else branch.within}
    return Verdict(tuple(findings), numbers)


STUDY = Study(
    name="ablations-phase",
    group="ablations",
    claim="a cluster and one outlier attracts batches under RC + ReLU, where two exact clusters "
    "are invariant, but not under full batch normalization, which makes all inputs alike",
    source="derived here, for the model of Nachum, Bondaschi, Gastpar, Khina, arXiv 2412.02843",
    criterion="It holds where mean-field layers from beside the exact cluster end at the outlier's "
    "norm ratio under RC + NL and at 1 under full BN, to 1 %; where most networks of finite width "
    f"keep the outlier under RC + NL and at most {SELDOM:g} under full BN (95 %); and where "
    "RC + NL keeps two exact clusters to rounding.",
    settings={
        "batch": 16,
        "points": 14,
        "layers": 400,
        "width": 128,
        "nets": 60,
        "shown": 3,
        "seed": 0,
    },
    quick={"batch": 8, "points": 9, "layers": 300, "width": 96, "nets": 60},
    pieces=pieces,
    judge=judge,
)

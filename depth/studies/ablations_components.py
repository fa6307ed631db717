"""The eight layers made of recentering, rescaling and nonlinearity, each in depth.

From orthogonal inputs, G_0 = I; the Gram matrices of random networks, what the outlier detector
says of them, and their effective rank, layer by layer.
"""

from __future__ import annotations

import numpy as np

from ..components import effective_rank, mean_cosine
from ..ensemble import Ensemble
from ..outlier import find_outliers
from .ablations_layers import APART, NAMES, OFTEN, SELDOM, every_layer, share
from .fits import finding
from .study import Piece, Pieces, Settings, Study, Verdict, variable


def look(found: Ensemble) -> Piece:
    """What is kept of the networks of one layer."""
    seen, axes = find_outliers(found.grams), "depth net"
    return {
        "depth": variable(found.depths, "depth", "layer"),
        "rank": variable(effective_rank(found.grams), axes, "effective rank"),
        "cosine": variable(mean_cosine(found.grams), axes, "mean cosine over pairs"),
        "norm_ratio": variable(seen.norm_ratio, axes, "largest diagonal entry over the median"),
        "present": variable(seen.present, axes, "whether one input is apart"),
        "gram": variable(found.grams[:, 0], "depth row column", "Gram matrix of one network"),
    }


def judge(settings: Settings, found: Pieces) -> Verdict:
    """An outlier with RC and NL and without RS, and there alone."""
    findings, numbers = [], {}
    for name in NAMES:
        piece, bounds = found[name], (OFTEN, 1.0) if name == APART else (0.0, SELDOM)
        apart = share(piece["present"].values[-1])
        findings.append(finding(f"share of networks with an outlier, {name}", apart, *bounds))
        numbers[name] = {
            array: np.median(piece[array].values, axis=1)
            for array in ("rank", "cosine", "norm_ratio")
        }
    return Verdict(tuple(findings), {"depth": sorted(settings["depths"]), **numbers})


STUDY = Study(
    name="ablations-components",
    group="ablations",
    claim="of the eight layers made of recentering (RC), rescaling (RS) and ReLU (NL), RC + NL "
    "alone turns a batch into a cluster and one orthogonal outlier",
    source="Nachum, Bondaschi, Gastpar, Khina, arXiv 2412.02843",
    criterion=f"It holds where at the last depth the share of networks with an outlier is at least "
    f"{OFTEN:g} with RC + NL and at most {SELDOM:g} with the seven others (95 % intervals).",
    settings={
        "depths": [0, 1, 3, 10, 30, 100, 300, 1000],
        "batch": 16,
        "width": 128,
        "nets": 60,
        "seed": 0,
    },
    quick={"depths": [0, 1, 3, 10, 30, 100, 300], "width": 48},
    pieces=every_layer(look),
    judge=judge,
)

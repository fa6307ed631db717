"""The batch as points, through networks with real weight matrices.

No Gram chain here: H_{l+1} = rows(W H_l), W drawn entry by entry. Of one network the batch is drawn
in the plane of its two largest principal axes; a share of all networks says whether it is typical.
"""

from __future__ import annotations

from ..components import mean_cosine
from ..ensemble import Ensemble
from ..fixed_points import fixed_point
from ..outlier import find_outliers
from .ablations_layers import APART, FULL, NAMES, OFTEN, SELDOM, every_layer, layer, plane, share
from .fits import finding, mean
from .study import Piece, Pieces, Settings, Study, Verdict, variable

NEAR = 0.05  # of a mean cosine to that of the state without preferred input


def look(found: Ensemble) -> Piece:
    """What is kept of the networks of one layer."""
    last = found.grams[-1]
    return {
        "depth": variable(found.depths, "depth", "layer"),
        "points": variable(
            plane(found.grams[:, 0]), "depth input axis", "the batch of one network"
        ),
        "cosine": variable(mean_cosine(last), "net", "mean cosine over pairs, last depth"),
        "present": variable(find_outliers(last).present, "net", "whether one input is apart"),
    }


def judge(settings: Settings, found: Pieces) -> Verdict:
    """An outlier with RC + NL, and equal angles with full BN."""
    apart, full = (share(found[name]["present"].values) for name in (APART, FULL))
    state = mean_cosine(fixed_point(layer(FULL), settings["batch"]).gram)
    bounds = float(state) - NEAR, float(state) + NEAR
    angle = mean(found[FULL]["cosine"].values)
    findings = (
        finding(f"share of networks with an outlier, {APART}", apart, OFTEN, 1.0),
        finding(f"share of networks with an outlier, {FULL}", full, 0.0, SELDOM),
        finding(f"mean cosine over pairs, {FULL}", angle, *bounds),
    )
    numbers = {
        name: {array: found[name][array].values.mean() for array in ("present", "cosine")}
        for name in NAMES
    }
    return Verdict(findings, numbers)


STUDY = Study(
    name="ablations-geometry",
    group="ablations",
    claim="with real weight matrices RC + ReLU ends in a cluster and one orthogonal outlier, and "
    "full batch normalization keeps the inputs apart at equal angles",
    source="Nachum, Bondaschi, Gastpar, Khina, arXiv 2412.02843",
    criterion=f"It holds where at the last depth the share of networks with an outlier is at least "
    f"{OFTEN:g} with RC + NL and at most {SELDOM:g} with full BN, whose mean cosine is that of the "
    f"state without preferred input but for {NEAR:g} (95 % intervals).",
    settings={
        "depths": [0, 1, 10, 30, 100, 300],
        "batch": 16,
        "width": 96,
        "nets": 48,
        "seed": 0,
    },
    quick={"depths": [0, 1, 10, 30, 100], "width": 48},
    pieces=every_layer(look, "direct"),
    judge=judge,
)

"""How often random networks have an outlier, against batch size and width.

From orthogonal inputs. Without RS the state without preferred input is stable too, and wide
networks stay there for long: a share says how many have left it by the depth of the study.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..outlier import outlier_share
from .ablations_layers import APART, FULL, OFTEN, SELDOM, layer
from .ablations_stability import CRITICAL
from .fits import UNKNOWN, Estimate, finding
from .layers import WORKERS, refuse_below
from .study import Computation, Piece, Pieces, Settings, Study, Verdict, variable

NAMES = (APART, FULL)


def pieces(settings: Settings) -> Mapping[str, Computation]:
    """One layer and width, all batches."""
    refuse_below(settings, batches=3, widths=1, depth=1, nets=1)

    def ensembles(name: str, width: int) -> Computation:
        return lambda rng: _shares(settings, name, width, rng)

    return {
        f"{name}-{width}": ensembles(name, width) for name in NAMES for width in settings["widths"]
    }


def _shares(settings: Settings, name: str, width: int, rng: np.random.Generator) -> Piece:
    size = {"depth": settings["depth"], "nets": settings["nets"], "workers": WORKERS}
    found = [
        outlier_share(layer(name), batch, width, rng=rng, **size) for batch in settings["batches"]
    ]
    return {
        "batch": variable(settings["batches"], "batch", "inputs"),
        "share": variable([each.share for each in found], "batch", "networks with an outlier"),
        "low": variable([each.low for each in found], "batch", "lower end, 95 %"),
        "high": variable([each.high for each in found], "batch", "upper end, 95 %"),
    }


def share_at(found: Pieces, name: str, width: int, place: int) -> Estimate:
    """Of networks of a layer and width at one of the batches."""
    piece = found[f"{name}-{width}"]
    share, low, high = (float(piece[array].values[place]) for array in ("share", "low", "high"))
    return Estimate(share, low if share else 0.0, high if share < 1.0 else 1.0)


def judge(settings: Settings, found: Pieces) -> Verdict:
    """Often at the largest batch, seldom at the smallest, and seldom with full BN."""
    batches, widths = np.array(settings["batches"]), settings["widths"]
    last, first, wide = int(batches.argmax()), int(batches.argmin()), max(widths)
    findings, told = [], "share with an outlier"
    for width in widths:
        often = share_at(found, APART, width, last) if batches[last] >= CRITICAL else UNKNOWN
        findings.append(
            finding(f"{told}, {APART}, width {width}, batch {batches[last]}", often, OFTEN, 1.0)
        )
        worst = max((share_at(found, FULL, width, k) for k in range(len(batches))), key=_value)
        findings.append(
            finding(f"largest {told}, {FULL}, width {width}, all batches", worst, 0.0, SELDOM)
        )
    few = share_at(found, APART, wide, first) if batches[first] < CRITICAL else UNKNOWN
    findings.append(
        finding(f"{told}, {APART}, width {wide}, batch {batches[first]}", few, 0.0, SELDOM)
    )
    numbers = {name: found[name]["share"].values for name in found}
    return Verdict(tuple(findings), {"batch": batches, **numbers})


def _value(estimate: Estimate) -> float:
    return estimate.value


STUDY = Study(
    name="ablations-outlier",
    group="ablations",
    claim="under RC + ReLU random networks turn a batch into a cluster and an outlier where the "
    "batch is above the critical size, and never under full batch normalization",
    source="Nachum, Bondaschi, Gastpar, Khina, arXiv 2412.02843; the critical size is derived here",
    criterion=f"It holds where at the depth of the study the share of networks with an outlier is "
    f"at least {OFTEN:g} at the largest batch for every width, at most {SELDOM:g} at the smallest "
    f"batch for the largest width, and at most {SELDOM:g} with full BN (95 % intervals). Batches "
    f"on one side of the critical size {CRITICAL} alone do not decide.",
    settings={
        "batches": [4, 5, 6, 7, 8, 10, 12, 16, 24],
        "widths": [32, 64, 128, 256],
        "depth": 300,
        "nets": 100,
        "seed": 0,
    },
    quick={"batches": [4, 6, 7, 8, 12], "widths": [32, 192], "nets": 100},
    pieces=pieces,
    judge=judge,
)

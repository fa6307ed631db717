"""The two states of a batch, with an outlier and without preferred input: stable at which sizes?

Without RS directions count, and a rate is a largest |eigenvalue| of the map that divides by the
trace; below one small changes die out. With RS the exact cluster and outlier is kept by a layer,
but the map has no derivative there: a change d grows to the order of sqrt(d) in one layer, since
a row that is nearly zero on the whole batch is rescaled too. That exponent is measured.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ..fixed_points import fixed_point
from ..gram import gram_map
from ..layers import LayerSpec
from ..outlier import find_outliers, grouped_gram, outlier_branch
from ..stability import jacobian_spectrum
from .ablations_layers import APART, FULL, layer
from .layers import refuse_below
from .study import Computation, Finding, Piece, Pieces, Settings, Study, Verdict, exactly, variable

Array = NDArray[np.float64]

CRITICAL = 7
SMALLEST = 3  # a cluster and an outlier
HALF_ABOVE = 0.55  # an exponent up to here counts as 1/2
LIMIT = (0.95, 1.05)
CHANGES = (1e-8, 1e-6)  # of the cosine within the cluster
LARGE = 16  # batches from here on are taken for the trend in 1/B


def pieces(settings: Settings) -> Mapping[str, Computation]:
    """One batch size."""
    refuse_below(settings, batches=4)

    def states(batch: int) -> Computation:
        return lambda rng: _states(batch)

    return {f"batch-{batch}": states(batch) for batch in settings["batches"]}


def _states(batch: int) -> Piece:
    without, full = layer(APART), layer(FULL)
    branch = outlier_branch(without, batch, rates=1)
    found = {
        "outlier": np.nan if branch is None else branch.rates[0],
        "angle": np.nan if branch is None else 1.0 - branch.within,
        "alike": _rate(without, batch, unit_trace=True),
        "alike_full": _rate(full, batch, unit_trace=False),
        "exponent": _exponent(full, batch),
        "exponent_apart": _exponent(without, batch),
    }
    told = {
        "outlier": "rate of the state with an outlier, RC + NL",
        "angle": "1 - cosine within its cluster",
        "alike": "rate of the state without preferred input, RC + NL",
        "alike_full": "rate of the state without preferred input, full BN",
        "exponent": "of the growth of a small change of exact cluster and outlier, full BN",
        "exponent_apart": "the same, RC + NL",
    }
    return {name: variable(value, "", told[name]) for name, value in found.items()}


def _rate(spec: LayerSpec, batch: int, unit_trace: bool) -> float:
    """Of the state without preferred input."""
    state = fixed_point(spec, batch, unit_trace=unit_trace).gram
    return float(jacobian_spectrum(spec, state, 1, unit_trace=unit_trace)[0])


def _exponent(spec: LayerSpec, batch: int) -> float:
    """p of 1 - cosine -> const (1 - cosine)^p within the cluster in one layer, at the exact one."""
    first = [grouped_gram(batch, 1.0 - change, (batch - 1.0) ** 2) for change in CHANGES]
    opened = [1.0 - find_outliers(gram_map(spec, gram).gram).within for gram in first]
    return float(np.diff(np.log(opened))[0] / np.diff(np.log(CHANGES))[0])


def values(settings: Settings, found: Pieces, name: str) -> Array:
    """(batches,): NaN where there is no such state."""
    return np.array([found[f"batch-{batch}"][name].values for batch in settings["batches"]])


def judge(settings: Settings, found: Pieces) -> Verdict:
    """The critical batch size, rates below one beyond, and the exponent with RS."""
    batches = np.array(settings["batches"])
    rates = {name: values(settings, found, name) for name in ("outlier", "alike", "alike_full")}
    trend, ahead = leading(settings, found), batches >= CRITICAL
    findings = [
        _smallest(batches, batches[rates["outlier"] < 1.0]),
        _largest("rate with an outlier, RC + NL, batches from 7", rates["outlier"][ahead]),
        _largest("rate without preferred input, RC + NL", rates["alike"]),
        _largest("rate without preferred input, full BN", rates["alike_full"]),
        exactly(
            "largest exponent of growth near the exact cluster, full BN",
            float(values(settings, found, "exponent").max()),
            most=HALF_ABOVE,
        ),
        exactly("(1 - cosine) 2 B^2/(9 pi^2) at 1/B -> 0", trend, *LIMIT),
    ]
    shown = (*rates, "angle", "exponent", "exponent_apart")
    numbers = {name: values(settings, found, name) for name in shown}
    return Verdict(tuple(findings), {"batch": batches, **numbers})


def _smallest(batches: NDArray[np.int64], stable: NDArray[np.int64]) -> Finding:
    """The critical size, between the largest batch below it that was looked at and the first."""
    first = int(stable.min()) if len(stable) else np.inf
    low = 1 + max(batches[batches < first], default=SMALLEST - 1)
    quantity = "smallest batch with a stable outlier, RC + NL"
    return Finding(quantity, first, low, first, CRITICAL, CRITICAL)


def _largest(name: str, rates: Array) -> Finding:
    """Below one at every batch; nothing is decided without one."""
    top = float(rates.max()) if len(rates) else np.nan
    return exactly(f"largest {name}", top, most=np.nextafter(1.0, 0.0))


def scaled_angle(settings: Settings, found: Pieces) -> Array:
    """(batches,): (1 - cosine) 2 B^2/(9 pi^2) within the cluster, which tends to 1."""
    squares = 2.0 * np.array(settings["batches"], float) ** 2 / (9.0 * np.pi**2)
    return np.asarray(values(settings, found, "angle") * squares)


def leading(settings: Settings, found: Pieces) -> float:
    """Its value at 1/B = 0, by a line through the large batches; NaN where they are below two."""
    batches, scaled = np.array(settings["batches"], float), scaled_angle(settings, found)
    large = (batches >= LARGE) & np.isfinite(scaled)
    if large.sum() < 2:
        return float("nan")
    return float(np.polyfit(1.0 / batches[large], scaled[large], 1)[1])


STUDY = Study(
    name="ablations-stability",
    group="ablations",
    claim="without rescaling the cluster with an outlier is a stable state from a batch of 7 on, "
    "beside the state without preferred input; with rescaling only the latter is stable",
    source="derived here, for the model of Nachum, Bondaschi, Gastpar, Khina, arXiv 2412.02843",
    criterion="It holds where 7 is the smallest batch with a stable outlier, all rates of the "
    f"stable states are below 1, small changes of the exact cluster grow with an exponent of at "
    f"most {HALF_ABOVE:g} under full BN, and the angle in the cluster tends to 3 pi/B: in the line "
    f"through batches from {LARGE} on, (1 - cosine) 2 B^2/(9 pi^2) is 1 but for 5 % at 1/B = 0.",
    settings={"batches": [4, 5, 6, 7, 8, 10, 12, 16, 20, 24, 32], "seed": 0},
    quick={"batches": [4, 6, 7, 8, 12, 16, 20]},
    pieces=pieces,
    judge=judge,
)

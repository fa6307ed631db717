"""What to cite for a run: the papers behind its equation and its methods, as BibTeX.

`references.bib` has the entries; `USES` says of each what it is cited for and when. A run cites
what its configuration used, and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ..pde.config import Config

_ENTRY = re.compile(r"^@\w+\{([^,\s]+),.*?^\}$", re.MULTILINE | re.DOTALL)
_ARC_COSINE = ("relu", "abs", "step")


@dataclass(frozen=True)
class Use:
    """Why and when a reference is cited.

    key : in references.bib; reason : one phrase; applies : whether a run used it
    """

    key: str
    reason: str
    applies: Callable[[Config], bool]


def _always(config: Config) -> bool:
    return True


def _grid(config: Config) -> bool:
    return config.solver.method == "grid"


def _sphere(config: Config) -> bool:
    return _grid(config) and config.d != 2


def _noisy(config: Config) -> bool:
    return config.training.temperature != 0.0


def _population(config: Config) -> bool:
    return config.data.kind == "population"


def _activation(config: Config) -> str:
    return str(config.network.activation)


def _diabetes(config: Config) -> bool:
    path = config.data_path
    return path is not None and path.name == "diabetes.csv"


USES = (
    Use("bnflow", "the solver", _always),
    Use(
        "ma2021riemannian",
        "batch normalization as a metric, and the flow that is solved",
        lambda c: c.network.batch_norm,
    ),
    Use("ioffe2015batch", "batch normalization", lambda c: c.network.batch_norm),
    Use("mei2018meanfield", "the mean-field limit of training", _always),
    Use("mei2019meanfield", "its bounds, free of the dimension", _always),
    Use("ronchi1996cubed", "the cubed sphere", _sphere),
    Use("vanleer1977towards", "limited slopes", lambda c: _grid(c) and c.solver.scheme == "muscl"),
    Use("borges2008improved", "WENO-Z weights", lambda c: _grid(c) and c.solver.scheme == "weno"),
    Use("zhang2010maximum", "positive limiting", lambda c: _grid(c) and c.solver.scheme == "weno"),
    Use("shu1988efficient", "strong-stability-preserving steps", _grid),
    Use("carrillo2015finite", "the flux of drift and diffusion", lambda c: _grid(c) and _noisy(c)),
    Use(
        "cho2009kernel",
        "dual kernels of relu and step",
        lambda c: _population(c) and _activation(c) in _ARC_COSINE,
    ),
    Use(
        "williams1996computing",
        "the dual kernel of erf",
        lambda c: _population(c) and _activation(c) == "erf",
    ),
    Use(
        "dormand1980family",
        "steps with error control",
        lambda c: not _grid(c) and c.solver.integrator == "dormand-prince",
    ),
    Use(
        "bogacki1989pair",
        "steps with error control",
        lambda c: not _grid(c) and c.solver.integrator == "bogacki-shampine",
    ),
    Use(
        "joe2008constructing",
        "Sobol points",
        lambda c: not _grid(c) and c.solver.sampling == "sobol",
    ),
    Use("efron2004least", "the diabetes data", _diabetes),
    Use("harris2020array", "NumPy", _always),
    Use("virtanen2020scipy", "SciPy", _always),
)


@cache
def entries() -> dict[str, str]:
    """Every reference: key -> BibTeX entry."""
    text = Path(__file__).with_name("references.bib").read_text(encoding="utf-8")
    return {found.group(1): found.group(0) for found in _ENTRY.finditer(text)}


def citation(configs: Sequence[Config], version: str) -> str:
    """BibTeX of what runs of these configurations used, each entry under its reason.

    version : of bnflow that made them
    """
    used = [use for use in USES if any(map(use.applies, configs))]
    known = entries()
    blocks = [f"% {use.reason}\n{known[use.key]}" for use in used]
    return "\n\n".join(blocks).replace("Version VERSION", f"Version {version}") + "\n"

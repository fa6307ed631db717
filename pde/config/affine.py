"""What scales and shifts of batch normalization, network.train "gamma" and "beta", ask for.

The check returns the complaint, one line, or nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .initial import Initial
from .text import shown

if TYPE_CHECKING:
    from .config import Config

NAMES = ("gamma", "beta")


def has_affine(config: Config) -> bool:
    """Whether any neuron has a scale but 1 or a shift but 0, ever."""
    return bool(_seen(config))


def affine_has_rows_and_neurons(config: Config) -> str:
    """Complain about scales and shifts where they do not exist, and name all that is to change."""
    seen = _seen(config)
    needs = [
        need
        for need, there in (
            ("network.batch_norm = true", config.network.batch_norm),
            ('solver.method = "particles"', config.solver.method == "particles"),
            ('data.kind = "sampled", "file" or "arrays"', config.data.kind != "population"),
        )
        if not there
    ]
    return f"{seen} needs {' and '.join(needs)}" if seen and needs else ""


def _seen(config: Config) -> str:
    """The first key that speaks of them, with its value; empty where none does."""
    if set(NAMES) & set(config.network.train):
        return f"network.train = {shown(config.network.train)}"
    default = Initial()
    for name in NAMES:
        law = getattr(config.initial, name)
        if law != getattr(default, name):
            return f"initial.{name} = {shown(law.model_dump(mode='json'))}"
    return ""


CHECKS = (affine_has_rows_and_neurons,)

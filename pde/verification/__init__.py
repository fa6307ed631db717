"""The solver held against known answers: what `bnflow verify` runs, and what the tests share.

A check is a name, a claim and a function that measures; its findings say what was measured and what
is allowed. The answers are `pde.exact`'s. Levels are nested: "quick" is below a minute on two
cores, "standard" a few, "full" adds four dimensions and fine grids.

    geometry, overlaps, transport, noise, training, backends    the checks, by subject
    prescribed, noisy, driven      marching under a given velocity, potential with noise, or source
    check                          a check, its findings, the whole verdict
"""

from .check import LEVELS, Check, Finding, Level, Result, Skip, Verification, at_least, at_most
from .driven import march
from .noisy import NoisyFlow
from .prescribed import cell_average, evolve
from .registry import CHECKS, verify

__all__ = [
    "CHECKS",
    "LEVELS",
    "Check",
    "Finding",
    "Level",
    "NoisyFlow",
    "Result",
    "Skip",
    "Verification",
    "at_least",
    "at_most",
    "cell_average",
    "evolve",
    "march",
    "verify",
]

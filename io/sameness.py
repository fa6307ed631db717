"""Whether two runs are of one problem: the same rows or law, target and loss.

Network, start, method and clock may differ: those are what one compares.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..kernels.errors import InputError

if TYPE_CHECKING:
    from .run import Run

PROBLEM = ("data.", "target.", "loss.")
ELSEWHERE = "data.path:"  # a file may lie elsewhere; its digest tells


def refuse_other_problem(a: Run, b: Run) -> None:
    """Raise InputError, one line, where A and B are not of one problem."""
    if complaint := _dimension(a, b) or _tables(a, b) or _own_teacher(a, b) or _rows(a, b):
        raise InputError(f"{complaint}; compare runs of the same data, target and loss")


def _dimension(a: Run, b: Run) -> str:
    d, other = a.layout.dimension, b.layout.dimension
    return "" if d == other else f"A has d = {d} and B has d = {other}"


def _tables(a: Run, b: Run) -> str:
    lines = [
        line
        for line in a.config.difference(b.config)
        if line.startswith(PROBLEM) and not line.startswith(ELSEWHERE)
    ]
    more = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
    return f"A and B differ in {lines[0]}{more}" if lines else ""


def _own_teacher(a: Run, b: Run) -> str:
    """A teacher without an activation of its own has the network's."""
    target = a.config.target
    if target.kind != "teacher" or target.activation is not None or a.activation == b.activation:
        return ""
    return (
        f"the teacher has the network's activation, {a.activation.label} in A and "
        f"{b.activation.label} in B; give target.activation to both"
    )


def _rows(a: Run, b: Run) -> str:
    digests = [run.provenance.get("data_digest") for run in (a, b)]
    return "" if digests[0] == digests[1] else "A and B were trained on other rows"

"""Pictures of studies of depth, one module a study: its name, with underscores for hyphens.

Every module has `figure(result) -> Figure` of a `StudyResult` that is complete. The caption below
is added here: the claim, its source and the verdict. All are readable in grey: lines differ in
their dashes or markers, too.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

from ....kernels.errors import InputError
from ....pde.config.text import shown
from ..style import note, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ...study import StudyResult

LETTERS = 16.5  # of the caption, an inch


def draw_study(result: StudyResult) -> Figure:
    """The figure of a study, with its caption."""
    if not result.complete:
        raise InputError(
            f"the study {result.study.name} is not complete: the same command continues it"
        )
    module = import_module(f".{result.study.name.replace('-', '_')}", __name__)
    figure: Callable[[StudyResult], Figure] = module.figure
    with styled():
        drawn = figure(result)
        note(drawn, caption(result, int(LETTERS * drawn.get_figwidth())))
    return drawn


def caption(result: StudyResult, letters: int) -> list[str]:
    """Claim, source, verdict, remarks, settings, in lines of so many letters."""
    study, verdict = result.study, result.verdict
    held = sum(finding.status == "holds" for finding in verdict.findings)
    told = f"Claim: {study.claim} ({study.source})"
    of = f"{held} of {len(verdict.findings)} findings hold"
    sizes = "; ".join(f"{name} {shown(value)}" for name, value in result.settings.items())
    lines = [told, f"The claim {result.told}: {of}. {study.criterion}", *verdict.remarks]
    lines.append(f"Settings: {sizes}.")
    return [row for line in lines for row in textwrap.wrap(line, letters)]

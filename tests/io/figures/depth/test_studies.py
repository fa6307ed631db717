"""Figures of all studies: panels, the caption with the verdict, and lines told without colour."""

from collections.abc import Callable
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from bnflow.depth.studies.registry import STUDIES
from bnflow.io.figures import save
from bnflow.io.study import StudyResult

Drawn = Callable[[str], tuple[StudyResult, Figure]]

PANELS = {  # at the settings of conftest.py; a colour bar is one
    "gram-width": 8,
    "gram-depth": 4,
    "gram-mixing": 6,
    "gram-gradient": 2,
    "gram-evolution": 6 * 4 + 2,
    "fisher-eigenvalue": 6,
    "fisher-step": 3,
    "fisher-heatmap": 2,
    "fisher-gamma": 3,
    "fisher-speed": 1,
    "ablations-components": 2 * 8 + 1 + 3,
    "ablations-geometry": 3 * 8,
    "ablations-phase": 2,
    "ablations-stability": 3,
    "ablations-outlier": 2,
}
MANY = ("gram-evolution", "ablations-components")  # lines that differ in pairs of colours, too
UNNAMED = ("fisher-step", "ablations-geometry")  # lines without a label of their own


def test_every_study_has_a_figure() -> None:
    assert PANELS.keys() == STUDIES.keys()


@pytest.mark.parametrize("name", PANELS)
def test_panels_and_caption(name: str, drawn: Drawn, tmp_path: Path) -> None:
    found, figure = drawn(name)
    assert len(figure.axes) == PANELS[name]
    told = " ".join(figure.get_supxlabel().split())
    assert found.study.claim in told
    assert f"The claim {found.told}" in told
    assert f"Settings: {next(iter(found.settings))} " in told
    save(figure, tmp_path / "f.png")
    assert (tmp_path / "f.png").stat().st_size > 20_000


@pytest.mark.parametrize("name", [n for n in PANELS if n not in MANY + UNNAMED])
def test_lines_of_a_panel_differ_without_colour(name: str, drawn: Drawn) -> None:
    """In dashes, markers, filling or thickness."""
    for ax in drawn(name)[1].axes:
        named = [line for line in ax.lines if not str(line.get_label()).startswith("_")]
        looks = [
            (x.get_linestyle(), x.get_marker(), x.get_fillstyle(), x.get_linewidth()) for x in named
        ]
        assert len(looks) == len(set(looks))

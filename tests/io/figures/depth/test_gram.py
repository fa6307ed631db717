"""Figures of the Gram studies: their panels, what they name, and the caption with the verdict."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from bnflow import api
from bnflow.io.study import StudyResult

TINY: dict[str, dict[str, Any]] = {
    "gram-width": {"widths": [16, 64], "depths": [2, 6], "batch": 4, "nets": 10},
    "gram-depth": {
        "activations": ["linear", "relu"],
        "plain": ["linear"],
        "widths": [16, 32],
        "depth": 100,
        "batch": 4,
        "nets": 8,
    },
    "gram-mixing": {
        "batch": 4,
        "layers": 12,
        "width": 32,
        "nets": 8,
        "chains": 8,
        "depth": 50,
    },
    "gram-gradient": {"width": 32, "depth": 10, "nets": 8},
    "gram-evolution": {"layers": [0, 3, 10], "width": 32, "nets": 8, "batch": 4},
}
PANELS = {  # at these settings; a colour bar is one
    "gram-width": 8,
    "gram-depth": 4,
    "gram-mixing": 6,
    "gram-gradient": 2,
    "gram-evolution": 6 * 4 + 2,
}


@cache
def drawn(name: str) -> tuple[StudyResult, Figure]:
    found = api.study(name, quick=True, **TINY[name])
    return found, found.plot()


def labels(figure: Figure) -> list[str]:
    return [str(line.get_label()) for ax in figure.axes for line in ax.lines]


@pytest.mark.parametrize("name", TINY)
def test_panels_and_caption(name: str, tmp_path: Path) -> None:
    found, figure = drawn(name)
    assert len(figure.axes) == PANELS[name]
    told = " ".join(figure.get_supxlabel().split())
    assert found.study.claim in told
    assert f"The claim {found.told}" in told
    found.plot(tmp_path / "f.png")
    assert (tmp_path / "f.png").stat().st_size > 20_000


@pytest.mark.parametrize("name", [name for name in TINY if name != "gram-evolution"])
def test_lines_of_a_panel_differ_without_colour(name: str) -> None:
    """In dashes or in markers or in thickness, but for what is drawn twice of one curve."""
    for ax in drawn(name)[1].axes:
        named = [line for line in ax.lines if not str(line.get_label()).startswith("_")]
        looks = [(x.get_linestyle(), x.get_marker(), x.get_linewidth()) for x in named]
        assert len(looks) == len(set(looks))


def test_predictions_are_beside_what_was_measured() -> None:
    width = labels(drawn("gram-width")[1])
    assert any(label.startswith("depth 6: -") for label in width)
    assert "slope $-1/2$" in width
    depth = labels(drawn("gram-depth")[1])
    assert any("Sigma" in label for label in depth)
    assert any(label.startswith("bound, $C") for label in depth)
    assert any(label.startswith("exact law") for label in depth)
    assert any(r"\kappa^\ell" in label for label in labels(drawn("gram-mixing")[1]))
    assert any("predicted 1.200" in label for label in labels(drawn("gram-gradient")[1]))


def test_what_is_not_computed_says_so() -> None:
    texts = [text.get_text() for ax in drawn("gram-depth")[1].axes for text in ax.texts]
    assert texts == ["relu, no BN: not computed"]

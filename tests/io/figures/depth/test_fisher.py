"""Figures of the Fisher studies: panels, the paper's formula and its corrections, captions."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from bnflow import api
from bnflow.depth.studies.fisher_networks import CURVES
from bnflow.io.figures import save
from bnflow.io.study import StudyResult

DATA: dict[str, Any] = {"side": 8, "width": 16, "networks": ["dense"], "nets": 2}
TRAINED: dict[str, Any] = {**DATA, "samples": 30, "epochs": 2}
TINY: dict[str, dict[str, Any]] = {
    "fisher-eigenvalue": {
        **DATA,
        "gammas": [0.5, 1.0],
        "dense_samples": 8,
        "many_nets": 2,
    },
    "fisher-step": {
        "networks": ["dense"],
        "side": 6,
        "width": 8,
        "gammas": [0.5, 1.0],
        "momenta": [0.0, 0.9],
        "samples": 6,
        "epochs": 16,
        "explosion_epochs": 3,
    },
    "fisher-heatmap": {**TRAINED, "gammas": [0.5, 1.0], "rates": 5, "batch": 15},
    "fisher-gamma": {**TRAINED, "gammas": [0.5, 1.0, 2.0], "rates": 3, "batch": 15},
    "fisher-speed": {**TRAINED, "gammas": [0.5, 1.0]},
}
PANELS = {  # at these settings; a colour bar is one
    "fisher-eigenvalue": 6,
    "fisher-step": 3,
    "fisher-heatmap": 2,
    "fisher-gamma": 3,
    "fisher-speed": 1,
}


@cache
def drawn(name: str) -> tuple[StudyResult, Figure]:
    found = api.study(name, quick=True, **TINY[name])
    return found, found.plot()


@pytest.mark.parametrize("name", TINY)
def test_panels_and_caption(name: str, tmp_path: Path) -> None:
    found, figure = drawn(name)
    assert len(figure.axes) == PANELS[name]
    told = " ".join(figure.get_supxlabel().split())
    assert found.study.claim in told
    assert f"The claim {found.told}" in told
    assert "Settings: networks" in told
    save(figure, tmp_path / "f.png")
    assert (tmp_path / "f.png").stat().st_size > 20_000


@pytest.mark.parametrize("name", [name for name in TINY if name != "fisher-step"])
def test_lines_of_a_panel_differ_without_colour(name: str) -> None:
    """In dashes, markers, filling or thickness; those of fisher-step have no labels."""
    for ax in drawn(name)[1].axes:
        named = [line for line in ax.lines if not str(line.get_label()).startswith("_")]
        looks = [
            (x.get_linestyle(), x.get_marker(), x.get_fillstyle(), x.get_linewidth()) for x in named
        ]
        assert len(looks) == len(set(looks))


def test_the_papers_formula_is_drawn_beside_its_corrections() -> None:
    found, figure = drawn("fisher-eigenvalue")
    full = {str(line.get_label()): line for line in figure.axes[2].lines}
    assert {CURVES[name] for name in ("paper", "finite", "full", "both")} <= set(full)
    shown = np.asarray(full[CURVES["paper"]].get_ydata(), float)
    np.testing.assert_array_equal(shown, found.values("dense-theory", "full_paper"))
    told = " ".join(figure.get_supxlabel().split())
    ratio = np.asarray(figure.axes[5].lines[0].get_ydata(), float)
    quotient = np.mean([found.values(f"dense-{k}", "quotient")[2] for k in range(2)], axis=0)
    np.testing.assert_allclose(ratio, shown / quotient, rtol=1e-12)
    assert "The paper's formula over the measured quotient" in told


def grey(colour: str) -> float:
    """Luma of a colour, 0 to 1."""
    return float(np.dot(to_rgb(colour), (0.299, 0.587, 0.114)))


def test_both_thresholds_are_points_on_the_lines() -> None:
    found, figure = drawn("fisher-step")
    heights = [np.asarray(line.get_ydata(), float) for line in figure.axes[0].lines]
    for momentum in ("0", "0.9"):
        piece = found.pieces[f"dense-plain-{momentum}"]
        for point in ("critical", "explosion"):
            middle = np.sqrt(piece[point].values.prod(axis=1))
            assert any(np.array_equal(height, middle) for height in heights)
    greys = [grey(line.get_color()) for line in figure.legends[0].get_lines()[-2:]]
    assert abs(greys[1] - greys[0]) > 0.3  # the momenta
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert {"momentum 0", "momentum 0.9"} <= set(legend)
    assert any("paper" in text for text in legend)


def test_what_ran_away_is_grey_and_the_lines_are_eta_star() -> None:
    found, figure = drawn("fisher-heatmap")
    ax = figure.axes[0]
    mesh = ax.collections[0].get_array()
    loss = np.median([piece["loss"].values for piece in found.pieces.values()], axis=0)
    np.testing.assert_array_equal(np.ma.getmaskarray(mesh).reshape(loss.shape), np.isinf(loss))
    measured = np.median([piece["measured"].values for piece in found.pieces.values()], axis=0)
    assert any(np.array_equal(line.get_xdata(), measured) for line in ax.lines)

"""Figures of the Fisher studies: the paper's formula, its corrections, both thresholds."""

from collections.abc import Callable

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from bnflow.depth.studies.fisher_networks import CURVES
from bnflow.io.study import StudyResult

Drawn = Callable[[str], tuple[StudyResult, Figure]]


def test_the_papers_formula_is_drawn_beside_its_corrections(drawn: Drawn) -> None:
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


def test_both_thresholds_are_points_on_the_lines(drawn: Drawn) -> None:
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


def test_what_ran_away_is_grey_and_the_lines_are_eta_star(drawn: Drawn) -> None:
    found, figure = drawn("fisher-heatmap")
    ax = figure.axes[0]
    mesh = ax.collections[0].get_array()
    loss = np.median([piece["loss"].values for piece in found.pieces.values()], axis=0)
    np.testing.assert_array_equal(np.ma.getmaskarray(mesh).reshape(loss.shape), np.isinf(loss))
    measured = np.median([piece["measured"].values for piece in found.pieces.values()], axis=0)
    assert any(np.array_equal(line.get_xdata(), measured) for line in ax.lines)

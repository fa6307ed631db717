"""Figures of the parts of batch normalization: what their panels show."""

from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure

from bnflow.depth.studies.ablations_layers import NAMES
from bnflow.io.study import StudyResult

Drawn = Callable[[str], tuple[StudyResult, Figure]]


def test_every_layer_has_its_matrices_and_its_lines(drawn: Drawn) -> None:
    found, figure = drawn("ablations-components")
    images = [ax.images[0].get_array() for ax in figure.axes if ax.images]
    assert len(images) == 2 * len(NAMES)
    for gram, cosines, name in zip(images[:8], images[8:], NAMES, strict=True):
        last = found.values(name, "gram")[-1]
        np.testing.assert_array_equal(gram, last / np.abs(last).max())
        np.testing.assert_allclose(np.diagonal(cosines), 1.0, rtol=1e-12)
    curves = [ax for ax in figure.axes if len(ax.lines) == len(NAMES)]
    assert len(curves) == 3
    looks = {(x.get_linestyle(), x.get_color(), x.get_linewidth()) for x in curves[0].lines}
    assert len(looks) == len(NAMES)


def test_the_last_two_columns_are_the_outlier_and_full_bn(drawn: Drawn) -> None:
    _, figure = drawn("ablations-geometry")
    titles = [ax.get_title(loc="left") for ax in figure.axes[:8]]
    assert titles[-2:] == ["RC + NL", "RC + RS + NL"]
    assert len(figure.axes[0].lines[2].get_xdata()) == 5  # inputs


def test_the_star_is_where_the_outlier_is_a_state(drawn: Drawn) -> None:
    _, figure = drawn("ablations-phase")
    for ax, there in zip(figure.axes, (True, False), strict=True):
        stars = [line for line in ax.lines if line.get_marker() == "*"]
        assert bool(stars) == there


def test_rates_have_a_gap_below_the_critical_size(drawn: Drawn) -> None:
    _, figure = drawn("ablations-stability")
    rate = next(line for line in figure.axes[0].lines if "outlier" in str(line.get_label()))
    assert np.isnan(np.asarray(rate.get_ydata(), float)).tolist() == [True, False, False]

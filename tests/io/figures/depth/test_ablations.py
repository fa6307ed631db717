"""Figures of the parts of batch normalization: their panels, what they show, and captions."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from bnflow import api
from bnflow.depth.studies.ablations_layers import NAMES
from bnflow.io.figures import save
from bnflow.io.study import StudyResult

TINY: dict[str, dict[str, Any]] = {
    "ablations-components": {"depths": [0, 3], "batch": 5, "width": 8, "nets": 4},
    "ablations-geometry": {"depths": [0, 3, 9], "batch": 5, "width": 8, "nets": 4},
    "ablations-phase": {"points": 3, "layers": 5, "width": 8, "nets": 4},
    "ablations-stability": {"batches": [6, 7, 8]},
    "ablations-outlier": {"batches": [4, 6], "widths": [8, 16], "depth": 3, "nets": 4},
}
PANELS = {  # at these settings; a colour bar is one
    "ablations-components": 2 * 8 + 1 + 3,
    "ablations-geometry": 3 * 8,
    "ablations-phase": 2,
    "ablations-stability": 3,
    "ablations-outlier": 2,
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
    assert "Settings: " in told
    save(figure, tmp_path / "f.png")
    assert (tmp_path / "f.png").stat().st_size > 20_000


def test_every_layer_has_its_matrices_and_its_lines() -> None:
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


def test_the_last_two_columns_are_the_outlier_and_full_bn() -> None:
    _, figure = drawn("ablations-geometry")
    titles = [ax.get_title(loc="left") for ax in figure.axes[:8]]
    assert titles[-2:] == ["RC + NL", "RC + RS + NL"]
    assert len(figure.axes[0].lines[2].get_xdata()) == 5  # inputs


def test_the_star_is_where_the_outlier_is_a_state() -> None:
    _, figure = drawn("ablations-phase")
    for ax, there in zip(figure.axes, (True, False), strict=True):
        stars = [line for line in ax.lines if line.get_marker() == "*"]
        assert bool(stars) == there


def test_rates_have_a_gap_below_the_critical_size() -> None:
    _, figure = drawn("ablations-stability")
    rate = next(line for line in figure.axes[0].lines if "outlier" in str(line.get_label()))
    assert np.isnan(np.asarray(rate.get_ydata(), float)).tolist() == [True, False, False]

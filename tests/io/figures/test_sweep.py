"""Figures of sweeps: what is drawn is the table's, seeds are averaged, gaps stay gaps."""

import io
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bnflow import InputError
from bnflow.io.figures.sweep import figure


class Table(SimpleNamespace):
    """Stands in for a sweep: r x n x seed, risk = r n + seed."""

    keys = ("r", "n", "run.seed")

    def table(self, values: Any, time: float | None) -> dict[str, Any]:
        rows = [(r, n, s) for r in (0.1, 1.0, 10.0) for n in self.n for s in (0, 1, 2)]
        r, n, s = (list(column) for column in zip(*rows, strict=True))
        size = [each if isinstance(each, int) else float(len(str(each))) for each in n]
        risk = np.array([x * y + z for x, y, z in zip(r, size, s, strict=True)], float)
        risk[list(self.gaps)] = np.nan
        states = ["complete"] * len(rows)
        return {"r": r, "n": n, "run.seed": s, "status": states, "t": risk * 0, values[0]: risk}


def drawn(x: str, y: str | None = None, n: Any = (1, 2), gaps: Any = (), **where: Any) -> Any:
    return figure(Table(n=n, gaps=gaps), x, y, "risk", None, where).axes[0]


def test_curves_are_means_over_the_seeds_one_for_each_other_value() -> None:
    ax = drawn("r")
    assert ax.get_xscale() == "log"
    assert len(ax.containers) == 2
    for n, container in zip((1, 2), ax.containers, strict=True):
        line = container.lines[0]
        np.testing.assert_allclose(line.get_xdata(orig=False), [0.1, 1.0, 10.0])
        np.testing.assert_allclose(line.get_ydata(orig=False), np.array([0.1, 1.0, 10.0]) * n + 1)
        (bars,) = container.lines[2]
        half = [(segment[1, 1] - segment[0, 1]) / 2 for segment in bars.get_segments()]
        np.testing.assert_allclose(half, 1 / np.sqrt(3))  # std of 0, 1, 2 is 1


def test_a_missing_run_leaves_the_others_and_is_told() -> None:
    ax = drawn("r", gaps=[0], n=(1,))
    assert ax.containers[0].lines[0].get_ydata(orig=False)[0] == pytest.approx(0.1 + 1.5)
    assert "1 of 9 runs missing" in ax.figure.get_supxlabel()


def test_a_phase_diagram_has_the_means_in_their_places() -> None:
    ax = drawn("r", "n", gaps=[0, 1, 2])
    mesh = ax.collections[0].get_array()
    expected = np.array([0.1, 1.0, 10.0]) * np.array([[1], [2]]) + 1
    assert mesh.mask.tolist() == [[True, False, False], [False] * 3]
    np.testing.assert_allclose(mesh.filled(1.1), expected)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["1", "2"]


def test_words_stand_side_by_side() -> None:
    ax = drawn("n", n=("tanh", "relu6"), r=1.0)
    assert [t.get_text() for t in ax.get_xticklabels()] == ["tanh", "relu6"]
    means = ax.containers[0].lines[0]
    np.testing.assert_allclose(means.get_ydata(orig=False), [5, 6])
    assert means.get_linestyle() == "None"  # no order is claimed


def test_labels_of_many_numbers_and_of_long_words_do_not_overlap() -> None:
    many = drawn("n", n=(*range(1, 60, 2), 1000), r=1.0)
    laws = [{"kind": kind, "values": [-1.0, 1.0], "shares": [0.5, 0.5]} for kind in "abc"]
    plane = drawn("n", "r", n=laws)
    slanted = drawn("n", n=[f"activation-{k}" for k in range(9)], r=1.0)
    for ax in (many, plane, slanted):
        ax.figure.savefig(io.BytesIO())
        boxes = [label.get_tightbbox() for label in ax.get_xticklabels()]
        if ax is slanted:  # turned by 40 degrees, what overlaps are boxes, not words
            assert {label.get_rotation() for label in ax.get_xticklabels()} == {40.0}
            continue
        assert len(boxes) >= 3
        assert all(left.x1 < right.x0 for left, right in pairwise(boxes))


def test_a_large_plane_is_looked_up_once() -> None:
    ax = drawn("r", "n", n=tuple(range(1, 3001)))
    np.testing.assert_allclose(ax.collections[0].get_array()[2999], [301, 3001, 30001])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"x": "rr"}, "did you mean r?"),
        ({"x": "r", "y": "run.seed"}, "n changes, too"),
        ({"x": "r", "y": "r"}, "both are r"),
        ({"x": "r", "n": tuple(range(1, 15))}, "14 curves are too many"),
        ({"x": "n", "r": 3.0}, "no point has r = 3.0; there are 0.1, 1.0, 10.0"),
        ({"x": "r", "gaps": range(18)}, "nothing to draw"),
    ],
)
def test_mistakes_are_one_line(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError) as error:
        drawn(**arguments)
    assert words in str(error.value)


def test_it_is_written(tmp_path: Path) -> None:
    from bnflow.io.figures import save

    save(figure(Table(n=(1, 2), gaps=()), "r", "n", "risk", None, {}), tmp_path / "p.pdf")
    assert (tmp_path / "p.pdf").read_bytes().startswith(b"%PDF")

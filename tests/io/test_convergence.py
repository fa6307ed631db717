"""The convergence of a run: tables, JSON, figure, common times; and runs that are kept."""

import json
from pathlib import Path

import numpy as np
import pytest

from bnflow import api
from bnflow.io.convergence import Convergence, convergence
from bnflow.io.schema import DIAGNOSTICS
from bnflow.kernels.errors import InputError

pytestmark = pytest.mark.filterwarnings("ignore::bnflow.kernels.errors.Notice")  # few cells of a
SMALL = {"solver.cells": 16, "solver.a_cells": 16, "time.end": 0.5, "time.save": [0.25]}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("levels")


@pytest.fixture(scope="module")
def found(kept: Path) -> Convergence:
    return api.converge(None, 3, kept, **SMALL)


def test_every_scalar_diagnostic_at_every_common_time(found: Convergence) -> None:
    np.testing.assert_allclose(found.time, [0.0, 0.25, 0.5])
    np.testing.assert_allclose(found.spacing, np.pi / 2 / np.array([4, 8, 16]))
    assert {"risk", "mass", "a_second_moment", "sup_h", "entropy"} <= set(found.names)
    assert "w_second_moment" not in found.names
    assert "test_risk" not in found.names  # population data hold none out
    assert [n for n in DIAGNOSTICS if n in found.names] == list(found.names)
    for name in found.names:
        assert found.values(name).shape == (3, 3)
        assert found.extrapolation(name).bar.shape == (3,)
    np.testing.assert_array_equal(found.values("risk")[-1], found.runs[-1].risk)


def test_the_finest_level_is_the_config_itself(found: Convergence) -> None:
    np.testing.assert_array_equal(found.values("risk")[-1], api.solve(None, **SMALL).risk)


def test_runs_are_kept_and_not_run_again(
    found: Convergence, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sorted(path.name for path in kept.iterdir()) == ["level-1", "level-2", "level-3"]
    monkeypatch.setattr("bnflow.io.job.Job.run", lambda *_: pytest.fail("was run again"))
    again = api.converge(None, 3, kept, **SMALL)
    np.testing.assert_array_equal(again.values("risk"), found.values("risk"))
    with pytest.raises(InputError, match="holds a run of another configuration"):
        api.converge(None, 3, kept, **{**SMALL, "solver.cells": 32})


def test_levels_may_go_on_to_a_later_end(tmp_path: Path) -> None:
    longer = {**SMALL, "time.end": 0.75, "time.save": [0.25, 0.5]}
    first = {**SMALL, "time.save": [0.25, 0.5]}
    api.converge(None, 3, tmp_path, **first)
    whole = api.converge(None, 3, **longer)
    np.testing.assert_array_equal(
        api.converge(None, 3, tmp_path, **longer).values("risk"), whole.values("risk")
    )


def test_the_summary_has_a_row_a_time_and_a_row_a_diagnostic(found: Convergence) -> None:
    text = found.summary()
    lines = text.splitlines()
    assert lines[0].startswith("cells x a cells: 4 x 4 (")
    assert all(any(line.split()[:1] == [name] for line in lines) for name in found.names)
    assert "risk, 16 cells" in text
    assert "rounding" in next(line for line in lines if line.split()[:1] == ["mass"])


def test_json_is_strict(found: Convergence, tmp_path: Path) -> None:
    found.write(tmp_path / "c.json")
    info = json.loads((tmp_path / "c.json").read_text(), parse_constant=lambda _: 1 / 0)
    assert [level["cells"] for level in info["levels"]] == [4, 8, 16]
    assert info["diagnostics"].keys() == set(found.names)
    assert info["diagnostics"]["mass"]["estimate"] == [None] * 3
    assert len(info["diagnostics"]["risk"]["orders"]) == 1


def test_the_figure_has_three_panels(found: Convergence, tmp_path: Path) -> None:
    figure = found.plot(tmp_path / "c.png")
    assert len(figure.axes) == 3
    assert (tmp_path / "c.png").stat().st_size > 10_000
    names = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert "order 2" in names
    assert not any(name.startswith("free energy") for name in names)  # it is the risk


def test_mistakes_are_one_line(found: Convergence) -> None:
    with pytest.raises(InputError, match="no scalar diagnostic 'rsik'; did you mean risk"):
        found.values("rsik")
    early = api.solve(None, **{**SMALL, "solver.cells": 8, "time.end": 0.1, "time.save": []})
    with pytest.raises(InputError, match="no saved time after 0 is common to all levels"):
        convergence([early, *found.runs[1:]])

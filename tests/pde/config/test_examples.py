"""Every packaged example loads, says in its first line what it shows, and has its data with it."""

import pytest

from bnflow.pde.config import examples, load_config
from bnflow.pde.session import Session

LARGE = {"sphere-large": 50_331_648, "hypersphere-large": 56_623_104}  # cells


@pytest.mark.parametrize("name", examples.names())
def test_a_packaged_example_is_complete(name: str) -> None:
    config = load_config(name)
    assert examples.path(name).read_text().startswith("# ")
    assert len(examples.summary(name)) > 10
    assert all(part.is_file() for part in examples.parts(name))
    assert (config.data_path is None) == (len(examples.parts(name)) == 1)


def test_the_default_is_one_of_them() -> None:
    assert examples.DEFAULT in examples.names()


@pytest.mark.parametrize("name", LARGE)
def test_a_large_example_has_its_size_and_runs_where_it_is_small(name: str) -> None:
    """Small: the mass is kept to rounding, the risk falls, by about what is dissipated."""
    wide = {"run.dtype": "float64"}
    config = load_config(name, wide)
    d = len(config.data.covariance)
    assert 2 * d * config.solver.cells ** (d - 1) * config.solver.a_cells == LARGE[name]
    assert (
        f"{2 * d * config.solver.cells ** (d - 1):,} directions" in examples.path(name).read_text()
    )
    small = {"solver.cells": 4, "solver.a_cells": 24, "data.samples": 300, "time.end": 0.3}
    session = Session.prepare(load_config(name, {**wide, **small, "time.save": []}))
    told = [frame.diagnostics for frame in session.driver().frames()]
    mass, risk, defect = (
        [float(str(each[name])) for each in told] for name in ("mass", "risk", "dissipation_defect")
    )
    assert abs(mass[-1] - 1) <= 1e-12
    assert risk[-1] < 0.97 * risk[0]
    assert defect[-1] <= 0.05

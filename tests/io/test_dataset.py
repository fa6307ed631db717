"""`Run.to_xarray` is what plain xarray reads from the view, reads no more than it is asked, and
sums to the masses of the run."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray

from bnflow.api import open as open_run
from bnflow.api import solve
from bnflow.io.run import Run
from bnflow.io.snapshot import read_field
from bnflow.io.store import Store
from bnflow.kernels.errors import InputError
from bnflow.pde.frame import Array, Frame, Layout

OF_FILES = {"source_file", "digest", "config_toml", "provenance_json", "a_first", "a_count"}
OF_FILES |= {"a_initial"}
PARTLY = {"output.density_every": 2, "solver.cells": 8, "solver.a_cells": 16, "time.end": 0.4}


@pytest.fixture(scope="module")
def folder(
    tmp_path_factory: pytest.TempPathFactory,
    make_layout: Callable[..., Layout],
    make_frame: Callable[..., Frame],
    config_text: Callable[[int], str],
) -> Path:
    """d = 3, and the a axis grows."""
    path, layout = tmp_path_factory.mktemp("grid") / "run", make_layout(d=3, n=4, n_a=6)
    with Store.create(path, layout=layout, config_toml=config_text(3), provenance={}) as store:
        for step, grown in ((0, 0), (10, 1), (20, 3)):
            store.append(make_frame(layout, step, grown=grown))
    return path


@pytest.fixture(scope="module")
def neurons(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("neurons") / "run"
    solver = {"method": "particles", "width": 6, "replicas": 2}
    solve(out=path, solver=solver, time={"end": 0.2, "save": [0.1]})
    return path


@pytest.fixture(scope="module")
def partly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("partly") / "run"
    solve(out=path, **PARTLY, **{"time.save_every": 0.1})
    return path


@pytest.mark.parametrize("kind", ["folder", "neurons", "partly"])
def test_it_is_what_xarray_reads_from_the_view(kind: str, request: pytest.FixtureRequest) -> None:
    path: Path = request.getfixturevalue(kind)
    ours = open_run(path).to_xarray()
    with xarray.open_dataset(path / "trajectory.h5", engine="h5netcdf") as view:
        theirs = {str(name) for name in view.variables if not str(name).endswith("_stored")}
        assert theirs - OF_FILES == set(ours.variables)
        for name in set(ours.variables):
            assert view[name].dims == ours[name].dims
            found, known = view[name].values, ~view[name].isnull().values
            np.testing.assert_array_equal(ours[name].values[known], found[known])
            shown = {key: view[name].attrs[key] for key in ("long_name", "units")}
            assert shown == ours[name].attrs
    assert ours.attrs["config_toml"] == open_run(path).config_toml


def test_sums_over_cells_are_masses(folder: Path) -> None:
    data = open_run(folder).to_xarray()
    mass = (data.rho * data.cell_volume * data.a_weight).sum(data.rho.dims[1:])
    np.testing.assert_allclose(mass, 1.0, rtol=1e-13)
    assert {"cell_volume", "a_weight", "direction_raw"} <= set(data.coords)


def test_memory_and_folder_give_the_same(folder: Path) -> None:
    stored = open_run(folder)
    frames = [
        Frame(
            time=float(stored.time[row]),
            step=int(stored.step[row]),
            fields={"rho": stored.density(float(stored.time[row]))},
            a_first=stored._a_first,
            diagnostics={name: values[row] for name, values in stored.diagnostics.items()},
        )
        for row in range(3)
    ]
    memory = Run.from_frames(stored.layout, frames, stored.config_toml, {})
    xarray.testing.assert_equal(memory.to_xarray(), stored.to_xarray())


def test_a_time_reads_its_own_snapshot_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    whole = read_field

    def counted(path: Path, *rest: str) -> Array:
        read.append(path.name)
        return whole(path, *rest)

    monkeypatch.setattr("bnflow.io.fieldsource.read_field", counted)
    run = open_run(folder)
    data = run.to_xarray()
    assert read == []
    part = data.rho.sel(time=1.0).isel(panel=2, a=slice(None, None, 2)).values
    assert read == ["000000010.h5"]
    np.testing.assert_array_equal(part, run.density(1.0)[2, ..., ::2])
    assert data.rho[1:1].shape == (0, 6, 4, 4, 12)
    read.clear()
    run.plot(None, "sphere", 2.0)
    assert set(read) == {"000000020.h5"}


def test_what_was_not_stored_is_nan_and_the_rest_is_there(partly: Path) -> None:
    data = open_run(partly).to_xarray()
    missing = data.rho.isnull().all(data.rho.dims[1:]).values
    np.testing.assert_array_equal(missing, [False, True, False, True, False])
    assert not data.measure.isnull().any()
    assert not data.second_moment.isel(time=1).isnull().any()


def test_without_xarray_it_says_what_to_install(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(InputError, match=r"pip install .*bnflow\[analysis\]") as error:
        open_run(folder).to_xarray()
    assert "\n" not in str(error.value)

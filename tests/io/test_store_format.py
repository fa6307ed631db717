"""What a run folder holds, and what reads it: bnflow, xarray, a copy, a later program."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray

from bnflow.io.run import Run
from bnflow.io.store import Store
from bnflow.io.view import rebuild_view
from bnflow.pde.frame import Frame, Layout

Make = Callable[..., Layout]
MakeFrame = Callable[..., Frame]
CONFIG = '[network]\nactivation = "relu"\n'


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def test_the_folder_holds_view_snapshots_and_two_restarts(filled: Path) -> None:
    assert sorted(files(filled)) == [
        "lock",
        "restart/000000020.h5",
        "restart/000000030.h5",
        *(f"snap/0000000{step}.h5" for step in ("00", "10", "20", "30")),
        "trajectory.h5",
    ]


def test_xarray_reads_names_coordinates_and_the_union_of_the_a_axes(
    filled: Path, layout: Layout, make_frame: MakeFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")  # sources are found beside the view, not in the working directory
    with xarray.open_dataset(filled / "trajectory.h5", engine="h5netcdf") as data:
        assert data.rho.dims == ("time", "panel", "xi1", "a")
        np.testing.assert_array_equal(data.time, [0.0, 1.0, 2.0, 3.0])
        assert data.time.attrs["units"] == "1"
        assert data.rho.attrs["long_name"].startswith("density per unit Riemannian volume")
        width = layout.a_width or 0.0
        np.testing.assert_allclose(
            data.a, layout.a_values[0] + width * np.arange(-3, 9), atol=1e-14
        )
        np.testing.assert_array_equal(data.a[3:9], layout.a_values)
        assert np.isnan(data.rho[0, ..., :3]).all()
        assert np.isnan(data.rho[2, ..., 10:]).all()
        expected = make_frame(layout, 20, grown=1).fields["rho"]
        np.testing.assert_array_equal(data.rho[2, ..., 2:10], expected)
        mass = (data.rho * data.cell_volume * data.a_weight).sum(["panel", "xi1", "a"])
        np.testing.assert_allclose(mass, 1.0, rtol=1e-13)
        assert data.w_second_moment.dims == ("time", "axis", "axis_other")
        assert np.isnan(data.test_risk).all()
        np.testing.assert_array_equal(data.anisotropy, 2.0)  # a name that no schema knows
    with xarray.open_dataset(filled / "trajectory.h5", engine="h5netcdf", group="log") as log:
        np.testing.assert_allclose(log.time, np.arange(1, 31) / 10)


def test_a_list_of_fixed_values_has_unit_weights(
    tmp_path: Path, make_layout: Make, make_frame: MakeFrame
) -> None:
    layout = make_layout(n=4, values=np.array([-1.0, 0.5, 2.0]))
    with Store.create(tmp_path / "r", layout=layout, config_toml=CONFIG, provenance={}) as store:
        store.append(make_frame(layout, 0))
    with xarray.open_dataset(tmp_path / "r" / "trajectory.h5", engine="h5netcdf") as data:
        np.testing.assert_array_equal(data.a, [-1.0, 0.5, 2.0])
        np.testing.assert_array_equal(data.a_weight, 1.0)


def test_a_snapshot_reads_alone(filled: Path, tmp_path: Path, layout: Layout) -> None:
    copy = tmp_path / "copy.h5"
    copy.write_bytes((filled / "snap" / "000000030.h5").read_bytes())
    with xarray.open_dataset(copy, engine="h5netcdf") as data:
        assert data.rho.dims == ("panel", "xi1", "a")
        assert float((data.rho * data.cell_volume * data.a_weight).sum()) == pytest.approx(1.0)
    with h5py.File(copy, "r") as file:
        assert file["config_toml"][()].decode() == CONFIG
        assert file.attrs["time"] == 3.0


def test_a_moved_run_still_reads(filled: Path, tmp_path: Path) -> None:
    filled.rename(tmp_path / "elsewhere")
    assert np.isfinite(Run.from_directory(tmp_path / "elsewhere").density(3.0)).all()


def test_the_grid_of_whitened_directions_is_remembered(
    tmp_path: Path, layout: Layout, make_frame: MakeFrame
) -> None:
    """A file without the attribute, from before there was a choice, is of raw directions."""
    whitened = replace(layout, coordinates="whitened")
    path = tmp_path / "run"
    with Store.create(path, layout=whitened, config_toml=CONFIG, provenance={}) as store:
        store.append(make_frame(whitened, 0))
    assert Run.from_directory(path).layout.coordinates == "whitened"
    for name in (path / "trajectory.h5", *(path / "snap").iterdir()):
        with h5py.File(name, "r+") as file:
            del file.attrs["directions_of_grid"]
            file.attrs.pop("tables_sha256", None)
    assert Run.from_directory(path).layout.coordinates == "raw"


def test_the_view_is_a_function_of_the_snapshots(filled: Path) -> None:
    before = Run.from_directory(filled)
    (filled / "trajectory.h5").unlink()
    rebuild_view(filled, "complete")
    after = Run.from_directory(filled)
    assert after.to_info()["risk"] == before.to_info()["risk"]
    assert after.layout.a_width == before.layout.a_width
    np.testing.assert_array_equal(after.density(2.0), before.density(2.0))
    for name, values in before.log.items():
        np.testing.assert_array_equal(after.log[name], values)


def test_a_view_that_lags_behind_its_snapshots_is_completed_by_the_reader(
    filled: Path, layout: Layout, make_frame: MakeFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The view is rewritten only now and then; nobody sees that."""
    complete = Run.from_directory(filled)
    store = Store.reopen(filled)
    monkeypatch.setattr(Store, "_rewrite_view", lambda _: None)
    store.append(make_frame(layout, 40, since=30))
    run = Run.from_directory(filled)
    assert list(run.step) == [0, 10, 20, 30, 40]
    assert len(run.log["risk"]) == 40
    np.testing.assert_array_equal(run.risk[:4], complete.risk)
    np.testing.assert_array_equal(run.density(4.0)[..., 3:9], make_frame(layout, 40).fields["rho"])
    store.close("stopped")


def test_a_view_without_saved_times_opens(tmp_path: Path, create: Callable[[Path], Store]) -> None:
    create(tmp_path / "run").close("stopped")
    with xarray.open_dataset(tmp_path / "run" / "trajectory.h5", engine="h5netcdf") as data:
        assert data.sizes["time"] == 0
    assert len(Run.from_directory(tmp_path / "run").time) == 0

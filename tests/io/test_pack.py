"""A packed run reads as the run, alone; what is damaged is not packed."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray

import bnflow
from bnflow import api
from bnflow.kernels.errors import InputError, Notice

CASES: dict[str, dict[str, Any]] = {
    "growing": {
        "solver": {"cells": 5, "a_cells": 10},
        "network": {"train": ["a"]},
        "initial": {"a": {"kind": "normal", "std": 0.02}},
        "time": {"end": 2.0},
    },
    "thinned": {
        "solver": {"cells": 5, "a_cells": 10},
        "output": {"density_every": 4, "compression": "gzip"},
    },
    "neurons": {"solver": {"method": "particles", "width": 20, "replicas": 2}},
}


def folder_of(run: bnflow.Run) -> Path:
    assert run.path is not None
    return run.path


@pytest.fixture(params=CASES)
def run(request: pytest.FixtureRequest, tmp_path: Path) -> bnflow.Run:
    return bnflow.solve(CASES[request.param], tmp_path / "run")


@pytest.fixture
def small(tmp_path: Path) -> bnflow.Run:
    return bnflow.solve(CASES["growing"], tmp_path / "run")


def test_everything_reads_the_same_without_the_folder(run: bnflow.Run, tmp_path: Path) -> None:
    file = tmp_path / "elsewhere.h5"
    true = {t: fields_of(run, float(t)) for t in run.field_times}
    with xarray.open_dataset(folder_of(run) / "trajectory.h5", engine="h5netcdf") as data:
        view = data.load()
    api.pack(folder_of(run), file)
    folder_of(run).rename(tmp_path / "gone")
    packed = bnflow.open(file)
    assert type(packed) is type(run)
    assert packed.status == "complete"
    assert packed.config == run.config
    for name, values in {**run.diagnostics, **run.log}.items():
        np.testing.assert_array_equal({**packed.diagnostics, **packed.log}[name], values)
    assert packed.field_times.tolist() == run.field_times.tolist()
    for t, fields in true.items():
        for mine, theirs in zip(fields_of(packed, float(t)), fields, strict=True):
            np.testing.assert_array_equal(mine, theirs)
    with xarray.open_dataset(file, engine="h5netcdf") as data:
        xarray.testing.assert_equal(data.load(), view)


def fields_of(run: bnflow.Run, t: float) -> list[Any]:
    return list(run.particles(t)) if hasattr(run, "rescaled") else [run.density(t)]


def test_it_is_drawn_and_told_as_a_run(small: bnflow.Run, tmp_path: Path) -> None:
    packed = api.pack(folder_of(small), tmp_path / "one.h5")
    packed.plot(tmp_path / "one.png")
    assert packed.summary().splitlines()[1:] == small.summary().splitlines()[1:]
    assert "one.h5" in repr(packed)


def test_a_file_is_never_overwritten(small: bnflow.Run, tmp_path: Path) -> None:
    (tmp_path / "thesis.h5").write_text("precious")
    with pytest.raises(InputError, match="exists"):
        api.pack(folder_of(small), tmp_path / "thesis.h5")
    assert (tmp_path / "thesis.h5").read_text() == "precious"
    with pytest.raises(InputError, match="no folder"):
        api.pack(folder_of(small), tmp_path / "none" / "one.h5")


@pytest.mark.filterwarnings("ignore::bnflow.kernels.errors.Notice")
def test_a_damaged_run_is_not_packed(small: bnflow.Run, tmp_path: Path) -> None:
    path = sorted((folder_of(small) / "snap").glob("*.h5"))[1]
    path.write_bytes(path.read_bytes()[:-2000])
    for _ in range(2):  # damaged, then missing
        with pytest.raises(InputError, match="nothing was packed"):
            api.pack(folder_of(small), tmp_path / "one.h5")
        assert not (tmp_path / "one.h5").exists()
        path.unlink(missing_ok=True)


def test_a_packed_run_cannot_go_on(small: bnflow.Run, tmp_path: Path) -> None:
    api.pack(folder_of(small), tmp_path / "one.h5")
    with pytest.raises(InputError, match="cannot go on; its folder can"):
        bnflow.resume(tmp_path / "one.h5", until=9.0)


def test_a_stopped_run_is_packed_with_where_it_stopped(tmp_path: Path) -> None:
    with pytest.warns(Notice, match="stopped after"):
        run = bnflow.solve(CASES["growing"], tmp_path / "run", max_minutes=1e-6)
    packed = api.pack(folder_of(run), tmp_path / "one.h5")
    assert packed.status == "stopped"
    assert packed.time.tolist() == run.time.tolist()
    assert (packed.density(packed.time[-1]) == run.density(run.time[-1])).all()


def test_a_damaged_file_says_so_and_its_fields_are_looked_at_when_they_are_read(
    small: bnflow.Run, tmp_path: Path
) -> None:
    """All bytes but the fields' are under the seal, those are under checksums of HDF5."""
    file = tmp_path / "run.h5"
    api.pack(folder_of(small), file)
    whole, last = file.read_bytes(), float(small.time[-1])
    with h5py.File(file) as packed:
        place = packed["rho"].id.get_chunk_info(len(small.time) - 1).byte_offset
    file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    found = bnflow.open(file)
    assert (found.density(0.0) == small.density(0.0)).all()
    with pytest.raises(InputError, match="is damaged"):
        found.density(last)
    place = whole.index(b"long_name")
    file.write_bytes(whole[:place] + b"L" + whole[place + 1 :])
    with pytest.raises(InputError, match=r"run\.h5 is damaged .*checksum.*: restore it"):
        bnflow.open(file)

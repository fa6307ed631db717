"""Runs of 32 bits on the disk: half the size, the same to the bit, with their distance from 64."""

import json
import os
import warnings
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray

from bnflow import api
from bnflow.io.lock import Lock
from bnflow.io.run import Run
from bnflow.io.selection import Selection
from bnflow.io.trajectory import digest
from bnflow.io.verdicts import verdicts
from bnflow.kernels.errors import InputError, Notice
from bnflow.pde.frame import Frame, Layout

KINDS = ("float32", "float64")
SMALL: dict[str, Any] = {
    "solver": {"cells": 6, "a_cells": 40, "tracers": 3},
    "time": {"end": 0.4, "save": [0.1]},
    "run": {"dtype": "float32"},
}


@pytest.fixture(autouse=True, scope="module")
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Notice)
        yield


@pytest.fixture(scope="module")
def whole() -> Run:
    return api.solve(SMALL)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Stopped after its first step, and continued."""
    folder = tmp_path_factory.mktemp("stored") / "run"
    api.solve(SMALL, folder, max_minutes=1e-6)
    return api.resume(folder)


def test_a_continued_run_is_bitwise_the_whole_one(whole: Run, stored: Run) -> None:
    for t in stored.time:
        assert (stored.density(t) == whole.density(t)).all()
    assert (stored.trajectories()[1] == whole.trajectories()[1]).all()
    assert stored.step.tolist() == whole.step.tolist()


@pytest.mark.parametrize("why", ["a file", "not empty", "another process", "cannot write"])
def test_a_folder_that_takes_no_run_is_refused_before_anything_is_measured(
    why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which takes minutes of a large run; and nothing is made there."""
    place, lock = tmp_path / "run", None
    if why == "a file":
        place.touch()
    elif why == "cannot write":
        monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path)
    else:
        place.mkdir()
        lock = Lock(place) if why == "another process" else None
        if lock is None:
            (place / "thesis.tex").touch()
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.setattr("bnflow.io.job.measured", lambda session: pytest.fail("measured"))
    with pytest.raises(InputError, match=why) as told:
        api.solve(SMALL, place)
    assert "\n" not in str(told.value)
    assert sorted(tmp_path.rglob("*")) == before


def test_the_density_is_stored_in_32_bits_and_all_else_in_64(stored: Run, tmp_path: Path) -> None:
    """Snapshots, states, the view over them and one packed file; arrays handed out have 64."""
    folder = stored.path
    assert folder is not None
    files = [*folder.rglob("snap/*.h5"), *folder.rglob("restart/*.h5"), folder / "trajectory.h5"]
    api.pack(folder, tmp_path / "one.h5")
    for path in [*files, tmp_path / "one.h5"]:
        with h5py.File(path) as file:
            assert file["rho"].dtype == np.float32, path
            others = [x for name in ("tracer_a", "memory_h", "risk") if (x := file.get(name))]
            assert others
            assert all(x.dtype == np.float64 for x in others)
    with h5py.File(folder / "trajectory.h5") as view:
        seen = view["rho"][-1]
    assert (np.nan_to_num(seen) == stored.density(0.4)).all()
    assert stored.density(0.4).dtype == np.float64
    packed = api.open(tmp_path / "one.h5")
    assert (packed.density(0.4) == stored.density(0.4)).all()
    assert not any(finding.bad for finding in api.health(folder))


def test_xarray_reads_the_view_as_it_is(stored: Run) -> None:
    xarray = pytest.importorskip("xarray")
    assert stored.path is not None
    with xarray.open_dataset(stored.path / "trajectory.h5", engine="h5netcdf") as found:
        assert found.rho.dtype == np.float32
        weights = found.cell_volume * found.a_weight
        mass = (found.rho * weights).sum(found.rho.dims[1:])
        np.testing.assert_allclose(mass, stored.mass, atol=1e-12)


def test_it_takes_half_the_place(tmp_path: Path) -> None:
    keys = {**SMALL, "solver": {"cells": 64, "a_cells": 400}, "time": {"end": 1e-4, "save": []}}
    sizes = []
    for kind in KINDS:
        api.solve(keys, tmp_path / kind, **{"run.dtype": kind})
        sizes.append(os.path.getsize(next((tmp_path / kind / "snap").glob("*.h5"))))
    assert 0.45 < sizes[0] / sizes[1] < 0.6


def test_the_distance_is_stored_told_and_judged(whole: Run, stored: Run) -> None:
    """Of the first session; a continued one does not measure again."""
    told = stored.provenance["precision"]
    assert told == whole.provenance["precision"]
    assert 0 < told["density"] < told["expected"]
    assert f"after {told['steps']} steps, off float64: density {told['density']:.1e}" in (
        stored.summary()
    )
    again = json.loads(json.dumps(stored.to_info(), allow_nan=False))
    assert again["provenance"]["precision"] == told
    (verdict,) = (each for each in verdicts(stored) if each.audit == "precision")
    assert verdict.judgement == "good"


def test_it_is_told_before_the_first_step(capsys: pytest.CaptureFixture[str]) -> None:
    texts: list[str] = []

    class Shown:
        def start(self, problem_text: str, t: float, end: float) -> None:
            texts.append(problem_text)

        def __getattr__(self, name: str) -> Callable[..., None]:
            return lambda *_: None

    api.solve(SMALL, progress=Shown())
    assert "\nfloat32 after 8 steps, off float64: density" in texts[0]
    api.solve(SMALL, progress=Shown(), **{"run.dtype": "float64"})
    assert "float32" not in texts[1]


def test_verdicts_are_those_of_its_rounding(whole: Run) -> None:
    """Mass off by 1e-7 is no loss in 32 bits; in 64 it is to be minded."""
    judged = {each.audit: each.judgement for each in verdicts(whole)}
    assert judged["mass"] == judged["positivity"] == judged["energy falls"] == "good"
    assert float(np.abs(whole.mass - 1).max()) > 1e-10
    told = {**whole.provenance["precision"], "density": 1e-3}
    far = copy(whole)
    far.provenance = {**whole.provenance, "precision": told}
    assert {each.audit: each.judgement for each in verdicts(far)}["precision"] == "bad"


def test_its_stationary_state_is_computed_in_64_bits() -> None:
    noisy = {"training.temperature": 0.3, "training.ridge": 0.1, "solver.tracers": 0}
    single, double = (api.solve(SMALL, **noisy, **{"run.dtype": kind}) for kind in KINDS)
    one, other = single.stationary(), double.stationary()
    assert one.residual <= 1e-12
    assert np.array_equal(one.density, other.density)


def test_particles_beside_it_have_64_bits(tmp_path: Path) -> None:
    keys = {**SMALL, "solver": {"cells": 6, "a_cells": 20}}
    run = api.solve(keys, tmp_path / "run", shadow_particles=60)
    assert run.shadow is not None
    assert run.shadow_run is not None
    assert run.shadow_run.config.run.dtype == "float64"


def test_a_digest_is_of_the_numbers_not_of_their_type(
    make_layout: Callable[..., Layout], make_frame: Callable[..., Frame]
) -> None:
    layout = make_layout(3, 4, 6)
    frame = make_frame(layout, 1)
    rho = frame.fields["rho"].astype(np.float32)
    single = replace(frame, fields={"rho": rho})
    double = replace(frame, fields={"rho": rho.astype(float)})
    assert digest(single) == digest(double) != digest(frame)


def test_an_exported_density_keeps_its_type(whole: Run, tmp_path: Path) -> None:
    """Bit by bit; what is summed from it has 64 bits, and so has all of a run of 64."""
    whole.export(tmp_path / "r.nc", ["density", "measure", "risk"])
    with xarray.open_dataset(tmp_path / "r.nc", engine="h5netcdf") as data:
        assert (data.rho.dtype, data.measure.dtype) == (np.float32, np.float64)
        for row, t in enumerate(whole.time):
            assert np.array_equal(data.rho[row], whole.density(t))
            assert np.array_equal(data.measure[row], whole.signed_measure(t))
    double = api.solve(SMALL, **{"run.dtype": "float64"})
    double.export(tmp_path / "d.nc", ["density"])
    with xarray.open_dataset(tmp_path / "d.nc", engine="h5netcdf") as data:
        assert data.rho.dtype == np.float64


def test_rounding_for_compression_keeps_the_type(whole: Run) -> None:
    """23 bits are all that 32-bit numbers have: more keep them as they are."""
    frame, layout = whole._fields.read("rho", 1), whole.layout
    for bits, kept in ((52, True), (30, True), (23, True), (10, False)):
        stored = Selection(bits=bits).stored(Frame(0.0, 1, {"rho": frame}, 0, {}), layout)
        assert stored.fields["rho"].dtype == np.float32
        assert np.array_equal(stored.fields["rho"], frame) == kept
        np.testing.assert_allclose(stored.fields["rho"], frame, rtol=2.0 ** -(bits + 1))


def test_what_is_derived_from_a_density_is_summed_in_64_bits(whole: Run, tmp_path: Path) -> None:
    run = api.solve(SMALL, tmp_path / "run", **{"output.fields": ["marginals", "moments"]})
    np.testing.assert_allclose(run.marginal(0.4), whole.marginal(0.4), rtol=1e-13)
    np.testing.assert_allclose(run.signed_measure(0.4), whole.signed_measure(0.4), atol=1e-14)
    np.testing.assert_allclose(run.outer_weights(0.4), whole.outer_weights(0.4), rtol=1e-13)

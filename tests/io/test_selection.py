"""What is stored of a frame: right, marked, and never at the cost of a resume."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray
from hypothesis import given
from hypothesis import strategies as st

import bnflow
from bnflow.io.mould import Mould
from bnflow.io.run import Run
from bnflow.io.selection import Selection, moments, rounded
from bnflow.io.store import Store
from bnflow.kernels.errors import InputError

SMALL: dict[str, Any] = {
    "solver": {"cells": 5, "a_cells": 10},
    "initial": {"a": {"kind": "normal", "std": 0.2}},
    "time": {"end": 1.0, "save_every": 0.125},
}


@given(st.floats(-1e300, 1e300), st.integers(4, 51))
def test_a_rounded_number_is_the_nearest_with_so_many_bits(value: float, bits: int) -> None:
    """Relative error at most 2^-(bits + 1), for normal numbers, and then the rest are zeros."""
    (near,) = rounded(np.array([value]), bits)
    if abs(value) >= np.finfo(float).tiny:
        assert abs(near - value) <= 2.0 ** -(bits + 1) * abs(value)
        mantissa, _ = np.frexp(near)
        assert mantissa * 2 ** (bits + 1) == int(mantissa * 2 ** (bits + 1))
    assert np.isfinite(near)
    assert np.sign(near) == np.sign(value) or abs(value) < np.finfo(float).tiny


def test_halves_go_to_even() -> None:
    assert rounded(np.array([1.125, 1.375, -1.125]), 2).tolist() == [1.0, 1.5, -1.0]


def solved(tmp_path: Path, **output: Any) -> bnflow.Run:
    return bnflow.solve({**SMALL, "output": output}, tmp_path / "run")


@pytest.fixture(scope="module")
def whole() -> bnflow.Run:
    return bnflow.solve(SMALL)


def test_the_density_at_every_third_time_and_what_stands_for_it_between(
    tmp_path: Path, whole: bnflow.Run
) -> None:
    """Sums in another order: 8 eps sqrt(n) of the largest."""
    run = solved(tmp_path, density_every=3)
    assert run.field_times.tolist() == [0.0, 0.375, 0.75, 1.0]
    assert run.a.tolist() == whole.a.tolist()
    for t in run.time:
        for name in ("signed_measure", "marginal", "outer_weights"):
            mine, theirs = getattr(run, name)(t), getattr(whole, name)(t)
            np.testing.assert_allclose(mine, theirs, atol=1e-14 * np.abs(theirs).max() + 1e-15)
    x = np.array([[1.0, 0.5], [-2.0, 0.1]])
    np.testing.assert_allclose(run.predict(x, 0.5), whole.predict(x, 0.5), rtol=1e-12)
    with pytest.raises(InputError, match=r"t = 0.5 .*density_every.*0, 0.375, 0.75, 1") as error:
        run.density(0.5)
    assert "\n" not in str(error.value)
    np.testing.assert_array_equal(run.density(0.375), whole.density(0.375))


def test_xarray_sees_which_times_have_the_density(tmp_path: Path) -> None:
    run = solved(tmp_path, density_every=3)
    with xarray.open_dataset(tmp_path / "run" / "trajectory.h5", engine="h5netcdf") as data:
        assert data.rho_stored.values.tolist() == [1, 0, 0, 1, 0, 0, 1, 0, 1]
        assert data.measure_stored.values.tolist() == [0, 1, 1, 0, 1, 1, 0, 1, 0]
        assert data.measure.dims == ("time", "panel", "xi1")
        assert data.a_law.dims == ("time", "a")
        assert np.isnan(data.rho.values[1]).all()
        second = (data.second_moment * data.cell_volume).sum(("panel", "xi1"))[1]
        assert float(second) == pytest.approx(float(run.a_second_moment[1]), rel=1e-12)


@pytest.mark.parametrize(
    "output", [{"density_every": 4}, {"fields": ["moments"]}, {"fields": ["marginals"]}]
)
def test_a_run_without_its_density_goes_on_bitwise(
    output: dict[str, Any], tmp_path: Path, whole: bnflow.Run
) -> None:
    """Restart files keep the whole state, whatever is stored for reading."""
    config = {**SMALL, "output": output}
    bnflow.solve(config, tmp_path / "run", max_minutes=1e-6)
    for _ in range(3):
        bnflow.resume(tmp_path / "run", max_minutes=1e-6)
    run = bnflow.resume(tmp_path / "run")
    assert run.status == "complete"
    for name, values in whole.diagnostics.items():
        np.testing.assert_array_equal(run.diagnostics[name], values)


def test_nothing_but_moments(tmp_path: Path) -> None:
    run = solved(tmp_path, fields=["moments"])
    assert len(run.field_times) == 0
    assert run.signed_measure(0.5).shape == (4, 5)
    for read in (run.density, run.marginal, run.outer_weights):
        with pytest.raises(InputError, match=r"at none"):
            read(0.5)


def test_rounded_and_compressed_fields_are_near_and_small(
    tmp_path: Path, make_layout: Callable[..., Any], make_frame: Callable[..., Any]
) -> None:
    """12 bits: 2^-13 relative; of noise in the mantissa 52 bits become 12, of 64 a third or so."""
    layout = make_layout(d=3, n=12, n_a=40)
    sizes = {}
    for name, selection in (("plain", Selection()), ("round", Selection(bits=12, gzip=True))):
        folder = tmp_path / name
        with Store.create(
            folder, layout=layout, config_toml="x = 1", provenance={}, selection=selection
        ) as store:
            store.append(make_frame(layout, 10))
        with h5py.File(folder / "snap" / "000000010.h5") as file:
            sizes[name] = file["rho"].id.get_storage_size()
        rho, true = Run.from_directory(folder).density(1.0), make_frame(layout, 10).fields["rho"]
        assert np.abs(rho / true - 1).max() <= (0 if name == "plain" else 2.0**-13)
    assert sizes["round"] < sizes["plain"] / 2


def test_a_thinned_run_lays_out_each_of_its_two_forms_once(
    tmp_path: Path,
    make_layout: Callable[..., Any],
    make_frame: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whole frames and others take turns; and each is what it should be."""
    begun, begin = [0], Mould._begin

    def counted(*given: Any) -> None:
        begun[0] += 1
        begin(*given)

    monkeypatch.setattr(Mould, "_begin", counted)
    layout, times = make_layout(n=4, n_a=5), [k / 10 for k in range(1, 9)]
    selection = Selection(saves=times, every=2, moments="between")
    with Store.create(
        tmp_path / "run", layout=layout, config_toml="x = 1", provenance={}, selection=selection
    ) as store:
        frames = [make_frame(layout, k, since=k - 1) for k in range(1, 9)]
        for frame in frames:
            store.append(frame)
    assert begun == [2 + 1]  # and the states' one
    run = Run.from_directory(tmp_path / "run")
    for frame in frames:
        np.testing.assert_allclose(
            run.signed_measure(frame.time), moments(frame, layout)["measure"], rtol=0, atol=1e-13
        )


def test_neurons_are_thinned_too(tmp_path: Path) -> None:
    config = {"solver": {"method": "particles", "width": 20}, "time": {"save_every": 1.0}}
    run = bnflow.solve({**config, "output": {"density_every": 2}}, tmp_path / "run")
    assert run.field_times.tolist() == [0.0, 2.0, 4.0, 5.0]
    assert run.particles(4.0)[1].shape == (1, 20)
    with pytest.raises(InputError, match="were not stored"):
        run.particles(3.0)


def test_thinned_runs_are_compared_where_both_have_their_networks(tmp_path: Path) -> None:
    """A grid has it between the densities, too, neurons have not."""
    config = {"solver": {"method": "particles", "width": 20}, "time": {"save_every": 1.0}}
    thinned = bnflow.solve({**config, "output": {"density_every": 2}}, tmp_path / "run")
    assert bnflow.compare(thinned, thinned).time.tolist() == [0.0, 2.0, 4.0, 5.0]
    run = solved(tmp_path / "grid", density_every=3)
    assert bnflow.compare(run, run).time.tolist() == run.time.tolist()
    laws = solved(tmp_path / "laws", fields=["marginals"])
    with pytest.raises(InputError, match=r"no saved time .* the same time.save and \[output\]"):
        bnflow.compare(laws, laws)


def test_tracers_are_at_every_saved_time_of_a_thinned_run(tmp_path: Path) -> None:
    """And in what is made of it: xarray and NetCDF."""
    solver = {**SMALL["solver"], "tracers": 7}
    run = bnflow.solve(
        {**SMALL, "solver": solver, "output": {"density_every": 3}}, tmp_path / "run"
    )
    u, a = run.trajectories()
    run.export(tmp_path / "run.nc")
    with xarray.open_dataset(tmp_path / "run.nc", engine="h5netcdf") as exported:
        for data in (run.to_xarray().load(), exported):
            assert data.tracer_direction.dims == ("time", "tracer", "axis")
            np.testing.assert_array_equal(data.tracer_direction, u)
            np.testing.assert_array_equal(data.tracer_a, a)
            stored = ~np.isnan(data.rho.values).all((1, 2, 3))
            assert run.time[stored].tolist() == run.field_times.tolist()

"""A store goes on where it was stopped, from what is whole, and shows where it is."""

import errno
import os
import shutil
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray

from bnflow.io.run import Run
from bnflow.io.snapshot import read_record
from bnflow.io.store import Store
from bnflow.io.view import read_view, rebuild_view, tables_digest
from bnflow.kernels.errors import InputError, Notice
from bnflow.pde.frame import Frame, Layout

MakeFrame = Callable[..., Frame]


def one_line(error: pytest.ExceptionInfo[InputError]) -> str:
    assert "\n" not in str(error.value)
    return str(error.value)


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


# -- status and going on ---------------------------------------------------------------------------


def test_status_runs_from_running_to_what_close_says(
    tmp_path: Path, create: Callable[[Path], Store], layout: Layout, make_frame: MakeFrame
) -> None:
    store = create(tmp_path / "run")
    store.append(make_frame(layout, 0))
    assert store.status() == "running"
    assert Run.from_directory(tmp_path / "run").status == "running"
    store._lock.release()  # as a kill does: the view still says "running", nobody holds it
    assert Run.from_directory(tmp_path / "run").status == "stopped"
    store = Store.reopen(tmp_path / "run")
    store.close("failed")
    assert Run.from_directory(tmp_path / "run").status == "failed"


def test_leaving_by_an_exception_stops_the_run_and_tells_the_exception(
    tmp_path: Path, create: Callable[[Path], Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(KeyboardInterrupt), create(tmp_path / "run"):
        raise KeyboardInterrupt
    assert Run.from_directory(tmp_path / "run").status == "stopped"
    store = Store.reopen(tmp_path / "run")
    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(KeyboardInterrupt), store:
        raise KeyboardInterrupt


def test_wall_time_adds_up_and_sessions_are_listed(filled: Path) -> None:
    first = float(Run.from_directory(filled).provenance["wall_time_s"])
    store = Store.reopen(filled, config_toml="x = 2", provenance={"host": "b"})
    time.sleep(0.01)
    store.close("complete")
    run = Run.from_directory(filled)
    assert run.provenance["wall_time_s"] > first
    assert run.provenance["seed"] == 0
    assert run.provenance["resumed"] == [{"host": "b"}]
    assert run.config_toml == "x = 2"


def test_reopening_gives_the_newest_state_and_appends_behind_it(
    filled: Path, layout: Layout, make_frame: MakeFrame
) -> None:
    with Store.reopen(filled) as store:
        state = store.last_restart()
        assert state is not None
        expected = make_frame(layout, 30, grown=3).restart
        assert {name: a.tobytes() for name, a in state.items()} == {
            name: a.tobytes() for name, a in expected.items()
        }
        store.append(make_frame(layout, 40))
    np.testing.assert_array_equal(Run.from_directory(filled).step, [0, 10, 20, 30, 40])


def test_frames_beyond_the_newest_whole_restart_are_dropped(filled: Path) -> None:
    (filled / "restart" / "000000030.h5").write_bytes(b"cut")
    with pytest.warns(Notice, match="1 saved time"):
        store = Store.reopen(filled)
    np.testing.assert_array_equal(store.trajectory.step, [0, 10, 20])
    store.close("stopped")
    assert sorted(files(filled))[1:] == [
        "restart/000000020.h5",
        *(f"snap/0000000{step}.h5" for step in ("00", "10", "20")),
        "trajectory.h5",
    ]


def test_a_damaged_last_snapshot_is_computed_again(filled: Path) -> None:
    path = filled / "snap" / "000000030.h5"
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.warns(Notice), Store.reopen(filled) as store:
        np.testing.assert_array_equal(store.trajectory.step, [0, 10, 20])


def test_a_damaged_early_snapshot_is_named_and_nothing_is_touched(filled: Path) -> None:
    (filled / "snap" / "000000010.h5").write_bytes(b"cut")
    before = files(filled)
    with pytest.raises(InputError, match=r"000000010.h5 is damaged .*delete it") as error:
        Store.reopen(filled)
    one_line(error)
    assert files(filled) == before


def test_without_any_restart_state_the_frames_stay(filled: Path) -> None:
    for path in (filled / "restart").iterdir():
        path.unlink()
    before = files(filled)
    with pytest.raises(InputError, match="no readable restart state"):
        Store.reopen(filled)
    assert files(filled) == before


def test_a_damaged_view_is_rebuilt(filled: Path) -> None:
    (filled / "trajectory.h5").write_bytes(b"cut")
    with pytest.warns(Notice, match="its snapshots do"):
        assert len(Run.from_directory(filled).time) == 4
    Store.reopen(filled).close("complete")
    assert len(Run.from_directory(filled).time) == 4


@pytest.fixture
def taken_apart(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the snapshots that a resume has taken apart."""
    found: list[str] = []

    def counted(path: Path) -> Any:
        found.append(path.stem[-2:])
        return read_record(path)

    monkeypatch.setattr("bnflow.io.recovery.read_record", counted)
    return found


def test_of_what_the_view_lists_the_newest_snapshot_alone_is_taken_apart(
    filled: Path, taken_apart: list[str]
) -> None:
    """And the view that is written then tells what one made of the snapshots alone does."""
    Store.reopen(filled).close("stopped")
    assert taken_apart == ["30"]
    header, told, status = read_view(filled / "trajectory.h5")
    rebuild_view(filled)
    made = read_view(filled / "trajectory.h5")[1]
    assert tables_digest(header, made, status) == tables_digest(header, told, status)


def test_what_is_newer_than_the_view_is_taken_apart(
    filled: Path, taken_apart: list[str], layout: Layout, make_frame: MakeFrame
) -> None:
    store, view = Store.reopen(filled), (filled / "trajectory.h5").read_bytes()
    for step in (40, 50):
        store.append(make_frame(layout, step, since=step - 10))
    store._lock.release()
    (filled / "trajectory.h5").write_bytes(view)  # as a kill leaves it
    taken_apart.clear()
    Store.reopen(filled).close("stopped")
    assert sorted(set(taken_apart)) == ["40", "50"]
    assert Run.from_directory(filled).log["time"].tolist() == [s / 10 for s in range(1, 51)]


@pytest.mark.parametrize("place", [0.02, 0.3, 0.6, 0.9, 0.999])
def test_a_flipped_bit_of_an_early_snapshot_is_found(filled: Path, place: float) -> None:
    """Wherever it lies; before HDF5 sees it."""
    path = filled / "snap" / "000000010.h5"
    data = bytearray(path.read_bytes())
    data[int(place * len(data))] ^= 4
    path.write_bytes(data)
    before = files(filled)
    with pytest.raises(InputError, match=r"000000010.h5 is damaged"):
        Store.reopen(filled)
    assert files(filled) == before


def test_a_whole_snapshot_in_the_place_of_another_is_found(filled: Path) -> None:
    shutil.copy(filled / "snap" / "000000020.h5", filled / "snap" / "000000010.h5")
    with pytest.raises(InputError, match=r"000000010.h5 is damaged \(it is not the snapshot"):
        Store.reopen(filled)


def test_a_snapshot_of_another_run_is_found_though_its_numbers_are_the_same(
    filled: Path, tmp_path: Path, create: Callable[[Path], Store], layout: Layout, make_frame: Any
) -> None:
    with create(tmp_path / "twin") as store:
        for step in (0, 10):
            store.append(make_frame(layout, step, since=max(step - 10, 0)))
    twin, ours = (folder / "snap" / "000000010.h5" for folder in (tmp_path / "twin", filled))
    assert read_record(twin)[1].digest == read_record(ours)[1].digest
    shutil.copy(twin, ours)
    with pytest.raises(InputError, match=r"000000010.h5 belongs to another run"):
        Store.reopen(filled)


@pytest.mark.parametrize("name", ["000000011.h5", "000000010 (copy).h5"])
def test_a_copy_of_a_snapshot_is_no_saved_time(filled: Path, name: str) -> None:
    """Its log would be there twice, and the file, named by its step, would go."""
    shutil.copy(filled / "snap" / "000000010.h5", filled / "snap" / name)
    before = files(filled)
    with pytest.raises(InputError, match=r"damaged \(it is not the snapshot of its name"):
        Store.reopen(filled)
    assert files(filled) == before


def test_a_snapshot_without_a_seal_is_taken_apart(filled: Path, taken_apart: list[str]) -> None:
    """As of an older version: all of them, and a wrong number in it is found."""
    path = filled / "snap" / "000000010.h5"
    with h5py.File(path, "r+") as file:
        file.attrs["note"] = "mine"
    Store.reopen(filled).close("stopped")
    assert sorted(set(taken_apart)) == ["00", "10", "20", "30"]
    with h5py.File(path, "r+") as file:
        file["risk"][()] = 7.0
    with pytest.raises(InputError, match=r"000000010.h5 is damaged \(the content does not match"):
        Store.reopen(filled)


def test_a_frame_of_a_stop_that_is_left_over_does_not_slow_the_next_session(
    tmp_path: Path,
    create: Callable[[Path], Store],
    taken_apart: list[str],
    layout: Layout,
    make_frame: MakeFrame,
) -> None:
    path = tmp_path / "run"
    with create(path) as store:
        store.append(make_frame(layout, 10))
        store.append(interim(make_frame(layout, 14, since=10)))
        store.append(make_frame(layout, 20, since=10))
        store.append(make_frame(layout, 30, since=20))
        store.close("stopped")
    Store.reopen(path).close("stopped")
    assert sorted(taken_apart) == ["14", "30"]
    assert Run.from_directory(path).log["time"].tolist() == [s / 10 for s in range(1, 31)]
    assert not (path / "snap" / "000000014.h5").exists()


def test_the_log_ends_where_a_run_goes_on_before_the_end_of_its_view(
    tmp_path: Path, create: Callable[[Path], Store], layout: Layout, make_frame: MakeFrame
) -> None:
    path = tmp_path / "run"
    with create(path) as store:
        for step in (10, 20, 30):
            store.append(make_frame(layout, step, since=step - 10))
        store.close("stopped")
    (path / "restart" / "000000030.h5").write_bytes(b"cut")
    with pytest.warns(Notice, match="1 saved time"):
        Store.reopen(path).close("stopped")
    assert Run.from_directory(path).log["time"].tolist() == [s / 10 for s in range(1, 21)]


# -- frames between the saved times ----------------------------------------------------------------


def interim(frame: Frame) -> Frame:
    return replace(frame, interim=True)


def test_the_frame_of_a_stop_is_seen_and_the_next_one_replaces_it(
    tmp_path: Path, create: Callable[[Path], Store], layout: Layout, make_frame: MakeFrame
) -> None:
    """The log goes on over it: one entry a step, none twice."""
    path = tmp_path / "run"
    with create(path) as store:
        store.append(make_frame(layout, 0))
        store.append(make_frame(layout, 10, since=0))
        store.append(interim(make_frame(layout, 14, since=10)))
        store.close("stopped")
    stopped = Run.from_directory(path)
    assert stopped.step.tolist() == [0, 10, 14]
    with xarray.open_dataset(path / "trajectory.h5", engine="h5netcdf") as data:
        assert data.step.values.tolist() == [0, 10]  # what stays
    assert stopped.log["time"].tolist() == [step / 10 for step in range(1, 15)]
    store = Store.reopen(path)
    assert len(store.interim_log["time"]) == 4
    state = store.last_restart()
    assert state is not None
    assert (state["rho"] == make_frame(layout, 14).fields["rho"]).all()
    store.append(make_frame(layout, 20, since=10))
    assert Run.from_directory(path).step.tolist() == [0, 10, 20]
    assert (path / "snap" / "000000014.h5").exists()  # for whoever has just opened it
    store.close("complete")
    assert Run.from_directory(path).log["time"].tolist() == [s / 10 for s in range(1, 21)]
    assert sorted(p.stem[-2:] for p in (path / "snap").iterdir()) == ["00", "10", "20"]
    assert sorted(p.stem[-2:] for p in (path / "restart").iterdir()) == ["10", "20"]


@pytest.mark.parametrize("view", ["old", "lost"])
def test_a_replaced_frame_that_is_still_there_is_no_part_of_the_run(
    view: str,
    tmp_path: Path,
    create: Callable[[Path], Store],
    layout: Layout,
    make_frame: MakeFrame,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Killed before the view was written: readers and the next session both leave it out."""
    path = tmp_path / "run"
    store = create(path)
    store.append(make_frame(layout, 10))
    store.append(interim(make_frame(layout, 14, since=10)))
    store.close("stopped")
    store = Store.reopen(path)
    monkeypatch.setattr(Store, "_rewrite_view", lambda _: None)
    store.append(make_frame(layout, 20, since=10))
    store._lock.release()
    monkeypatch.undo()
    assert (path / "snap" / "000000014.h5").exists()
    if view == "lost":
        (path / "trajectory.h5").unlink()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Notice)
        run = Run.from_directory(path)
    assert run.step.tolist() == [10, 20]
    assert run.log["time"].tolist() == [step / 10 for step in (*range(1, 11), *range(11, 21))]
    Store.reopen(path).close("stopped")
    assert not (path / "snap" / "000000014.h5").exists()
    assert Run.from_directory(path).step.tolist() == [10, 20]

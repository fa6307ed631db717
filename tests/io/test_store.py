"""A store keeps what it was given through kills, full disks and second writers."""

import contextlib
import errno
import json
import os
import shutil
import signal
import subprocess
import sys
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

from bnflow.io.lock import Lock
from bnflow.io.run import Run
from bnflow.io.store import Store
from bnflow.io.view import rebuild_view
from bnflow.kernels.errors import InputError, Notice, NumericalFailure
from bnflow.pde.frame import Frame, Layout

Make = Callable[..., Layout]
MakeFrame = Callable[..., Frame]
CONFIG = '[network]\nactivation = "relu"\n'


def one_line(error: pytest.ExceptionInfo[InputError]) -> str:
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.fixture
def layout(make_layout: Make) -> Layout:
    return make_layout(n=4, n_a=6)


@pytest.fixture
def create(layout: Layout) -> Callable[[Path], Store]:
    return lambda path: Store.create(
        path, layout=layout, config_toml=CONFIG, provenance={"seed": 0}
    )


@pytest.fixture
def filled(
    tmp_path: Path, create: Callable[[Path], Store], layout: Layout, make_frame: MakeFrame
) -> Path:
    """A closed run with four saved times, whose a axis grows at the last two."""
    with create(tmp_path / "run") as store:
        for step, grown in ((0, 0), (10, 0), (20, 1), (30, 3)):
            store.append(make_frame(layout, step, grown=grown, since=max(step - 10, 0)))
    return tmp_path / "run"


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


# -- the format ------------------------------------------------------------------------------------


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


# -- refusals --------------------------------------------------------------------------------------


def test_a_run_is_never_overwritten(filled: Path, create: Callable[[Path], Store]) -> None:
    before = files(filled)
    with pytest.raises(InputError, match="already holds a run") as error:
        create(filled)
    one_line(error)
    assert files(filled) == before


def test_a_folder_with_other_files_is_refused_untouched(
    tmp_path: Path, create: Callable[[Path], Store]
) -> None:
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(InputError, match=r"not empty \('thesis.tex'"):
        create(tmp_path)
    assert files(tmp_path) == {"thesis.tex": b"precious"}


def test_a_file_is_not_a_folder(tmp_path: Path, create: Callable[[Path], Store]) -> None:
    (tmp_path / "run").write_text("x")
    for path in (tmp_path / "run", tmp_path / "run" / "below"):
        with pytest.raises(InputError) as error:
            create(path)
        one_line(error)
    assert files(tmp_path) == {"run": b"x"}


def test_an_empty_folder_and_new_parents_are_fine(
    tmp_path: Path, create: Callable[[Path], Store]
) -> None:
    (tmp_path / "empty").mkdir()
    create(tmp_path / "empty").close("stopped")
    create(tmp_path / "a" / "b" / "c").close("stopped")


def test_a_second_writer_is_refused(tmp_path: Path, create: Callable[[Path], Store]) -> None:
    store = create(tmp_path / "run")
    before = files(tmp_path)
    with pytest.raises(InputError, match="another process is writing") as error:
        Store.reopen(tmp_path / "run")
    one_line(error)
    assert files(tmp_path) == before
    store.close("stopped")
    Store.reopen(tmp_path / "run").close("stopped")


def test_reopening_what_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no run"):
        Store.reopen(tmp_path)
    assert not files(tmp_path)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_non_finite_frame_is_refused_untouched(
    filled: Path, layout: Layout, make_frame: MakeFrame, bad: float
) -> None:
    with Store.reopen(filled) as store:
        before = files(filled)
        frame = make_frame(layout, 40)
        frame.fields["rho"][1, 2, 3] = bad
        with pytest.raises(NumericalFailure, match=r"rho .* index \(1, 2, 3\), t = 4, step 40"):
            store.append(frame)
        assert files(filled) == before


def test_steps_only_go_forward(filled: Path, layout: Layout, make_frame: MakeFrame) -> None:
    with Store.reopen(filled) as store, pytest.raises(ValueError, match="step 30 after step 30"):
        store.append(make_frame(layout, 30))


# -- kills and full disks --------------------------------------------------------------------------


class Power:
    """The calls to the operating system that change files; after `last` of them nothing works."""

    CALLS = ("pwrite", "replace", "unlink", "fsync", "ftruncate", "mkdir")

    def __init__(self, monkeypatch: pytest.MonkeyPatch, last: int) -> None:
        self.calls: list[str] = []
        self.last = last
        for name in self.CALLS:
            monkeypatch.setattr(os, name, self.wrapped(name, getattr(os, name)))

    def wrapped(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            self.calls.append(name)
            if len(self.calls) > self.last:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return real(*args, **options)

        return call


def test_whatever_call_is_the_last_one_nothing_is_lost(
    tmp_path: Path,
    create: Callable[[Path], Store],
    layout: Layout,
    make_frame: MakeFrame,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Cut the power at every rename, removal and sync of an append, and at every fourth write."""
    monkeypatch.setattr(os, "fsync", lambda _: None)  # for the time it takes
    store = create(tmp_path / "start")
    store.append(make_frame(layout, 0))
    store.append(make_frame(layout, 10, since=0))
    store.close("stopped")
    frame = make_frame(layout, 20, since=10)

    def interrupted(last: int) -> tuple[list[str], int]:
        folder = shutil.copytree(tmp_path / "start", tmp_path / f"cut{last}")
        cut = Store(folder, Lock(folder), store._header, list(store._records))
        with pytest.MonkeyPatch.context() as patch, contextlib.suppress(OSError):
            power = Power(patch, last)
            cut.append(frame)
            cut.close("complete")
        cut._lock.release()
        return power.calls, check_survivor(folder, make_frame, layout)

    calls, saved = interrupted(10**6)
    assert saved == 3
    cuts = [at for at, name in enumerate(calls) if name != "pwrite" or at % 4 == 0]
    assert len(cuts) > 50
    assert {interrupted(at)[1] for at in cuts} == {2, 3}


def check_survivor(folder: Path, make_frame: MakeFrame, layout: Layout) -> int:
    """The run reads at once, and goes on from whole states; the number of its saved times."""
    run = Run.from_directory(folder)
    assert list(run.step) in ([0, 10], [0, 10, 20])
    assert np.isfinite(run.density(float(run.time[-1]))).all()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Notice)  # a snapshot without its restart is dropped
        store = Store.reopen(folder)
    steps, state = list(store.trajectory.step), store.last_restart()
    store._lock.release()
    assert steps in ([0, 10], [0, 10, 20])
    assert state is not None
    assert state["rho"].tobytes() == make_frame(layout, int(steps[-1])).restart["rho"].tobytes()
    assert not list(folder.rglob(".*.tmp"))
    return len(steps)


def test_a_full_disk_leaves_the_old_files_and_the_run_can_go_on(
    filled: Path, layout: Layout, make_frame: MakeFrame
) -> None:
    store = Store.reopen(filled)
    before = files(filled)
    with pytest.MonkeyPatch.context() as patch:
        real = os.pwrite

        def full(descriptor: int, data: Any, offset: int) -> int:
            if offset > 4096:
                raise OSError(errno.ENOSPC, "No space left on device")
            return real(descriptor, data, offset)

        patch.setattr(os, "pwrite", full)
        with pytest.raises(OSError, match="No space left"):
            store.append(make_frame(layout, 40))
    assert files(filled) == before
    store.append(make_frame(layout, 40))
    store.close("complete")
    assert list(Run.from_directory(filled).step) == [0, 10, 20, 30, 40]


WRITER = """
import json, sys
import numpy as np
from bnflow.io.store import Store
from bnflow.pde.frame import Frame, Layout
panel, n = np.arange(4), 4
u = np.ones((4, n, 2)) / 2**0.5
layout = Layout(panel, np.linspace(-0.6, 0.6, n), np.full((4, n), 0.4), u, u,
                np.linspace(-1, 1, 8), 2 / 7, np.zeros(2), np.eye(2))
store = Store.create(sys.argv[1], layout=layout, config_toml="x = 1", provenance={})
for step in range(10**6):
    rho = np.full((4, n, 8), float(step))
    store.append(Frame(step / 10, step, {"rho": rho}, 0, {"risk": 1.0}, {}, {"rho": rho}))
    print(step, flush=True)
"""


def test_a_killed_process_loses_at_most_the_frame_it_was_writing(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path / "run")],
        stdout=subprocess.PIPE, text=True, cwd=tmp_path,
    ) as writer:  # fmt: skip
        assert writer.stdout is not None
        told = [int(writer.stdout.readline()) for _ in range(8)]
        writer.send_signal(signal.SIGKILL)
        told += [int(line) for line in writer.stdout.read().split()]
    assert Run.from_directory(tmp_path / "run").status == "stopped"
    store = Store.reopen(tmp_path / "run")
    assert store.trajectory.step[-1] >= told[-1]
    store.close("complete")
    run = Run.from_directory(tmp_path / "run")
    np.testing.assert_array_equal(run.step, np.arange(len(run.step)))
    assert run.density(float(run.time[-1]))[0, 0, 0] == run.step[-1]
    json.dumps(run.to_info(), allow_nan=False)

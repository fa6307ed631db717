"""A sweep in a folder: every point once, failures noted, whatever is killed or run beside it."""

import csv
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import bnflow
from bnflow import InputError
from bnflow.io.sweep import Sweep
from bnflow.io.sweeping import Outcome

TINY = {"solver": {"cells": 8, "a_cells": 8}, "time": {"end": 0.2, "save": [0.1]}}
GRID = {"network.weight_norm": [1.0, 2.0], "solver.cells": [8, 12]}

pytestmark = pytest.mark.filterwarnings("ignore::bnflow.Notice")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    return bnflow.sweep(TINY, tmp_path_factory.mktemp("sweep") / "s", grid=GRID)


def test_every_point_is_the_run_that_its_config_gives_alone(found: Sweep) -> None:
    table = found.table()
    assert table["status"] == ["complete"] * 4
    alone = bnflow.solve(TINY, **{"network.weight_norm": 2.0, "solver.cells": 8})
    assert table["risk"][2] == alone.risk[-1]
    assert np.all(table["t"] == 0.2)


def test_what_is_complete_is_not_computed_again(found: Sweep) -> None:
    told: list[Outcome] = []
    views = [found.place(point) / "trajectory.h5" for point in found.points]
    before = [view.stat().st_mtime_ns for view in views]
    again = bnflow.sweep(
        TINY, found.folder, grid={**GRID, "solver.cells": [8, 12, 16]}, report=told.append
    )
    assert [outcome.point.values["solver.cells"] for outcome in told] == [16, 16]
    assert [outcome.done for outcome in told] == [5, 6]
    assert told[0].count == 6
    assert [view.stat().st_mtime_ns for view in views] == before
    assert len(again.points) == 6
    assert Sweep.open(found.folder) == again
    bnflow.sweep(TINY, found.folder, grid=GRID)  # as it was declared, for the tests that follow


@pytest.mark.parametrize("way", ["until", "the same call"])
def test_a_sweep_whose_end_grows_goes_on_from_where_its_runs_are(way: str, tmp_path: Path) -> None:
    """Each is the run that `resume` makes: no folder is new, no step is taken twice."""
    keys = {"network.weight_norm": [1.0, 2.0]}
    first = bnflow.sweep(TINY, tmp_path / "s", grid=keys)
    alone = shutil.copytree(first.place(first.points[1]), tmp_path / "alone")
    steps = [run.step for run in first.runs if run is not None]
    if way == "until":
        assert bnflow.sweep(tmp_path / "s", until=0.2).progress() == ["2 points: 2 complete"]
        grown = bnflow.sweep(tmp_path / "s", until=0.4)
    else:
        grown = bnflow.sweep(TINY, tmp_path / "s", grid=keys, **{"time.end": 0.4})
    assert [grown.place(p) for p in grown.points] == [first.place(p) for p in first.points]
    assert len(list((tmp_path / "s" / "runs").iterdir())) == 2
    assert grown.table()["status"] == ["complete"] * 2
    assert grown.table()["t"].tolist() == [0.4, 0.4]
    assert Sweep.open(tmp_path / "s") == grown
    runs = [run for run in grown.runs if run is not None]
    assert [run.step[: len(old)].tolist() for run, old in zip(runs, steps, strict=True)] == [
        old.tolist() for old in steps
    ]
    assert np.array_equal(runs[1].risk, bnflow.resume(alone, 0.4).risk)


def test_a_run_whose_mark_has_its_end_is_found_again(tmp_path: Path) -> None:
    """As an older bnflow, and a sweep of time.end, name a folder."""
    keys = {"network.weight_norm": [1.0, 2.0]}
    ends = bnflow.sweep(TINY, tmp_path / "s", grid={**keys, "time.end": [0.2]})
    told: list[Outcome] = []
    found = bnflow.sweep(TINY, tmp_path / "s", grid=keys, report=told.append)
    assert [found.place(p) for p in found.points] == [ends.place(p) for p in ends.points]
    assert (told, found.table()["status"]) == ([], ["complete"] * 2)
    assert [row["run"] for row in found.to_info()] == [ends.place(p).name for p in ends.points]
    assert found.place(found.points[1]).name in found.to_csv()
    grown = bnflow.sweep(tmp_path / "s", until=0.3)
    assert grown.table()["t"].tolist() == [0.3, 0.3]
    assert ends.table()["status"] == ["complete"] * 2


def test_a_sweep_does_not_shrink_and_points_of_another_end_are_not_mixed(tmp_path: Path) -> None:
    made = bnflow.sweep(TINY, tmp_path, grid={"solver.cells": [8]})
    with pytest.raises(InputError, match=r"is a sweep to time\.end = 0\.2; give a later time"):
        bnflow.sweep(TINY, tmp_path, grid={"solver.cells": [8]}, **{"time.end": 0.1})
    with pytest.raises(InputError, match="give a later time"):
        bnflow.sweep(tmp_path, until=0.1)
    assert Sweep.open(tmp_path) == made
    mixed = bnflow.sweep(TINY, tmp_path, grid={"solver.cells": [8, 9]}, **{"time.end": 0.1})
    assert mixed.table()["status"] == ["failed", "complete"]
    assert "time.end: 0.1 here, 0.2 there" in (mixed.failure(mixed.points[0]) or "")
    with pytest.raises(InputError, match="goes with the folder of a sweep"):
        bnflow.sweep(TINY, tmp_path, grid={"solver.cells": [8]}, until=0.4)
    ends = bnflow.sweep(TINY, tmp_path / "ends", grid={"time.end": [0.1, 0.2]})
    with pytest.raises(InputError, match=r"sweeps time\.end; declare it with a longer list"):
        ends.until(0.4)


def test_a_table_at_a_saved_time_as_csv_and_json(found: Sweep) -> None:
    head, *rows = found.to_csv(("risk", "sup_h"), 0.1).splitlines()
    assert head == "run,network.weight_norm,solver.cells,status,t,risk,sup_h"
    assert len(rows) == 4
    assert all(",complete,0.1," in row for row in rows)
    info = found.to_info(time=0.1)
    assert (
        json.loads(json.dumps(info, allow_nan=False))[0]["risk"] == found.table(time=0.1)["risk"][0]
    )
    with pytest.raises(InputError, match="nearest saved time"):
        found.table(time=0.15)
    with pytest.raises(InputError, match="did you mean risk"):
        found.table(("rsik",))


def test_runs_that_did_not_save_the_time_are_gaps_where_others_did(tmp_path: Path) -> None:
    swept = bnflow.sweep(TINY, tmp_path, grid={"time.save": [[0.05], [0.1]]})
    assert np.array_equal(swept.table(time=0.05)["t"], [0.05, np.nan], equal_nan=True)


def test_a_point_that_fails_is_noted_and_the_others_go_on(tmp_path: Path) -> None:
    walls = {"solver.a_range": [[-1.0, 1.0], [-8.0, 8.0]]}
    swept = bnflow.sweep(TINY, tmp_path, grid=walls)
    assert swept.table()["status"] == ["failed", "complete"]
    reason = swept.failure(swept.points[0])
    assert reason is not None
    assert "solver.a_range = [-1, 1]" in reason
    assert math.isnan(swept.table()["risk"][0])
    assert f"failed: {swept.points[0].label}: {reason}" in swept.summary()


def test_processes_side_by_side_give_the_same_whatever_is_declared_meanwhile(
    found: Sweep, tmp_path: Path
) -> None:
    other = bnflow.load_config({**TINY, "sweep": {"seeds": 2}})
    swept = bnflow.sweep(
        TINY, tmp_path, grid=GRID, jobs=2, report=lambda outcome: Sweep.of(other, tmp_path)
    )
    assert np.array_equal(swept.table()["risk"], found.table()["risk"])
    assert Sweep.open(tmp_path).config == other


def test_processes_say_why_they_failed_and_find_the_data_of_the_config(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(20, 3))
    (tmp_path / "here").mkdir()
    np.savez(tmp_path / "here" / "rows.npz", x=rows[:, :2], y=rows[:, 2])
    data = {"kind": "file", "path": "rows.npz", "inputs": "x", "targets": "y"}
    config = bnflow.load_config({**TINY, "data": data}, base=tmp_path / "here")
    walls = {"solver.a_range": [[-0.6, 0.6], [-8.0, 8.0]]}
    swept = bnflow.sweep(config, tmp_path / "s", grid=walls, jobs=2)
    assert swept.table()["status"] == ["failed", "complete"]
    assert "solver.a_range = [-0.6, 0.6]" in (swept.failure(swept.points[0]) or "")


def test_a_sweep_is_found_again_with_its_lists_in_their_order(tmp_path: Path) -> None:
    """As TOML, lists of tables would come last."""
    laws = [{"kind": "uniform", "range": [-s, s]} for s in (0.5, 1.0)]
    grid = {"initial.a": laws, "solver.cells": [8, 9]}
    config = bnflow.load_config({**TINY, "sweep": {"grid": grid}})
    made = Sweep.of(config, tmp_path)
    assert [p.name for p in Sweep.open(tmp_path).points] == [p.name for p in made.points]
    made.place(made.points[2]).mkdir()
    bnflow.solve(made.points[2].config, made.place(made.points[2]))
    turned = bnflow.load_config({**TINY, "sweep": {"grid": dict(reversed(grid.items()))}})
    assert Sweep.of(turned, tmp_path).table()["status"].count("complete") == 1
    (_, first, *_) = csv.reader(made.to_csv().splitlines())
    assert first[:3] == [made.points[0].name, '{kind = "uniform", range = [-0.5, 0.5]}', "8"]


def test_a_run_that_does_not_read_and_an_unknown_error_are_their_points_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Sweep.of(bnflow.load_config({**TINY, "sweep": {"grid": GRID}}), tmp_path)
    place = made.place(made.points[0])
    place.mkdir()
    (place / "trajectory.h5").write_text("not HDF5")
    solve = bnflow.api.solve

    def broken(config: bnflow.Config, *given: object, **more: object) -> bnflow.Run:
        if config == made.points[1].config:
            raise ZeroDivisionError("by nothing")
        return solve(config, *given, **more)

    monkeypatch.setattr("bnflow.api.series.solve", broken)
    swept = bnflow.sweep(tmp_path)
    assert swept.table()["status"] == ["failed", "failed", "complete", "complete"]
    assert "does not read" in (swept.failure(swept.points[0]) or "")
    assert swept.failure(swept.points[1]) == "ZeroDivisionError: by nothing"


def test_a_run_completed_by_hand_has_not_failed(tmp_path: Path) -> None:
    made = Sweep.of(bnflow.load_config({**TINY, "sweep": {"seeds": 1}}), tmp_path)
    made.note_failure(made.points[0], "its process was killed")
    assert made.progress() == ["1 point: 1 failed", "failed: run.seed = 0: its process was killed"]
    bnflow.solve(made.points[0].config, made.place(made.points[0]))
    assert made.progress() == ["1 point: 1 complete"]


def test_a_killed_process_loses_its_run_alone(tmp_path: Path) -> None:
    killed: list[int] = []

    def kill(outcome: Outcome) -> None:
        told.append(outcome)
        if killed:
            return
        children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
        killed.extend(map(int, children[:1]))
        for child in killed:
            os.kill(child, signal.SIGKILL)

    told: list[Outcome] = []
    if not Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").exists():
        pytest.skip("this kernel does not list children")
    long = {**TINY, "time": {"end": 2.0}}
    swept = bnflow.sweep(long, tmp_path, grid={"solver.cells": [8, 64, 9]}, jobs=2, report=kill)
    states = swept.table()["status"]
    assert killed
    assert states.count("failed") == 1
    assert states.count("complete") == 2
    assert "killed by signal 9" in (swept.failure(swept.points[states.index("failed")]) or "")
    assert bnflow.sweep(tmp_path).table()["status"] == ["complete"] * 3


def test_a_point_that_another_process_is_at_is_left_to_it(tmp_path: Path) -> None:
    from bnflow.io.lock import Lock

    swept = Sweep.of(bnflow.load_config({**TINY, "sweep": {"grid": GRID}}), tmp_path)
    place = swept.place(swept.points[0])
    place.mkdir(parents=True)
    lock = Lock(place)
    told: list[Outcome] = []
    bnflow.sweep(tmp_path, report=told.append)
    assert [outcome.status for outcome in told] == ["running"] + ["complete"] * 3
    lock.release()
    assert swept.failure(swept.points[0]) is None
    assert bnflow.sweep(tmp_path).table()["status"] == ["complete"] * 4


def test_an_interrupted_sweep_goes_on(tmp_path: Path) -> None:
    command = [sys.executable, "-P", "-m", "bnflow", "sweep", "--out", str(tmp_path / "s")]
    command += ["--grid", "solver.cells=[8, 48]", "--set", "time.end=50", "solver.a_cells=64"]
    child = subprocess.Popen(
        [*command, "--jobs", "2"],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(
            signal.SIGINT, signal.SIG_IGN
        ),  # as behind `&` in a script
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if len({path.parent for path in tmp_path.glob("s/runs/*/snap/*.h5")}) == 2:
            break
        time.sleep(0.05)
    child.send_signal(signal.SIGTERM)
    _, told = child.communicate(timeout=60)
    assert child.returncode == 3
    assert "continue: bnflow sweep" in told
    swept = Sweep.open(tmp_path / "s")
    assert set(swept.table()["status"]) <= {"unfinished", "complete"}
    assert "unfinished" in swept.table()["status"]


def test_a_config_with_a_sweep_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="bnflow sweep"):
        bnflow.solve({**TINY, "sweep": {"seeds": 2}})
    with pytest.raises(InputError, match="needs a folder"):
        bnflow.sweep(TINY, grid=GRID)
    with pytest.raises(InputError, match=r"no target from Python.*bnflow.solve\(target=..\)"):
        bnflow.sweep(TINY, tmp_path, grid=GRID, target=abs)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write in"):
        bnflow.sweep(TINY, tmp_path / "file", grid=GRID)
    bnflow.solve(TINY, tmp_path / "run")
    with pytest.raises(InputError, match="holds a run"):
        bnflow.sweep(TINY, tmp_path / "run", grid=GRID)
    with pytest.raises(InputError, match="holds no sweep"):
        Sweep.open(tmp_path)


def test_a_damaged_declaration_is_told(tmp_path: Path) -> None:
    (tmp_path / "sweep.json").write_text('{"base": ')
    with pytest.raises(InputError, match="damaged"):
        Sweep.open(tmp_path)


def test_a_damaged_view_is_no_part_of_a_table(tmp_path: Path) -> None:
    """A complete run gives its numbers by its seal; else it is read and checked as a run is."""
    swept = bnflow.sweep(TINY, tmp_path, grid={"solver.cells": [8, 9]})
    whole = swept.table(("risk", "sup_h"))
    view = swept.place(swept.points[0]) / "trajectory.h5"
    data = bytearray(view.read_bytes())
    data[data.index(whole["risk"][:1].tobytes()) + 6] ^= 1
    view.write_bytes(data)
    again = bnflow.sweep(TINY, tmp_path, grid={"solver.cells": [8, 9]}).table(("risk", "sup_h"))
    for name in ("t", "risk", "sup_h"):
        np.testing.assert_array_equal(again[name], whole[name])  # from its snapshots
    with pytest.raises(InputError, match=r"no scalar diagnostic 'w_second_moment'"):
        swept.table(("risk", "w_second_moment"))


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_sweep_stops_when_its_time_is_over_and_goes_on(jobs: int, tmp_path: Path) -> None:
    grid = {"solver.cells": [8, 9, 10]}
    swept = bnflow.sweep(TINY, tmp_path, grid=grid, jobs=jobs, max_minutes=1e-4)
    states = swept.table()["status"]
    assert "complete" not in states
    assert set(states) <= {"unfinished", "waiting"}
    with pytest.raises(InputError, match="max_minutes = 0; give a number > 0"):
        bnflow.sweep(tmp_path, max_minutes=0)
    assert bnflow.sweep(tmp_path, jobs=jobs).table()["status"] == ["complete"] * 3


def test_what_processes_have_to_note_is_told(tmp_path: Path) -> None:
    few = {**TINY, "initial": {"a": {"kind": "normal", "std": 0.01}}}
    with pytest.warns(bnflow.Notice, match="a law narrower than a cell"):
        bnflow.sweep(few, tmp_path, grid={"solver.cells": [8, 9]}, jobs=2)


def test_a_sweep_is_no_run_and_says_what_shows_it(found: Sweep) -> None:
    with pytest.raises(InputError, match=r"holds a sweep, many runs: bnflow sweep-table"):
        bnflow.open(found.folder)

"""Damaged, missing, foreign and newer files: refused or told, and never read as if they were right.

What is judged: opening and reading gives the true numbers, or an error, or fewer saved times with a
notice; and going on gives the true run, or is refused and touches nothing.
"""

import multiprocessing
import shutil
import warnings
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray

import bnflow
from bnflow import api
from bnflow.io.health import examine
from bnflow.io.snapshot import read_restart
from bnflow.kernels.errors import InputError, Notice


@pytest.fixture
def stopped_run(truth: Any, stop: Any, tmp_path: Path) -> Path:
    """A run that can still go on, stopped between two saved times."""
    stop(tmp_path / "run", truth.steps[3] - 1, truth.config)
    return tmp_path / "run"


def names(folder: Path) -> Iterator[Path]:
    """The view; a snapshot, the last one, and the state that belongs to it."""
    yield folder / "trajectory.h5"
    yield sorted((folder / "snap").glob("*.h5"))[1]
    yield sorted((folder / "snap").glob("*.h5"))[-1]
    yield sorted((folder / "restart").glob("*.h5"))[-1]


def files(folder: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def judge_reading(truth: Any, folder: Path, counts: Any, why: str) -> None:
    """Whatever reads is right; what is left out is told."""
    counts["states"] += 1
    with warnings.catch_warnings(record=True) as notices:
        warnings.simplefilter("always", Notice)
        try:
            run = bnflow.open(folder)
        except InputError:
            counts["refused"] += 1
            return
        steps = [int(step) for step in run.step]
        expected = [*truth.steps[:3], truth.steps[3] - 1]
        counts.tell("lost", steps != expected and not notices, f"{why}: steps {steps}, untold")
        counts.tell("wrong", not set(steps) <= set(expected), f"{why}: steps {steps}")
        judge_rows(truth, run, counts, why)


def judge_rows(truth: Any, run: bnflow.Run, counts: Any, why: str) -> None:
    refused = False
    for row, step in enumerate(int(step) for step in run.step):
        state, t = truth.states[step], float(run.time[row])
        counts.tell("wrong", t != state["clock"][0], f"{why}: time {t}")
        try:
            rho = run.density(t)
        except InputError:
            refused = True
        else:
            rho, true = (x[..., (x != 0).any((0, 1))] for x in (rho, state["rho"]))
            counts.tell("wrong", not np.array_equal(rho, true), f"{why}: density {t}")
        if step in truth.steps:
            for name, true in truth.run.diagnostics.items():
                value, right = run.diagnostics[name][row], true[truth.steps.index(step)]
                good = np.array_equal(value, right, equal_nan=True)
                counts.tell("wrong", not good, f"{why}: {name} at {t}")
    counts["refused"] += refused


def judge_state(truth: Any, path: Path, counts: Any, why: str) -> None:
    """A state reads bit by bit, or not at all."""
    counts["states"] += 1
    try:
        state = read_restart(path)
    except (OSError, InputError):
        counts["refused"] += 1
        return
    expected = truth.states[int(path.stem)]
    good = state.keys() == expected.keys() and all(
        np.array_equal(state[name], expected[name], equal_nan=True) for name in expected
    )
    counts.tell("wrong", not good, why)


def spoilt(
    folder: Path, change: Callable[[bytearray, np.random.Generator], Any], times: int
) -> Iterator[tuple[Path, str]]:
    """Each of four files changed in place, so many times; put right again afterwards."""
    random = np.random.default_rng(2)
    for path in names(folder):
        whole = path.read_bytes()
        for _ in range(times):
            broken = bytearray(whole)
            why = change(broken, random)
            path.write_bytes(broken)
            yield path, f"{path.name} {why}"
        path.write_bytes(whole)


def flip(data: bytearray, random: np.random.Generator) -> str:
    place = int(random.integers(8 * len(data)))
    data[place // 8] ^= 1 << place % 8
    return f"bit {place}"


def cut(data: bytearray, random: np.random.Generator) -> str:
    place = int(random.integers(len(data)))
    del data[place:]
    return f"cut at {place}"


@pytest.mark.parametrize("change", [flip, cut])
@pytest.mark.parametrize(
    "times", [12, pytest.param(100, marks=pytest.mark.slow)], ids=["quick", "many"]
)
def test_damaged_files(times: int, change: Any, stopped_run: Path, truth: Any, counts: Any) -> None:
    for path, why in spoilt(stopped_run, change, times):
        if path.parent.name == "restart":
            judge_state(truth, path, counts, why)
        else:
            judge_reading(truth, stopped_run, counts, why)


@pytest.mark.parametrize(
    "times", [1, pytest.param(10, marks=pytest.mark.slow)], ids=["quick", "many"]
)
def test_going_on_from_damaged_files(
    times: int, stopped_run: Path, truth: Any, counts: Any, copy: Callable[[Path], Path]
) -> None:
    """The true run, or a refusal of one line that touches nothing."""
    for change in (flip, cut):
        for _, _why in spoilt(stopped_run, change, times):
            folder = copy(stopped_run)
            before = files(folder)
            try:
                truth.judge_continued(folder, counts)
            except InputError as error:
                line = str(error)
            else:
                continue
            counts["refused"] += 1
            assert len(line.splitlines()) == 1
            assert files(folder) == before


@pytest.mark.parametrize(
    "times", [20, pytest.param(300, marks=pytest.mark.slow)], ids=["quick", "many"]
)
def test_flipped_bits_of_a_packed_run(
    times: int, written: Path, truth: Any, counts: Any, tmp_path: Path
) -> None:
    path, random = tmp_path / "run.h5", np.random.default_rng(3)
    api.pack(written, path)
    whole = path.read_bytes()
    for _ in range(times):
        broken = bytearray(whole)
        why = flip(broken, random)
        path.write_bytes(broken)
        counts["states"] += 1
        try:
            run = bnflow.open(path)
        except InputError:
            counts["refused"] += 1
            continue
        counts.tell("wrong", run.step.tolist() != truth.steps, why)
        judge_rows(truth, run, counts, why)


@pytest.mark.parametrize(
    "times", [8, pytest.param(200, marks=pytest.mark.slow)], ids=["quick", "many"]
)
def test_flipped_bits_under_xarray(times: int, stopped_run: Path, truth: Any, counts: Any) -> None:
    """The view, opened by other people's software: names and numbers are right, or it fails.

    Each in its own process: HDF5 may crash, or never come back, where nobody looks at the seal.
    """
    view = stopped_run / "trajectory.h5"
    with xarray.open_dataset(view, engine="h5netcdf") as data:
        true = data.load().copy(deep=True)
    whole, random = view.read_bytes(), np.random.default_rng(4)
    for _ in range(times):
        broken = bytearray(whole)
        why = flip(broken, random)
        view.write_bytes(broken)
        counts["states"] += 1
        lost, wrong = under_xarray(view, true)
        counts["refused"] += lost is None
        counts.tell("lost", bool(lost), f"{why}: {lost}")
        counts.tell("wrong", bool(wrong), f"{why}: {wrong}")


Names = tuple[list[str] | None, list[str]]


def under_xarray(view: Path, true: xarray.Dataset) -> Names:
    """The names that are not there, None where nothing reads, and those that are not right."""
    fork = multiprocessing.get_context("fork")
    mine, theirs = fork.Pipe(duplex=False)
    child = fork.Process(target=read_by_xarray, args=(view, true, theirs))
    child.start()
    theirs.close()
    try:
        found: Names = mine.recv() if mine.poll(20) else (None, [])
    except EOFError:
        found = None, []
    child.kill()
    child.join()
    return found


def read_by_xarray(view: Path, true: xarray.Dataset, pipe: Connection) -> None:
    try:
        with xarray.open_dataset(view, engine="h5netcdf") as data:
            found = data.load()
    except Exception:  # whatever it is that they raise
        pipe.send((None, []))
        return
    there = set(true.variables) & set(found.variables)
    wrong = [
        str(name)
        for name in there
        if found[name].dims != true[name].dims
        or found[name].values.tobytes() != true[name].values.tobytes()
    ]
    pipe.send(([str(name) for name in set(true.variables) - there], wrong))


def test_a_missing_snapshot_is_told_and_the_rest_reads(
    written: Path, truth: Any, counts: Any
) -> None:
    path = sorted((written / "snap").glob("*.h5"))[2]
    path.unlink()
    counts["states"] += 1
    run = bnflow.open(written)
    assert run.step.tolist() == truth.steps
    with pytest.warns(Notice, match="is missing"):
        assert run.density(run.time[1]).any()
    with pytest.raises(InputError, match="is missing"):
        run.density(run.time[2])
    assert [f.kind for f in examine(written) if f.bad] == ["missing"]
    (written / "trajectory.h5").unlink()
    with pytest.warns(Notice, match="snapshots before step .* are missing"):
        assert len(bnflow.open(written).time) == len(truth.steps) - 1


@pytest.mark.parametrize("what", ["snap", "restart", "both"])
def test_files_of_another_run_are_no_part_of_this_one(
    what: str, stopped_run: Path, stop: Any, truth: Any, counts: Any, tmp_path: Path
) -> None:
    """Of the same steps and shapes: only the names of the runs, and the digests, differ."""
    counts["states"] += 1
    other = truth.config.replace(**{"target.weights": [1.0, -0.4]})
    stop(tmp_path / "other", truth.steps[3] - 1, other)
    (path,) = [p for p in (stopped_run / "snap").glob("*.h5") if int(p.stem) == truth.steps[3] - 1]
    stranger = sorted((tmp_path / "other" / "snap").glob("*.h5"))[-1]
    for part in ("snap", "restart"):
        if what in (part, "both"):
            shutil.copy(tmp_path / "other" / part / stranger.name, stopped_run / part / path.name)
    if what == "restart":
        truth.judge_continued(stopped_run, counts)  # from the state before
        return
    with pytest.warns(Notice, match="left out: .* belongs to another run"):
        run = bnflow.open(stopped_run)
    assert run.step.tolist() == truth.steps[:3]
    before = files(stopped_run)
    with pytest.raises(InputError, match="belongs to another run"):
        bnflow.resume(stopped_run)
    assert files(stopped_run) == before


def test_an_early_snapshot_of_another_run_is_refused(
    stopped_run: Path, stop: Any, truth: Any, counts: Any, tmp_path: Path
) -> None:
    counts["states"] += 1
    other = truth.config.replace(**{"target.weights": [1.0, -0.4]})
    stop(tmp_path / "other", truth.steps[3] - 1, other)
    first = "snap/000000000.h5"  # the same density: what differs is the risk
    shutil.copy(tmp_path / "other" / first, stopped_run / first)
    run = bnflow.open(stopped_run)
    with pytest.raises(InputError, match="not the snapshot that the view lists"):
        run.density(0.0)
    assert run.density(run.time[1]).any()
    before = files(stopped_run)
    with pytest.raises(InputError, match="belongs to another run"):
        bnflow.resume(stopped_run)
    assert files(stopped_run) == before
    assert "foreign" in [finding.kind for finding in examine(stopped_run)]


@pytest.mark.parametrize("place", ["trajectory.h5", "snap", "restart"])
def test_a_newer_format_is_refused_with_a_hint_and_nothing_is_touched(
    place: str, stopped_run: Path, counts: Any
) -> None:
    counts["states"] += 1
    path = stopped_run / place
    path = path if path.is_file() else sorted(path.glob("*.h5"))[-1]
    with h5py.File(path, "r+") as file:
        file.attrs["bnflow_schema"] = "9.0"
    before = files(stopped_run)
    with pytest.raises(InputError, match=r"file format 9\.0.*upgrade"):
        bnflow.resume(stopped_run)
    assert files(stopped_run) == before
    if place != "restart":
        assert "newer" in [finding.kind for finding in examine(stopped_run)]

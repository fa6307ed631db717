"""Others at the same folder: readers that poll, a second writer, nobody who may write at all."""

import contextlib
import multiprocessing
import os
from collections.abc import Iterator
from multiprocessing.synchronize import Event
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import h5py
import numpy as np
import pytest
import xarray

import bnflow
from bnflow.kernels.errors import InputError
from bnflow.pde.config import Config

FORK = multiprocessing.get_context("fork")


def work(config: Config, folder: Path) -> None:
    bnflow.solve(config, folder)


def poll(folder: Path, over: Event, found: Any) -> None:
    """Open and read, by bnflow, xarray and h5py, as fast as it goes; what fails is put in words."""
    reads, failures = 0, []
    while not over.is_set():
        try:
            run = bnflow.open(folder)
            for t in run.time[-2:]:
                assert np.isfinite(run.density(t)).all()
            with xarray.open_dataset(folder / "trajectory.h5", engine="h5netcdf") as data:
                assert data.sizes["time"] == len(data.risk.values)
                assert not np.isnan(data.rho.values).all(axis=(1, 2, 3)).any()
            with h5py.File(folder / "trajectory.h5") as file:
                file["risk"][()]
            reads += 1
        except Exception as error:
            failures.append(repr(error))
    found.put((reads, failures))


@pytest.mark.parametrize("runs", [1, pytest.param(4, marks=pytest.mark.slow)])
def test_polling_readers_never_fail_and_never_stop_the_writer(
    runs: int, truth: Any, stop: Any, counts: Any, tmp_path: Path
) -> None:
    """While a run is written, stopped between its saved times, and continued."""
    for number in range(runs):
        folder, over, found = tmp_path / f"run{number}", FORK.Event(), FORK.Queue()
        many = truth.config.replace(**{"time.save_every": 0.1})
        stop(folder, 1, many)
        readers = [FORK.Process(target=poll, args=(folder, over, found)) for _ in range(2)]
        for reader in readers:
            reader.start()
        after = 1 + number
        while stop(folder, after, many).status == "stopped":
            after += 5 if runs > 1 else 12
        over.set()
        for reads, failures in (found.get(timeout=60) for _ in readers):
            counts["states"] += reads
            counts["unreadable"] += len(failures)
            counts.reasons += failures
        for reader in readers:
            reader.join(60)
    assert counts["states"] > 0


def test_a_second_writer_is_refused_and_the_first_one_is_not_disturbed(
    truth: Any, counts: Any, tmp_path: Path
) -> None:
    class Slow:
        def __init__(self) -> None:
            self.refused = ""

        def step(self, *figures: Any) -> None:
            if not self.refused:
                with pytest.raises(InputError, match="another process is writing") as error:
                    bnflow.resume(tmp_path / "run")
                self.refused = str(error.value)

        def start(self, *figures: Any) -> None: ...
        def saved(self, t: float) -> None: ...
        def finish(self) -> None: ...

    shown = Slow()
    bnflow.solve(truth.config, tmp_path / "run", progress=shown)
    assert shown.refused
    truth.judge(tmp_path / "run", len(truth.steps), counts)


def test_two_writers_at_once_make_one_run(truth: Any, counts: Any, tmp_path: Path) -> None:
    """Which of them wins is open; the other is refused, or continues what the first has done."""
    both = [FORK.Process(target=work, args=(truth.config, tmp_path / "run")) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join(60)
    assert 0 in [each.exitcode for each in both]
    truth.judge(tmp_path / "run", len(truth.steps), counts)


@contextlib.contextmanager
def nobody() -> Iterator[None]:
    """As a user for whom permissions hold; root is above them."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_read_only_folder_reads_and_refuses_to_be_written(
    truth: Any, stop: Any, counts: Any
) -> None:
    with TemporaryDirectory() as place:  # others may enter it, unlike pytest's own
        os.chmod(place, 0o755)
        folder = Path(place) / "run"
        stop(folder, truth.steps[2] + 1, truth.config)
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o555 if path.is_dir() else 0o444)
        with nobody():
            truth.judge(folder, 3, counts)
            for refused in (folder, folder / "new"):
                with pytest.raises(InputError, match="cannot write") as error:
                    bnflow.solve(truth.config, refused)
                assert len(str(error.value).splitlines()) == 1
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o755)
        truth.judge_continued(folder, counts)

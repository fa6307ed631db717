"""A store keeps what it was given through kills, full disks and second writers."""

import contextlib
import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bnflow.io.lock import Lock
from bnflow.io.run import Run
from bnflow.io.store import Store
from bnflow.kernels.errors import InputError, Notice, NumericalFailure
from bnflow.pde.frame import Frame, Layout

MakeFrame = Callable[..., Frame]


def one_line(error: pytest.ExceptionInfo[InputError]) -> str:
    assert "\n" not in str(error.value)
    return str(error.value)


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


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
            if offset >= 4096:
                raise OSError(errno.ENOSPC, "No space left on device")
            return real(descriptor, data[: 4096 - offset], offset)

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

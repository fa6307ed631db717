"""A file that comes out of a used mould holds what one that is laid out for itself holds."""

import errno
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from bnflow.io import mould as room
from bnflow.io.header import Header
from bnflow.io.mould import Mould
from bnflow.io.snapshot import read_restart, read_snapshot, write_restart, write_snapshot
from bnflow.io.trajectory import digest
from bnflow.pde.frame import Frame, Layout

Make = Callable[..., Layout]
MakeFrame = Callable[..., Frame]


def content(path: Path) -> dict[str, Any]:
    """Every object of a file: numbers, type, attributes, dimensions, filters."""
    found: dict[str, Any] = {}

    def look(name: str, item: Any) -> None:
        attrs = {k: str(v) for k, v in item.attrs.items() if k not in REFERENCES}
        found[name] = attrs
        if isinstance(item, h5py.Dataset):
            dims = [list(dim.keys()) for dim in item.dims]
            kept = (item.shape, item.dtype.str, item.fletcher32, item.compression, dims)
            found[name] = (attrs, *kept, np.asarray(item[()]).tobytes())

    with h5py.File(path, "r") as file:
        look("/", file)
        file.visititems(look)
    return found


REFERENCES = ("REFERENCE_LIST", "DIMENSION_LIST")  # of objects, by their place in a file


def counted(calls: list[Any], function: Callable[..., None]) -> Callable[..., None]:
    """The function, whose calls are noted."""

    def call(*given: Any) -> None:
        calls.append(given)
        function(*given)

    return call


@pytest.fixture
def frames(layout: Layout, make_frame: MakeFrame) -> list[Frame]:
    """Every kind of change between two saved times."""
    first, again, longer = make_frame(layout, 0), make_frame(layout, 3), make_frame(layout, 43)
    wide = make_frame(layout, 50, grown=2, since=43)
    fewer = make_frame(layout, 51, grown=2, since=50)
    fewer = replace(fewer, diagnostics={"risk": 0.5, "w_second_moment": np.eye(3)})
    return [
        *(first, again, longer, make_frame(layout, 47, since=43)),
        *(make_frame(layout, 48, since=37), make_frame(layout, 49, since=47), wide),
        *(fewer, replace(fewer, step=52, interim=True), replace(again, step=60, fields={})),
    ]


@pytest.mark.parametrize("gzip", [False, True])
@pytest.mark.parametrize("small", [0, 2**20])
def test_every_frame_is_what_it_would_be_alone(
    gzip: bool,
    small: int,
    layout: Layout,
    frames: list[Frame],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whether arrays are in the mould or, being large, written to its copy."""
    monkeypatch.setattr(room, "SMALL", small)
    header, previous = Header(layout, "x = 1", {"seed": 0}), ""
    snapshots, restarts = Mould(), Mould()
    for frame in frames:
        cast, alone = (tmp_path / f"{name}.h5" for name in ("cast", "alone"))
        entry = write_snapshot(cast, header, frame, previous, gzip, snapshots)
        write_snapshot(alone, header, frame, previous, gzip)
        assert content(cast) == content(alone)
        assert digest(read_snapshot(cast)[1]) == entry.digest == digest(frame)
        write_restart(cast, frame.restart, entry.digest, restarts)
        write_restart(alone, frame.restart, entry.digest)
        assert content(cast) == content(alone)
        assert read_restart(cast, entry.digest).keys() == frame.restart.keys()
        previous = entry.digest


def test_one_form_is_laid_out_once(
    layout: Layout, make_frame: MakeFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many steps lie between two saved times; another header is another form."""
    calls: list[Any] = []
    monkeypatch.setattr(Mould, "_begin", counted(calls, Mould._begin))
    mould, header = Mould(), Header(layout, "x = 1", {})
    for since in range(30, 14, -1):
        frame = make_frame(layout, 31, since=since)
        write_snapshot(tmp_path / "s.h5", header, frame, "a" * 64, mould=mould)
    assert len(calls) == 1
    other = replace(header, config_toml="x = 2")
    write_snapshot(tmp_path / "s.h5", other, frame, "a" * 64, mould=mould)
    assert len(calls) == 2
    assert read_snapshot(tmp_path / "s.h5")[0].config_toml == "x = 2"


@pytest.mark.parametrize("gzip", [False, True])
def test_files_do_not_grow(
    gzip: bool, layout: Layout, make_frame: MakeFrame, tmp_path: Path
) -> None:
    """HDF5 takes the room of a replaced number or text again; what is compressed varies."""
    mould, header, sizes = Mould(), Header(layout, "x = 1", {}), []
    for step in range(1, 401):
        frame = make_frame(layout, step, since=max(step - 1 - step % 9, 0))
        write_snapshot(tmp_path / "s.h5", header, frame, f"{step:064d}", gzip, mould)
        sizes.append((tmp_path / "s.h5").stat().st_size)
    assert max(sizes[200:]) <= max(sizes[:200]) * 1.01
    assert max(sizes) < 1.25 * sizes[0]


def test_a_full_disk_spoils_no_later_file(
    layout: Layout, frames: list[Frame], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mould, header = Mould(), Header(layout, "x = 1", {})
    write_snapshot(tmp_path / "0.h5", header, frames[0], "a" * 64, mould=mould)

    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, "no space left")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        with pytest.raises(OSError, match="no space"):
            write_snapshot(tmp_path / "1.h5", header, frames[1], "a" * 64, mould=mould)
    write_snapshot(tmp_path / "2.h5", header, frames[1], "a" * 64, mould=mould)
    write_snapshot(tmp_path / "alone.h5", header, frames[1], "a" * 64)
    assert not (tmp_path / "1.h5").exists()
    assert content(tmp_path / "2.h5") == content(tmp_path / "alone.h5")


@pytest.mark.parametrize("room_for", [0, 1, 2, 4, 8])
def test_a_disk_that_is_full_at_any_write_is_told_as_that(
    room_for: int,
    layout: Layout,
    frames: list[Frame],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also where HDF5 reads back what was not written, which it takes for damage."""
    monkeypatch.setattr(room, "SMALL", 0)
    mould, header, calls, write = Mould(), Header(layout, "x = 1", {}), [0], os.pwrite

    def filling(descriptor: int, data: Any, offset: int) -> int:
        calls[0] += 1
        if calls[0] > room_for:
            raise OSError(errno.ENOSPC, "no space left")
        return write(descriptor, data[: max(len(data) // 2, 1)], offset)

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", filling)
        with pytest.raises(OSError, match="no space"):
            write_snapshot(tmp_path / "1.h5", header, frames[1], "a" * 64, mould=mould)
    assert not list(tmp_path.iterdir())
    write_snapshot(tmp_path / "2.h5", header, frames[1], "a" * 64, mould=mould)
    assert digest(read_snapshot(tmp_path / "2.h5")[1]) == digest(frames[1])


def test_a_form_that_cannot_be_laid_out_leaves_none(
    layout: Layout, frames: list[Frame], tmp_path: Path
) -> None:
    mould, header = Mould(), Header(layout, "x = 1", {})
    write_snapshot(tmp_path / "0.h5", header, frames[0], mould=mould)
    odd = replace(frames[0], diagnostics={"risk": 0.1, "a/b": np.zeros((2, 2))})
    with pytest.raises(Exception, match=r"."):
        write_snapshot(tmp_path / "1.h5", Header(layout, "x = 1", {"a": {1}}), odd, mould=mould)
    write_snapshot(tmp_path / "2.h5", header, frames[0], mould=mould)
    write_snapshot(tmp_path / "alone.h5", header, frames[0])
    assert content(tmp_path / "2.h5") == content(tmp_path / "alone.h5")

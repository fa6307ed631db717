"""What HDF5 does not check is held against a checksum before HDF5 sees it."""

import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from bnflow.io.safefile import atomic_h5, atomic_image, reading_h5
from bnflow.io.seal import MARK, check_seal, seal_of


def sealed(path: Path, count: int = 10) -> bytes:
    with atomic_h5(path) as file:
        file["x"] = np.arange(count)
        file.attrs["text"] = "in the global heap"
    return path.read_bytes()


def test_every_byte_of_a_file_is_under_its_seal(tmp_path: Path) -> None:
    """But for the mark: without it, it is a file that never had one."""
    path = tmp_path / "f.h5"
    whole = sealed(path)
    for place in range(0, len(whole) - len(MARK), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1 :])
        with pytest.raises(OSError, match=r"seal is damaged|do not match their checksum"):
            check_seal(path)
    path.write_bytes(whole)
    check_seal(path)


def test_a_damaged_heap_does_not_reach_hdf5(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There, a size of 0 instead of 18 is an endless loop in HDF5 2.0.0."""
    path = tmp_path / "f.h5"
    whole = bytearray(sealed(path))
    whole[whole.index(b"in the global heap") - 8] ^= 16
    path.write_bytes(whole)
    opened: list[Path] = []
    monkeypatch.setattr(h5py, "File", lambda *arguments: opened.append(arguments[0]))
    with pytest.raises(OSError, match="do not match their checksum"), reading_h5(path):
        pass
    assert not opened


def test_a_file_without_a_seal_reads(tmp_path: Path) -> None:
    """Of an older bnflow; or changed by hand: HDF5 then drops what lies behind its own end."""
    path = tmp_path / "f.h5"
    sealed(path)
    with h5py.File(path, "r+") as file:
        file.attrs["note"] = "mine"
    assert not path.read_bytes().endswith(MARK)
    with reading_h5(path) as file:
        assert file.attrs["note"] == "mine"
        assert file["x"][-1] == 9


def test_gaps_are_not_read_and_the_rest_is(tmp_path: Path) -> None:
    path = tmp_path / "f.h5"
    start, length = 0, 0

    def gaps(file: h5py.File) -> list[tuple[int, int]]:
        nonlocal start, length
        chunk = file["big"].id.get_chunk_info(0)
        start, length = chunk.byte_offset, chunk.size
        return [(start, length)]

    with atomic_h5(path, gaps) as file:
        file.create_dataset("big", data=np.ones(1000), chunks=(1000,), fletcher32=True)
    whole = path.read_bytes()
    assert length >= 8000
    for place, fine in ((start, True), (start + length - 1, True), (start - 1, False)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        if fine:
            check_seal(path)
            with pytest.raises(OSError, match=r".+"), reading_h5(path) as file:
                file["big"][()]  # under fletcher32
        else:
            with pytest.raises(OSError, match="do not match"):
                check_seal(path)


def test_a_seal_costs_no_open_file(tmp_path: Path) -> None:
    path = tmp_path / "f.h5"
    sealed(path)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        check_seal(path)
    assert len(os.listdir("/proc/self/fd")) == before


def test_bytes_in_memory_get_the_seal_of_their_file(tmp_path: Path) -> None:
    whole = sealed(tmp_path / "f.h5")
    image = whole[: -len(seal_of(b""))]
    atomic_image(tmp_path / "g.h5", image)
    assert (tmp_path / "g.h5").read_bytes() == whole

"""A snapshot gives back what was written, bit by bit, or an error."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np

from bnflow.io.header import Header
from bnflow.io.snapshot import (
    read_restart,
    read_snapshot,
    write_restart,
    write_snapshot,
)
from bnflow.io.trajectory import digest
from bnflow.pde.frame import Frame, Layout

Make = Callable[..., Layout]
MakeFrame = Callable[..., Frame]


def test_layout_frame_and_texts_come_back_exactly(
    tmp_path: Path, make_layout: Make, make_frame: MakeFrame
) -> None:
    basis, centre = np.arange(10.0).reshape(2, 5), np.arange(5.0)
    layout = make_layout(input_basis=basis, input_centre=centre, target_shift=152.1)
    frame = make_frame(layout, 30, grown=2)
    write_snapshot(tmp_path / "s.h5", Header(layout, "é = 1", {"seed": 0}), frame)
    header, read = read_snapshot(tmp_path / "s.h5")
    assert header.config_toml == "é = 1"
    assert header.provenance == {"seed": 0}
    for name, value in vars(layout).items():
        np.testing.assert_array_equal(getattr(header.layout, name), value)
    assert (read.time, read.step, read.a_first) == (frame.time, 30, -2)
    for part in ("fields", "diagnostics", "log"):
        for name, value in getattr(frame, part).items():
            np.testing.assert_array_equal(getattr(read, part)[name], value)


def test_the_digest_sees_every_part(make_layout: Make, make_frame: MakeFrame) -> None:
    frame = make_frame(make_layout(), 30)
    rho = frame.fields["rho"].copy()
    rho.flat[-1] = np.nextafter(rho.flat[-1], 1)
    changes = [
        replace(frame, time=np.nextafter(frame.time, 9)),
        replace(frame, step=31),
        replace(frame, a_first=1),
        replace(frame, fields={"rho": rho}),
        replace(frame, fields={"rho": frame.fields["rho"][..., None, :]}),
        replace(frame, diagnostics={**frame.diagnostics, "risk": 0.1}),
        replace(frame, log={**frame.log, "dt": frame.log["dt"] * 2}),
    ]
    assert len({digest(each) for each in [frame, *changes]}) == len(changes) + 1


def test_no_flipped_bit_goes_unseen(
    tmp_path: Path, make_layout: Make, make_frame: MakeFrame
) -> None:
    """Whatever byte is hit, the snapshot does not read, or reads exactly as written."""
    path = tmp_path / "s.h5"
    frame = make_frame(make_layout(n=4, n_a=4), 3)
    write_snapshot(path, Header(make_layout(n=4, n_a=4), "x = 1", {}), frame)
    good, expected = path.read_bytes(), digest(frame)
    refused = 0
    for place in np.random.default_rng(0).integers(0, len(good), 200):
        broken = bytearray(good)
        broken[place] ^= 1 << int(place % 8)
        path.write_bytes(broken)
        try:
            assert digest(read_snapshot(path)[1]) == expected
        except OSError:
            refused += 1
    assert refused > 20


def test_fields_are_checksummed_in_chunks_of_whole_columns(
    tmp_path: Path, make_layout: Make, make_frame: MakeFrame
) -> None:
    layout = make_layout(d=3, n=40, n_a=30)
    write_snapshot(tmp_path / "s.h5", Header(layout, "x = 1", {}), make_frame(layout, 1))
    with h5py.File(tmp_path / "s.h5", "r") as file:
        rho = file["rho"]
        assert rho.fletcher32
        assert rho.chunks[-1] == 30
        assert 2**19 < np.prod(rho.chunks) * 8 <= 2**20
        assert [dim.label or dim.keys() for dim in rho.dims] == [
            ["panel"], ["xi1"], ["xi2"], ["a"],
        ]  # fmt: skip


def test_the_solver_state_comes_back_bit_by_bit(tmp_path: Path) -> None:
    state = {
        "rho": np.random.default_rng(1).random((3, 4)),
        "dt": np.array(np.nextafter(0.1, 1)),
        "rng": np.array([2**64 - 1, 1], np.uint64),
        "step": np.array(7, np.int64),
        "none": np.array(np.nan),
        "first": np.array(True),
        "empty": np.empty((0, 3)),
    }
    write_restart(tmp_path / "r.h5", state)
    read = read_restart(tmp_path / "r.h5")
    assert read.keys() == state.keys()
    for name, array in state.items():
        assert read[name].dtype == array.dtype
        assert read[name].shape == array.shape
        assert read[name].tobytes() == array.tobytes()

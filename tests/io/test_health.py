"""What a run's folder holds: every file is judged, nothing is changed."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from bnflow.io.health import examine
from bnflow.io.opening import DECLARATION
from bnflow.io.pack import pack
from bnflow.io.store import Store
from bnflow.kernels.errors import InputError
from bnflow.pde.frame import Frame, Layout


@pytest.fixture
def written(
    tmp_path: Path,
    make_layout: Callable[..., Layout],
    make_frame: Callable[..., Frame],
    config_text: Callable[[int], str],
) -> Path:
    """A stopped run of four saved times, steps 0 to 3."""
    layout, folder = make_layout(), tmp_path / "run"
    with Store.create(
        folder, layout=layout, config_toml=config_text(2), provenance={"seed": 0}
    ) as store:
        for step in range(4):
            frame = make_frame(layout, step, since=max(step - 1, 0))
            store.append(replace(frame, restart={**frame.restart, "step": np.array(step)}))
        store.close("stopped")
    return folder


def describe_folder(folder: Path) -> list[str]:
    return [str(finding) for finding in examine(folder)]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def spoil(path: Path) -> None:
    """Flip a byte of the density."""
    with h5py.File(path) as file:
        place = file["rho"].id.get_chunk_info(0).byte_offset
    content = bytearray(path.read_bytes())
    content[place + 100] ^= 0xFF
    path.write_bytes(bytes(content))


def kinds(lines: list[str]) -> list[str]:
    return [line.split()[0] for line in lines]


def test_a_whole_run_is_good_and_says_where_it_can_go_on(written: Path) -> None:
    before = contents(written)
    lines = describe_folder(written)
    assert kinds(lines) == ["good"] * 7 + ["resume"]  # the view, four snapshots, two states
    assert lines[0].endswith("4 saved times, stopped")
    assert lines[2].endswith("t = 0.1, step 1")
    assert "from step 3" in lines[-1]
    assert contents(written) == before


@pytest.mark.parametrize("step", [0, 3])
def test_a_spoilt_snapshot_is_named_and_the_others_still_judged(step: int, written: Path) -> None:
    path = written / "snap" / f"{step:09d}.h5"
    spoil(path)
    before = contents(written)
    lines = describe_folder(written)
    assert kinds(lines).count("good") == 6
    (damaged,) = [line for line in lines if line.startswith("damaged")]
    assert str(path) in damaged
    assert kinds(lines)[-2:] == ["resume", "repair"]
    # a resume needs snapshot and restart of one step
    assert f"from step {2 if step == 3 else 3}" in lines[-2]
    assert contents(written) == before


def test_a_complete_run_needs_no_resume_but_a_damaged_one_a_copy(written: Path) -> None:
    with Store.reopen(written) as store:
        store.close("complete")
    assert kinds(describe_folder(written)) == ["good"] * 7
    spoil(written / "snap" / "000000001.h5")
    assert kinds(describe_folder(written))[-1] == "repair"


def test_a_cut_off_restart_leaves_the_one_before(written: Path) -> None:
    path = written / "restart" / "000000003.h5"
    path.write_bytes(path.read_bytes()[:100])
    lines = describe_folder(written)
    assert "from step 2" in lines[-1]
    assert [str(path) in line for line in lines if line.startswith("damaged")] == [True]
    (written / "restart" / "000000002.h5").unlink()
    assert "not possible" in describe_folder(written)[-1]


def test_a_spoilt_view_does_not_hide_the_snapshots(written: Path) -> None:
    (written / "trajectory.h5").write_bytes(b"not HDF5")
    lines = describe_folder(written)
    assert kinds(lines) == ["damaged", *["good"] * 6, "resume", "repair"]
    assert all(len(line.splitlines()) == 1 for line in lines)


def test_a_missing_snapshot_is_listed(written: Path) -> None:
    (written / "snap" / "000000001.h5").unlink()
    (missing,) = [line for line in describe_folder(written) if line.startswith("missing")]
    assert "snap/000000001.h5" in missing


def test_what_belongs_to_another_run_is_foreign(
    written: Path, tmp_path: Path, make_layout: Any, make_frame: Any, config_text: Any
) -> None:
    """Of the same times and steps, and of the same format: only its name tells."""
    layout = make_layout()
    with Store.create(
        tmp_path / "other", layout=layout, config_toml=config_text(2), provenance={"seed": 0}
    ) as store:
        store.append(make_frame(layout, 1))
    name = "000000001.h5"
    (written / "snap" / name).write_bytes((tmp_path / "other" / "snap" / name).read_bytes())
    assert [f.kind for f in examine(written) if name in f.text] == ["foreign"]


def test_a_newer_format_is_told_apart_from_damage(written: Path) -> None:
    with h5py.File(written / "snap" / "000000001.h5", "r+") as file:
        file.attrs["bnflow_schema"] = "9.0"
    (newer,) = [line for line in describe_folder(written) if line.startswith("newer")]
    assert "9.0" in newer
    assert "upgrade" in newer


def test_what_a_killed_writer_left_is_named(written: Path) -> None:
    (written / "snap" / ".000000004.h5.1-ab.tmp").touch()
    assert kinds(describe_folder(written)).count("left") == 1


def test_a_packed_run_is_read_whole(written: Path, tmp_path: Path) -> None:
    pack(written, tmp_path / "one.h5")
    (line,) = describe_folder(tmp_path / "one.h5")
    assert line.startswith("good")
    assert "4 saved times" in line
    spoil(tmp_path / "one.h5")
    assert kinds(describe_folder(tmp_path / "one.h5")) == ["damaged"]


def test_a_run_that_is_being_written_is_told(written: Path) -> None:
    with Store.reopen(written):
        assert describe_folder(written)[-1].startswith("in use")
    assert not describe_folder(written)[-1].startswith("in use")


@pytest.mark.parametrize("make", [lambda p: None, lambda p: p.mkdir()])
def test_a_folder_without_a_run_is_one_line(make: Callable[[Path], Any], tmp_path: Path) -> None:
    make(tmp_path / "other")
    with pytest.raises(InputError, match=r"other (holds no run|does not exist)"):
        describe_folder(tmp_path / "other")


def test_a_sweep_is_told_from_a_run(tmp_path: Path) -> None:
    (tmp_path / DECLARATION).write_text("{}")
    with pytest.raises(InputError, match="holds a sweep, many runs: bnflow sweep-table"):
        describe_folder(tmp_path)

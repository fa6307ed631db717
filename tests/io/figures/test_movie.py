"""A movie has a frame a saved time, in colours and limits that do not change between them."""

import shutil
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageSequence

from bnflow.api import solve
from bnflow.io.figures import movie
from bnflow.io.figures.density import around_circle
from bnflow.io.figures.style import styled
from bnflow.io.run import Run
from bnflow.kernels.errors import InputError

DIRECTIONS = [1.0, 0.5, -0.2, 0.3]


@pytest.fixture(scope="module", autouse=True)
def coarse() -> Any:
    """Small pictures, for speed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(movie, "DPI", 40)
        yield


def made(d: int, neurons: bool = False, **changes: Any) -> Run:
    solver: dict[str, Any] = {"cells": {2: 8, 3: 4, 4: 4}.get(d, 4), "a_cells": 12}
    if neurons:
        solver = {"method": "particles", "width": 9}
    data = {"kind": "sampled", "covariance": [4.0, 1.0, 2.0, 1.5][:d], "samples": 20}
    target = {"weights": [1.0], "directions": [DIRECTIONS[:d]]}
    time = {"end": 0.2, "save": [0.05, 0.1]}
    return solve({"solver": solver, "data": data, "target": target, "time": time}, **changes)


def read(path: Path) -> tuple[list[np.ndarray], int]:
    """The frames of a GIF, and how many milliseconds each takes."""
    with Image.open(path) as found:
        frames = [np.asarray(each.convert("RGB"), int) for each in ImageSequence.Iterator(found)]
        return frames, int(found.info["duration"])


@pytest.mark.parametrize(
    ("d", "neurons"),
    [
        (2, False),
        (3, False),
        (2, True),
        *(
            pytest.param(*each, marks=pytest.mark.slow)
            for each in ((4, False), (1, True), (3, True))
        ),
    ],
)
def test_a_gif_has_a_frame_a_saved_time_and_they_differ(
    tmp_path: Path, d: int, neurons: bool
) -> None:
    run, told = made(d, neurons), []
    run.movie(tmp_path / "m.gif", fps=4, told=lambda done, total: told.append((done, total)))
    assert told == [(k, 4) for k in (1, 2, 3, 4)]
    frames, duration = read(tmp_path / "m.gif")
    assert (len(frames), duration) == (4, 250)
    assert all(np.abs(a - b).max() > 50 for a, b in pairwise(frames))
    assert [path.name for path in tmp_path.iterdir()] == ["m.gif"]


def test_colours_are_those_of_all_times_and_values_those_of_each() -> None:
    run = made(2)
    with styled():
        scene = movie._scene(run)
    mesh = scene.figure.axes[0].collections[0]
    top = max(run.density(float(t)).max() for t in run.time)
    for t in run.time:
        with styled():
            scene.show(float(t))
        shown = np.asarray(mesh.get_array()).T
        np.testing.assert_array_equal(shown, around_circle(run, run.density(float(t))))
        assert mesh.norm.vmax == top
        assert scene.figure.axes[0].get_title(loc="left") == f"density, t = {t:.4g}"


def test_times_without_fields_are_left_out(tmp_path: Path) -> None:
    run = made(2, out=tmp_path / "run", **{"output.density_every": 3})
    assert len(run.time) == 4
    run.movie(tmp_path / "m.gif")
    assert len(read(tmp_path / "m.gif")[0]) == 2


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
def test_mp4_by_ffmpeg(tmp_path: Path) -> None:
    made(2, neurons=True).movie(tmp_path / "m.mp4")
    asked = ["ffprobe", "-v", "error", "-count_frames", "-show_entries", "stream=nb_read_frames"]
    said = subprocess.run([*asked, "m.mp4"], cwd=tmp_path, capture_output=True, text=True)
    assert "nb_read_frames=4" in said.stdout


def test_what_ffmpeg_says_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "bin" / "ffmpeg"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho 'no encoder' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/bin:/usr/bin")
    with pytest.raises(InputError, match=r"ffmpeg could not write the movie \(no encoder\)"):
        made(2, neurons=True).movie(tmp_path / "m.mp4")
    assert [path.name for path in tmp_path.iterdir()] == ["bin"]


def test_mistakes_are_one_line_and_write_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = made(2, neurons=True)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    for name, fps, match in (
        ("m.avi", None, r"ends in \.gif or \.mp4"),
        ("no/m.gif", None, "does not exist"),
        ("m.gif", 0.0, "fps = 0"),
        ("m.mp4", None, r"mp4 needs the program ffmpeg.*m\.gif"),
    ):
        with pytest.raises(InputError, match=match) as error:
            run.movie(tmp_path / name, fps=fps)
        assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())

"""A movie of a run, a frame a time with stored fields, in colours and limits that stay the same.

d = 2: density, signed measure and risk. d = 3: the signed measure on the equal-area map, and the
risk. d = 4: the measure on two discs, and the risk. Neurons: where they are, and the risk.

Two passes: the first finds the limits over all times, the second draws; a density is in memory for
one saved time only. GIF is always there, by Pillow; MP4 needs the program ffmpeg.
"""

from __future__ import annotations

import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from numpy.typing import NDArray
from PIL import Image

from ...kernels.errors import InputError
from ...pde.frame import Layout
from .scenes import Scene, circle_scene, disc_scene, neuron_scene, sphere_scene
from .style import styled

if TYPE_CHECKING:
    from ..run import Run

FORMATS = ("gif", "mp4")
LENGTH = 8.0  # seconds that a movie takes, within the limits of the rate
SLOWEST, FASTEST = 1.0, 20.0  # frames per second
HIGHEST = 50.0  # that GIF can have
DPI = 110
Frames = Iterator[NDArray[np.uint8]]
Told = Callable[[int, int], None]  # how many frames are done, of how many


def movie(run: Run, path: Path, fps: float | None = None, told: Told | None = None) -> None:
    """Write the movie; the ending of the name, .gif or .mp4, chooses the format.

    fps : frames per second; so many that it takes 8 seconds, unless given
    told : called after every frame
    """
    encode = _encoder(run, path, fps)
    rate = fps or float(np.clip(len(run.field_times) / LENGTH, SLOWEST, FASTEST))
    temporary = path.with_name(f".{secrets.token_hex(4)}.{path.name}")
    try:
        with styled():
            encode(_frames(run, _scene(run), told), temporary, rate)
        temporary.replace(path)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from None
    finally:
        temporary.unlink(missing_ok=True)


def _encoder(run: Run, path: Path, fps: float | None) -> Callable[[Frames, Path, float], None]:
    """What writes the format, or an error in one line."""
    kind = path.suffix.lower().removeprefix(".")
    if kind not in FORMATS:
        raise InputError(f"cannot write {path}: use a name that ends in .{' or .'.join(FORMATS)}")
    if not path.parent.is_dir():
        raise InputError(f"cannot write {path}: the folder {path.parent} does not exist")
    if (count := len(run.field_times)) < 2:
        raise InputError(
            f"a movie needs 2 times with stored fields, this run has {count}: set time.save_every"
        )
    if fps is not None and not 0 < fps <= HIGHEST:
        raise InputError(f"fps = {fps:g}: frames per second are a number from 0 to {HIGHEST:g}")
    if kind == "mp4" and shutil.which("ffmpeg") is None:
        raise InputError(
            "mp4 needs the program ffmpeg, which is not on the PATH: install it, or write "
            f"{path.with_suffix('.gif').name}"
        )
    return {"gif": _gif, "mp4": _mp4}[kind]


def _scene(run: Run) -> Scene:
    """What fits the run."""
    if not isinstance(run.layout, Layout):
        return neuron_scene(run)
    shapes = {2: circle_scene, 3: sphere_scene}
    return shapes.get(run.layout.dimension, disc_scene)(run)


def _frames(run: Run, scene: Scene, told: Told | None) -> Frames:
    """(rows, columns, 3) a saved time, both even, as mp4 wants them."""
    scene.figure.set_dpi(DPI)
    canvas: Any = FigureCanvasAgg(scene.figure)
    scene.figure.draw_without_rendering()
    scene.figure.set_layout_engine("none")  # nothing moves but what is shown
    for row, t in enumerate(run.field_times):
        scene.show(float(t))
        canvas.draw()
        pixels = np.asarray(canvas.buffer_rgba())[..., :3]
        yield np.ascontiguousarray(pixels[: len(pixels) // 2 * 2, : pixels.shape[1] // 2 * 2])
        if told is not None:
            told(row + 1, len(run.field_times))


def _gif(frames: Frames, path: Path, fps: float) -> None:
    """By Pillow, for ever; a colour that a frame has is the nearest of its 256."""
    images = (Image.fromarray(frame).quantize(256, dither=Image.Dither.NONE) for frame in frames)
    duration = round(1000 / fps)
    next(images).save(
        path, format="gif", save_all=True, append_images=images, duration=duration, loop=0
    )


def _mp4(frames: Frames, path: Path, fps: float) -> None:
    """By ffmpeg, with the encoder that it has for mp4."""
    first = next(frames)
    size = f"{first.shape[1]}x{first.shape[0]}"
    command = ["ffmpeg", "-y", "-v", "error", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", size]
    command += ["-r", f"{fps:g}", "-i", "-", "-pix_fmt", "yuv420p", "-f", "mp4", str(path)]
    with TemporaryFile() as said:
        with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=said) as program:
            assert program.stdin is not None
            try:
                for frame in _chained(first, frames):
                    program.stdin.write(frame.tobytes())
                program.stdin.close()
            except BrokenPipeError:
                pass  # what ffmpeg says tells why
        said.seek(0)
        if program.returncode:
            lines = said.read().decode(errors="replace").split("\n")
            raise InputError(f"ffmpeg could not write the movie ({lines[0].strip()}): try .gif")


def _chained(first: NDArray[np.uint8], rest: Frames) -> Frames:
    yield first
    yield from rest

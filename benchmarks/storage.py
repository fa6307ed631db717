"""What storing costs a run, and what opening a large one reads.

    python benchmarks/storage.py [--quick] [--csv FILE]

writer     the same run in memory and on disk, a save every 1 % of its steps: wall time, the time of
           the computing thread alone, which a second core does not hide, and the time it waited
large      a trajectory of 1 GB: seconds to open it, to draw one time, and the bytes read for that,
           as the operating system counts them (/proc/self/io: rchar, all that was asked for)

Figures are of this machine, in one thread of BLAS; the best of three where it says so.
"""

from __future__ import annotations

import argparse
import platform
import shutil
import statistics
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import bnflow
from bnflow.benchmarks.throughput import write_rows
from bnflow.io.store import Store
from bnflow.io.writer import Writer
from bnflow.kernels.errors import Notice
from bnflow.pde.config import load_config
from bnflow.pde.frame import Frame, Layout
from bnflow.pde.session import prepare

Row = dict[str, Any]
FULL = (192, 128, 1.5)  # cells, a_cells, time.end
QUICK = (32, 32, 1.0)


def main() -> None:
    """Measure, print, and write the table where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--quick", action="store_true", help="small sizes, for a check that it runs"
    )
    parser.add_argument("--csv", type=Path, help="write the table there")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", Notice)
    with tempfile.TemporaryDirectory() as place:
        rows = list(measured(Path(place), arguments.quick))
    for row in rows:
        print(f"{row['what']:<34}{row['value']:>12.4g} {row['unit']:<8}{row['note']}")
    if arguments.csv is not None:
        write_csv(arguments.csv, rows)


def measured(place: Path, quick: bool) -> Iterator[Row]:
    """All figures."""
    cells, a_cells, end = QUICK if quick else FULL
    yield from writer_cost(place / "written", cells, a_cells, end, 1 if quick else 3)
    yield from large_run(place / "large", 8 if quick else 1000)


def row(what: str, value: float, unit: str, note: str = "") -> Row:
    """One figure."""
    return {"what": what, "value": value, "unit": unit, "note": note}


# -- what the writer costs -------------------------------------------------------------------------


def writer_cost(place: Path, cells: int, a_cells: int, end: float, repeats: int) -> Iterator[Row]:
    """A run with a hundred saves, in memory and on disk by turns."""
    solver = {"cells": cells, "a_cells": a_cells}
    config = load_config({"solver": solver, "time": {"end": end, "save_every": end / 100}})
    pairs = []
    for number in range(repeats):
        memory = timed(config, None)
        stored = timed(config, place / str(number))
        pairs.append((memory, stored))
    steps = pairs[0][0]["steps"]
    note = f"{steps} steps, 101 saves of {stored['bytes'] / 101 / 2**20:.2f} MiB"
    yield row("run in memory", min(m["wall"] for m, _ in pairs), "s", note)
    yield row("run on disk", min(s["wall"] for _, s in pairs), "s", f"best of {repeats}")
    for name, what in (
        ("wall", "cost of the writer, wall"),
        ("thread", "the same, computing thread"),
    ):
        costs = [s[name] / m[name] - 1 for m, s in pairs]
        spread = f"median; {min(costs):.1%} .. {max(costs):.1%}"
        yield row(what, 100 * statistics.median(costs), "%", spread)
    yield row("waited for the writer", 100 * stored["waited"] / stored["wall"], "%", "of the run")


def timed(config: Any, out: Path | None) -> dict[str, float]:
    """Seconds of a run, of its computing thread, and waiting; steps and bytes."""
    with waiting() as waited:
        start, thread = time.perf_counter(), time.thread_time()
        run = bnflow.solve(config, out)
        took = {"wall": time.perf_counter() - start, "thread": time.thread_time() - thread}
    size = 0 if out is None else sum(path.stat().st_size for path in (out / "snap").iterdir())
    return {**took, "waited": sum(waited), "steps": int(run.step[-1]), "bytes": size}


@contextmanager
def waiting() -> Iterator[list[float]]:
    """Seconds that every hand-over of a frame took."""
    found: list[float] = []
    save = Writer.save

    def timed_save(self: Writer, frame: Frame) -> None:
        start = time.perf_counter()
        save(self, frame)
        found.append(time.perf_counter() - start)

    Writer.save = timed_save  # type: ignore[method-assign]
    try:
        yield found
    finally:
        Writer.save = save  # type: ignore[method-assign]


# -- a large run -----------------------------------------------------------------------------------


def large_run(place: Path, megabytes: int) -> Iterator[Row]:
    """Open it, and draw one time."""
    count = 100 if megabytes > 100 else 8
    write_large(place, megabytes / count, count)
    size = sum(path.stat().st_size for path in place.rglob("*.h5"))
    seconds, opened, drawn, drawing = [], [], [], []
    for _ in range(3):
        before, start = bytes_read(), time.perf_counter()
        run = bnflow.open(place)
        seconds.append(time.perf_counter() - start)
        opened.append(bytes_read() - before)
        before, start = bytes_read(), time.perf_counter()
        run.plot(place.parent / "large.png", what="density", time=float(run.time[count // 2]))
        drawing.append(time.perf_counter() - start)
        drawn.append(bytes_read() - before)
    yield row("large run", size / 1e9, "GB", f"{count} saved times")
    yield row("opening it", min(seconds), "s", f"reads {max(opened) / 1e6:.2f} MB")
    note = f"reads {min(drawn) / 1e6:.2f} MB, matplotlib's own files among them"
    yield row("drawing one time", min(drawing), "s", note)
    before = bytes_read()
    bnflow.open(place).density(float(run.time[1]))
    yield row("read of all, for one time", 100 * (bytes_read() - before) / size, "%", "and opening")
    shutil.rmtree(place)


def write_large(place: Path, megabytes: float, count: int) -> None:
    """Saved times of so many megabytes each; the density is not computed."""
    a_cells = 128
    cells = max(4, int(megabytes * 1e6 / (8 * 4 * a_cells)))
    config = load_config({"solver": {"cells": cells, "a_cells": 16}, "data": {
        "kind": "sampled", "covariance": [1.0, 1.0], "samples": 16}})  # fmt: skip
    session = prepare(config)
    layout = session.layout(session.driver().state)
    assert isinstance(layout, Layout)
    width = 6.0 / a_cells
    wide = vars(layout) | {"a_values": width * (np.arange(a_cells) + 0.5) - 3.0, "a_width": width}
    store = Store.create(
        place, layout=Layout(**wide), config_toml=config.to_toml(), provenance={"seed": 0}
    )
    bell = np.exp(-(wide["a_values"] ** 2) / 2)
    with store:
        for step in range(count):
            rho = np.broadcast_to(bell, (*layout.cell_volume.shape, a_cells)) * (1 + step / count)
            store.append(Frame(step / count, step, {"rho": rho}, 0, {"risk": 1.0, "mass": 1.0}))


def bytes_read() -> int:
    """All that this process has asked the operating system to read."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(dict(line.split(": ") for line in lines)["rchar"])


def write_csv(path: Path, rows: list[Row]) -> None:
    """The table with the machine and the versions."""
    machine: dict[str, object] = {
        "machine": platform.platform(),
        "bnflow": bnflow.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }
    write_rows(path, rows, machine)


if __name__ == "__main__":
    main()

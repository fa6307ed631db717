"""Every CUDA kernel gives what its NumPy twin gives, to rounding, whatever the sizes and the order
in which its threads run. The sources run on the CPU; see host_module.py.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bnflow.kernels import Velocity
from bnflow.kernels.contract import Grid, Heat, Stage
from bnflow.kernels.cuda import CudaKernels, transport
from bnflow.kernels.cuda import grid as cuts
from bnflow.pde.density.stencil import stencil

PROGRAM = Path(__file__).with_name("exercise.py")
QUICK = [
    ("directions d=3", "float64"),
    ("audits d=3", "float32"),
    ("combination", "float32"),
    ("regrid", "float32"),
    ("totals", "float64"),
    ("transport muscl d=2 4x33", "float32"),
    ("transport muscl d=3 5x7", "float64"),
    ("transport muscl d=3 6x12", "float32"),
    ("transport weno d=3 6x12", "float64"),
    ("thermal muscl d=3 6x12", "float64"),
    ("thermal weno d=2 4x33", "float32"),
    ("thermal muscl d=3 5x7", "float32"),
    ("pairs abs", "float32"),
    ("pairs clipped", "float64"),
    ("pairs tanh", "float32"),
    ("tiles abs", "float64"),
    ("tiles softplus", "float32"),
    ("elementwise gelu", "float64"),
    ("elementwise clipped", "float32"),
    ("overlaps relu", "float32"),
    ("overlaps step", "float64"),
    ("ties abs d=3", "float32"),
    ("ties abs d=19", "float64"),
    ("lines abs d=3", "float32"),
    ("lines abs d=2", "float64"),
]
LINES = ("line_forward", "line_backward")
OnHost = Callable[..., CudaKernels]


def named(exercise: Any, name: str) -> Any:
    return next(case for case in exercise.cases() if case.name == name)


@pytest.mark.parametrize(("name", "real"), QUICK)
def test_a_kernel_gives_what_its_twin_gives(
    name: str, real: str, exercise: Any, on_host: OnHost
) -> None:
    assert named(exercise, name).check(on_host(real)) <= 1


def test_a_stage_does_not_depend_on_how_the_grid_is_cut(
    exercise: Any, on_host: OnHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Marches of any length give the same bits."""
    sphere, a = exercise.CubedSphere(3, 6), np.linspace(-1.1, 1.1, 12)
    rng = np.random.default_rng(0)
    rho = exercise.rough(rng, (*sphere.shape, 12)).astype(np.float32)
    faces = [0.1 * rng.normal(size=w.shape[:-1]) for w in sphere.face_weights]
    h = rng.normal(size=sphere.shape)
    gradient = stencil(sphere, sphere.face_weights, lambda covector, _: covector)
    warm = Velocity(faces, -h, heat=Heat(0.1, h, gradient))
    grid = Grid(sphere.volume, a, a[1] - a[0], sphere.connectivity)
    found: list[list[np.ndarray]] = []
    for cells in (1, 4, 6):
        monkeypatch.setattr(transport, "SHORTEST", cells)
        cold, hot, leaving = (np.empty_like(rho) for _ in range(3))
        kernels, stage = on_host("float32"), Stage("muscl", 0.002)
        kernels.transport(cold, rho, stage, Velocity(faces, -h), grid)
        kernels.transport(hot, rho, stage, warm, grid)
        kernels.thermal_outflow(leaving, rho, warm, grid)
        found.append([cold, hot, leaving])
    for first, second, third in zip(*found, strict=True):
        assert np.array_equal(first, second)
        assert np.array_equal(first, third)


@pytest.mark.parametrize("order", [0, 1, 7])
def test_totals_do_not_depend_on_blocks_or_on_the_order_of_threads(
    order: int, exercise: Any, on_host: OnHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the warps of a block, every bit is that of one stated order."""
    for threads in (32, 128, 512):
        monkeypatch.setattr(cuts, "THREADS", threads)
        assert named(exercise, "totals").check(on_host("float64", order=order)) <= 1


@pytest.mark.slow
@pytest.mark.parametrize("real", ["float64", "float32"])
@pytest.mark.parametrize("order", [0, 1, 7])
def test_all_kernels_in_any_order_of_their_threads(
    real: str, order: int, exercise: Any, on_host: OnHost
) -> None:
    kernels = on_host(real, order=order)
    worst = {case.name: case.check(kernels) for case in exercise.cases()}
    assert {name: error for name, error in worst.items() if not error <= 1} == {}


SLOWER = [pytest.param(family, marks=pytest.mark.slow) for family in ("tiles", *LINES)]


@pytest.mark.parametrize("family", ["pairs", *SLOWER])
def test_no_barrier_can_be_missing(family: str, exercise: Any, on_host: OnHost) -> None:
    edits, (case, count) = exercise.without_barriers(family), exercise.BARRIERS[family]
    assert len(edits) == count
    for number, edit in enumerate(edits):
        missed = named(exercise, case).check(on_host("float32", edit=edit, order=7)) > 1
        assert missed is ((family, number) not in exercise.COVERED)


LATER = [
    "ties of lines on the other side",
    "the rounding of thresholds forgotten",
    "bins of one bit too many",
    "ties of pairs by rounding",
]


@pytest.mark.parametrize(
    "name",
    [
        "a face too far",
        "a lane too far",
        "half of a column",
        "a corner of three panels missed",
        "an axis not turned across an edge",
        "a lane too far in a speed",
        *(pytest.param(name, marks=pytest.mark.slow) for name in LATER),
    ],
)
def test_a_planted_fault_is_seen(name: str, exercise: Any, on_host: OnHost) -> None:
    fault = exercise.FAULTS[name]
    kernels = on_host(fault.real, edit=fault)
    assert named(exercise, fault.case).check(kernels) > 1


def sanitized(library: str, sanitize: str, *words: str) -> subprocess.CompletedProcess[str]:
    """The exercises as a program, with a sanitizer's library loaded before Python."""
    found = subprocess.run(["g++", f"-print-file-name={library}"], capture_output=True, text=True)
    environment = {
        **os.environ,
        "LD_PRELOAD": found.stdout.strip(),
        "ASAN_OPTIONS": "detect_leaks=0",
        "UBSAN_OPTIONS": "halt_on_error=1",
        "TSAN_OPTIONS": "halt_on_error=1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    command = [sys.executable, str(PROGRAM), "--sanitize", sanitize, *words]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("real", ["float32", "float64"])
def test_no_kernel_reads_or_writes_beyond_its_arrays(real: str, host_module: Any) -> None:
    done = sanitized("libasan.so", "address,undefined", "--real", real, *dict(QUICK))
    assert done.returncode == 0, done.stdout[-500:] + done.stderr[-2000:]


@pytest.mark.slow
@pytest.mark.parametrize("real", ["float32", "float64"])
def test_no_threads_race(real: str, host_module: Any) -> None:
    """The kernels whose threads share memory or lanes."""
    sharing = (
        "directions d=3",
        "transport muscl d=2 9x8",
        "thermal muscl d=2 9x8",
        "pairs tanh",
        "tiles abs",
        "lines abs d=3",
    )
    done = sanitized("libtsan.so", "thread", "--real", real, *sharing)
    assert done.returncode == 0, done.stdout[-500:] + done.stderr[-2000:]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a tile one item too long", "insufficient space"),
        ("a row beyond the last", "heap-buffer-overflow"),
        ("the wrong stride", "heap-buffer-overflow"),
        ("an unaligned vector", "misaligned address"),
    ],
)
def test_a_sanitizer_sees_a_planted_fault(
    name: str, words: str, host_module: Any, exercise: Any
) -> None:
    case = exercise.FAULTS[name].case
    done = sanitized("libasan.so", "address,undefined", "--fault", name, case)
    assert done.returncode != 0
    assert words in done.stderr

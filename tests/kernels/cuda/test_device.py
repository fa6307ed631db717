"""What a device tells of itself: as CuPy is asked for it, and with a device that is not CuPy's."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from bnflow.benchmarks import kernels as program
from bnflow.benchmarks.steps import Size
from bnflow.kernels.cuda import CudaKernels, cupy_device

TINY = program.Sizes(
    entries=1000,
    multiply_adds=1000,
    pairs=((2, 5, 7),),
    sums=((2, 4, 6),),
    peers=(),
    stages=((2, 4, 12),),
    steps=(Size(2, 4, 12, 6),),
    counted=2,
    rounds=1,
    activations=("relu",),
    schemes=("muscl",),
    grids=(Size(2, 4, 12, 6),),
    widths=(6,),
)


def fake_cupy(log: list[str]) -> Any:
    """Events of 10 ms each call of `record`, a pool that grows by 100 bytes each `total_bytes`."""
    clock, taken = iter(range(0, 1000, 10)), iter(range(500, 1000, 100))

    class Event:
        def record(self) -> None:
            self.at = next(clock)
            log.append("record")

        def synchronize(self) -> None:
            log.append("wait")

    pool = SimpleNamespace(
        free_all_blocks=lambda: log.append("free"), total_bytes=lambda: next(taken)
    )
    runtime = SimpleNamespace(
        getDeviceProperties=lambda i: {"name": f"Card {i}".encode()},
        runtimeGetVersion=lambda: 12090,
        driverGetVersion=lambda: 13010,
    )
    cuda = SimpleNamespace(
        runtime=runtime,
        Device=lambda: SimpleNamespace(id=3, mem_info=(5, 80)),
        Event=Event,
        get_elapsed_time=lambda start, stop: stop.at - start.at,
        nvrtc=SimpleNamespace(getVersion=lambda: (12, 9)),
    )
    return SimpleNamespace(
        cuda=cuda, RawModule=None, __version__="14.2.0", get_default_memory_pool=lambda: pool
    )


def test_a_gpu_is_timed_by_its_events_and_waited_for() -> None:
    log: list[str] = []
    kernels = CudaKernels(cupy_device(fake_cupy(log)))
    assert kernels.seconds(lambda: log.append("call"), 2) == pytest.approx(0.005)
    assert log == ["record", "call", "call", "record", "wait"]


def test_its_memory_is_what_the_pool_takes() -> None:
    log: list[str] = []
    kernels = CudaKernels(cupy_device(fake_cupy(log)))
    assert kernels.peak_bytes(lambda: log.append("call")) == 100
    assert log == ["free", "call"]


def test_it_says_what_it_is() -> None:
    assert CudaKernels(cupy_device(fake_cupy([]))).about() == {
        "gpu": "Card 3",
        "gpu_bytes": "80",
        "cuda": "12.9",
        "cuda_of_driver": "13.1",
        "nvrtc": "12.9",
        "cupy": "14.2.0",
    }


def test_the_benchmark_runs_on_a_device(
    on_device: CudaKernels, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With arrays that stay there: every part of it but the GPU's own clock."""
    device = replace(on_device.device, about=lambda: {"gpu": "none"})
    kernels = CudaKernels(device)
    rows = list(program.measured(kernels, "float64", TINY))
    assert program.described(kernels)["gpu"] == "none"
    groups = {str(row["group"]) for row in rows}
    assert {"limit", "forward", "backward", "sums forward", "first noisy", "step"} <= groups
    assert "first stage" in groups
    assert [row["name"] for row in rows if row["group"] == "step recorded"] == [
        "relu muscl d=2, 6 rows",
        "relu neurons, 6 rows",
    ]
    assert all(float(str(row["seconds_best"])) > 0 for row in rows)
    assert "muscl d=2" in capsys.readouterr().out

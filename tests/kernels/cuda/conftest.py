"""The CUDA backend on the CPU: the same sources and launches, NumPy arrays, g++ for a compiler.

And on a GPU where there is one, with the same cases: `pytest -m gpu`.
"""

import shutil
import sys
from collections.abc import Callable
from functools import partial
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bnflow.kernels import probe_cuda, select
from bnflow.kernels.cuda import CudaKernels, Device


def load(name: str) -> Any:
    """A program of this folder, as a module."""
    spec = spec_from_file_location(f"cuda_{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def exercise() -> Any:
    """The cases in which a kernel stands beside its twin."""
    return load("exercise")


@pytest.fixture(scope="session")
def matrix() -> Any:
    """The compiler for real GPUs, which needs none."""
    return load("matrix")


@pytest.fixture(scope="session")
def host_module(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """`HostModule`, its libraries in a folder of the session's."""
    if shutil.which("g++") is None:
        pytest.skip("NOT CHECKED, the CUDA kernels on the CPU: there is no g++")
    return partial(load("host_module").HostModule, folder=tmp_path_factory.mktemp("kernels"))


@pytest.fixture(scope="session")
def on_gpu() -> Callable[[Any], CudaKernels]:
    """The backend of the GPU, of either type."""
    there, found = probe_cuda()
    if not there:
        pytest.skip(f"NOT CHECKED, the CUDA kernels on a GPU: {found}")
    return lambda real: CudaKernels(select("cuda").device, real)  # type: ignore[attr-defined]


@pytest.fixture(scope="session", params=["cpu", pytest.param("gpu", marks=pytest.mark.gpu)])
def on_device(request: pytest.FixtureRequest) -> CudaKernels:
    """A CUDA backend whose arrays refuse to be NumPy's: of a GPU, or on the CPU as those do."""
    if request.param == "gpu":
        return request.getfixturevalue("on_gpu")("float64")
    arrays, host_module = load("device_arrays"), request.getfixturevalue("host_module")
    compiled = lambda **how: arrays.behind(host_module(**how))  # noqa: E731
    recorder = load("tape").Recorder(arrays)
    return CudaKernels(Device(arrays.xp, compiled, lambda: 1 << 34, recorder=recorder))


@pytest.fixture
def alone(on_device: CudaKernels) -> Device:
    """A device on the CPU with nothing kept, whose recorder has memory of its own."""
    device = on_device.device
    if not hasattr(device.xp, "tape"):
        pytest.skip("of the arrays on the CPU")
    recorder: Any = device.recorder
    own = type(recorder)(recorder.arrays)
    return Device(device.xp, device.raw_module, device.memory, recorder=own)


@pytest.fixture(scope="session")
def carried() -> Callable[[CudaKernels], Any]:
    """A backend for arrays of NumPy, which are carried to its device and back."""
    program = load("carried")
    return lambda kernels: program.Carried(kernels, kernels)


@pytest.fixture(scope="session")
def on_host(host_module: Any) -> Callable[..., CudaKernels]:
    """A CUDA backend on the CPU, of either type."""
    kept: dict[Any, CudaKernels] = {}

    def make(real: Any = "float64", **how: Any) -> CudaKernels:
        key = (real, *sorted(how.items()))
        if key not in kept:
            device = Device(np, partial(host_module, **how), lambda: 1 << 34)
            kept[key] = CudaKernels(device, real)
        return kept[key]

    return make

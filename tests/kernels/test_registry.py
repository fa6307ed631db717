"""Which backend runs: nothing falls back silently."""

import platform
import subprocess
import sys
import tempfile
from types import SimpleNamespace
from typing import Any

import pytest

from bnflow.kernels import contract, probe_cuda, registry, select
from bnflow.kernels.errors import InputError


@pytest.mark.parametrize("name", ["auto", "numpy"])
def test_the_host_backend_has_every_function_of_the_contract(name: str) -> None:
    kernels = select(name)
    promised = {n for n in vars(contract.Kernels) if not n.startswith("_")}
    promised |= {n for n in contract.Kernels.__annotations__ if not n.startswith("_")}
    assert promised <= set(dir(kernels))
    assert kernels.name == "numpy"
    assert kernels.memory() > 1 << 28  # bytes; any machine that runs this has more


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of its malloc")
def test_what_a_step_frees_is_there_for_the_next_without_page_faults() -> None:
    """Three blocks of 256 KiB at the top of the heap, of which glibc gives back all but 128 KiB."""
    program = """if True:
        import resource, numpy as np
        from bnflow.kernels import select
        select("numpy")
        def faults():
            before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
            blocks = [np.ones(1 << 15) for _ in range(3)]
            return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
        faults()
        print(sum(faults() for _ in range(100)))
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert int(done.stdout) < 100  # 64 pages a block


class Cuda(SimpleNamespace):
    """`cupy.cuda`, whose libraries are loaded when they are asked for."""

    def __init__(self, runtime: Any, lacks: tuple[str, ...]) -> None:
        super().__init__(runtime=runtime, nvrtc=SimpleNamespace(getVersion=self._nvrtc))
        self.lacks = lacks

    def _nvrtc(self) -> tuple[int, int]:
        if "nvrtc" in self.lacks:
            raise RuntimeError("no file libnvrtc.so.12")
        return 12, 9

    def __getattr__(self, name: str) -> Any:
        if name in self.lacks:
            raise ImportError(f"no file lib{name}.so.12")
        if name in ("cublas", "cufft", "cusolver"):
            return SimpleNamespace()
        raise AttributeError(name)


def fake_cupy(count: Any, version: str = "14.2.0", lacks: tuple[str, ...] = ()) -> Any:
    def devices() -> Any:
        if isinstance(count, Exception):
            raise count
        return count

    runtime = SimpleNamespace(
        getDeviceCount=devices, getDeviceProperties=lambda i: {"name": b"Card 9"}
    )
    return SimpleNamespace(cuda=Cuda(runtime, lacks), __version__=version)


@pytest.mark.parametrize(
    ("cupy", "found", "phrase"),
    [
        (ImportError("cupy"), False, "not installed"),
        (fake_cupy(RuntimeError("driver")), False, "no usable GPU (RuntimeError)"),
        (fake_cupy(0), False, "finds no GPU"),
        (fake_cupy(1, "13.6.0"), False, "CuPy 13.6.0 is too old: pip install -U bnflow[gpu12]"),
        (fake_cupy(1, lacks=("nvrtc",)), False, "CuPy finds no NVRTC: pip install bnflow[gpu12]"),
        (
            fake_cupy(1, lacks=("cublas", "cusolver")),
            False,
            "CuPy finds no cuBLAS, no cuSOLVER: pip install bnflow[gpu12], or gpu13 for CUDA 13",
        ),
    ],
)
def test_a_gpu_that_is_asked_for_is_an_error_of_one_line_that_says_why(
    cupy: Any, found: bool, phrase: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(name: str) -> Any:
        assert name == "cupy"
        if isinstance(cupy, ImportError):
            raise cupy
        return cupy

    monkeypatch.setattr(registry, "import_module", load)
    there, words = probe_cuda()
    assert there is found
    assert phrase in words
    with pytest.raises(InputError) as error:
        select("cuda")
    assert words in str(error.value)
    assert '"numpy"' in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_a_gpu_that_is_there_is_used_and_only_then_is_cupy_imported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cupy = fake_cupy(1)
    cupy.RawModule = None  # nothing is compiled before it is called
    monkeypatch.setattr(registry, "import_module", lambda name: cupy)
    assert probe_cuda() == (True, "Card 9")
    kernels = select("cuda")
    assert kernels.name == "cuda"
    promised = {n for n in vars(contract.Kernels) if not n.startswith("_")}
    assert promised <= set(dir(kernels))


def test_the_package_is_imported_without_cupy() -> None:
    code = "import sys, bnflow.kernels.cuda, bnflow.api; assert 'cupy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tempfile.gettempdir())

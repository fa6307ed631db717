"""Which backend runs: nothing falls back silently."""

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


def fake_cupy(count: Any) -> Any:
    def devices() -> Any:
        if isinstance(count, Exception):
            raise count
        return count

    runtime = SimpleNamespace(
        getDeviceCount=devices, getDeviceProperties=lambda i: {"name": b"Card 9"}
    )
    return SimpleNamespace(cuda=SimpleNamespace(runtime=runtime))


@pytest.mark.parametrize(
    ("cupy", "found", "phrase"),
    [
        (ImportError("cupy"), False, "not installed"),
        (fake_cupy(RuntimeError("driver")), False, "no usable GPU (RuntimeError)"),
        (fake_cupy(0), False, "finds no GPU"),
        (fake_cupy(1), True, "Card 9"),
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

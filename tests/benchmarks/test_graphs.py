"""Steps with CUDA graphs beside those without: nothing stands for what was not recorded."""

from types import SimpleNamespace
from typing import Any

import pytest

from bnflow.benchmarks import graphs


def test_nothing_is_compared_with_a_run_that_went_on_without(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A failure is seen while the second of three pairs runs."""
    kernels: Any = SimpleNamespace(device=SimpleNamespace(recorder=object(), records=True))

    def each(*_: Any) -> Any:
        for number in range(3):
            kernels.device.records = number < 1
            yield number

    monkeypatch.setattr(graphs, "_each", each)
    found: list[Any] = list(graphs.compared(kernels, "float64", (), (), 1))
    assert found == [0]
    kernels.device.recorder = None
    assert not list(graphs.compared(kernels, "float64", (), (), 1))

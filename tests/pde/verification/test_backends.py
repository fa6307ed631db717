"""What a comparison of backends tells while it runs."""

import warnings
from typing import Any

import pytest

from bnflow.kernels.errors import WITHOUT, Notice
from bnflow.kernels.registry import NumpyKernels
from bnflow.pde.verification import backends


def test_a_device_that_goes_on_without_something_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told once, and the comparison would pass; what a run tells is of no interest here."""
    whole, once = NumpyKernels.transport, f"{WITHOUT} graphs"

    def telling(*rest: Any) -> None:
        for each in (once, "of a run"):
            warnings.warn(each, Notice, stacklevel=2)
        whole(*rest)

    monkeypatch.setattr(NumpyKernels, "transport", staticmethod(telling))
    keys = {"data": backends.CIRCLE, "time.end": 0.01}
    with pytest.warns(Notice) as told:
        backends._compared("here", keys, NumpyKernels())
    assert {str(each.message) for each in told} == {once}

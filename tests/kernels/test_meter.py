"""What benchmarks measure a call by, on the host."""

import time

import numpy as np
import pytest

from bnflow.kernels import meter


def test_seconds_are_the_mean_of_the_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    monkeypatch.setattr(time, "perf_counter", lambda: 2.0 * len(calls))
    assert meter.seconds(lambda: calls.append(0), 5) == 2.0
    assert len(calls) == 5


def test_the_peak_is_of_arrays_that_live_together_and_of_this_call() -> None:
    """Python's own objects take some, far below an array of 8 MB."""
    array, kept = 8_000_000, np.ones(1_000_000)

    def two_at_once() -> float:
        one = np.ones(1_000_000)
        return float((one + kept).sum())

    def one_after_the_other() -> float:
        return float(np.ones(1_000_000).sum() + np.ones(1_000_000).sum())

    assert 2 * array <= meter.peak_bytes(two_at_once) < 2.1 * array
    assert array <= meter.peak_bytes(one_after_the_other) < 1.1 * array

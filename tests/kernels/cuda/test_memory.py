"""What the kernels keep on a device is what they say beforehand."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bnflow.kernels.cuda import CudaKernels
from bnflow.kernels.cuda.memory import PER_THREAD
from bnflow.kernels.cuda.pairs import BLOCKS, PAIR_THREADS
from bnflow.pde.config import load_config
from bnflow.pde.session import Session
from bnflow.pde.verification import backends


def kept(held: Any) -> int:
    """Bytes of the arrays in dictionaries, tuples and objects."""
    if isinstance(held, np.ndarray):
        return held.nbytes
    parts = held.values() if isinstance(held, dict) else held
    if not isinstance(held, dict | tuple | list):
        parts = vars(held).values() if hasattr(held, "__dict__") else ()
    return sum(kept(part) for part in parts)


@pytest.mark.parametrize(
    ("name", "real"), [("circle, muscl", "float32"), ("circle, weno, noise", "float64")]
)
def test_scratch_of_a_run_is_counted(
    name: str, real: Any, on_host: Callable[..., CudaKernels]
) -> None:
    """Partial sums of pairs apart: they are as small as this run, and their bound is of any."""
    kernels = on_host(real).typed(real)
    kernels.device._scratch.clear()
    kernels.device._kept.clear()
    keys = {**backends.SMALL, **backends.RUNS[name], "solver.a_cells": 64}
    session = Session.prepare(load_config(None, keys)).on(kernels)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        driver = session.driver()
        driver.walk(2)
    noise = not session.problem.temperature.zero
    scratch = {key: made for key, made in kernels.device._scratch.items() if key != "pairs"}
    found = kept(scratch) + sum(kept(made) for _, made in kernels.device._kept.values())
    planned = kernels.held(driver.state.rho.shape, session.config.solver.scheme, noise)
    columns = session.flow.volume.size + BLOCKS * PAIR_THREADS * PER_THREAD
    assert found <= planned - 8 * 3 * columns <= 1.5 * found
    assert kernels.device._scratch["pairs"].nbytes <= 8 * 3 * columns

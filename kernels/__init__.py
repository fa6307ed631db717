"""Array backends and the kernels that run on them: the only room that knows CuPy."""

from .contract import Connectivity, Kernels, Velocity
from .registry import probe_cuda, select

__all__ = ["Connectivity", "Kernels", "Velocity", "probe_cuda", "select"]

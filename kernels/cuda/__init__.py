"""The CUDA backend: kernels in `.cu` files, twins of `reference/`, launched through CuPy."""

from .backend import CudaKernels
from .device import Device, cupy_device

__all__ = ["CudaKernels", "Device", "cupy_device"]

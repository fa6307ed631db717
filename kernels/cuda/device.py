"""Where kernels run: an array namespace and a compiler with CuPy's call shapes, and kept memory.

CuPy is one such pair. Tests give another, NumPy and the same source compiled for the CPU, so that
nothing else in this room needs a GPU to be exercised.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike

from .. import meter
from .recorder import CupyRecorder

KEPT = 8  # constant host arrays whose device copies are remembered
GRAPHS = "BNFLOW_GRAPHS"  # of the environment: 0 leaves every launch by itself


class Recorder(Protocol):
    """Records launches; see `graphs`."""

    def apart(self) -> AbstractContextManager[None]:
        """Within, arrays are made in the recorder's own memory; in order with what is outside."""
        ...

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        """What `work` launches, as a function that launches it; nothing is computed now."""
        ...


@dataclass
class Device:
    """xp : array namespace; raw_module : as `cupy.RawModule`; memory : bytes of the device.

    seconds, peak_bytes : as in `meter`, by the device's own clock and allocator
    about : what the device is, and by what it is driven
    recorder : of launches; None: there are no graphs. It stays where `records` has become False,
        for kept memory may be of its pool
    """

    xp: Any
    raw_module: Callable[..., Any]
    memory: Callable[[], int]
    seconds: Callable[[meter.Call, int], float] = meter.seconds
    peak_bytes: Callable[[meter.Call], int] = meter.peak_bytes
    about: Callable[[], dict[str, str]] = dict
    recorder: Recorder | None = None
    records: bool = True
    _scratch: dict[str, Any] = field(default_factory=dict)
    _kept: dict[tuple[str, int], tuple[Any, Any]] = field(default_factory=dict)
    _constants: dict[tuple[bytes, str], Any] = field(default_factory=dict)
    _noted: list[Any] | None = None

    def array(self, values: Any, dtype: DTypeLike = np.float64) -> Any:
        """`values` on the device, contiguous and of that type; copied only where they are not."""
        if self._noted is not None and not isinstance(values, self.xp.ndarray):
            raise TypeError("values of the host in what is recorded")
        return self.xp.ascontiguousarray(self.xp.asarray(values, dtype=dtype))

    def scratch(self, name: str, shape: tuple[int, ...], dtype: DTypeLike = np.float64) -> Any:
        """Memory of that name, kept between calls; what is in it is anything."""
        held = self._scratch.get(name)
        if held is None or held.shape != shape or held.dtype != dtype:
            held = self._scratch[name] = self.xp.empty(shape, dtype)
        return self._note(held)

    def constant(self, values: Any, dtype: DTypeLike = np.float64) -> Any:
        """A small array of the host, copied once."""
        if not isinstance(values, np.ndarray):
            return self.array(values, dtype)
        key = (values.tobytes(), np.dtype(dtype).name)
        kept = self._constants.pop(key) if key in self._constants else self.array(values, dtype)
        return self._note(_last(self._constants, key, kept))

    def derived(self, name: str, source: Any, make: Callable[[], Any]) -> Any:
        """What `make` gives for an immutable object, made once for as long as that is in use."""
        key = (name, id(source))
        kept = self._kept.pop(key) if key in self._kept else (source, make())
        return self._note(_last(self._kept, key, kept)[1])  # the source too: its id stays its own

    @contextmanager
    def noted(self) -> Iterator[list[Any]]:
        """All kept memory that is handed out within; what holds the list keeps it."""
        self._noted = found = list[Any]()
        try:
            yield found
        finally:
            self._noted = None

    def _note(self, kept: Any) -> Any:
        if self._noted is not None:
            self._noted.append(kept)
        return kept


def _last(kept: dict[Any, Any], key: Any, value: Any) -> Any:
    """The value, remembered as the one used last; the one that was used first is forgotten."""
    while len(kept) >= KEPT:
        del kept[next(iter(kept))]
    kept[key] = value
    return value


def cupy_device(cupy: Any) -> Device:
    """The current GPU."""
    cuda = cupy.cuda

    def memory() -> int:
        return int(cuda.Device().mem_info[1])

    def seconds(call: meter.Call, loops: int = 1) -> float:
        """Between two events on the current stream."""
        start, stop = cuda.Event(), cuda.Event()
        start.record()
        for _ in range(loops):
            call()
        stop.record()
        stop.synchronize()
        return float(cuda.get_elapsed_time(start, stop)) / 1e3 / loops

    def peak_bytes(call: meter.Call) -> int:
        """What the pool has to take from the device, beside what it has given out before."""
        pool = cupy.get_default_memory_pool()
        pool.free_all_blocks()
        before = pool.total_bytes()
        call()
        return int(pool.total_bytes() - before)

    def about() -> dict[str, str]:
        name = cuda.runtime.getDeviceProperties(cuda.Device().id)["name"]
        versions = (cuda.runtime.runtimeGetVersion(), cuda.runtime.driverGetVersion())
        runtime, driver = (f"{v // 1000}.{v % 1000 // 10}" for v in versions)
        return {
            "gpu": name.decode(),
            "gpu_bytes": str(memory()),
            "cuda": runtime,
            "cuda_of_driver": driver,
            "nvrtc": ".".join(map(str, cuda.nvrtc.getVersion())),
            "cupy": cupy.__version__,
        }

    recorder = None if os.environ.get(GRAPHS) == "0" else CupyRecorder(cupy)
    return Device(cupy, cupy.RawModule, memory, seconds, peak_bytes, about, recorder)

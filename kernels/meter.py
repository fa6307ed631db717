"""How long a call takes and what memory it needs, on the host; a device has ways of its own.

For benchmarks: nothing in a run asks for either.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable

Call = Callable[[], object]


def seconds(call: Call, loops: int = 1) -> float:
    """Of one call, the mean of `loops` of them in a row."""
    start = time.perf_counter()
    for _ in range(loops):
        call()
    return (time.perf_counter() - start) / loops


def peak_bytes(call: Call) -> int:
    """Most memory that arrays made in a call take together; slows the call down."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

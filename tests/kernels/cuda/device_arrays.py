"""Arrays that behave as CuPy's do towards NumPy, without a GPU: what is on a device stays there.

A `DeviceArray` answers NumPy's functions and operators by `__array_function__` and
`__array_ufunc__`, as CuPy's arrays do, and refuses what those refuse: to become a NumPy array
unasked, and to be combined with one. `xp` is the part of the namespace that the backend uses;
`xp.copies` counts the arrays that have gone either way, `xp.launches` operations, kernels and
graphs, `xp.reads` how often the host has read numbers.

Memory is of a `Pool`, as CuPy's is: what is given back is given out again, and meanwhile it is
poison, NaN in either type. While `xp.tape` is there, nothing is computed: see `tape.py`.
"""

from __future__ import annotations

import weakref
from collections import defaultdict
from collections.abc import Callable
from math import prod
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from scipy.linalg import lapack

FORWARDED = ("shape", "dtype", "ndim", "size", "nbytes", "flags")
POISON = 0xFF  # a byte
UNIT = 512  # bytes, of which blocks are multiples
NUMBERS = 16  # entries; so few are read, no copy of an array


class Pool:
    """Blocks of memory; a block that was given back last is given out first.

    Arrays do not keep their pool; when it goes what they have is gone with it, to other pools.
    """

    gone: ClassVar[defaultdict[int, list[Any]]] = defaultdict(list)

    def __init__(self) -> None:
        self.free: dict[int, list[Any]] = defaultdict(list)
        self.blocks: list[Any] = []

    def __del__(self) -> None:
        for block in self.blocks:
            block[...] = POISON
            self.gone[block.size].append(block)

    def empty(self, shape: Any, dtype: Any) -> Any:
        """An array of NumPy whose block comes back when the last view of it is gone."""
        dtype = np.dtype(dtype)
        shape = (shape,) if isinstance(shape, int) else tuple(shape)
        size = -(-max(1, prod(shape) * dtype.itemsize) // UNIT) * UNIT
        blocks = self.free[size]
        if not blocks:
            free = self.gone[size]
            blocks.append(free.pop() if free else np.full(size, POISON, np.uint8))
            self.blocks.append(blocks[-1])
        return np.asarray(Handout(self, blocks.pop(), shape, dtype))

    def poison(self) -> None:
        """All that is free."""
        for blocks in self.free.values():
            for block in blocks:
                block[...] = POISON


class Handout:
    """A block as long as an array has it."""

    def __init__(self, pool: Pool, block: Any, shape: tuple[int, ...], dtype: Any) -> None:
        self.pool, self.block = weakref.ref(pool), block
        place = (block.ctypes.data, False)
        self.__array_interface__ = dict(shape=shape, typestr=dtype.str, data=place, version=3)

    def __del__(self) -> None:
        self.block[...] = POISON
        if (pool := self.pool()) is not None:
            pool.free[self.block.size].append(self.block)


class DeviceArray(NDArrayOperatorsMixin):
    """A NumPy array in disguise."""

    def __init__(self, held: Any) -> None:
        self.held = held

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        found = getattr(self.held, name)
        if name in FORWARDED:
            return found
        if not callable(found):
            return _on(found)

        def method(held: Any, *words: Any, **more: Any) -> Any:
            return getattr(held, name)(*words, **more)

        return lambda *words, **more: run(name, method, (self, *words), more)

    @property
    def data(self) -> Any:
        """Its `ptr` is the address, as of CuPy's."""
        return SimpleNamespace(ptr=self.held.ctypes.data)

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TypeError("implicit conversion of an array on the device to NumPy")

    def __array_ufunc__(self, function: Any, method: str, *inputs: Any, **more: Any) -> Any:
        if function.__name__ not in dir(np):
            raise TypeError(f"{function.__name__} is no function of the device")
        return run(function.__name__, getattr(function, method), inputs, more)

    def __array_function__(self, function: Any, types: Any, words: Any, more: Any) -> Any:
        if function is np.asarray:  # with `like`: the one way onto the device
            return _asarray(*words, **more)
        return run(function.__name__, function, words, more)

    def __getitem__(self, key: Any) -> Any:
        return run("getitem", lambda held, k: held[k], (self, _index(key)), {})

    def __setitem__(self, key: Any, value: Any) -> None:
        def place(held: Any, k: Any, x: Any) -> None:
            held[k] = x

        run("setitem", place, (self, _index(key), value), {})

    def __len__(self) -> int:
        return len(self.held)

    def __float__(self) -> float:
        return float(_read(self))

    def __int__(self) -> int:
        return int(_read(self))

    def __bool__(self) -> bool:
        return bool(_read(self))


def run(name: str, function: Callable[..., Any], words: Any, more: Any) -> Any:
    """What a function of arrays gives: a view of theirs, or an array of the current pool."""
    if xp.tape is not None:
        return xp.tape.run(name, function, words, more)
    result = _on(function(*_off(words), **_off(more)))
    xp.launches += "out" in more or not (name == "empty_like" or is_view(result, words))
    return result


def is_view(result: Any, words: Any) -> bool:
    """Whether a result is memory of the arguments."""
    if not isinstance(result, DeviceArray):
        return False
    given = [x for x in words if isinstance(x, DeviceArray)]
    return any(np.may_share_memory(result.held, x.held) for x in given)


def pooled(held: Any) -> bool:
    """Whether an array of NumPy is in memory of a pool."""
    while isinstance(held, np.ndarray):
        held = held.base
    return isinstance(held, Handout)


def _read(values: DeviceArray) -> Any:
    if xp.tape is not None:
        raise RuntimeError("the host reads a number while its work is recorded")
    xp.reads += 1
    return values.held


def _on(value: Any) -> Any:
    if isinstance(value, tuple | list):
        made = (_on(x) for x in value)
        return type(value)(*made) if hasattr(value, "_fields") else type(value)(made)
    if not isinstance(value, np.ndarray | np.generic):
        return value
    value = np.asarray(value)
    if not pooled(value):
        own = xp.pool.empty(value.shape, value.dtype)
        own[...] = value
        value = own
    return DeviceArray(value)


def _off(value: Any) -> Any:
    """What is behind device arrays; refuses NumPy arrays beside them."""
    if isinstance(value, DeviceArray):
        return value.held
    if isinstance(value, tuple | list):
        return type(value)(_off(x) for x in value)
    if isinstance(value, dict):
        return {name: _off(x) for name, x in value.items()}
    if isinstance(value, np.ndarray) and value.ndim:
        raise TypeError("an array of NumPy among arrays on the device")
    return value


def _index(key: Any) -> Any:
    """Indices may be NumPy's: they are copied to the device, every time."""
    if isinstance(key, tuple):
        return tuple(_index(x) for x in key)
    return _asarray(np.asarray(key)) if isinstance(key, np.ndarray | list) else key


def behind(module: Any) -> Any:
    """A compiled module that takes device arrays for NumPy's."""

    def get_function(name: str) -> Any:
        function = module.get_function(name)

        def launch(grid: Any, block: Any, words: Any, **more: Any) -> None:
            if xp.tape is not None:
                return xp.tape.launch(function, grid, block, words, more)
            xp.launches += 1
            return function(grid, block, tuple(_off(x) for x in words), **more)

        return launch

    return SimpleNamespace(get_function=get_function)


def _empty(shape: Any, dtype: Any = np.float64) -> Any:
    return DeviceArray(xp.pool.empty(shape, dtype))


def _asarray(values: Any, dtype: Any = None) -> Any:
    if isinstance(values, DeviceArray):
        same = dtype in (None, values.dtype)
        return values if same else run("astype", lambda x: x.astype(dtype), (values,), {})
    if xp.tape is not None:
        raise RuntimeError("the host brings an array while its work is recorded")
    xp.copies += 1
    return _on(np.array(values, dtype))


def _ascontiguousarray(values: DeviceArray) -> Any:
    return run("ascontiguousarray", np.ascontiguousarray, (values,), {})


def _cholesky(s: DeviceArray) -> Any:
    """As CuPy's: where a matrix has no root, what LAPACK leaves, and no word of it."""
    return run(
        "cholesky", lambda x: np.stack([lapack.dpotrf(each, lower=1)[0] for each in x]), (s,), {}
    )


def _asnumpy(values: Any) -> Any:
    xp.copies += values.size > NUMBERS
    return _read(values).copy()


xp = SimpleNamespace(
    linalg=SimpleNamespace(cholesky=_cholesky),
    ndarray=DeviceArray,
    empty=_empty,
    asarray=_asarray,
    ascontiguousarray=_ascontiguousarray,
    asnumpy=_asnumpy,
    copies=0,
    launches=0,
    reads=0,
    pool=Pool(),
    tape=None,
)

"""Arrays that behave as CuPy's do towards NumPy, without a GPU: what is on a device stays there.

A `DeviceArray` answers NumPy's functions and operators by `__array_function__` and
`__array_ufunc__`, as CuPy's arrays do, and refuses what those refuse: to become a NumPy array
unasked, and to be combined with one. `xp` is the part of the namespace that the backend uses, and
`xp.copies` how many arrays have gone either way.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from scipy.linalg import lapack

FORWARDED = ("shape", "dtype", "ndim", "size", "nbytes", "flags")


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
        return lambda *words, **more: _on(found(*_off(words), **_off(more)))

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TypeError("implicit conversion of an array on the device to NumPy")

    def __array_ufunc__(self, function: Any, method: str, *inputs: Any, **more: Any) -> Any:
        if function.__name__ not in dir(np):
            raise TypeError(f"{function.__name__} is no function of the device")
        return _on(getattr(function, method)(*_off(inputs), **_off(more)))

    def __array_function__(self, function: Any, types: Any, words: Any, more: Any) -> Any:
        if function is np.asarray:  # with `like`: the one way onto the device
            return _asarray(*words, **more)
        return _on(function(*_off(words), **_off(more)))

    def __getitem__(self, key: Any) -> Any:
        return _on(self.held[_index(key)])

    def __setitem__(self, key: Any, value: Any) -> None:
        self.held[_index(key)] = _off(value)

    def __len__(self) -> int:
        return len(self.held)

    def __float__(self) -> float:
        return float(self.held)

    def __int__(self) -> int:
        return int(self.held)

    def __bool__(self) -> bool:
        return bool(self.held)


def _on(value: Any) -> Any:
    if isinstance(value, tuple | list):
        made = (_on(x) for x in value)
        return type(value)(*made) if hasattr(value, "_fields") else type(value)(made)
    return DeviceArray(np.asarray(value)) if isinstance(value, np.ndarray | np.generic) else value


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
    if isinstance(key, np.ndarray | list):
        xp.copies += 1
    return key.held if isinstance(key, DeviceArray) else key


def behind(module: Any) -> Any:
    """A compiled module that takes device arrays for NumPy's."""

    def get_function(name: str) -> Any:
        function = module.get_function(name)
        return lambda grid, block, words, **more: function(
            grid, block, tuple(_off(x) for x in words), **more
        )

    return SimpleNamespace(get_function=get_function)


def _made(function: Any) -> Any:
    return lambda *words, **more: _on(function(*words, **more))


def _asarray(values: Any, dtype: Any = None) -> Any:
    if isinstance(values, DeviceArray):
        return values if dtype in (None, values.dtype) else _on(values.held.astype(dtype))
    xp.copies += 1
    return _on(np.array(values, dtype))


def _cholesky(s: DeviceArray) -> DeviceArray:
    """As CuPy's: where a matrix has no root, what LAPACK leaves, and no word of it."""
    return _on(np.stack([lapack.dpotrf(each, lower=1)[0] for each in s.held]))


def _asnumpy(values: Any) -> Any:
    xp.copies += 1
    return values.held.copy()


xp = SimpleNamespace(
    linalg=SimpleNamespace(cholesky=_cholesky),
    ndarray=DeviceArray,
    empty=_made(np.empty),
    asarray=_asarray,
    ascontiguousarray=lambda values: _on(np.ascontiguousarray(values.held)),
    asnumpy=_asnumpy,
    copies=0,
)

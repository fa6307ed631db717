"""Compilation and launches: every argument is checked against the declaration in the source."""

import re
import warnings
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bnflow.kernels.cuda import CudaKernels, Device, module
from bnflow.kernels.cuda.device import KEPT
from bnflow.kernels.cuda.grid import Shape
from bnflow.kernels.cuda.module import FAMILIES, UNASKED, Module, declarations, source
from bnflow.kernels.cuda.pairs import REMAINDERS, parts
from bnflow.kernels.cuda.transport import abreast, march, packed, together
from bnflow.kernels.errors import COMPILED, InputError, Notice
from bnflow.kernels.reference.activations import symmetrised

OnHost = Callable[..., CudaKernels]
SUM = [np.ones((2, 3)), 2, 3, np.zeros(3)]  # of finish_forward: partial, splits, rows, out


@pytest.mark.parametrize("family", FAMILIES)
def test_every_kernel_is_declared_so_that_it_can_be_checked(family: str) -> None:
    text = source(family)
    assert len(declarations(text, "float32")) == len(re.findall(r"\b__global__\b", text))
    assert not re.search(r"^\s*#include", text, re.MULTILINE)
    atomics = re.findall(r"\batomic\w+\(.*", text)
    assert bool(atomics) is (family == "line_backward")
    assert all(re.match(r"atomicAdd\((\(unsigned \*\)|bin )", each) for each in atomics)
    assert not atomics or "DYN_SHARED(unsigned, bins)" in text  # integers commute


def test_declarations_say_the_types() -> None:
    found = declarations(source("directions"), "float32")["moments"]
    wanted = [
        ("rho", "float32", True),
        ("a_values", "float64", True),
        ("weight", "float64", False),
        ("directions", "int32", False),
        ("count", "int32", False),
        ("out", "float64", True),
    ]
    assert [(p.name, p.dtype.name, p.array) for p in found] == wanted


@pytest.mark.parametrize(
    ("place", "value", "complaint"),
    [
        (0, np.ones((2, 3), np.float32), "partial): entries are float32, not float64"),
        (0, np.ones((3, 2)).T, "partial): the array is not contiguous"),
        (0, [[1.0]], "partial): list is no array of the device"),
        (1, 2.5, "splits): 2.5 is no int32"),
        (1, 1 << 40, "int32"),
    ],
)
def test_a_wrong_argument_is_refused_before_the_launch(
    place: int, value: Any, complaint: str, on_host: OnHost
) -> None:
    module = on_host().module("sums", {"DIMENSION": 2})
    arguments = [*SUM]
    arguments[place] = value
    with pytest.raises((TypeError, OverflowError), match=re.escape(complaint)):
        module("finish_forward", (1,), (32,), *arguments)
    with pytest.raises(TypeError, match="takes 4 arguments, not 3"):
        module("finish_forward", (1,), (32,), *SUM[:3])


def test_much_shared_memory_is_asked_for_before_the_launch() -> None:
    class Function:
        max_dynamic_shared_size_bytes = 0

        def __call__(self, grid: Any, block: Any, words: Any, *, shared_mem: int) -> None:
            launched.append((self.max_dynamic_shared_size_bytes, shared_mem))

    launched: list[tuple[int, int]] = []
    function = Function()
    raw = SimpleNamespace(get_function=lambda name: function)
    module = Module(Device(np, lambda **_: raw, lambda: 0), "sums", "float64", {"DIMENSION": 2})
    for shared in (0, UNASKED, UNASKED + 1):
        module("finish_forward", (1,), (32,), *SUM, shared=shared)
    assert launched == [(0, 0), (0, UNASKED), (UNASKED + 1, UNASKED + 1)]


def test_a_compilation_that_takes_long_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SLOW", 0.0)
    raw = SimpleNamespace(get_function=lambda name: lambda *words, **more: None)
    made = Module(Device(np, lambda **_: raw, lambda: 0), "sums", "float64", {"DIMENSION": 2})
    with pytest.warns(Notice, match=f"^{COMPILED} the CUDA kernels of sums in 0 s"):
        made("finish_forward", (1,), (32,), *SUM)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made("finish_forward", (1,), (32,), *SUM)


def test_the_host_compiler_checks_sizes_as_no_driver_does(host_module: Any) -> None:
    code = 'extern "C" __global__ void f(int n, double *x) { x[0] = n; }'
    function, x = host_module(code).get_function("f"), np.zeros(1)
    function((1,), (1,), (np.int32(3), x))
    assert x[0] == 3
    with pytest.raises(RuntimeError, match="argument 0: kernel wants 4 bytes, got 8"):
        function((1,), (1,), (np.int64(3), x))


def test_a_barrier_that_some_threads_miss_is_an_error(host_module: Any) -> None:
    code = 'extern "C" __global__ void f(int n) { if (threadIdx.x < n) __syncthreads(); }'
    function = host_module(code).get_function("f")
    function((1,), (64,), (np.int32(64),))
    with pytest.raises(RuntimeError, match="reached by 3 of 64 threads"):
        function((1,), (64,), (np.int32(3),))


def test_an_activation_in_python_is_refused_in_one_line(on_host: OnHost) -> None:
    remainder = symmetrised("custom", np.tanh, np.cos, -1)
    for call in (
        lambda: on_host().pair_forward(remainder, np.ones((2, 2)), np.ones((3, 2)), np.ones(2)),
        lambda: on_host().remainder(remainder, np.ones(3)),
    ):
        with pytest.raises(InputError, match=r'"custom" is .*, .* give backend = "numpy"') as error:
            call()
        assert len(str(error.value).splitlines()) == 1


def test_remainders_have_the_numbers_of_the_source() -> None:
    defined = re.findall(r"^#define ([A-Z]+) (\d+)$", source("pairs"), re.MULTILINE)
    assert {name.lower(): int(code) for name, code in defined} == REMAINDERS


@pytest.mark.parametrize("length", [1, 255, 256, 257, 10_000])
@pytest.mark.parametrize("blocks", [1, 7, 1000])
def test_parts_cover_a_sum_once(length: int, blocks: int) -> None:
    count, size = parts(blocks, length, 256)
    assert (count - 1) * size < length <= count * size
    assert size % 256 == 0


def test_marches_cover_the_axis_and_packs_divide_a() -> None:
    for cells, count in ((5, 7), (256, 128), (64, 12), (8, 1000)):
        shape = Shape(3, cells, count)
        pack, rows = packed(count, "float32"), abreast(shape)
        assert count % pack == cells % rows == 0
        chunk, (lines, chunks, packs), (width, height) = march(shape, pack, rows)
        assert chunk * (chunks - 1) < cells <= chunk * chunks
        assert lines * height * rows >= 6 * cells
        assert packs * width * pack >= count


def test_lanes_that_have_a_column_are_those_of_the_launch() -> None:
    for count in (1, 3, 8, 96, 128, 132, 33):
        shape, pack = Shape(3, 6, count), packed(count, "float32")
        lanes, (_, _, (width, _)) = together(count // pack), march(shape, pack, 2)
        assert lanes == (width if count <= 32 * pack else 0)
        assert not lanes or 32 % lanes == 0


def test_kept_copies_are_few_and_follow_their_source() -> None:
    device = Device(np, lambda **_: None, lambda: 0)
    for i in range(3 * KEPT):
        assert device.constant(np.full(2, float(i)))[0] == i
        assert device.derived("x", object(), partial(int, i)) == i
    same = object()
    assert device.derived("y", same, object) is device.derived("y", same, object)
    used = device.constant(np.zeros(3))
    for i in range(3 * KEPT):  # what is used stays
        device.constant(np.full(2, float(i)))
        assert device.constant(np.zeros(3)) is used
    held = device.scratch("z", (3,))
    assert device.scratch("z", (3,)) is held
    assert device.scratch("z", (4,)).shape == (4,)

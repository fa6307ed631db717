"""Lines as the CUDA kernels are told of them, and what their sums keep: every bit, and NaN."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bnflow.kernels import select
from bnflow.kernels.contract import Lines
from bnflow.kernels.cuda import CudaKernels, line_sums
from bnflow.kernels.cuda.line_tables import DEGREES, cells, cells_of, tabulate
from bnflow.kernels.reference.activations import REMAINDERS

OnHost = Callable[..., CudaKernels]


def nodes_of(n: int, ends: bool) -> Any:
    """Of a line of n cells, perhaps with the edges of its panel."""
    nodes = np.tan((np.arange(n) - (n - 1) / 2) * np.pi / 2 / n)
    return np.concatenate([[-1.0], nodes, [1.0]]) if ends else nodes


@pytest.mark.parametrize("ends", [False, True])
@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 16, 33, 64, 115, 128, 240])
def test_the_polynomial_is_one_comparison_from_every_count(n: int, ends: bool) -> None:
    """In float32, as the kernels evaluate it: c or c + 1 nodes, at and around every node."""
    nodes = nodes_of(n, ends)
    found = cells(nodes)
    low, per = found.span
    random = np.random.default_rng(n)
    near = [nodes, np.nextafter(nodes, 9), np.nextafter(nodes, -9), random.uniform(-2, 2, 20_000)]
    tau = np.concatenate([*near, [-1e30, 1e30]])
    u = np.clip((tau - low) * per, 0, 1).astype(np.float32)
    p = np.zeros_like(u)
    for term in found.terms[::-1].astype(np.float32):
        p = (p + term) * u
    count = np.searchsorted(nodes, tau, side="right") - np.floor(p).astype(int)
    assert set(count.tolist()) <= {0, 1}
    assert (np.floor(p) < len(nodes)).all()
    inside = np.sort(u.astype(float))
    exact = np.polyval([*found.terms[::-1], 0.0], inside)
    assert np.abs(np.sort(p) - exact).max() < 1e-3  # a tenth of what is left to rounding
    assert np.diff(np.polyval([*found.terms[::-1], 0.0], np.linspace(0, 1, 999))).max() < (
        2 * len(nodes) / 998
    )  # what the kernel takes it to be, where it asks whether float will do
    assert len(found.terms) in DEGREES
    if n <= 64:
        assert len(found.terms) == 3  # of which the budgets tell


@pytest.fixture
def lines(exercise: Any) -> Callable[..., tuple[Lines, Any]]:
    """Lines of a small grid in three dimensions, and rows."""
    along = exercise.sibling("exercise_lines")
    return lambda kind, cells=5: along.made(3, along.Setting(cells, 90, kind))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("most", [1, 3, 100])
def test_every_point_is_in_one_window_and_every_line_in_one_group(
    most: int, weighted: bool, lines: Any
) -> None:
    here, _ = lines("normal")
    made = tabulate(here, most, 4, weighted=weighted)
    assert sorted(made.stations) == list(range(here.neurons if weighted else len(here.points)))
    assert made.longest <= most
    window, _, base, first, count, length, node, point = made.groups.T
    assert (first < count).all()
    assert (base + count <= len(made.bases)).all()
    assert (node + length <= len(made.nodes)).all()
    assert (point + count * length <= len(made.stations)).all()
    covered = sum(min(4, c - f) * n for c, f, n in zip(count, first, length, strict=True))
    assert covered == len(made.stations)
    assert len(made.cells) == window.max() + 1


def test_cells_are_told_from_other_nodes(lines: Any) -> None:
    here, _ = lines("normal")
    assert cells_of(here) == 5
    assert cells_of(Lines(here.points, len(here.points), here.bundles)) == 0  # ends are no cells


@pytest.mark.parametrize("rows", [0, 1, 256, 257, 5000, 1_000_000])
@pytest.mark.parametrize("groups", [1, 7, 1000])
def test_parts_hold_no_more_rows_than_their_bins(groups: int, rows: int) -> None:
    length = line_sums.part_length(groups, rows)
    assert length <= line_sums.PART
    assert length % line_sums.LINE_THREADS == 0
    spans = line_sums.spans(rows, length, line_sums.KEPT // 3)
    assert [first for first, _ in spans] == [0, *[last for _, last in spans[:-1]]]
    assert spans[-1][1] == rows
    assert all(last - first <= 3 * length for first, last in spans)
    few = line_sums.spans(2**31 - 1, length, 1)  # bytes: the grid of a launch is what bounds them
    assert max(last - first for first, last in few) == 65_535 * length


@pytest.mark.parametrize("size", [4, 8])
@pytest.mark.parametrize("d", [2, 3, 4, 8])
def test_blocks_hold_windows_of_some_length(d: int, size: int) -> None:
    for block in (line_sums.forward_block(d, size, 2), line_sums.backward_block(d, size, d)):
        assert block.longest >= 8
        assert block.bytes(block.longest) <= line_sums.SHARED < block.bytes(block.longest + 1)


@pytest.mark.parametrize("rows", [31, 600])
def test_what_line_sums_keep_is_counted(rows: int, exercise: Any, on_host: OnHost) -> None:
    """Of the rows, and of the parts: memory of the device that the next call finds again."""
    along, kernels = exercise.sibling("exercise_lines"), on_host()
    setting = along.Setting(5, rows, "normal", kept=3 << 11)
    here, data = along.made(3, setting)
    kernels.device._scratch.clear()
    with along.forced(setting):
        made: Any = kernels.line_sums(REMAINDERS["abs"], here, data, keep=True)
        made.forward(np.ones(here.neurons))
        made.backward(np.ones(rows))
    left = sum(held.nbytes for held in kernels.device._scratch.values())
    assert made.table_bytes == made.reach.nbytes + made.pulls.nbytes + left
    assert kernels.line_sums(REMAINDERS["abs"], here, data, keep=False).table_bytes == 0


@pytest.mark.parametrize("real", ["float32", "float64"])
def test_no_rows_sum_to_nothing(real: str, lines: Any, on_host: OnHost) -> None:
    here, data = lines("normal")
    made = on_host(real).line_sums(REMAINDERS["abs"], here, data[:0], keep=True)
    assert made.forward(np.ones(here.neurons)).shape == (0,)
    sums, gradients = made.backward(np.ones(0))
    assert not sums.any()
    assert not gradients.any()


@pytest.mark.parametrize("real", ["float32", "float64"])
def test_the_order_of_the_threads_changes_no_bit(real: str, lines: Any, on_host: OnHost) -> None:
    here, data = lines("lattice")
    random = np.random.default_rng(0)
    weights, residual = random.normal(size=here.neurons), random.normal(size=len(data))
    found = []
    for order in (0, 7):
        made = on_host(real, order=order).line_sums(REMAINDERS["abs"], here, data, keep=True)
        found.append((made.forward(weights), *made.backward(residual)))
    for one, other in zip(*found, strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize("real", ["float32", "float64"])
@pytest.mark.parametrize("name", ["abs", "sign"])
def test_a_bin_holds_all_rows_of_a_part(
    name: str, real: str, exercise: Any, on_host: OnHost
) -> None:
    """Rows of nearly one direction, and residuals whose low bits are ones: no word overflows."""
    along, rows = exercise.sibling("exercise_lines"), line_sums.PART
    setting = along.Setting(8, rows, "normal", blocks=1)
    here, _ = along.made(2, setting)
    random, sums = np.random.default_rng(0), []
    data = np.array([0.3, 1.0]) + 1e-3 * random.normal(size=(rows, 2))
    residual = 1 - 1e-12 * random.random(rows)
    for kernels in (on_host(real), select("numpy")):
        with along.forced(setting):
            made = kernels.line_sums(REMAINDERS[name], here, data, keep=True)
            sums.append(np.column_stack(made.backward(residual)))
    eps = {"float64": 2.0**-49, "float32": 2.0**-28}[real]  # a unit, and half of one a row and tie
    assert np.abs(sums[0] - sums[1]).max() <= eps * np.sqrt(rows) * residual.sum()


@pytest.mark.parametrize("real", ["float32", "float64"])
def test_what_is_no_number_stays_none(real: str, lines: Any, on_host: OnHost) -> None:
    """Integers know no NaN: a run must not go on with zeros."""
    here, data = lines("lattice")
    made = on_host(real).line_sums(REMAINDERS["abs"], here, data, keep=True)
    for bad in (np.nan, np.inf):
        residual = np.ones(len(data))
        residual[7] = bad
        assert np.isnan(made.backward(residual)[1]).all()
    sums, gradients = made.backward(np.zeros(len(data)))
    assert not sums.any()
    assert not gradients.any()


@pytest.mark.parametrize(
    ("d", "cells", "pay"),
    [(2, 4, True), (3, 31, False), (3, 32, True), (4, 15, False), (4, 16, True)],
)
def test_lines_pay_on_a_device_by_the_cells(d: int, cells: int, pay: bool, on_host: OnHost) -> None:
    points = d * cells ** (d - 1) + d * (d - 1) * cells ** (d - 2)  # of half the stations
    assert on_host().lines_pay(d, points, 100) is pay


def test_lines_pay_on_numpy_by_the_pairs() -> None:
    kernels = select("numpy")
    assert not kernels.lines_pay(3, 1000, 149)
    assert kernels.lines_pay(3, 1000, 150)

"""Functions that are recorded: when, for which arguments, and what of memory is theirs.

On the CPU, by a tape (tape.py), which knows addresses alone and poisons what is given back.
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bnflow.kernels.cuda import Device
from bnflow.kernels.cuda import graphs as program
from bnflow.kernels.cuda.device import KEPT
from bnflow.kernels.cuda.graphs import Recorded
from bnflow.kernels.errors import Notice, NumericalFailure


def there(device: Device, *values: float) -> Any:
    return device.xp.asarray(np.array(values))


def numbers(values: Any) -> list[float]:
    return [float(x) for x in values]


def replays(device: Device) -> int:
    recorder: Any = device.recorder
    return sum(tape.replays for tape in recorder.tapes)


def test_calls_are_plain_then_recorded_then_checked_then_replayed(alone: Device) -> None:
    calls: list[Any] = []

    def twice(x: Any) -> Any:
        calls.append(x)
        return x + x

    function, seen = Recorded(alone, twice), []
    for k in range(6):
        assert numbers(function(there(alone, k, 0.5))) == [2.0 * k, 1.0]
        seen.append(len(calls))
    assert seen == [1, 4, 5, 5, 5, 5]


def test_a_result_is_the_callers_own(alone: Device) -> None:
    """A later call, or one that changes what it gave, changes neither; nor arguments."""
    function = Recorded(alone, lambda x: (x, x[::-1] * 2.0))
    given = there(alone, 1.0, 2.0)
    for _ in range(4):
        same, other = function(given)
    function(there(alone, 5.0, 6.0))
    assert numbers(same) == [1.0, 2.0]
    assert numbers(other) == [4.0, 2.0]
    same[...] = there(alone, 9.0, 9.0)
    assert numbers(given) == [1.0, 2.0]
    assert numbers(function(given)[1]) == [4.0, 2.0]


def test_other_shapes_and_values_have_graphs_of_their_own(alone: Device) -> None:
    function = Recorded(alone, lambda x, power: (x * power, power))
    for _ in range(5):
        for size in (1, 3):
            for power in (1, 1.0, True, 2.0):
                got, given = function(there(alone, *range(size)), power)
                assert numbers(got) == [power * k for k in range(size)]
                assert type(given) is type(power)
    assert len(function._graphs) == program.KEPT  # the others went, and came again
    assert replays(alone) == 0
    for _ in range(4):
        function(there(alone, 1.0), 2.0)
    assert replays(alone) == 2


def test_an_argument_that_stays_is_read_where_it_is(alone: Device) -> None:
    """And is not kept: another array at that address is read in its turn."""
    function = Recorded(alone, lambda still, x: still * x, 1)
    large = there(alone, 0.0, 0.0)
    for k in range(6):
        large[...] = there(alone, k, 1.0)
        assert numbers(function(large, there(alone, 3.0, 2.0))) == [3.0 * k, 2.0]
    other = there(alone, 5.0, 5.0)
    assert numbers(function(other, there(alone, 3.0, 2.0))) == [15.0, 10.0]
    assert (replays(alone), len(function._graphs)) == (4, 2)
    address = large.data.ptr
    del large
    again = alone.xp.empty((2,))
    assert again.data.ptr == address
    again[...] = there(alone, 7.0, 8.0)
    assert numbers(function(again, there(alone, 3.0, 2.0))) == [21.0, 16.0]
    assert replays(alone) == 5
    made = function(again.reshape(2, 1), there(alone, 3.0, 2.0))  # another shape, there
    assert numbers(made.reshape(-1)) == [21.0, 14.0, 24.0, 16.0]


def test_a_view_in_another_order_is_not_recorded(alone: Device) -> None:
    """Sums of it are in another order, so a copy's are not the same to the last bit."""
    function = Recorded(alone, lambda x: x.sum(axis=0))
    for _ in range(5):
        function(there(alone, *range(6)).reshape(2, 3).T)
    assert function._graphs == {}


@pytest.mark.parametrize(
    "wrong",
    [
        lambda x: x * float(x[0]),
        lambda x: x @ x,
        lambda x: x + np.asarray(np.ones(2), like=x),
        lambda x: np.concatenate([x[:1]] * 9),
    ],
    ids=["reads", "library", "brings", "joins"],
)
def test_what_cannot_be_recorded_goes_on_and_is_told_once(
    wrong: Callable[[Any], Any], alone: Device
) -> None:
    functions = [Recorded(alone, wrong), Recorded(alone, lambda x: x + 1.0)]
    wanted = wrong(there(alone, 2.0, 3.0))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for _ in range(5):
            found = [function(there(alone, 2.0, 3.0)) for function in functions]
            assert numbers(found[0].reshape(-1)) == numbers(wanted.reshape(-1))
            assert numbers(found[1]) == [3.0, 4.0]
    assert [each.category for each in told] == [Notice]
    assert "goes on without CUDA graphs" in str(told[0].message)
    assert not alone.records


def test_a_replay_that_differs_is_found_before_it_counts(alone: Device) -> None:
    """Here a factor that the host looks up: it was 1 when the work was recorded."""
    factors = iter([1.0, 1.0, 1.0, 1.0, 2.0, 3.0])
    function = Recorded(alone, lambda x: x * next(factors))
    for wanted in (1.0, 1.0):
        assert numbers(function(there(alone, 1.0))) == [wanted]
    with pytest.warns(Notice, match="what is replayed is not what is computed"):
        assert numbers(function(there(alone, 1.0))) == [2.0]
    assert numbers(function(there(alone, 1.0))) == [3.0]


def test_an_error_of_the_function_is_its_own(alone: Device) -> None:
    def refused(x: Any) -> Any:
        raise NumericalFailure("not finite")

    function = Recorded(alone, refused)
    for _ in range(2):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pytest.raises(NumericalFailure, match="not finite"):
                function(there(alone, 1.0))


def overwritten(device: Device, others: Callable[[], object]) -> bool:
    """Whether a replay writes in memory that others have been given since it was recorded."""

    def summed(x: Any) -> Any:
        held = device.scratch("sums", x.shape)
        held[...] = x * x
        return held + x

    function = Recorded(device, summed)
    for _ in range(4):
        function(there(device, 2.0, 3.0))
    others()
    mine = [device.xp.empty((2,)) for _ in range(8)]
    for each in mine:
        each[...] = there(device, 7.0, 7.0)
    assert numbers(function(there(device, 2.0, 3.0))) == [6.0, 12.0]
    return any(numbers(each) != [7.0, 7.0] for each in mine)


def test_scratch_stays_while_a_graph_lives(alone: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    """A larger array of that name takes its place; the old one is the graph's and nobody else's."""
    assert not overwritten(alone, lambda: alone.scratch("sums", (900,)))
    monkeypatch.setattr(Device, "_note", lambda _, kept: kept)
    assert overwritten(alone, lambda: alone.scratch("sums", (901,)))


def test_what_a_graph_gives_back_is_not_given_to_others(alone: Device) -> None:
    assert not overwritten(alone, lambda: None)
    recorder: Any = alone.recorder
    recorder.pool = alone.xp.pool
    assert overwritten(alone, lambda: None)


def test_kept_memory_outlives_what_could_not_be_recorded(
    alone: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some of it was made while another function was recorded; its pool must not go before."""
    monkeypatch.setattr(alone.xp, "pool", type(alone.xp.pool)())  # with nothing free

    def summed(x: Any) -> Any:
        for size in (700, 2):  # each takes the place of the other
            held = alone.scratch("sums", (size,))
            held[...] = 1.0
        return x + held

    functions = [Recorded(alone, summed), Recorded(alone, lambda x: x * float(x[0]))]
    for function in functions:
        function(there(alone, 2.0, 3.0))
    functions[0](there(alone, 2.0, 3.0))
    with pytest.warns(Notice, match="goes on without CUDA graphs"):
        functions[1](there(alone, 2.0, 3.0))
    held = alone.scratch("sums", (2,))
    held[...] = there(alone, 5.0, 6.0)
    others = [alone.xp.empty((2,)) for _ in range(64)]
    for each in others:
        each[...] = there(alone, 7.0, 7.0)
    assert numbers(held) == [5.0, 6.0]


def test_what_is_kept_is_never_where_a_graph_works(alone: Device) -> None:
    """A constant that was forgotten after the first call, and so is placed at the second."""

    def scaled(x: Any) -> Any:
        return x * alone.constant(np.array([3.0, 5.0]))

    works, scales = Recorded(alone, lambda x: (x + 1.0) * 2.0), Recorded(alone, scaled)
    for _ in range(4):
        works(there(alone, 2.0, 3.0))
    assert numbers(scales(there(alone, 1.0, 1.0))) == [3.0, 5.0]
    for k in range(KEPT):
        alone.constant(np.full(3, float(k)))
    for _ in range(4):
        assert numbers(scales(there(alone, 1.0, 1.0))) == [3.0, 5.0]
        assert numbers(works(there(alone, 2.0, 3.0))) == [6.0, 8.0]

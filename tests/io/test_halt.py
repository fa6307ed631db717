"""A wish to stop comes from the clock, or from a signal; usual handlers come back."""

import signal
import threading

import pytest

from bnflow.io.halt import Halt
from bnflow.kernels.errors import InputError


def test_the_clock_asks_once_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    halt = Halt(2.0)
    now[0] = 119.9
    assert not halt.asked()
    now[0] = 120.0
    assert halt.asked()
    assert halt.reason == "stopped after 2 minutes"
    assert not Halt().asked()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_and_a_second_ctrl_c_does_not_wait(number: signal.Signals) -> None:
    usual, halt = signal.getsignal(number), Halt()
    with halt.listening():
        assert not halt.asked()
        signal.raise_signal(number)
        assert halt.asked()
        assert halt.reason == f"stopped by {number.name}"
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(number) is usual


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    """As shells do for commands in the background."""
    usual = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        halt = Halt()
        with halt.listening():
            signal.raise_signal(signal.SIGINT)
        assert not halt.asked()
    finally:
        signal.signal(signal.SIGINT, usual)


def test_another_thread_has_the_clock_alone() -> None:
    failures: list[BaseException] = []

    def listen() -> None:
        try:
            with Halt(1.0).listening():
                pass
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=listen)
    thread.start()
    thread.join()
    assert not failures


@pytest.mark.parametrize("minutes", [0.0, -1.0, float("nan")])
def test_a_limit_is_positive(minutes: float) -> None:
    with pytest.raises(InputError, match="max_minutes"):
        Halt(minutes)

"""Signals that ask a training to stop, and when they are heeded."""

import os
import signal

import pytest

from edm_core.training.stopping import StopRequested, stop_later, stop_on_signals


def _signalled(numbers: list[signal.Signals], done: list[int]) -> None:
    with stop_on_signals():
        with stop_later():
            for number in numbers:
                os.kill(os.getpid(), number)
                done.append(number)
        done.append(0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_what_has_begun_is_ended_before_a_signal_is_heeded(number: signal.Signals) -> None:
    before, done = signal.getsignal(number), list[int]()
    with pytest.raises((StopRequested, KeyboardInterrupt)):
        _signalled([number], done)
    assert done == [number]
    assert signal.getsignal(number) is before


def test_a_second_signal_does_not_wait() -> None:
    done = list[int]()
    with pytest.raises(StopRequested):
        _signalled([signal.SIGTERM, signal.SIGTERM], done)
    assert done == [signal.SIGTERM]


def test_without_a_signal_nothing_comes_of_it() -> None:
    before, done = signal.getsignal(signal.SIGINT), list[int]()
    _signalled([], done)
    assert done == [0]
    assert signal.getsignal(signal.SIGINT) is before

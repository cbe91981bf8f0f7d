"""A signal to stop takes effect between two pieces of work, and none is lost."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from tuition.base.interrupts import deferred_interrupts


def test_a_signal_waits_until_it_is_asked_for() -> None:
    done = []
    with pytest.raises(KeyboardInterrupt), deferred_interrupts() as interrupts:  # noqa: PT012 - what it does before counts
        os.kill(os.getpid(), signal.SIGTERM)
        done.append("the piece of work")
        interrupts.raise_if_requested()
        done.append("the next piece")
    assert done == ["the piece of work"]


def test_a_signal_that_came_after_the_last_question_stops_at_the_end() -> None:
    done = []
    with pytest.raises(KeyboardInterrupt), deferred_interrupts() as interrupts:  # noqa: PT012 - what it does before counts
        interrupts.raise_if_requested()
        os.kill(os.getpid(), signal.SIGINT)
        done.append("the rest of the block")
    assert done == ["the rest of the block"]


def test_an_error_of_the_block_is_not_hidden_by_a_signal() -> None:
    with pytest.raises(ValueError, match="broken"), deferred_interrupts():  # noqa: PT012 - what it does before counts
        os.kill(os.getpid(), signal.SIGINT)
        raise ValueError("broken")


def test_a_second_signal_stops_at_once_and_the_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), deferred_interrupts():  # noqa: PT012 - what it does before counts
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        pytest.fail("the second signal did not stop the block")
    assert signal.getsignal(signal.SIGINT) is before


def test_in_another_thread_nothing_changes() -> None:
    seen: list[bool] = []

    def work() -> None:
        with deferred_interrupts() as interrupts:
            seen.append(interrupts.requested)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [False]

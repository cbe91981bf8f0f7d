"""Deferred interrupts: a signal to stop takes effect between two pieces of work, so that none is left half done."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """Whether a signal to stop was received."""

    def __init__(self) -> None:
        """Start without a signal."""
        self.requested = False

    def raise_if_requested(self) -> None:
        """Stop here if a signal was received.

        Raises:
            KeyboardInterrupt: a signal was received.
        """
        if self.requested:
            raise KeyboardInterrupt


@contextmanager
def deferred_interrupts() -> Iterator[Interrupts]:
    """Record SIGINT and SIGTERM instead of stopping at once; a second one stops at once.

    A signal that the caller has not acted upon stops at the end of the block, so that none is lost. In other threads
    than the main one, which receive no signals, nothing is changed.

    Raises:
        KeyboardInterrupt: a signal was received, and the block ended without an error.
    """
    interrupts = Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return

    def note(number: int, frame: FrameType | None) -> None:
        if interrupts.requested:
            raise KeyboardInterrupt
        interrupts.requested = True

    before = {number: signal.signal(number, note) for number in _SIGNALS}
    try:
        yield interrupts
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    interrupts.raise_if_requested()

"""Interrupts: a signal to stop is noted and heeded between two pieces of work, so that none is left half done."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """Whether a signal to stop has come."""

    def __init__(self) -> None:
        """None has come yet."""
        self.asked = False

    def heed(self) -> None:
        """Stop here if a signal has come.

        Raises:
            KeyboardInterrupt: one has.
        """
        if self.asked:
            raise KeyboardInterrupt


@contextmanager
def deferred_interrupts() -> Iterator[Interrupts]:
    """Note SIGINT and SIGTERM instead of stopping at once; a second one stops at once.

    Off the main thread, where signals do not arrive, nothing is changed.
    """
    interrupts = Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return

    def note(number: int, frame: FrameType | None) -> None:
        if interrupts.asked:
            raise KeyboardInterrupt
        interrupts.asked = True

    before = {number: signal.signal(number, note) for number in _SIGNALS}
    try:
        yield interrupts
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

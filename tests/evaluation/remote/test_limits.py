"""Limits: what begins within a time never exceeds them."""

from __future__ import annotations

import asyncio
import itertools
import random

from tuition.evaluation.remote.limits import Limits, Pacer, pause


class Clock:
    """A clock that goes on when it is told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def begun(limits: Limits, sizes: list[int]) -> list[tuple[float, int]]:
    clock = Clock()
    pacer = Pacer(limits, clock)
    starts = []
    for size in sizes:
        while wait := pacer.wait(size):
            clock.now += wait
        pacer.admit(size)
        starts.append((clock.now, size))
    return starts


def test_without_limits_nothing_waits() -> None:
    assert {at for at, _ in begun(Limits(), [10**9] * 1000)} == {1000.0}


def test_requests_in_any_stretch_never_exceed_the_limit_and_none_waits_longer_than_it_must() -> None:
    starts = [at for at, _ in begun(Limits(requests=3, seconds=60), [1] * 10)]
    assert starts == [1000.0] * 3 + [1060.0] * 3 + [1120.0] * 3 + [1180.0]


def test_tokens_in_any_stretch_never_exceed_the_limit() -> None:
    draw = random.Random(0)
    starts = begun(Limits(requests=40, tokens=1000, seconds=60), [draw.randint(1, 400) for _ in range(500)])
    for first, (at, _) in enumerate(starts):
        within = list(itertools.takewhile(lambda start, at=at: start[0] < at + 60, starts[first:]))
        assert sum(size for _, size in within) <= 1000
        assert len(within) <= 40


def test_a_request_larger_than_the_limit_goes_alone() -> None:
    starts = begun(Limits(tokens=100, seconds=60), [10, 500, 10])
    assert [at for at, _ in starts] == [1000.0, 1060.0, 1120.0]


def test_a_guess_that_was_too_high_frees_the_rest() -> None:
    clock = Clock()
    pacer = Pacer(Limits(tokens=100), clock)
    admission = pacer.admit(100)
    assert pacer.wait(50) == 60
    admission.tokens = 30
    assert pacer.wait(50) == 0


def test_a_hold_keeps_everything_and_a_shorter_one_does_not_cut_it() -> None:
    clock = Clock()
    pacer = Pacer(Limits(), clock)
    pacer.hold(5)
    pacer.hold(1)
    assert pacer.wait(1) == 5
    clock.now += 5
    assert pacer.wait(1) == 0


def test_a_wait_ends_when_everything_stops() -> None:
    async def wait() -> object:
        pacer = Pacer(Limits(requests=1, seconds=10_000))
        pacer.admit(1)
        stops = iter([False, False, True])
        admitted = await pacer.admitted(1, lambda: next(stops))
        await pause(10_000, lambda: True)
        return admitted

    assert asyncio.run(wait()) is None

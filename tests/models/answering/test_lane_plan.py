"""Which row is in which slot, and how large a cache is."""

from __future__ import annotations

import torch

from tuition.models.answering.lane_model import passes
from tuition.models.answering.lane_plan import LanePlan, Row, Waiting, slots_a_lane
from tuition.models.answering.passes import runs
from tuition.models.answering.room import room, waves


def rows(counts: dict[int, int], body: int = 3, new_tokens: int = 4) -> list[Row]:
    return [
        Row(prefix, at, (1,) * body, (None, (prefix,)), new_tokens)
        for prefix, count in counts.items()
        for at in range(count)
    ]


def prefixes(plan: LanePlan) -> list[int | None]:
    return [None if row is None else row.request for row in plan.rows]


def test_free_slots_take_rows_of_their_lane_first_and_free_lanes_the_next_prefix() -> None:
    plan, waiting = LanePlan(2, 2), Waiting(rows({7: 3, 8: 2}))
    filled, new = plan.admit(waiting)
    assert prefixes(plan) == [7, 7, 7, None]
    assert (filled, new) == ([0, 1, 2], [(0, 0), (1, 0)])
    plan.release(0)
    assert plan.admit(waiting) == ([], [])
    assert plan.merge() == ([1], [3])
    assert plan.admit(waiting) == ([0, 1], [(0, 0)])
    assert prefixes(plan) == [8, 8, 7, 7]
    assert not len(waiting)


def test_the_smaller_plan_has_the_lanes_and_slots_with_rows() -> None:
    plan = LanePlan(3, 4)
    plan.admit(Waiting(rows({7: 4, 8: 4, 9: 4})))
    for slot in (0, 2, 3, 4, 5, 6, 7, 8, 9):
        plan.release(slot)
    lanes, slots = plan.smaller()
    assert (lanes, slots) == ([0, 2], [1, 0, 10, 11])
    plan.keep(lanes, slots)
    assert prefixes(plan) == [7, None, 9, 9]
    assert (plan.lanes, plan.slots) == (2, 2)


def test_a_request_that_is_dropped_leaves_the_others_waiting() -> None:
    waiting = Waiting(rows({7: 3, 8: 2}))
    waiting.drop(7)
    assert [row.request for row in waiting.rows()] == [8, 8]


def test_lanes_are_as_wide_as_leaves_few_slots_empty() -> None:
    assert slots_a_lane([64], 64) == 64
    assert slots_a_lane([10, 10, 10], 64) == 10
    assert slots_a_lane([8, 16, 24], 64) == 8
    assert slots_a_lane([1, 1, 1], 64) == 1
    assert slots_a_lane([100], 64) == 64
    assert slots_a_lane([], 64) == 1


def test_memory_limits_rows_and_rows_ten_times_as_long_take_a_cache_of_their_own() -> None:
    short, long = rows({7: 32, 8: 32}), rows({9: 4}, body=500)
    sizes = {"most": 64, "soft": 0, "column_bytes": 1000, "logits": 0}
    assert [len(wave) for wave in waves(short + long, **sizes, free=1 << 30)] == [68]
    assert [len(wave) for wave in waves(short + long, **sizes, free=64 * 9000)] == [4, 64]
    large = room(short, **sizes, free=1 << 30)
    assert (large.lanes, large.slots, large.prefix, large.columns) == (2, 32, 1, 7)
    small = room(long, **sizes, free=0)
    assert (small.lanes, small.slots) == (1, 1)


def test_runs_are_as_few_as_equal_lengths_allow() -> None:
    assert runs([4] * 6) == [4]
    assert runs([4, 4, 2, 2, 2, 2]) == [4, 2, 2]
    assert runs([4, 2, 2]) == [4, 2, 2]


def test_passes_have_rows_of_like_length_and_room_for_the_prefixes_before_them() -> None:
    cpu = torch.device("cpu")
    assert list(passes([3, 100, 90, *[10] * 8], cpu)) == [[1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 0]]
    assert [len(own) for own in passes([100] * 50, cpu)] == [40, 10]
    assert [len(own) for own in passes([1] * 50, cpu, before=1000)] == [32, 18]
    assert [len(own) for own in passes([9000] * 2, cpu)] == [1, 1]
    assert list(passes([], cpu)) == []

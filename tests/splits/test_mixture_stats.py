from __future__ import annotations

from tuition.splits.mixture_stats import TaskShare, realise


def test_what_was_drawn_is_counted_beside_what_was_asked_for() -> None:
    made = realise([(0, 1), (1, 4), (0, 1), (0, 2)], [5, 9, 0], [3, 9, 0], [0.5, 0.5, 0.0], ["a", "b", "c"])
    assert made.total == 4
    assert made.tasks[0] == TaskShare("a", rows=5, used=3, drawn=3, distinct=2, rate=0.5, share=0.75)
    assert made.counts == (3, 1, 0)
    assert made.largest_gap == 0.25
    assert [task.passes for task in made.tasks] == [1.0, 1 / 9, 0.0]


def test_nothing_drawn_has_no_shares() -> None:
    made = realise([], [1], [1], [1.0])
    assert (made.total, made.counts, made.tasks[0].share, made.tasks[0].task) == (0, (0,), 0.0, "0")
    assert realise([], [], [], []).largest_gap == 0.0

"""Statistics of a sampled mixture: each task's actual share compared with its rate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Draw = tuple[int, int]
"""A task's index and the index of one of its rows."""


@dataclass(frozen=True, slots=True)
class TaskShare:
    """One task's part in a sampled mixture.

    `rows` is its number of rows, `used` their number after the cap, `drawn` the number of samples, `distinct` the
    number of distinct rows among them. `rate` is the intended rate, `share` the actual one.
    """

    task: str
    rows: int
    used: int
    drawn: int
    distinct: int
    rate: float
    share: float

    @property
    def passes(self) -> float:
        """The number of passes over its rows; 0 for a task without rows."""
        return self.drawn / self.used if self.used else 0.0


@dataclass(frozen=True, slots=True)
class Realised:
    """A sampled mixture: the number of samples, and each task's part."""

    total: int
    tasks: tuple[TaskShare, ...]

    @property
    def counts(self) -> tuple[int, ...]:
        """The number of samples of each task."""
        return tuple(task.drawn for task in self.tasks)

    @property
    def largest_gap(self) -> float:
        """The largest difference between a task's share and its rate."""
        return max((abs(task.share - task.rate) for task in self.tasks), default=0.0)


def realise(
    draws: Iterable[Draw],
    sizes: Sequence[int],
    used: Sequence[int],
    rates: Sequence[float],
    names: Sequence[str] | None = None,
) -> Realised:
    """Compute the statistics of a finite sequence of samples.

    Args:
        draws: pairs of task and row.
        sizes: the number of rows of each task.
        used: how many of them the mixture uses (`Mixture.used`).
        rates: the intended rates (`Mixture.rates`).
        names: the tasks' names; by default their indices.
    """
    drawn = Counter(draws)
    times: Counter[int] = Counter()
    for (task, _), count in drawn.items():
        times[task] += count
    distinct = Counter(task for task, _ in drawn)
    total = sum(times.values())
    return Realised(
        total,
        tuple(
            TaskShare(
                task=str(index) if names is None else names[index],
                rows=size,
                used=used[index],
                drawn=times[index],
                distinct=distinct[index],
                rate=rates[index],
                share=times[index] / total if total else 0.0,
            )
            for index, size in enumerate(sizes)
        ),
    )

"""Mixtures: how often each task is sampled when one model is trained on many tasks.

One formula covers all of them. A task with n rows, of which at most `cap` are used, has the rate

    min(n, cap, limit) ** (1 / temperature)

divided by the sum of these over all tasks. Tk-Instruct samples all tasks at the same rate, with at most 100 rows of
each (Wang et al. 2022, arXiv:2204.07705). FLAN samples in proportion to the rows, at most 30,000 of each task, and rows
beyond 3,000 do not raise the rate (Wei et al. 2022, arXiv:2109.01652; examples-proportional mixing and the temperature
are from Raffel et al. 2020, arXiv:1910.10683, section 3.5.2).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, count, islice

from tuition.base.errors import UserError, clip
from tuition.base.registry import Registry
from tuition.base.seeds import named_random
from tuition.splits.apportionment import apportion
from tuition.splits.mixture_stats import Draw, Realised, realise

UNIFORM = math.inf


@dataclass(frozen=True, slots=True)
class Mixture:
    """How often tasks are sampled, as a function of their numbers of rows; None sets no bound.

    With `temperature` 1 rates are proportional to the rows; higher values are nearer to uniform, and `UNIFORM`
    (infinite) is uniform. With `repeat` an epoch repeats a small task's rows until the rates hold; without it such a
    task has each row once.
    """

    cap: int | None = None
    limit: int | None = None
    temperature: float = 1.0
    repeat: bool = False

    def __post_init__(self) -> None:
        """Refuse invalid bounds and temperatures.

        Raises:
            UserError: a bound is below 1, or the temperature is not above 0.
        """
        for name, bound in (("cap", self.cap), ("limit", self.limit)):
            if bound is not None and (isinstance(bound, bool) or not isinstance(bound, int) or bound < 1):
                raise UserError(
                    f"a mixture's {name} is {clip(repr(bound))}; it must be a whole number of rows, 1 or more"
                )
        warm = self.temperature
        if isinstance(warm, bool) or not isinstance(warm, (int, float)) or not warm > 0:
            raise UserError(
                f"a mixture's temperature is {clip(repr(warm))}; it must be a number above 0 (inf: uniform)"
            )

    def used(self, sizes: Sequence[int]) -> tuple[int, ...]:
        """Return how many rows of each task are used: all, up to the cap.

        Raises:
            UserError: a size is not a count, or all are 0.
        """
        for size in sizes:
            if isinstance(size, bool) or not isinstance(size, int) or size < 0:
                raise UserError(f"a task's size is {clip(repr(size))}; it must be a whole number of rows, 0 or more")
        if not any(sizes):
            raise UserError(f"none of the {len(sizes)} tasks has a row; there is nothing to mix")
        return tuple(size if self.cap is None else min(size, self.cap) for size in sizes)

    def weights(self, sizes: Sequence[int]) -> tuple[float, ...]:
        """Return the unnormalised rate of each task; 0 for a task without rows.

        The largest weight is 1, so that no power overflows; with temperature 1 the weights are numbers of rows.
        """
        counted = [size if self.limit is None else min(size, self.limit) for size in self.used(sizes)]
        if self.temperature == 1:
            return tuple(map(float, counted))
        most = max(counted)
        return tuple((size / most) ** (1 / self.temperature) if size else 0.0 for size in counted)

    def rates(self, sizes: Sequence[int]) -> tuple[float, ...]:
        """Return the probability with which each task is sampled; they sum to 1.

        Raises:
            UserError: a size is not a count, or all are 0.
        """
        weights = self.weights(sizes)
        total = math.fsum(weights)
        return tuple(weight / total for weight in weights)


MIXTURES: Registry[Mixture] = Registry("mixture")
MIXTURES.add("proportional", Mixture())
MIXTURES.add("uniform", Mixture(temperature=UNIFORM))
MIXTURES.add("tk-instruct", Mixture(cap=100, temperature=UNIFORM))
MIXTURES.add("flan", Mixture(cap=30_000, limit=3_000))


def draw(mixture: Mixture, sizes: Sequence[int], seed: int, *, names: Sequence[str] | None = None) -> Iterator[Draw]:
    """Sample pairs of a task's index and a row's index without end.

    Each sample is a task, chosen by its rate, and that task's next row: each pass goes over all used rows in a new
    order before any row repeats.

    Args:
        mixture: the rates.
        sizes: the number of rows of each task.
        seed: determines the samples, together with the names.
        names: the tasks' names, so that the order of a task's rows does not depend on the other tasks; by default
            the tasks' indices are used.

    Raises:
        UserError: a size is not a count, all are 0, or the number of distinct names is not the number of tasks.
    """
    keys = _keys(sizes, names)
    used, bounds = mixture.used(sizes), list(accumulate(mixture.weights(sizes)))
    last = max(index for index, rows in enumerate(used) if rows)

    def pairs() -> Iterator[Draw]:
        rows = [_passes(size, most, key, seed) for size, most, key in zip(sizes, used, keys, strict=True)]
        random = named_random("mixture", "tasks", seed)
        while True:
            task = min(bisect_right(bounds, random.random() * bounds[-1]), last)
            yield task, next(rows[task])

    return pairs()


@dataclass(frozen=True, slots=True)
class Epoch:
    """A finite sequence of pairs of task and row, and its statistics."""

    order: tuple[Draw, ...]
    realised: Realised


def epoch(
    mixture: Mixture, sizes: Sequence[int], seed: int, *, total: int | None = None, names: Sequence[str] | None = None
) -> Epoch:
    """Return one epoch: each task has exactly its share of the rows (by largest remainders), all in shuffled order.

    A task's rows are the first that `draw` samples of it. Without `repeat`, a task with fewer rows than its share has
    all of them, and the difference goes to the others in proportion to their rates.

    Args:
        mixture: the rates.
        sizes: the number of rows of each task.
        seed: determines rows and order.
        total: the number of rows. By default it is the sum over tasks of min(n, cap, limit), which meets FLAN's rates
            exactly, with at most 3,000 rows of each dataset, and Tk-Instruct's 100 rows of each task (all, if fewer).
        names: the tasks' names, as for `draw`.

    Raises:
        UserError: a size is not a count, all are 0, the names do not fit, or `total` is more than the available rows.
    """
    keys = _keys(sizes, names)
    used = mixture.used(sizes)
    if total is None:
        total = sum(rows if mixture.limit is None else min(rows, mixture.limit) for rows in used)
    if isinstance(total, bool) or not isinstance(total, int) or total < 0:
        raise UserError(f"an epoch's total is {clip(repr(total))}; it must be a whole number of rows, 0 or more")
    weights = mixture.weights(sizes)
    most = sum(rows for rows, weight in zip(used, weights, strict=True) if weight)
    if not mixture.repeat and total > most:
        raise UserError(
            f"an epoch of {total} rows was requested and the tasks have {most} available;"
            f" request at most {most}, raise the cap, or let rows repeat"
        )
    counts = apportion(weights, total, None if mixture.repeat else used)
    pairs: list[Draw] = []
    for task, (size, in_use, key, share) in enumerate(zip(sizes, used, keys, counts, strict=True)):
        pairs += ((task, row) for row in islice(_passes(size, in_use, key, seed), share))
    named_random("mixture", "epoch", seed).shuffle(pairs)
    return Epoch(tuple(pairs), realise(pairs, sizes, used, mixture.rates(sizes), names))


def _keys(sizes: Sequence[int], names: Sequence[str] | None) -> Sequence[str | int]:
    if names is None:
        return range(len(sizes))
    if len(names) != len(sizes) or len(set(names)) != len(names):
        raise UserError(f"a mixture of {len(sizes)} tasks has {len(set(names))} different names; it needs one for each")
    return names


def _passes(size: int, most: int, key: str | int, seed: int) -> Iterator[int]:
    """Yield row indices without end: `most` of the `size` rows, in passes over all of them."""
    if not most:
        return
    chosen = _sample(size, most, key, seed)
    yield from chosen
    for turn in count(2):
        named_random("mixture", "pass", key, seed, turn).shuffle(chosen)
        yield from chosen


def _sample(size: int, most: int, key: str | int, seed: int) -> list[int]:
    """Return `most` of `range(size)` in random order; a smaller sample is a prefix of a larger one.

    It is the prefix of a Fisher-Yates shuffle that stores only the positions that were swapped.
    """
    random = named_random("mixture", "rows", key, seed)
    moved: dict[int, int] = {}
    chosen: list[int] = []
    for position in range(most):
        other = random.randrange(position, size)
        chosen.append(moved.get(other, other))
        moved[other] = moved.pop(position, position)
    return chosen

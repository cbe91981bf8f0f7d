"""The cost of 10,000 resamples over 119 tasks of 100 instances, and the coverage of their intervals.

    python benchmarks/bootstrap.py [--json] [--studies 1000] [--resamples 500]

Resampling is timed against a plain numpy loop that draws tasks, then seeds and instances within each draw, 2,000 times;
both must give the same standard deviation and percentiles, up to sampling error. `--studies 0` stops there.

Studies with a known true mean are simulated, with the given numbers of tasks, seeds and instances and the given sources
of variance; for each, every method computes a 95% interval, and the table gives the percentage that contain the truth.
`ours` is `hierarchical_interval`; `nested` draws with replacement at every level and takes percentiles; `BCa` is
scipy's, of the tasks' means, or of the instances' where tasks are fixed. The exit status is 1 if the draws differ from
the loop's, or if `ours` covers less than 92% or more than 98% (of 1,000 studies; fewer have wider bounds, for sampling
error) in a setting whose name is not marked `*`: those have so long a tail that no method reaches its nominal coverage,
and are there to show by how much.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from _table import Cell, argument_parser, parse, print_table, report
from tuition.evaluation.stats.hierarchical_bootstrap import hierarchical_interval
from tuition.evaluation.stats.resampling import LEVELS, Level, resample

Floats = npt.NDArray[np.float64]
THESE: tuple[Level, ...] = ("seeds", "instances")


@dataclass(frozen=True)
class Setting:
    """How scores of simulated studies are generated: standard deviations of the effects of tasks, seeds and so on.

    `seed_everywhere` is a seed's effect shared by all tasks. `kind` is `normal`; `binary`: 1 where the sum is above a
    threshold drawn for each task; `skewed`: tasks' means are gamma (skewness 1.4); `tail`: lognormal (skewness 6).
    """

    name: str
    drawn: tuple[Level, ...]
    tasks: int
    seeds: int
    instances: int
    task: float = 0.0
    seed: float = 0.0
    seed_everywhere: float = 0.0
    instance: float = 1.0
    rest: float = 0.0
    kind: str = "normal"

    def study(self, rng: np.random.Generator) -> tuple[list[Floats], float]:
        """Return the scores of a study, seeds × instances for each task, and the true value that its claim is about."""
        tasks = rng.normal(0, self.task, self.tasks)
        if self.kind == "skewed":
            tasks = self.task * (rng.gamma(2, 1, self.tasks) - 2)
        elif self.kind == "tail":
            tasks = self.task * (rng.lognormal(0, 1, self.tasks) - np.exp(0.5))
        everywhere = rng.normal(0, self.seed_everywhere, (self.seeds, 1))
        made, truths = [], []
        for mean in tasks:
            seeds = everywhere + rng.normal(0, self.seed, (self.seeds, 1))
            rows = rng.normal(0, self.instance, self.instances)
            scores = mean + seeds + rows + rng.normal(0, self.rest, (self.seeds, self.instances))
            if self.kind == "binary":
                cut = rng.normal(0, 1)
                spread = np.sqrt(self.seed**2 + self.instance**2 + self.rest**2)
                truths.append(_above((cut - mean) / spread))
                scores = (scores > cut).astype(float)
            else:
                truths.append(mean)
            made.append(scores)
        if "tasks" not in self.drawn:
            return made, float(np.mean(truths))
        # Thresholds are symmetric about 0, so half of all binary scores are 1.
        return made, 0.5 if self.kind == "binary" else 0.0


SETTINGS = (
    Setting("119 tasks, 1 seed", LEVELS, 119, 1, 100, task=0.3),
    Setting("119 tasks, 3 seeds", LEVELS, 119, 3, 100, task=0.3, seed=0.1, rest=0.5),
    Setting("20 tasks, 3 seeds", LEVELS, 20, 3, 50, task=0.3, seed=0.1, rest=0.5),
    Setting("20 tasks that do not differ", LEVELS, 20, 3, 50, instance=0.2, rest=1),
    Setting("20 tasks, right or wrong", LEVELS, 20, 1, 100, task=0.5, kind="binary"),
    Setting("8 tasks", LEVELS, 8, 1, 50, task=0.3),
    Setting("40 skewed tasks", LEVELS, 40, 1, 50, task=0.3, kind="skewed"),
    Setting("40 tasks, a few far off *", LEVELS, 40, 1, 50, task=0.3, kind="tail"),
    Setting("119 tasks, a few far off *", LEVELS, 119, 1, 50, task=0.3, kind="tail"),
    Setting("20 tasks, 5 seeds shared", LEVELS, 20, 5, 50, task=0.3, seed_everywhere=0.1, rest=0.5),
    Setting("20 tasks, 3 seeds shared", LEVELS, 20, 3, 50, task=0.3, seed_everywhere=0.1, rest=0.5),
    Setting("these 20 tasks, 1 seed", THESE, 20, 1, 50, task=1),
    Setting("these 20 tasks, right or wrong", THESE, 20, 1, 100, task=1, kind="binary"),
    Setting("these 20 tasks, 3 seeds", THESE, 20, 3, 50, task=1, seed=0.2, rest=0.5),
    Setting("these 20 tasks, noise alone", THESE, 20, 3, 50, task=1, instance=0.1, rest=1),
    Setting("these 3 tasks, 3 seeds", THESE, 3, 3, 50, task=1, seed=0.2, rest=0.5),
    Setting("this task, 5 seeds", THESE, 1, 5, 100, seed=0.1, rest=0.5),
    Setting("this task, 3 seeds", THESE, 1, 3, 100, seed=0.1, rest=0.5),
    Setting("this task, right or wrong", THESE, 1, 1, 100, kind="binary"),
    Setting("these 20 tasks, 3 seeds shared", THESE, 20, 3, 50, task=1, seed_everywhere=0.1, rest=0.5),
)


def _above(cut: float) -> float:
    from scipy.stats import norm

    return float(norm.sf(cut))


def ours(scores: Sequence[Floats], setting: Setting, resamples: int, seed: int) -> tuple[float, float]:
    """Return the interval of `hierarchical_interval`."""
    return _ours(scores, setting, resamples, seed, corrected=True)


def nested(scores: Sequence[Floats], setting: Setting, resamples: int, seed: int) -> tuple[float, float]:
    """Return percentiles of means drawn with replacement at every level."""
    return _ours(scores, setting, resamples, seed, corrected=False)


def bca(scores: Sequence[Floats], setting: Setting, resamples: int, seed: int) -> tuple[float, float]:
    """Return the BCa interval (scipy's) of tasks' means, or of instances' means within their tasks."""
    from scipy.stats import bootstrap

    sides = (
        [np.array([own.mean() for own in scores])] if "tasks" in setting.drawn else [own.mean(axis=0) for own in scores]
    )

    def mean(*drawn: Floats, axis: int) -> Floats:
        return np.asarray(np.mean([side.mean(axis=axis) for side in drawn], axis=0))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = bootstrap(sides, mean, n_resamples=resamples, rng=seed, method="BCa", vectorized=True)
    return float(made.confidence_interval.low), float(made.confidence_interval.high)


def _ours(
    scores: Sequence[Floats], setting: Setting, resamples: int, seed: int, *, corrected: bool
) -> tuple[float, float]:
    made = hierarchical_interval(
        scores,
        drawn=setting.drawn,
        shared_seeds=setting.seed_everywhere > 0,
        resamples=resamples,
        seed=seed,
        bounds=(0.0, 1.0) if setting.kind == "binary" else None,
        corrected=corrected,
    )
    return made.low, made.high


METHODS: dict[str, Callable[[Sequence[Floats], Setting, int, int], tuple[float, float]]] = {
    "ours": ours,
    "nested": nested,
    "BCa": bca,
}
_BCA_SHARE = 8  # scipy's BCa takes a jackknife for each study; fewer studies are enough for it
_ASKED, _RESAMPLES, _LOOPED = 5.0, 10_000, 2000
_NOMINAL, _BOUND = 95, 3.0  # points of coverage in either direction, of 1,000 studies
_TOLERANCE = 0.06  # four standard deviations of an interval's end over 2,000 draws, as a share of the width


def main() -> int:
    """Measure, print, and return the exit status."""
    parser = argument_parser("Coverage and cost of the hierarchical bootstrap.")
    parser.add_argument("--studies", type=int, default=1000, help="made studies a setting; 0 for none")
    parser.add_argument("--resamples", type=int, default=500, help="resamples an interval")
    parser.add_argument("--tasks", type=int, default=119, help="tasks that are timed")
    options = parse(parser, quick={"studies": 12, "resamples": 60, "tasks": 12})
    timed = _times(options.tasks)
    facts: dict[str, Cell] = {
        "resamples": _RESAMPLES,
        f"within {_ASKED:g} s": max(float(row["seconds"] or 0) for row in timed) <= _ASKED,
    }
    checks = {"the draws are the plain loop's, up to chance": all(row["same"] == "yes" for row in timed)}
    title = f"Bootstrap over {options.tasks} tasks of 100 instances"
    if not options.studies:
        return report(title, timed, facts, checks, as_json=options.json)
    if not options.json:  # JSON is one object
        print_table(title, timed, facts)
    rows, outside = covered(options.studies, options.resamples)
    margin = _bound(options.studies)
    facts = {"nominal": _NOMINAL, "studies a setting": options.studies}
    facts["studies a setting, BCa"] = max(options.studies // _BCA_SHARE, 1)
    facts[f"settings further than {margin:.1f} points away"] = ", ".join(outside) or "none"
    checks["our intervals cover the truth as often as they say, up to chance"] = not outside
    shown = [*timed, *rows] if options.json else rows
    return report("Intervals over tasks, seeds and instances", shown, facts, checks, as_json=options.json)


def _bound(studies: int) -> float:
    return float(_BOUND * np.sqrt(1000 / studies))


def covered(studies: int, resamples: int) -> tuple[list[dict[str, Cell]], list[str]]:
    """Return the coverage of every method in every setting, and the settings in which ours is outside the bounds."""
    rows: list[dict[str, Cell]] = []
    outside = []
    for setting in SETTINGS:
        row: dict[str, Cell] = {"claim and size": setting.name}
        for name in METHODS:
            count = max(studies // _BCA_SHARE, 1) if name == "BCa" else studies
            row[f"{name} %"] = round(100 * coverage(setting, name, count, resamples), 1)
        rows.append(row)
        if not setting.name.endswith("*") and abs(float(row["ours %"] or 0) - _NOMINAL) > _bound(studies):
            outside.append(setting.name)
    return rows, outside


def coverage(setting: Setting, method: str, studies: int, resamples: int) -> float:
    """Return the share of simulated studies whose interval contains the true value."""
    inside = 0
    for number in range(studies):
        scores, truth = setting.study(np.random.default_rng([number, 1]))
        low, high = METHODS[method](scores, setting, resamples, number)
        inside += low <= truth <= high
    return inside / studies


def _times(tasks: int) -> list[dict[str, Cell]]:
    """Return for each claim the best of three times, that of the plain loop, and whether both distributions agree."""
    rng = np.random.default_rng(0)
    one: list[Floats] = [rng.beta(0.7, 0.9, (1, 100)) for _ in range(tasks)]
    three: list[Floats] = [rng.beta(0.7, 0.9, (1, 100)) + rng.normal(0, 0.05, (3, 100)) for _ in range(tasks)]
    rows: list[dict[str, Cell]] = []
    for name, scores, drawn in (
        ("tasks, instances", one, LEVELS),
        ("instances", one, THESE),
        ("tasks, 3 seeds, instances", three, LEVELS),
        ("3 seeds, instances", three, THESE),
    ):
        taken, busy = [], []
        for _ in range(3):
            start, began = time.perf_counter(), time.process_time()
            made = resample([[own[..., None]] for own in scores], drawn=drawn, resamples=_RESAMPLES, rng=rng)
            taken.append(time.perf_counter() - start)
            busy.append(time.process_time() - began)
        began = time.process_time()
        plain = _loop(scores, drawn, rng)
        loop = (time.process_time() - began) * _RESAMPLES / _LOOPED
        difference = _difference(made.observed[0] + made.deviations[:, 0], plain)
        rows.append(
            {
                "drawn": name,
                "seconds": min(taken),
                "CPU seconds": min(busy),
                "plain loop's, for as many": loop,
                "ratio": round(loop / min(busy), 1),
                "ends differ by, % of the width": round(100 * difference, 1),
                "same": "yes" if difference <= _TOLERANCE else "no",
            }
        )
    return rows


def _loop(scores: Sequence[Floats], drawn: tuple[Level, ...], rng: np.random.Generator) -> Floats:
    """Return resampled means, computed by the most direct loop."""
    means = np.empty(_LOOPED)
    for at in range(_LOOPED):
        chosen = rng.integers(0, len(scores), len(scores)) if "tasks" in drawn else range(len(scores))
        total = 0.0
        for task in chosen:
            own = scores[task]
            seeds, instances = own.shape
            columns = rng.integers(0, instances, instances)
            total += (own[0, columns] if seeds == 1 else own[rng.integers(0, seeds, seeds)][:, columns]).mean()
        means[at] = total / len(scores)
    return means


def _difference(ours: Floats, plain: Floats) -> float:
    """Return the largest difference of the 95% interval's ends and the spread, as a share of the interval's width."""
    low, high = np.quantile(plain, [0.025, 0.975])
    ends = np.abs(np.quantile(ours, [0.025, 0.975]) - [low, high]) / (high - low)
    return float(max(*ends, abs(ours.std() / plain.std() - 1)))


if __name__ == "__main__":
    sys.exit(main())

"""Training and generation on a GPU against transformers and TRL: one model, full tuning, many adapters, answers.

    python benchmarks/gpu.py [--json] [--shape 135m 1b] [--only PART …] [--peers NAME …] [--batches 8 16 64]
        [--steps 20] [--models N] [--alone 3] [--course 12] [--rows 64] [--new-tokens 32] [--peak 800] [--short]
        [--quick]

Weights are random and tasks are made up, in bfloat16 where the device computes in it; lengths are those of three tasks
of Super-NaturalInstructions. All sides train the same module on the same batches. Time is taken after four optimiser
steps, in which shapes are captured, and the device is waited for only at the end. Losses are compared in fp32, the
tokens that went in by their hash, answers in fp32 token by token. Peers that are not installed are left out, with a
line. Utilisation counts 4N FLOP per token with a frozen base and 6N in full tuning, without padding, against `--peak`.
"""

from __future__ import annotations

import argparse
import logging
import sys
import warnings
from collections.abc import Iterable, Mapping, Sequence

import _gpu_sides as sides
from _gpu_sides import PEERS, SHAPES, TINY, WARM, Timed
from _table import Cell, argument_parser, parse, report
from _training_sides import Step
from tuition.models.load import LoadedModel, load_model

ONE, FULL, MANY, ANSWERS = "one model", "full tuning", "many models", "generation"
PARTS = (ONE, FULL, MANY, ANSWERS)
BOUNDS = {"lora": 2e-4, "full": 2e-3}
"""The relative difference of fp32 losses that rounding explains, as in `training.py`."""
MODELS = {"135m": 64, "1b": 32, TINY: 3}
Row = dict[str, Cell]


class Measured:
    """A model of one shape, in the precision that is measured and, for checks, in fp32."""

    def __init__(self, shape: str, folder: str, given: argparse.Namespace) -> None:
        self.shape, self.given, self.tiny = shape, given, shape == TINY
        self.launches: dict[str, str] = {}
        self.loaded: LoadedModel = load_model(folder)
        self.precise: LoadedModel = load_model(folder, precision="float32")
        self.parameters = sum(parameter.numel() for parameter in self.loaded.model.parameters())
        self.peers = [side for side in given.peers if sides.installed(side)]

    def steps(self, task: int, batch: int, count: int) -> list[Step]:
        """Return the batches of a course on one task."""
        rows = sides.task_rows(self.loaded, task, batch * count, tiny=self.tiny)
        return [rows[start : start + batch] for start in range(0, len(rows), batch)]

    def utilisation(self, side: str, steps: Sequence[Step], seconds: float, *, full: bool) -> float:
        """Return the share of the peak that the model's arithmetic took."""
        flops = (6 if full else 4) * self.parameters * sides.tokens_run(side, steps)
        return flops / seconds / (self.given.peak * 1e12)

    def training_rows(self, part: str, tuner: str, batch: int) -> Iterable[Row]:
        """Yield a row a side: one model alone, its rates over the three tasks."""
        found: dict[str, tuple[float, float, float, float, bool]] = {}
        for side in ("tuition", *self.peers):
            seconds, peak, tokens_share, apart, same = 0.0, 0.0, 0.0, 0.0, True
            for task in range(1 if self.tiny else len(sides.TASKS)):
                steps = self.steps(task, batch, WARM + self.given.steps)
                timed = sides.train_alone(side, self.loaded, tuner, steps, WARM)
                seconds += timed.seconds
                peak = max(peak, timed.peak)
                tokens_share += self.utilisation(side, steps[WARM:], 1.0, full=tuner == "full")
                exact = self.steps(task, min(batch, 8), 3)
                course = sides.exact_losses(side, self.precise, tuner, exact)
                ours = course if side == "tuition" else sides.exact_losses("tuition", self.precise, tuner, exact)
                same &= timed.results == sides.fed_hash(steps) and course.fed == ours.fed
                apart = max(apart, *(abs(a - b) / abs(b) for a, b in zip(ours.losses, course.losses, strict=True)))
            found[side] = (seconds, peak, tokens_share / seconds, apart, same)
        counted = self.given.steps * (1 if self.tiny else len(sides.TASKS))
        mine = found["tuition"][0]
        for side, (seconds, peak, share, apart, same) in found.items():
            yield {
                "what": f"{self.shape}, {part}, batch {batch}",
                "side": side,
                "ms a step": 1000 * seconds / counted,
                "rows/s": batch * counted / seconds,
                "ratio": None if side == "tuition" else seconds / mine,
                "peak GiB": peak,
                "MFU": share,
                "fp32, max rel. diff": None if side == "tuition" else apart,
                "equal": same and apart <= BOUNDS[tuner],
            }

    def many_rows(self) -> Iterable[Row]:
        """Yield rows for many single-task LoRA models: together, and one after another by each side."""
        count = self.given.models or MODELS[self.shape]
        courses = [self.steps(at, 8, self.given.course) for at in range(count)]
        alone = courses[: self.given.alone]
        together = sides.train_group(self.loaded, courses, count)
        self.launches[f"{self.shape}, {count} models: launches"] = together.results["graphs"]
        exact = [course[:3] for course in alone]
        group = sides.train_group(self.precise, exact, len(exact)).results["losses"]
        singles = [sides.exact_losses("tuition", self.precise, "lora", course).losses for course in exact]
        apart = max(
            abs(a - b) / abs(b)
            for one, other in zip(group, singles, strict=True)
            for a, b in zip(one, other, strict=True)
        )
        name = f"{self.shape}, {count} models"
        rows = sum(len(step) for course in courses for step in course)
        steps = [step for course in courses for step in course]
        yield {
            "what": name,
            "side": "tuition, together",
            "ms a step": 1000 * together.seconds / len(steps),
            "rows/s": rows / together.seconds,
            "peak GiB": together.peak,
            "MFU": self.utilisation("tuition", steps, together.seconds, full=False),
            "fp32, max rel. diff": apart,
            "equal": apart <= BOUNDS["lora"],
        }
        for side in ("tuition", *self.peers):
            timed = sides.train_each(side, self.loaded, alone)
            seconds = timed.seconds * count / len(alone)
            yield {
                "what": name,
                "side": f"{side}, one after another",
                "ms a step": 1000 * seconds / len(steps),
                "rows/s": rows / seconds,
                "ratio": seconds / together.seconds,
                "peak GiB": timed.peak,
                "MFU": self.utilisation(side, steps, seconds, full=False),
                "equal": timed.results == [sides.fed_hash(course) for course in alone],
            }

    def answer_rows(self) -> Iterable[Row]:
        """Yield rows for generation, 64 rows of a task at a time and all tasks together."""
        tokens = self.given.new_tokens
        tasks = [sides.task_rows(self.loaded, task, self.given.rows, tiny=self.tiny, seed=1) for task in range(3)]
        names = ("tuition", "tuition, all tasks together", "transformers")
        found: dict[str, Timed] = {}
        exact = {side: sides.answer_tasks(side, self.precise, [rows[:8] for rows in tasks], tokens) for side in names}
        for side in names:
            sides.answer_tasks(side, self.loaded, tasks, tokens)  # the warm-up
            found[side] = sides.answer_tasks(side, self.loaded, tasks, tokens)
        peer = found["transformers"]
        total = sum(map(len, tasks))
        for side, timed in found.items():
            yield {
                "what": f"{self.shape}, {ANSWERS}, {tokens} tokens",
                "side": side,
                "ms a step": 1000 * timed.seconds / tokens / len(tasks),
                "rows/s": total / timed.seconds,
                "ratio": None if side == "transformers" else peer.seconds / timed.seconds,
                "peak GiB": timed.peak,
                "equal": exact[side].results == exact["transformers"].results,
            }


def measure(shape: str, given: argparse.Namespace) -> tuple[list[Row], Mapping[str, Cell]]:
    """Return the rows of the table for one shape, and how steps were launched."""
    table: list[Row] = []
    with sides.shaped_model(shape) as folder:
        model = Measured(shape, folder, given)
        if ONE in given.only:
            for batch in given.batches:
                table += model.training_rows(ONE, "lora", batch)
        if FULL in given.only:
            table += model.training_rows(FULL, "full", min(16, max(given.batches)))
        if MANY in given.only:
            table += model.many_rows()
        if ANSWERS in given.only:
            table += model.answer_rows()
        return table, dict(model.launches)


def summary(table: Sequence[Mapping[str, Cell]]) -> dict[str, Cell]:
    """Return, for each kind of work, the ratio to the fastest peer, with the goal."""
    facts: dict[str, Cell] = {}
    for what in dict.fromkeys(str(row["what"]) for row in table):
        ratios = {str(row["side"]): row["ratio"] for row in table if row["what"] == what and row.get("ratio")}
        if ANSWERS in what:
            for side, goal in (("tuition", 3), ("tuition, all tasks together", 10)):
                facts[f"{what}: {side} against transformers (goal {goal})"] = ratios.get(side)
            continue
        peers = [float(ratio) for side, ratio in ratios.items() if not side.startswith("tuition") and ratio]  # type: ignore[arg-type]
        goal = "2" if ONE in what else "1.5" if FULL in what else "25 at 135m, 10 at 1b"
        if peers:
            facts[f"{what}: against the faster peer (goal {goal})"] = min(peers)
    return facts


def parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    made = argument_parser(str(__doc__).splitlines()[0])
    made.add_argument("--shape", nargs="+", default=list(SHAPES), choices=[*SHAPES, TINY], metavar="SHAPE")
    made.add_argument("--only", nargs="+", default=list(PARTS), choices=PARTS, metavar="PART", help=", ".join(PARTS))
    made.add_argument("--peers", nargs="+", default=list(PEERS), choices=PEERS, metavar="NAME")
    made.add_argument("--batches", nargs="+", type=int, default=[8, 16, 64], help="rows a step of one model alone")
    made.add_argument("--steps", type=int, default=20, help=f"optimiser steps counted, behind {WARM} for warm-up")
    made.add_argument("--models", type=int, default=0, help="adapters at once; 64 at 135m and 32 at 1b by default")
    made.add_argument("--alone", type=int, default=3, help="how many of them are trained one after another")
    made.add_argument("--course", type=int, default=12, help="optimiser steps of each of these, in batches of 8")
    made.add_argument("--rows", type=int, default=64, help="rows to answer of each of three tasks")
    made.add_argument("--new-tokens", type=int, default=32)
    made.add_argument("--peak", type=float, default=800.0, help="TFLOP/s of a large matrix product on this device")
    made.add_argument("--short", action="store_true", help="fewer steps: made for six minutes on an H100 or H200")
    return made


def main() -> int:
    """Measure, print, and return the exit status: 1 where losses, tokens or answers differ."""
    reader = parser()
    if reader.parse_known_args()[0].short:
        reader.set_defaults(steps=8, alone=2)
    small = {"shape": [TINY], "batches": [2], "steps": 1, "alone": 1, "course": 3, "rows": 3, "new_tokens": 4}
    given = parse(reader, quick=small)
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    table: list[Row] = []
    launches: dict[str, Cell] = {}
    for shape in given.shape:
        rows, told = measure(shape, given)
        table += rows
        launches |= told
    left_out = [peer for peer in given.peers if not sides.installed(peer)]
    facts: dict[str, Cell] = {
        **summary(table),
        **launches,
        **sides.describe_device(),
        "peers that are not installed": ", ".join(left_out) or "none",
        "peak taken for MFU": f"{given.peak:g} TFLOP/s",
    }
    checks = {
        "something was measured": bool(table),
        "the same tokens went in; fp32 losses differ by rounding, and fp32 answers not at all": all(
            bool(row["equal"]) for row in table
        ),
    }
    return report("On a GPU", table, facts, checks, as_json=given.json)


if __name__ == "__main__":
    sys.exit(main())

"""Rank classification against lm-evaluation-harness, and generation against `transformers`, on the same prompts."""

from __future__ import annotations

import itertools
import logging
import os
import statistics
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.metadata import version
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from _real import tasks
from _table import Cell, argument_parser, parse, report
from _tiny import TINY, local_model
from prefix_generation import ours as answer_shared
from prefix_generation import peer as answer_plain
from tuition.evaluation.options.rank import option_questions, rank
from tuition.models.batches import Batching
from tuition.models.load import LoadedModel, load_model
from tuition.models.tokens import TokenizedPrompt
from tuition.prompts import ENCODINGS, Prompt, encode
from tuition.tasks import Instance
from tuition.tasks.readers import open_collection

RANKED = ("task242", "task1385", "task1152")
"""Two options of one token, the harness's best case; three; and ten or more, of which ten are ranked."""
STARTER_RANKED = ("task001", "task007")
"""The starter tasks that `--quick` ranks: options of several tokens, and ten of about one."""
_MOST_OPTIONS = 10
_READ = 200
TOLERANCE = 1e-4
_APART, _DIFFERING = "fp32 log-probabilities differ by", "fp32 answers that differ"
Sums = list[list[float]]


def questions(name: str, rows: int, *, quick: bool) -> tuple[list[Prompt], list[str]]:
    """Return a task's first rows as prompts, and its most frequent answers as options."""
    task = open_collection(tasks(quick=quick)[0])[name]
    read: list[Instance] = list(itertools.islice(task.instances(), _READ))
    found = Counter(row.outputs[0] for row in read).most_common(_MOST_OPTIONS)
    return [encode(task, row, ENCODINGS["quick-learners"]) for row in read[:rows]], [option for option, _ in found]


def ours(loaded: LoadedModel, batch: int) -> Callable[[Sequence[Prompt], Sequence[str]], Sums]:
    """Return the summed log-probability of each option of each prompt, computed from texts through the prefix tree."""

    def run(prompts: Sequence[Prompt], options: Sequence[str]) -> Sums:
        asked = option_questions(loaded, loaded.tokens(prompts), [options] * len(prompts))
        rankings = rank(loaded.model, asked, batching=Batching(batch))
        return [list(ranking.scores["sum"]) for ranking in rankings]

    return run


def harness(loaded: LoadedModel, batch: int) -> Callable[[Sequence[Prompt], Sequence[str]], Sums]:
    """Return the same from lm-evaluation-harness's `hf` backend, called as by its multiple-choice tasks."""
    from lm_eval.api.instance import Instance as Request
    from lm_eval.models.huggingface import HFLM

    backend = HFLM(
        pretrained=loaded.model, tokenizer=loaded.tokens.tokenizer, batch_size=batch, device=str(loaded.device)
    )

    def run(prompts: Sequence[Prompt], options: Sequence[str]) -> Sums:
        requests = [
            Request(request_type="loglikelihood", doc={}, arguments=(prompt.source, f" {option}"), idx=at)
            for prompt in prompts
            for at, option in enumerate(options)
        ]
        found: list[tuple[float, bool]] = backend.loglikelihood(requests, disable_tqdm=True)
        values = iter(value for value, _ in found)
        return [[next(values) for _ in options] for _ in prompts]

    return run


def timed(sides: dict[str, Callable[[], Any]], repeats: int) -> tuple[dict[str, float], dict[str, float]]:
    """Run the implementations in turn; return the median wall-clock and CPU seconds of each, after a warm-up."""
    wall: dict[str, list[float]] = {side: [] for side in sides}
    busy: dict[str, list[float]] = {side: [] for side in sides}
    for repeat in range(repeats + 1):
        for side, run in sides.items():
            start, used = time.perf_counter(), time.process_time()
            run()
            if repeat:
                wall[side].append(time.perf_counter() - start)
                busy[side].append(time.process_time() - used)
    middle = [{side: statistics.median(taken) for side, taken in kind.items()} for kind in (wall, busy)]
    return middle[0], middle[1]


def ranking(quick: LoadedModel, precise: LoadedModel, name: str, given: Any) -> dict[str, Cell]:
    """Measure rank classification on one task."""
    prompts, options = questions(name, given.rows, quick=given.quick)
    sides = {"tuition": ours(quick, given.batch), "peer": harness(quick, given.batch)}
    wall, busy = timed({side: partial(run, prompts, options) for side, run in sides.items()}, given.repeats)
    few = prompts[: given.exact_rows]
    exact = [make(precise, given.batch)(few, options) for make in (ours, harness)]
    pairs = [(a, b) for one, other in zip(*exact, strict=True) for a, b in zip(one, other, strict=True)]
    tokens = quick.tokens.ids([f" {option}" for option in options])
    columns = {"options": len(options), "tokens an option": statistics.fmean(map(len, tokens))}
    found = {_APART: max(abs(a - b) for a, b in pairs)}
    return _row(f"rank {name}", quick.tokens(prompts), columns, wall, busy, found)


def generation(quick: LoadedModel, precise: LoadedModel, name: str, given: Any) -> dict[str, Cell]:
    """Measure generation on one task."""
    rows = quick.tokens(questions(name, given.rows, quick=given.quick)[0])
    sides = {"tuition": answer_shared, "peer": answer_plain}
    runs = {side: partial(run, quick, rows, given.batch, given.new_tokens) for side, run in sides.items()}
    wall, busy = timed(runs, given.repeats)
    few = rows[: given.exact_rows]
    exact = [run(precise, few, given.batch, given.new_tokens) for run in sides.values()]
    found = {_DIFFERING: sum(a != b for a, b in zip(*exact, strict=True))}
    return _row(f"generate {name}", rows, {}, wall, busy, found)


def _row(
    what: str,
    rows: Sequence[TokenizedPrompt],
    columns: Mapping[str, Cell],
    wall: Mapping[str, float],
    busy: Mapping[str, float],
    found: Mapping[str, Cell],
) -> dict[str, Cell]:
    return {
        "what": what,
        **columns,
        "prefix": len(rows[0].prefix),
        "body, mean": statistics.fmean(len(row.body) for row in rows),
        "tuition s": wall["tuition"],
        "peer s": wall["peer"],
        "ratio": wall["peer"] / wall["tuition"],
        "ratio, processor time": busy["peer"] / busy["tuition"],
        **found,
    }


def main() -> int:
    """Measure, print, and return the exit status: 1 where log-probabilities or fp32 answers differ."""
    parser = argument_parser(str(__doc__).splitlines()[0])
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--precision", default="auto", choices=("auto", "bfloat16", "float32"), help="what is timed")
    parser.add_argument("--what", default="both", choices=("ranking", "generation", "both"))
    parser.add_argument("--tasks", nargs="+", default=list(RANKED))
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rows", type=int, default=64, help="instances a task")
    parser.add_argument("--exact-rows", type=int, default=16, help="instances compared in fp32")
    parser.add_argument("--new-tokens", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=3)
    sizes = {"rows": 4, "exact_rows": 4, "repeats": 1, "new_tokens": 4, "batch": 4}
    given = parse(parser, quick={"model": TINY, "tasks": list(STARTER_RANKED), **sizes})
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    if not given.quick and tasks()[2] != "Super-NaturalInstructions":
        print("this benchmark needs Super-NaturalInstructions' tasks; TUITION_SHARED_DATA says where they are")
        return 2
    with local_model(given.model) as model:
        quick = load_model(model, precision=given.precision)
        precise = quick if given.precision == "float32" else load_model(model, precision="float32")
    facts: dict[str, Cell] = {
        name: getattr(given, name) for name in ("model", "batch", "rows", "exact_rows", "repeats")
    }
    facts["precision timed"] = str(next(quick.model.parameters()).dtype)
    facts["peers"] = f"lm-evaluation-harness {version('lm_eval')}, transformers {version('transformers')}"
    table: list[dict[str, Cell]] = []
    for kind, measure in (("ranking", ranking), ("generation", generation)):
        if given.what in (kind, "both"):
            own = [measure(quick, precise, name, given) for name in given.tasks]
            for ratio in ("ratio", "ratio, processor time"):
                mean = statistics.geometric_mean(float(row[ratio]) for row in own)  # type: ignore[arg-type]
                facts[f"{kind}, geometric mean of {ratio}"] = mean
            table += own
    title = "Judging: ranking options through one tree, and generation"
    return report(title, table, facts, checks(table), as_json=given.json)


def checks(table: Sequence[Mapping[str, Cell]]) -> dict[str, bool]:
    """Return whether the results equal those of the peers."""
    apart = [float(row[_APART]) for row in table if _APART in row]  # type: ignore[arg-type]
    differing = [row[_DIFFERING] for row in table if _DIFFERING in row]
    found = {}
    if apart:
        found[f"fp32 log-probabilities are within {TOLERANCE:g} of lm-evaluation-harness's"] = max(apart) <= TOLERANCE
    if differing:
        found["fp32 answers are those of transformers"] = not any(differing)
    return found


if __name__ == "__main__":
    sys.exit(main())

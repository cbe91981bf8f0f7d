"""ROUGE-L against `rouge_score`: bitwise equal scores, and the ratio of times.

    python benchmarks/rouge.py [--json] [--pairs 10000] [--repeats 5]
    python benchmarks/rouge.py --alone --pairs 1000000    # ours only: wall-clock seconds, CPU seconds and peak memory

Pairs come from the test tasks of Super-NaturalInstructions: a task is drawn, and one of its outputs as the reference.
The prediction is alternately another output of that task, or the reference with about every fifth word left out.

Both implementations score the same pairs in the same run, round by round: rouge_score in the usual way, with one
`RougeScorer(["rougeL"], use_stemmer=True)` and one `score` call for each pair; ours with one `rouge_l_many` call. Warm
times are medians after a warm-up round. Cold times are from a new process each, including the import and stemming each
word for the first time. The exit status is 1 if any score differs.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from _table import Cell, argument_parser, parse, print_table, report

Pairs = Sequence[tuple[str, str]]
Scorer = Callable[[Pairs], list[float]]

_SEED = 1
_KEPT = 0.8
_DATA = Path(os.environ.get("TUITION_SHARED_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))


def main() -> int:
    """Measure, print, and return the exit status."""
    parser = argument_parser("ROUGE-L: ours against rouge_score on the same pairs.")
    parser.add_argument("--pairs", type=int, default=10_000, help="how many pairs to score")
    parser.add_argument("--repeats", type=int, default=5, help="counted rounds of each side")
    parser.add_argument("--alone", action="store_true", help="ours only, once, from the first word on; and its memory")
    parser.add_argument("--cold", choices=list(_SIDES), help=argparse.SUPPRESS)
    options = parse(parser, quick={"pairs": 300, "repeats": 1})
    outputs, source = outputs_of_tasks(quick=options.quick)
    pairs = draw_pairs(outputs, options.pairs)
    if options.alone:
        return _alone(pairs, source, as_json=options.json)
    if options.cold:
        print(_seconds(lambda: _SIDES[options.cold]()(pairs)))
        return 0

    cold = {name: _cold_seconds(name, options.pairs, quick=options.quick) for name in _SIDES}
    scorers = {name: load() for name, load in _SIDES.items()}
    scores = {name: scorer(pairs) for name, scorer in scorers.items()}
    times: dict[str, list[float]] = {name: [] for name in _SIDES}
    for _ in range(options.repeats):
        for name, scorer in scorers.items():
            times[name].append(_seconds(lambda: scorer(pairs)))  # noqa: B023 - called at once
    differing = sum(float(a).hex() != float(b).hex() for a, b in zip(*scores.values(), strict=True))
    warm = {name: statistics.median(seconds) for name, seconds in times.items()}
    rows: list[dict[str, Cell]] = [
        {
            "scorer": name,
            "warm median s": warm[name],
            "min s": min(times[name]),
            "max s": max(times[name]),
            "pairs/s": len(pairs) / warm[name],
            "cold s": cold[name],
        }
        for name in _SIDES
    ]
    facts: dict[str, Cell] = {
        "pairs": len(pairs),
        "scores that differ in any bit": differing,
        "times faster, warm": warm["rouge_score"] / warm["tuition"],
        "times faster, cold": cold["rouge_score"] / cold["tuition"],
        "repeats": options.repeats,
        "mean score": statistics.fmean(scores["tuition"]),
        "words a text, mean": statistics.fmean(len(text.split()) for pair in pairs for text in pair),
        "pairs from": source,
    }
    checks = {"no score differs from rouge_score's in any bit": not differing}
    return report("ROUGE-L", rows, facts, checks, as_json=options.json)


def _alone(pairs: Pairs, source: str, *, as_json: bool) -> int:
    """Score pairs with ours only, in a new process; print its time and memory, including the pairs themselves."""
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    busy = time.process_time()
    seconds = _seconds(lambda: _tuition()(pairs))
    row: dict[str, Cell] = {
        "pairs": len(pairs),
        "seconds": seconds,
        "CPU s": time.process_time() - busy,
        "MB before": held,
        "peak MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print_table("ROUGE-L", [row], {"pairs from": source}, as_json=as_json)
    return 0


def _tuition() -> Scorer:
    from tuition.evaluation.metrics import rouge_l_many

    return lambda pairs: rouge_l_many([prediction for prediction, _ in pairs], [(reference,) for _, reference in pairs])


def rouge_score() -> Scorer:
    """Return rouge_score called in the usual way."""
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rougeL"], use_stemmer=True)
    return lambda pairs: [scorer.score(reference, prediction)["rougeL"].fmeasure for prediction, reference in pairs]


_SIDES: dict[str, Callable[[], Scorer]] = {"tuition": _tuition, "rouge_score": rouge_score}


def _seconds(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def _cold_seconds(name: str, pairs: int, *, quick: bool) -> float:
    command = [sys.executable, __file__, "--cold", name, "--pairs", str(pairs), *(["--quick"] if quick else [])]
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def outputs_of_tasks(*, quick: bool = False) -> tuple[list[list[str]], str]:
    """Return the outputs of each task, and their source; with `quick` they are few and generated."""
    if quick:
        return _generated_outputs(tasks=10, instances=50, vocabulary=500), "generated words"
    files = sorted((_DATA / "superni" / "tasks").glob("*.json"))
    if not files:
        return _generated_outputs(), f"generated words, as there are no tasks in {_DATA / 'superni' / 'tasks'}"
    tasks = [json.loads(file.read_bytes())["Instances"] for file in files]
    outputs = [[output for instance in instances for output in instance["output"]] for instances in tasks]
    return outputs, f"{len(files)} Super-NaturalInstructions tasks, {sum(map(len, outputs)):,} outputs"


def _generated_outputs(tasks: int = 100, instances: int = 1000, vocabulary: int = 5000) -> list[list[str]]:
    draw = random.Random(_SEED)
    endings = ("", "s", "ed", "ing", "ation", "ness", "ly", "al")
    words = [
        "".join(draw.choices("etaoinshrdlucmfw", k=draw.randint(1, 7))) + draw.choice(endings)
        for _ in range(vocabulary)
    ]
    often = [1 / rank for rank in range(1, vocabulary + 1)]
    lengths = [draw.choice((1, 1, 8, 15, 30)) for _ in range(tasks)]
    return [
        [" ".join(draw.choices(words, often, k=draw.randint(1, most))) for _ in range(instances)] for most in lengths
    ]


def draw_pairs(outputs: list[list[str]], count: int) -> Pairs:
    """Return the given number of pairs of a prediction and a reference, drawn as described at the top of this file."""
    draw = random.Random(_SEED)
    pairs: list[tuple[str, str]] = []
    for at in range(count):
        task = draw.choice(outputs)
        reference = draw.choice(task)
        shortened = " ".join(word for word in reference.split() if draw.random() < _KEPT)
        pairs.append((shortened if at % 2 else draw.choice(task), reference))
    return pairs


if __name__ == "__main__":
    sys.exit(main())

"""ROUGE-L over a million pairs: seconds and memory, compared with `rouge_score` on a sample, with the equality check.

    python benchmarks/scores.py [--json] [--pairs 1000000] [--sample 5000]

Pairs are drawn as in `rouge.py`, from real outputs of Super-NaturalInstructions if they are available. Each
implementation runs in a new process: its time is that of scoring, including imports and new words; its memory is the
process's peak, including the pairs' texts. rouge_score scores the first pairs only, with one `score` call for each, and
its time for all is extrapolated. ROUGE-1 and the cross-lingual ROUGE-L are also measured. The exit status is 1 if any
score of the sample differs in any bit.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from _table import Cell, argument_parser, parse, report
from rouge import Pairs, draw_pairs, outputs_of_tasks, rouge_score

Many = Callable[[list[str], list[tuple[str, ...]]], list[float]]


def main() -> int:
    """Measure, print, and return the exit status."""
    parser = argument_parser("ROUGE over many pairs, with what it costs.")
    parser.add_argument("--pairs", type=int, default=1_000_000, help="how many pairs to score")
    parser.add_argument("--sample", type=int, default=5000, help="how many of them rouge_score scores")
    parser.add_argument("--side", choices=list(_SIDES), help=argparse.SUPPRESS)
    options = parse(parser, quick={"pairs": 600, "sample": 200})
    if options.side:
        print(json.dumps(_measure(options.side, options)))
        return 0
    made = {name: _in_its_own_process(name, options) for name in _SIDES}
    rows: list[dict[str, Cell]] = [
        {
            "scorer": name,
            "pairs": one["pairs"],
            "s": one["seconds"],
            "pairs/s": one["pairs"] / one["seconds"],
            "s for all": one["seconds"] * options.pairs / one["pairs"],
            "peak MB": one["megabytes"],
        }
        for name, one in made.items()
    ]
    ours, peer = made["rouge_l"], made["rouge_score"]
    differing = sum(a != b for a, b in zip(ours["first"], peer["first"], strict=True))
    facts: dict[str, Cell] = {
        "scores of the sample that differ in any bit": differing,
        "times faster": (peer["seconds"] / peer["pairs"]) / (ours["seconds"] / ours["pairs"]),
        "pairs from": ours["source"],
    }
    checks = {"no score of the sample differs from rouge_score's in any bit": not differing}
    return report("ROUGE over many pairs", rows, facts, checks, as_json=options.json)


def _peer() -> Many:
    scorer = rouge_score()
    return lambda predictions, references: scorer(
        [(prediction, own[0]) for prediction, own in zip(predictions, references, strict=True)]
    )


def _ours(name: str) -> Many:
    from tuition.evaluation.metrics import METRICS

    return METRICS[name].score_many


_SIDES: dict[str, Callable[[], Many]] = {
    "rouge_l": lambda: _ours("rouge_l"),
    "rouge_1": lambda: _ours("rouge_1"),
    "rouge_l_xlingual": lambda: _ours("rouge_l_xlingual"),
    "rouge_score": _peer,
}


def _measure(side: str, options: argparse.Namespace) -> dict[str, Any]:
    outputs, source = outputs_of_tasks(quick=options.quick)
    pairs: Pairs = draw_pairs(outputs, options.pairs)[: options.sample if side == "rouge_score" else options.pairs]
    predictions, references = [prediction for prediction, _ in pairs], [(reference,) for _, reference in pairs]
    del outputs, pairs
    start = time.perf_counter()
    scores = _SIDES[side]()(predictions, references)
    return {
        "seconds": time.perf_counter() - start,
        "pairs": len(scores),
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "first": [float(score).hex() for score in scores[: options.sample]],
        "source": source,
    }


def _in_its_own_process(side: str, options: argparse.Namespace) -> dict[str, Any]:
    sizes = ["--pairs", str(options.pairs), "--sample", str(options.sample)]
    command = [sys.executable, __file__, "--side", side, *sizes, *(["--quick"] if options.quick else [])]
    made: dict[str, Any] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return made


if __name__ == "__main__":
    sys.exit(main())

"""Samples that lm-evaluation-harness logs with `--log_samples`: `samples_<task>_<time>.jsonl`, or a folder of them."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tuition.evaluation.predictions.fields import given_text, name_text, require
from tuition.evaluation.predictions.record import PredictionReader, StoredPrediction
from tuition.tasks.readers.common.findings import Findings
from tuition.tasks.readers.common.jsonl import read_json_lines
from tuition.tasks.readers.common.sniff import beginning, first_keys

_METRICS = (
    "exact_match",
    "em",
    "acc",
    "acc_norm",
    "f1",
    "bleu",
    "chrf",
    "ter",
    "rouge1",
    "rouge2",
    "rougeL",
    "mcc",
    "brier_score",
)
_NAME = re.compile(r"samples_(.+?)(?:_\d{4}-\d{2}-\d{2}T[0-9.:-]+)?\.jsonl")


def _files(path: Path) -> list[Path]:
    return sorted(path.glob("samples_*.jsonl")) if path.is_dir() else [path]


def _recognises(path: Path) -> bool:
    if path.is_dir():
        return bool(_files(path))
    if not path.is_file() or path.suffix != ".jsonl":
        return False
    return _NAME.fullmatch(path.name) is not None or "filtered_resps" in first_keys(beginning(path))


def _read(path: Path, found: Findings) -> list[StoredPrediction]:
    rows = []
    for file in _files(path):
        findings = Findings(file)
        match = _NAME.fullmatch(file.name)
        rows += _samples(file, match[1] if match else file.stem, findings)
        found.include(findings)
    filters = {row.system for row in rows}
    if len(filters) > 1:
        return rows
    return [replace(row, system="") for row in rows]


def _samples(file: Path, task: str, found: Findings) -> list[StoredPrediction]:
    rows = []
    for number, row in read_json_lines(file, file, found):
        found.line = number
        if not require(row, ("target", "filtered_resps"), found) or not isinstance(row, dict):
            continue
        answers = row["filtered_resps"]
        options = _options(row.get("arguments"))
        text: str | None
        references: tuple[str, ...]
        if _is_ranking(answers) and len(options) == len(answers):
            scores = [float(answer[0]) for answer in answers]
            text, references = options[scores.index(max(scores))], (_right_option(row["target"], options),)
        else:
            text, references, options = _generated(answers, found), _targets(row["target"]), ()
        if text is None:
            continue
        rows.append(
            StoredPrediction(
                text,
                references,
                task=task,
                instance=name_text(row.get("doc_id", "")),
                system=name_text(row.get("filter", "")),
                options=options,
                verdicts=_verdicts(row),
                input=_first_prompt(row.get("arguments")),
                line=number,
            )
        )
    found.line = None
    return rows


def _verdicts(row: Mapping[str, object]) -> dict[str, float]:
    """Return the harness's own scores of a sample: those listed under `metrics`, or else those with a known name."""
    listed = row.get("metrics")
    names = [name for name in listed if isinstance(name, str)] if isinstance(listed, list) else list(_METRICS)
    values = {name: row.get(name) for name in names}
    return {name: float(value) for name, value in values.items() if isinstance(value, (bool, int, float))}


def _is_ranking(answers: object) -> bool:
    """Whether the answers are (log-probability, is greedy) pairs, one per option, stored as text or numbers."""
    return (
        isinstance(answers, list)
        and len(answers) > 1
        and all(isinstance(one, list) and len(one) == 2 and _is_number(one[0]) for one in answers)
    )


def _is_number(value: object) -> bool:
    try:
        float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
    return True


def _options(arguments: object) -> tuple[str, ...]:
    """Return the continuation of each request, in order: the options of a ranked instance."""
    if not isinstance(arguments, dict):
        return ()
    found: list[str] = []
    for at in range(len(arguments)):
        request: Any = arguments.get(f"gen_args_{at}", {})
        continuation = request.get("arg_1") if isinstance(request, dict) else None
        if not isinstance(continuation, str):
            return ()
        found.append(continuation.strip())
    return tuple(found)


def _first_prompt(arguments: object) -> str:
    """Return the prompt of a sample's first request."""
    request = arguments.get("gen_args_0") if isinstance(arguments, dict) else None
    return given_text(request.get("arg_0")) if isinstance(request, dict) else ""


def _right_option(target: object, options: tuple[str, ...]) -> str:
    """Return the right option; targets are stored as its position or as its text."""
    text = str(target).strip()
    if text not in options and text.isascii() and text.isdigit() and int(text) < len(options):
        return options[int(text)]
    return text


def _targets(target: object) -> tuple[str, ...]:
    """Return the references; the harness stores a list of them as a Python literal."""
    if isinstance(target, list):
        return tuple(map(str, target)) or ("",)
    text = str(target)
    if text.startswith("["):
        try:
            value = ast.literal_eval(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return (text,)
        if isinstance(value, list) and value and all(isinstance(one, str) for one in value):
            return tuple(value)
    return (text,)


def _generated(answers: object, found: Findings) -> str | None:
    """Return the generated text; of several samples for one instance, the first."""
    while isinstance(answers, list) and answers:
        answers = answers[0]
    if isinstance(answers, str):
        return answers
    found.error(
        "no-answer",
        "`filtered_resps` has no generated text and no ranking of the request's continuations",
        "log samples of a generation or multiple-choice task",
    )
    return None


READER = PredictionReader("lm_eval", "lm-evaluation-harness' samples_*.jsonl, or a folder of them", _recognises, _read)

"""Starter tasks, and writing their rows to a file in Super-NaturalInstructions' format."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tuition.base.fingerprints import fingerprint
from tuition.base.seeds import named_random
from tuition.tasks.types import Example

_SEED = "starter"
_PATIENCE = 200


@dataclass(frozen=True, slots=True)
class Row:
    """A drawn instance: its input and the accepted outputs, the main one first."""

    input: str
    outputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StarterTask:
    """A task's instruction and the unlimited generator of its rows.

    `nearness` is the share of common words above which a row counts as a copy of an earlier one and is dropped.
    """

    name: str
    category: str
    domain: str
    reasoning: str
    definition: str
    positive: tuple[Example, ...]
    negative: tuple[Example, ...]
    rows: Callable[[random.Random], Iterator[Row]]
    count: int = 350
    nearness: float = 0.75


def normalised(text: str) -> str:
    """Return `text` in lower case with each run of white space as one space."""
    return " ".join(text.lower().split())


def words_of(text: str) -> frozenset[str]:
    """Return the distinct lower-case words and numbers of `text`."""
    return frozenset(re.findall(r"\w+", text.lower()))


def nearness(one: frozenset[str], other: frozenset[str]) -> float:
    """Return the Jaccard similarity of two word sets, in [0, 1]."""
    return len(one & other) / len(one | other)


def draw_rows(task: StarterTask) -> list[Row]:
    """Draw the task's rows: distinct, none a copy of another or of an example, in shuffled order.

    Raises:
        ValueError: the task's words and frames do not produce enough rows.
    """
    rows: list[Row] = []
    taken = {normalised(example.input) for example in (*task.positive, *task.negative)}
    seen: list[frozenset[str]] = []
    for tries, row in enumerate(task.rows(named_random(_SEED, task.name, "rows"))):
        if len(rows) == task.count:
            break
        if tries > _PATIENCE * task.count:
            break
        key, words = normalised(row.input), words_of(row.input)
        if key in taken or any(nearness(words, other) > task.nearness for other in seen):
            continue
        taken.add(key)
        seen.append(words)
        rows.append(row)
    if len(rows) < task.count:
        raise ValueError(f"{task.name}: only {len(rows)} distinct rows, {task.count} wanted; add words or frames")
    named_random(_SEED, task.name, "order").shuffle(rows)
    return rows


def task_text(task: StarterTask) -> str:
    """Return the task's JSON file: the keys of Super-NaturalInstructions, one line for each example or instance."""
    number = task.name.partition("_")[0]
    instances = []
    for row in draw_rows(task):
        content = {"input": row.input, "output": list(row.outputs)}
        instances.append({"id": f"{number}-{fingerprint(content)[:8]}", **content})
    fields: dict[str, list[object]] = {
        "Contributors": ["Tuition contributors"],
        "Source": [task.name.partition("_")[2]],
        "URL": [],
        "Categories": [task.category],
        "Reasoning": [task.reasoning],
        "Definition": [task.definition],
        "Input_language": ["English"],
        "Output_language": ["English"],
        "Instruction_language": ["English"],
        "Domains": [task.domain],
        "Positive Examples": [_shown(example) for example in task.positive],
        "Negative Examples": [_shown(example) for example in task.negative],
        "Instances": list(instances),
        "Instance License": ["Apache-2.0"],
    }
    body = ",\n".join(f" {_json(key)}: {_list(values)}" for key, values in fields.items())
    return f"{{\n{body}\n}}\n"


def _shown(example: Example) -> dict[str, str]:
    return {"input": example.input, "output": example.output, "explanation": example.explanation}


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _list(values: list[object]) -> str:
    if not values or not isinstance(values[0], dict):
        return _json(values)
    return "[\n" + ",\n".join(f"  {_json(value)}" for value in values) + "\n ]"

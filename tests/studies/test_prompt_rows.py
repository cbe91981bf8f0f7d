"""Prompts for keys are made once each, and give the bytes that keys have always been made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tuition.base.fingerprints import canonical_json
from tuition.prompts.encode import answers, encode, training_output
from tuition.prompts.encodings import find_encoding
from tuition.prompts.types import NO_EXAMPLES, InContextExamples
from tuition.studies.planning import prompt_rows
from tuition.studies.planning.estimate import step_cost
from tuition.studies.planning.plan import make_plan
from tuition.studies.planning.prompt_rows import PromptRows, answer_lengths, training_lengths
from tuition.studies.spec.study import StudySpec
from tuition.tasks.readers import open_collection

ENCODINGS = ("input-only", "definition+2-positive", "definition+4-shot", "tk-instruct-mixed")


@pytest.mark.parametrize("name", ENCODINGS)
def test_their_json_is_that_of_the_prompts_encoded_one_by_one(name: str, write_task: Callable[..., Path]) -> None:
    task = open_collection(write_task(rows=9))["task001"]
    rows, encoding = tuple(task.instances()), find_encoding(name)
    shown = InContextExamples(exemplars=rows[:2]) if encoding.exemplars else NO_EXAMPLES
    outputs = [(row, training_output(task, row, 3)) for row in rows]
    prompts = PromptRows()
    learnt = prompts.training(task, outputs, encoding, shown, 3)
    one_by_one = [encode(task, row, encoding, output=out, shown=shown, seed=3) for row, out in outputs]
    assert b"[" + learnt.json + b"]" == canonical_json(one_by_one)
    asked = prompts.testing(task, rows, encoding, shown, 3)
    told = [
        (encode(task, row, encoding, shown=shown, seed=3), row.id, answers(task, row, encoding, seed=3)[0])
        for row in rows
    ]
    assert b"[" + asked.json + b"]" == canonical_json(told)
    mean = sum(len(prompt.body) + len(prompt.target) for prompt in one_by_one) / len(rows)
    assert training_lengths([learnt]).row == pytest.approx(mean)
    assert answer_lengths(asked).prefix == max(len(prompt.prefix) for prompt in one_by_one)


def test_each_row_of_a_study_is_encoded_once_in_however_many_arms_seeds_and_budgets(
    tiny_study: Callable[..., StudySpec], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: Counter[str] = Counter()
    body_of, prefix_parts = prompt_rows.body_of, prompt_rows.prefix_parts
    monkeypatch.setattr(prompt_rows, "body_of", lambda *given: made.update(["body"]) or body_of(*given))
    monkeypatch.setattr(prompt_rows, "prefix_parts", lambda *given: made.update(["prefix"]) or prefix_parts(*given))
    monkeypatch.setattr(prompt_rows, "encode", lambda *given, **more: pytest.fail("a plain prompt was made whole"))
    names = ("definition", "1-positive", "2-positive", "definition+2-positive")
    arms = {
        f"{name} {rate}": [{"encoding": name, "recipe": {"learning_rate": rate}}]
        for name in names
        for rate in (0.1, 0.2)
    }
    plan = make_plan(
        tiny_study(arms=arms, labels=[0, 4, 8, 16], seeds=[1, 2, 3]), model_identity="m", precision="float32"
    )
    assert len(plan.work) > 140
    total = sum(step_cost(step) for step in plan.work)
    assert total > 0
    # 40 rows: 6 are asked, and up to 32 learnt; the encodings tell a row alike behind their prefixes.
    assert made["body"] <= 40
    assert made["prefix"] <= 2 * len(names)

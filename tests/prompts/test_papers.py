"""Prompts of Tk-Instruct and Natural Instructions beside strings built anew from the papers' descriptions."""

from __future__ import annotations

import itertools
import string
from pathlib import Path

import pytest

from tuition.prompts import ENCODINGS, InContextExamples, encode
from tuition.tasks import Example, Instance, Task
from tuition.tasks.readers import open_collection

TK = {  # definition, positive, negative, explanations
    "input-only": (False, 0, 0, False),
    "definition": (True, 0, 0, False),
    "1-positive": (False, 1, 0, False),
    "definition+1-positive": (True, 1, 0, False),
    "2-positive": (False, 2, 0, False),
    "definition+2-positive": (True, 2, 0, False),
    "definition+2-positive+2-negative": (True, 2, 2, False),
    "definition+2-positive+2-negative+explanation": (True, 2, 2, True),
    "definition+2-positive+explanation": (True, 2, 0, True),
    "4-positive": (False, 4, 0, False),
    "definition+4-positive": (True, 4, 0, False),
}


def closed(text: str) -> str:
    """A field as Tk-Instruct writes it: stripped, with a full stop unless it ends in ASCII punctuation."""
    text = text.strip()
    return text if text[-1:] in string.punctuation and text else text + "."


def tk_instruct(task: Task, row: Instance, encoding: str) -> str:
    definition, positive, negative, explanations = TK[encoding]
    out = ""
    if definition and task.definitions:
        out += "Definition: " + closed(task.definitions[0]) + "\n\n"
    for label, examples, count in (
        ("Positive", task.positive_examples, positive),
        ("Negative", task.negative_examples, negative),
    ):
        for i, example in enumerate(examples[:count]):
            out += f" {label} Example {i + 1} -\n"
            out += f"Input: {closed(example.input)}\n Output: {closed(example.output)}\n"
            if explanations and example.explanation.strip():
                out += f" Explanation: {closed(example.explanation)}\n"
            out += "\n"
    return out + f"Now complete the following example -\nInput: {closed(row.input)}\nOutput: {row.outputs[0]}"


def hand_made() -> list[Task]:
    """Tasks with something missing each: end marks, definition, examples, explanations, fewer examples than asked."""
    good, bare = Example("In one", "out", "because it is"), Example("in two! ", " Out", "")
    bad = Example("x", "wrong", "it is not", "say y")
    rows = lambda: iter((Instance("1", " the input", ("an answer",)), Instance("2", "Really?", ("No.",))))  # noqa: E731
    return [
        Task("t1_all", ("Do it",), rows, positive_examples=(good, bare, good), negative_examples=(bad, bad, bad)),
        Task("t2_no_definition", (), rows, positive_examples=(bare,), negative_examples=(bad,)),
        Task("t3_no_examples", ("Do it. ",), rows),
        Task("t4_no_negative", (" Do it!", "another"), rows, positive_examples=(good, bare)),
        Task("t5_unicode", ("Übersetze。",), rows, positive_examples=(Example("日本", "ニホン", "読み"),)),
        Task("t6_nothing", (), rows),
    ]


@pytest.mark.parametrize("encoding", list(TK))
def test_tk_instructs_prompts_equal_its_description_on_tasks_with_missing_parts(encoding: str) -> None:
    for task in hand_made():
        for row in task.instances():
            assert encode(task, row, ENCODINGS[encoding]).text == tk_instruct(task, row, encoding)


@pytest.mark.parametrize("encoding", list(TK))
def test_tk_instructs_prompts_equal_its_description_on_real_tasks(encoding: str, superni: Path) -> None:
    collection = open_collection(superni)
    for name in collection.names[::20]:
        task = collection[name]
        for row in itertools.islice(task.instances(), 20):
            assert encode(task, row, ENCODINGS[encoding]).text == tk_instruct(task, row, encoding)


def test_the_task_name_alone_is_told_with_a_full_stop() -> None:
    task = hand_made()[0]
    told = encode(task, next(iter(task.instances())), ENCODINGS["task-name"]).prefix
    assert told == "t1_all. Now complete the following example -\nInput:"


def test_the_mixed_encoding_draws_one_of_five_for_each_instance_and_always_the_same() -> None:
    task, mixed = hand_made()[0], ENCODINGS["tk-instruct-mixed"]
    rows = [Instance(str(i), f"input {i}", ("x",)) for i in range(200)]
    prompts = [encode(task, row, mixed, seed=1) for row in rows]
    assert prompts == [encode(task, row, mixed, seed=1) for row in rows]
    assert prompts != [encode(task, row, mixed, seed=2) for row in rows]
    five = ["definition", "2-positive", "definition+2-positive", "definition+2-positive+2-negative"]
    five.append("definition+2-positive+explanation")
    counts = [sum(p == encode(task, r, ENCODINGS[name]) for p, r in zip(prompts, rows, strict=True)) for name in five]
    assert sum(counts) == 200
    assert min(counts) > 20


NI = {
    "ni-none": [],
    "ni-prompt": ["Prompt"],
    "ni-definition": ["Definition"],
    "ni-definition+prompt": ["Definition", "Prompt"],
    "ni-avoid+prompt": ["Things to Avoid", "Prompt"],
    "ni-emphasis+prompt": ["Emphasis & Caution", "Prompt"],
    "ni-prompt+positive": ["Prompt", "Positive Examples Full Only"],
    "ni-definition+positive": ["Definition", "Positive Examples Full Only"],
    "ni-definition+prompt+positive": ["Definition", "Prompt", "Positive Examples Full Only"],
    "ni-positive": ["Positive Examples Full Only"],
    "ni-full": [
        "Definition",
        "Prompt",
        "Things to Avoid",
        "Emphasis & Caution",
        "Negative Examples Full Explanations",
        "Positive Examples Full Explanations",
    ],
    "ni-full-without-negative": [
        "Definition",
        "Prompt",
        "Things to Avoid",
        "Emphasis & Caution",
        "Positive Examples Full Explanations",
    ],
    "ni-full-titled": [
        "Title",
        "Definition",
        "Emphasis & Caution",
        "Things to Avoid",
        "Positive Examples Full Explanations",
        "Negative Examples Full Explanations",
    ],
}


def natural_instructions(task: Task, row: Instance, elements: list[str]) -> str:
    fields = {
        "Title": task.title,
        "Definition": task.definition,
        "Prompt": task.prompt,
        "Things to Avoid": task.things_to_avoid,
        "Emphasis & Caution": task.emphasis,
    }
    out = "\n".join(f"{name}: {fields[name].strip()}" for name in elements if fields.get(name, "").strip())
    for name in elements:
        positive = name.startswith("Positive")
        if not positive and not name.startswith("Negative"):
            continue
        for j, example in enumerate((task.positive_examples if positive else task.negative_examples)[:2], start=1):
            if name.endswith("Explanations"):
                out += f"\n{'Positive' if positive else 'Negative'} Example{j}- "
            out += f"\ninput: {example.input.strip()}\noutput: {example.output.strip()}"
            if name.endswith("Explanations") and example.explanation.strip():
                out += f"\nreason: {example.explanation.strip()}"
            if not positive and example.suggestion.strip():
                out += f"suggestion: {example.suggestion.strip()}"
    return out + f"\ninput: {row.input.strip()}\noutput: {row.outputs[0]}"


def ni_tasks() -> list[Task]:
    rows = lambda: iter((Instance("1", " a passage ", ("a question?",)),))  # noqa: E731
    positive = (Example(" in ", "out", "why"), Example("in 2", "out 2 ", " why not "))
    negative = (Example("n", "m", "wrong", "better"), Example("n2", "m2", "wrong too", " "))
    return [
        Task("s1", ("Define.",), rows, "A title", "Ask.", "Avoid this", "Mind that ", positive, negative),
        Task("s2", (" Define. ",), rows, "", "Ask.", "", "Mind that", positive, ()),
        Task("s3", ("Define.",), rows, "T", "", "Avoid", "", (), negative),
        Task("s4", (), rows, "", "Ask it.", "", "", positive, negative),
        Task("s5", ("Define {input}.",), rows),
        Task("s6", (), rows),
    ]


@pytest.mark.parametrize("encoding", list(NI))
def test_natural_instructions_prompts_equal_its_description(encoding: str) -> None:
    for task in ni_tasks():
        for row in task.instances():
            assert encode(task, row, ENCODINGS[encoding]).text == natural_instructions(task, row, NI[encoding])


def test_labelled_instances_serve_where_a_task_of_natural_instructions_has_too_few_examples() -> None:
    task = ni_tasks()[4]
    shown = InContextExamples(exemplars=(Instance("8", "first", ("one",)), Instance("9", "second", ("two",))))
    told = encode(task, next(iter(task.instances())), ENCODINGS["ni-positive"], shown=shown)
    assert told.prefix == "\ninput: first\noutput: one\ninput: second\noutput: two\ninput:"
    assert ENCODINGS["ni-positive"].exemplars == 2

"""FLAN's form on real datasets: every row of six of them beside a string written by hand, not by Jinja."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from tests.conftest import SHARED

from tuition.prompts import ENCODINGS, encode
from tuition.prompts.encode import answers
from tuition.tasks.readers import open_collection

Fields = Mapping[str, str]
# dataset, template, its words for the labels in their order, whether it shows them itself, and the input by hand
FORMS: list[tuple[str, str, dict[str, str], bool, Callable[[Fields], str]]] = [
    (
        "nli/rte",
        "guaranteed true",
        {"entailment": "Yes", "not entailment": "No"},
        True,
        lambda f: f'Given {f["premise"]} Is it guaranteed true that "{f["hypothesis"]}"? Yes or no?',
    ),
    (
        "nli/cb",
        "can we infer",
        {"entailment": "Yes", "contradiction": "No", "neutral": "Maybe"},
        True,
        lambda f: f'Suppose {f["premise"]} Can we infer that "{f["hypothesis"]}"? Yes, no, or maybe?',
    ),
    (
        "sentiment/sst2",
        "review",
        {"negative": "negative", "positive": "positive"},
        True,
        lambda f: (
            f'I\'m reading a review that says "{f["sentence"]}".\n\nDo you think the review is positive or negative?'
        ),
    ),
    (
        "reading_comprehension/boolq",
        "GPT-3 Style",
        {"no": "No", "yes": "Yes"},
        False,
        lambda f: f"{f['passage']} \nQuestion: {f['question']}\nAnswer:",
    ),
    (
        "topic/agnews",
        "classify_question_first",
        {
            "World": "World politics",
            "Sports": "Sports",
            "Business": "Business",
            "Science or Technology": "Science and technology",
        },
        False,
        lambda f: f"What label best describes this news article?\n{f['text']}",
    ),
    (
        "word_sense/wic",
        "question-context-meaning",
        {"no": "No", "yes": "Yes"},
        False,
        lambda f: (
            f'Does the word "{f["word"]}" have the same meaning in these two sentences?\n'
            f"{f['sentence1']}\n{f['sentence2']}"
        ),
    ),
]


@pytest.mark.parametrize(("dataset", "template", "words", "shows", "by_hand"), FORMS, ids=[form[0] for form in FORMS])
def test_every_row_is_told_as_written_by_hand(
    dataset: str, template: str, words: dict[str, str], shows: bool, by_hand: Callable[[Fields], str]
) -> None:
    if not (SHARED / "flan").is_dir():
        pytest.skip("the shared data is not beside the checkout")
    lines = (SHARED / "flan" / f"{dataset}.jsonl").read_text(encoding="utf-8").split("\n")
    raw = [json.loads(line) for line in lines if line]
    task = open_collection(Path(SHARED / "flan"))[dataset.partition("/")[2]]
    assert set(task.options) == set(words)
    encoding = dataclasses.replace(ENCODINGS["flan"], template=template)
    options = "" if shows else "\nOPTIONS:" + "".join(f"\n- {word}" for word in words.values())
    compared = 0
    for row, plain in zip(task.instances(), raw, strict=True):
        prompt = encode(task, row, encoding)
        # PromptSource strips the input's and the target's ends.
        assert prompt.source == by_hand(plain["fields"]).strip() + options
        assert prompt.target == " " + words[plain["label"]]
        assert answers(task, row, encoding) == ((words[plain["label"]],), tuple(words.values()))
        compared += 1
    assert compared == len(raw) > 250

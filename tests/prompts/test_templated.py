"""Instances told in templates: FLAN's and PromptSource's, and a user's own."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from tuition.base.errors import UserError
from tuition.prompts import ENCODINGS, encode, find_encoding
from tuition.prompts.encode import answers
from tuition.prompts.fit import LengthPolicy, fit
from tuition.tasks import Example, Instance, Task, Template


def row(number: int, premise: str = "It rains.", label: int = 0) -> Instance:
    fields = {"premise": premise, "hypothesis": "It is {{ wet }}.", "label": label}
    return Instance(str(number), f"premise: {premise}", ("entailment",), fields=fields)


CHOICES = "Yes ||| No"
TEMPLATES = (
    Template("suppose", "Suppose {{premise}} Can we infer {{hypothesis}}?", "{{ answer_choices[label] }}", CHOICES),
    Template("bare", "{{premise}} {{hypothesis}}", "{{ answer_choices[label] }}", "true ||| false"),
    Template("round", "Write a premise for {{hypothesis}}", "{{premise}}", original_task=False),
    Template(
        "listed",
        "{{premise}} {{hypothesis}} {{ answer_choices | join(' or ') }}?",
        "{{ answer_choices[label] }}",
        CHOICES,
    ),
)
TASK = Task(
    "rte", ("Does it follow?",), lambda: iter(()), options=("entailment", "not entailment"), templates=TEMPLATES
)


def told(template: str, encoding: str = "flan", **changes: object) -> Instance | object:
    return encode(TASK, row(1), dataclasses.replace(ENCODINGS[encoding], template=template, **changes))


def test_the_text_before_the_first_slot_is_the_prefix_and_values_stay_text() -> None:
    prompt = told("suppose")
    assert prompt.prefix == "Suppose"
    assert prompt.body == " It rains. Can we infer It is {{ wet }}.?\nOPTIONS:\n- Yes\n- No"
    assert prompt.target == " Yes"


def test_options_are_told_in_the_templates_words_and_not_twice() -> None:
    assert told("bare").text == "It rains. It is {{ wet }}.\nOPTIONS:\n- true\n- false true"
    assert told("listed").text == "It rains. It is {{ wet }}. Yes or No? Yes"
    assert told("bare", "flan-without-options").text == "It rains. It is {{ wet }}. true"


def test_what_is_right_and_the_options_are_in_the_templates_words() -> None:
    encoding = dataclasses.replace(ENCODINGS["flan"], template="bare")
    assert answers(TASK, row(1, label=1), encoding) == (("false",), ("true", "false"))
    assert answers(TASK, row(1), ENCODINGS["definition"]) == (("entailment",), TASK.options)


def test_templates_are_drawn_for_each_instance_always_the_same_and_never_one_that_turns_the_task_round() -> None:
    prompts = [encode(TASK, row(n), ENCODINGS["flan"], seed=1).source for n in range(60)]
    assert prompts == [encode(TASK, row(n), ENCODINGS["flan"], seed=1).source for n in range(60)]
    assert prompts != [encode(TASK, row(n), ENCODINGS["flan"], seed=2).source for n in range(60)]
    assert len(set(prompts)) == 3
    assert not any("Write a premise" in prompt for prompt in prompts)


def test_a_template_by_name_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(UserError, match=r"rte does not have one 'supose'.* it has: suppose, bare"):
        told("supose")
    with pytest.raises(UserError, match="rte does not have templates of its own task"):
        encode(dataclasses.replace(TASK, templates=()), row(1), ENCODINGS["flan"])


def test_a_row_that_no_template_tells_is_refused() -> None:
    empty = Template("empty", "{% if label == 3 %}{{premise}}{% endif %}", "x")
    with pytest.raises(UserError, match="instance 1: every one of its 1 templates yields an empty input or target"):
        encode(dataclasses.replace(TASK, templates=(empty,)), row(1), ENCODINGS["flan"])


def test_a_long_field_is_cut_and_the_templates_question_and_target_stay() -> None:
    encoding = dataclasses.replace(ENCODINGS["flan"], template="suppose")
    long = row(1, premise="word " * 300)
    fitted = fit(TASK, long, encoding, LengthPolicy(40), lambda text: len(text.split()), output="Yes")
    assert fitted.prompt is not None
    assert fitted.prompt.source.endswith("Can we infer It is {{ wet }}.?\nOPTIONS:\n- Yes\n- No")
    assert fitted.prompt.target == " Yes"
    assert fitted.cut_tokens > 200


OWN = """{{ definition }}
{% for e in positive_examples %}Q: {{ e.input }} A: {{ e.output }}
{% endfor %}Q: {{ input }}
A:"""


def test_a_users_own_template_tells_the_task_and_shares_what_stands_before_the_row(tmp_path: Path) -> None:
    (tmp_path / "mine.jinja").write_text(OWN)
    encoding = find_encoding("mine.jinja", tmp_path)
    task = dataclasses.replace(TASK, positive_examples=(Example("a", "b"),))
    first, second = (encode(task, Instance(str(n), f"{n} {{{{ x }}}}", ("yes",)), encoding) for n in (1, 2))
    assert first.text == "Does it follow?\nQ: a A: b\nQ: 1 {{ x }}\nA: yes"
    assert first.prefix == second.prefix == "Does it follow?\nQ: a A: b\nQ:"


def test_a_template_that_changes_the_input_shares_only_what_it_can(tmp_path: Path) -> None:
    (tmp_path / "loud.jinja").write_text("Say: {{ input | upper }}")
    assert encode(TASK, Instance("1", "ab", ("yes",)), find_encoding("loud.jinja", tmp_path)).text == "Say: AB yes"
    (tmp_path / "two.jinja").write_text("{{ input }} again: {{ input }}")
    assert encode(TASK, Instance("1", "ab", ("yes",)), find_encoding("two.jinja", tmp_path)).text == "ab again: ab yes"


@pytest.mark.parametrize(
    "text", ["no row here", "{{ input.__class__ }}", "{% for i in range(10**9) %}{{ input }}{% endfor %}", "{{ input"]
)
def test_a_template_that_tells_no_row_or_reaches_out_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "bad.jinja").write_text(text)
    with pytest.raises(UserError):
        encode(TASK, row(1), find_encoding("bad.jinja", tmp_path))

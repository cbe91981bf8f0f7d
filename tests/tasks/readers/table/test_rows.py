from __future__ import annotations

import json
import pickle
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from tuition.base.errors import ProblemsError
from tuition.tasks.card_draft import CardWish, draft_card
from tuition.tasks.check import check_collection
from tuition.tasks.readers import open_collection
from tuition.tasks.readers.common.findings import Finding
from tuition.tasks.readers.table.class_names import NamelessClass

LABELS = ["sport", "money"]


def put(tmp_path: Path, labels: list[object], card: str = "", *, kind: str = "jsonl") -> Path:
    """Write a table of the columns text and label, and a card beside it where one is given."""
    path = tmp_path / f"x.{kind}"
    if kind == "parquet":
        parquet.write_table(pa.table({"text": [f"note {n}" for n in range(len(labels))], "label": labels}), path)
    else:
        rows = [json.dumps({"text": f"note {n}", "label": label}) for n, label in enumerate(labels)]
        path.write_text("\n".join(rows) + "\n")
    (tmp_path / "x.task.yaml").write_text(card or "definition: Name the topics.")
    return path


def outputs(path: Path) -> list[tuple[str, ...]]:
    (task,) = open_collection(path)
    return [row.outputs for row in task.instances()]


def problems(path: Path, severity: str = "error") -> list[Finding]:
    return [problem for problem in check_collection(path).problems if problem.severity == severity]


# ---- lists


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
@pytest.mark.parametrize("labels", [LABELS, [1, 1], ["a", "a"]])
def test_a_list_of_several_outputs_asks_what_it_is(labels: list[object], kind: str, tmp_path: Path) -> None:
    path = put(tmp_path, [labels, labels[:1]], kind=kind)
    (problem,) = problems(path)
    assert problem.kind == "list-of-outputs"
    assert "label is a list" in problem.found
    assert "'outputs: references'" in problem.expected
    assert "'outputs: text'" in problem.expected
    with pytest.raises(ProblemsError, match="label is a list"):
        outputs(path)


def test_the_card_says_that_a_list_holds_accepted_answers(tmp_path: Path) -> None:
    path = put(tmp_path, [LABELS, [1, 1], ["one"], "two"], "outputs: references")
    assert outputs(path) == [("sport", "money"), ("1",), ("one",), ("two",)]
    assert not problems(path)


def test_the_card_says_that_a_list_is_one_text(tmp_path: Path) -> None:
    path = put(tmp_path, [LABELS, [1, 1], ["ü"], "two"], "outputs: text")
    assert outputs(path) == [('["sport", "money"]',), ("[1, 1]",), ('["ü"]',), ("two",)]


def test_a_pattern_may_join_a_list(tmp_path: Path) -> None:
    card = "input: text\noutput: '{{ label|join(\", \") }}'"
    assert outputs(put(tmp_path, [LABELS], card)) == [("sport, money",)]


def test_lists_of_one_or_none_ask_nothing(tmp_path: Path) -> None:
    assert outputs(put(tmp_path, [["sport"], ["money"]])) == [("sport",), ("money",)]
    assert [problem.kind for problem in problems(put(tmp_path, [[]]))] == ["no-output"]


@pytest.mark.parametrize("cell", ['["sport", "money"]', "['sport', 'money']", '[1, "money"]'])
def test_a_list_that_a_cell_holds_as_text_is_learnt_as_written_and_said(cell: str, tmp_path: Path) -> None:
    path = put(tmp_path, [cell])
    assert outputs(path) == [(cell,)]
    assert [problem.kind for problem in problems(path, "warning")] == ["guessed-columns", "list-as-text"]
    assert len(outputs(put(tmp_path, [cell], "outputs: references"))[0]) == 2
    text = put(tmp_path, [cell], "outputs: text")
    assert outputs(text) == [(cell,)]
    assert "list-as-text" not in [problem.kind for problem in problems(text, "warning")]


@pytest.mark.parametrize("cell", ["[1]", "[sport, money]", "[" * 5000 + "]" * 5000, "[[1], [2]]", "[a](b) [c]"])
def test_other_texts_in_brackets_are_no_lists(cell: str, tmp_path: Path) -> None:
    path = put(tmp_path, [cell])
    assert outputs(path) == [(cell,)]
    assert [problem.kind for problem in problems(path, "warning")] == ["guessed-columns"]


def test_what_outputs_may_say_is_said(tmp_path: Path) -> None:
    (problem,) = problems(put(tmp_path, [LABELS], "outputs: labels"))
    assert "'references'" in problem.expected
    assert "sets of labels are not supported yet" in problem.expected
    (problem,) = problems(put(tmp_path, [LABELS], "input: text\noutput: '{{ label }}'\noutputs: text"))
    assert "a pattern produces one text" in problem.expected


def test_a_drafted_card_keeps_what_lists_are(tmp_path: Path) -> None:
    path = put(tmp_path, [LABELS, ["art"]] * 6)
    with pytest.raises(ProblemsError, match="label is a list"):
        draft_card(path, CardWish("Name them."))
    draft = draft_card(path, CardWish("Name them.", outputs="text"))
    draft.path.write_text(draft.text)
    assert outputs(path)[:2] == [('["sport", "money"]',), ('["art"]',)]
    assert draft.card.options == ('["art"]', '["sport", "money"]')


# ---- classes without a name


def test_a_label_that_is_held_back_is_called_so(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    meta = {"info": {"features": {"label": {"_type": "ClassLabel", "names": ["no", "yes"]}}}}
    table = pa.table({"sentence": list("abc"), "label": [-1, 1, 7]})
    parquet.write_table(table.replace_schema_metadata({b"huggingface": json.dumps(meta).encode()}), path)
    held_back, unknown = problems(path)
    assert (held_back.kind, unknown.kind) == ("held-back-label", "unknown-label")
    assert "label is -1: the publisher withholds the label of this row" in held_back.found
    assert "label is the class number 7" in unknown.found
    (tmp_path / "x.yaml").write_text("input: sentence\noutput: '{{ label }}'")
    assert [problem.kind for problem in problems(path)] == ["template-without-text"] * 2


def test_a_class_without_a_name_is_kept_as_its_number() -> None:
    number = NamelessClass(-1)
    assert json.dumps(number) == "-1"
    assert pickle.loads(pickle.dumps(number)) == -1

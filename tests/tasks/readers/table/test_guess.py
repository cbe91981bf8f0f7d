from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tuition.base.errors import UserError
from tuition.tasks.card_draft import CardWish, draft_card
from tuition.tasks.check import check_collection
from tuition.tasks.readers import open_collection
from tuition.tasks.readers.table.guess import is_id, left_out, likely_columns

Row = dict[str, Any]


def put(tmp_path: Path, *rows: Row, name: str = "x.jsonl") -> Path:
    path = tmp_path / name
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def told(path: Path) -> list[tuple[str, tuple[str, ...]]]:
    assert not check_collection(path).errors
    (task,) = open_collection(path)
    return [(row.input, row.outputs) for row in task.instances()]


def refusals(path: Path) -> list[tuple[str, str]]:
    return [(problem.kind, f"{problem.found}; {problem.expected}") for problem in check_collection(path).errors]


# ---- what is read simply


@pytest.mark.parametrize("read", ["context", "input"])
@pytest.mark.parametrize("written", ["response", "output"])
def test_dolly_and_alpaca_rows_keep_what_their_instruction_is_about(read: str, written: str, tmp_path: Path) -> None:
    first = {"instruction": "What follows 1?", read: "Count in twos.", written: "3", "category": "closed_qa"}
    second = {"instruction": "Say hi.", read: "", written: "hi", "category": "open"}
    assert told(put(tmp_path, first, second)) == [
        ("What follows 1?\n\nCount in twos.", ("3",)),
        ("Say hi.", ("hi",)),
    ]


def turns(*texts: str, keys: tuple[str, str], names: tuple[str, str]) -> list[Row]:
    return [{keys[0]: names[number % 2], keys[1]: text} for number, text in enumerate(texts)]


@pytest.mark.parametrize(
    ("column", "keys", "names"),
    [
        ("messages", ("role", "content"), ("user", "assistant")),
        ("conversations", ("from", "value"), ("human", "gpt")),
        ("conversations", ("role", "content"), ("user", "assistant")),
    ],
)
def test_the_last_turn_of_a_chat_is_its_output(
    column: str, keys: tuple[str, str], names: tuple[str, str], tmp_path: Path
) -> None:
    short, long = (turns(*texts, keys=keys, names=names) for texts in (("a", "b"), ("a", "b", "c", "d")))
    path = put(tmp_path, {"id": "x0", column: short}, {"id": "x1", column: long})
    user, assistant = names
    assert told(path) == [("a", ("b",)), (f"{user}: a\n\n{assistant}: b\n\n{user}: c", ("d",))]


def test_a_chat_that_no_answer_ends_is_refused(tmp_path: Path) -> None:
    chats = [
        turns(*texts, keys=("role", "content"), names=("user", "assistant")) for texts in (("a", "b"), ("a", "b", "c"))
    ]
    path = put(tmp_path, *({"messages": chat} for chat in chats))
    assert [kind for kind, _ in refusals(path)] == ["template-without-text"]


# ---- what would be left out

QUESTION = {"question": "Who?", "context": "Ann came.", "answer": "Ann"}


def test_a_column_of_text_that_the_guess_leaves_out_stops_with_the_command_that_names_it(tmp_path: Path) -> None:
    path = put(tmp_path, QUESTION, QUESTION | {"context": "", "question": "Why?"})
    ((kind, message),) = refusals(path)
    assert kind == "column-left-out"
    assert "would leave out 'context'" in message
    assert f"tuition card {path}" in message
    assert "--input context --input question --output answer" in message
    draft = draft_card(path, CardWish("Answer.", ("context", "question"), "answer", 0))
    draft.path.write_text(draft.text, encoding="utf-8")
    assert told(path)[0] == ("context: Ann came.\nquestion: Who?", ("Ann",))


def test_a_card_of_one_sentence_is_asked_for_the_columns(tmp_path: Path) -> None:
    path = put(tmp_path, QUESTION)
    (tmp_path / "x.task.yaml").write_text("definition: Answer.")
    ((kind, message),) = refusals(path)
    assert kind == "column-left-out"
    assert "in x.task.yaml, such as input: [context, question] and output: answer" in message
    (tmp_path / "x.task.yaml").write_text("definition: Answer.\ninput: question\noutput: answer")
    assert told(path) == [("Who?", ("Ann",))]


def test_a_card_is_not_drafted_without_the_texts_beside_the_likely_one(tmp_path: Path) -> None:
    path = put(
        tmp_path,
        *({"body": f"text {n} of a mail", "subject": f"the mail {n} is", "kind": "ab"[n % 2]} for n in range(9)),
    )
    with pytest.raises(UserError, match="--input subject --input body"):
        draft_card(path, CardWish("Do."))
    assert draft_card(path, CardWish("Do.", ("body",))).card.output == ("kind",)


def test_rows_of_prompt_and_completion_with_more_to_read_are_refused(tmp_path: Path) -> None:
    row = {"prompt": "Who?", "completion": "Ann", "system": "Be brief."}
    assert [kind for kind, _ in refusals(put(tmp_path, row))] == ["column-left-out"]
    assert told(put(tmp_path, row | {"system": "", "dataset": "squad"})) == [("Who?", ("Ann",))]


@pytest.mark.parametrize(
    ("name", "values", "reads"),
    [
        ("context", ["", None, "Ann came."], True),
        ("context", ["", None, " "], False),
        ("choices", [["a", "b"]], True),
        ("note", ["a text of five words", "and another of five words"], True),
        ("source", ["The New York Times"] * 20, False),
        ("category", ["closed_qa", "open_qa"], False),
        ("url", ["https://a.example/x", "https://a.example/y"], False),
        ("question_id", ["what is this id"], False),
        ("score", [0.5, 0.25], False),
    ],
)
def test_text_to_be_read_is_known_by_its_name_or_its_words(name: str, values: list[object], reads: bool) -> None:
    assert left_out((), [name], [{name: value} for value in values]) == ([name] if reads else [])


# ---- what is proposed


def test_neither_ids_nor_lists_are_proposed_as_input_or_output(tmp_path: Path) -> None:
    rows = [{"id": f"x{n}", "tags": ["a"], "meta": {"k": "v"}, "body": f"body {n}"} for n in range(5)]
    assert likely_columns([*rows[0]], rows) is None
    ((kind, message),) = refusals(put(tmp_path, *rows))
    assert kind == "unknown-columns"
    assert "'id'" not in message.split("; ", 2)[2]
    with pytest.raises(UserError, match="name them with --input and --output"):
        draft_card(tmp_path / "x.jsonl", CardWish("Do."))


@pytest.mark.parametrize(
    ("name", "values", "is_one"),
    [
        ("example_id", ["a b"], True),
        ("ref", ["3", "1", "2"], True),
        ("ref", ["x1", "x3", "x9"], True),
        ("ref", ["0f3a99e1", "7f3a99e2", "9f3a99e3"], True),
        ("word", ["chien", "chat", "ane"], False),
        ("n", ["3", "1", "3"], False),
        ("n", ["10", "300", "7"], False),
        ("paid", ["yes", "no"], False),
    ],
)
def test_an_id_is_known_by_its_name_or_as_a_running_number(name: str, values: list[str], is_one: bool) -> None:
    assert is_id(name, values) is is_one

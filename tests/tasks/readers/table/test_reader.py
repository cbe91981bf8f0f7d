from __future__ import annotations

import csv
import io
import json
import pickle
import sys
import types
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import ipc, parquet

from tuition.base.errors import Problem, ProblemsError
from tuition.splits.budgets import split_task
from tuition.tasks.check import check_collection
from tuition.tasks.readers import READERS, find_reader, open_collection
from tuition.tasks.readers.table import hub as table_hub
from tuition.tasks.types import Example, Instance, Task, task_fingerprint

NLI = 'premise,hypothesis,label\nIt rains.,It is wet.,yes\n"A, b.",None,no\n'


@pytest.fixture
def put(tmp_path: Path) -> Any:
    """Write files: a name, its content (text, bytes, or an Arrow table), and so on; return the last one's path."""

    def write(*told: Any) -> Path:
        path = tmp_path
        for name, content in zip(told[::2], told[1::2], strict=True):
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, pa.Table):
                parquet.write_table(content, path)
            else:
                path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def only(path: Path) -> Task:
    (task,) = open_collection(path)
    return task


def rows(path: Path) -> list[tuple[str, tuple[str, ...]]]:
    return [(row.input, row.outputs) for row in only(path).instances()]


def kinds(path: Path, severity: str = "error") -> list[str]:
    """The kinds of what is found; reading refuses by the same."""
    report = check_collection(path)
    if report.errors:
        with pytest.raises(ProblemsError) as caught:
            [list(task.instances()) for task in open_collection(path)]
        assert {p.found for p in caught.value.problems} <= {p.found for p in report.errors}
    return [problem.kind for problem in report.problems if problem.severity == severity]


# ---- a table and its card


def test_a_table_with_a_card_is_a_task(put: Any) -> None:
    put("nli.task.yaml", """\
definition: Does the second follow from the first?
input: [premise, hypothesis]
output: label
options: [yes, no]
examples:
  - {input: "a\\nb", output: yes, explanation: It does.}
negative_examples: [{input: a, output: maybe}]
category: Entailment
source: [made, up]
languages: English
""")  # fmt: skip
    task = only(put("nli.csv", NLI))
    assert task == Task(
        "nli",
        ("Does the second follow from the first?",),
        task.read_instances,
        positive_examples=(Example("a\nb", "yes", "It does."),),
        negative_examples=(Example("a", "maybe"),),
        categories=("Entailment",),
        sources=("made", "up"),
        input_languages=("English",),
        output_languages=("English",),
        instruction_languages=("English",),
        options=("yes", "no"),
    )
    assert list(task.instances()) == [
        Instance("nli-1", "premise: It rains.\nhypothesis: It is wet.", ("yes",),
                 fields={"premise": "It rains.", "hypothesis": "It is wet.", "label": "yes"}),
        Instance("nli-2", "premise: A, b.\nhypothesis: None", ("no",),
                 fields={"premise": "A, b.", "hypothesis": "None", "label": "no"}),
    ]  # fmt: skip


def test_a_template_tells_the_input_and_a_pattern_the_output(put: Any) -> None:
    put("nli.yaml", "template: '{{ premise }} So: {{ hypothesis|upper }}?'\noutput: '{{ label }}!'")
    assert rows(put("nli.csv", NLI)) == [("It rains. So: IT IS WET.?", ("yes!",)), ("A, b. So: NONE?", ("no!",))]


def test_several_outputs_come_from_columns_a_separator_or_a_list(put: Any) -> None:
    put("a.yaml", "input: q\noutput: [x, y]")
    assert rows(put("a.csv", "q,x,y\n1,a,b\n2,,c\n3,d,d\n")) == [("1", ("a", "b")), ("2", ("c",)), ("3", ("d",))]
    put("b.yaml", "input: q\noutput: x\nseparator: '|'")
    assert rows(put("b.csv", "q,x\n1,a | b\n2,c|\n")) == [("1", ("a", "b")), ("2", ("c",))]
    put("c.yaml", "input: q\noutput: x\noutputs: references")
    assert rows(put("c.jsonl", '{"q": "1", "x": ["a", 1.50]}\n')) == [("1", ("a", "1.50"))]


def test_numbers_and_truth_become_text_as_they_were_written(put: Any) -> None:
    put("a.yaml", "input: q\noutput: x")
    written = '{"q": 1.0, "x": 1.10}\n{"q": 1e3, "x": true}\n{"q": "1.0", "x": "True"}\n'
    assert rows(put("a.jsonl", written)) == [("1.0", ("1.10",)), ("1e3", ("true",)), ("1.0", ("True",))]


def test_ids_rationales_and_sets_come_from_their_columns(put: Any) -> None:
    put("a.yaml", "input: q\noutput: a\nid: k\nrationale: why\nsplit: fold")
    path = put("a.csv", "k,q,a,why,fold\nx1,1,a,so,Train\nx2,2,b,,dev\nx3,3,c,so,test\nx4,4,d,so,\n")
    told = [(row.id, row.rationale, row.split) for row in only(path).instances()]
    assert told == [("x1", "so", "train"), ("x2", "", "validation"), ("x3", "so", "test"), ("x4", "so", "")]


def test_rows_that_stand_as_examples_are_no_instances(put: Any) -> None:
    put("a.yaml", "input: q\noutput: a\nexample_rows: [2, 1]\nexamples: [{input: '2', output: b}]")
    path = put("a.csv", "q,a\n1,a\n2,b\n3,c\n")
    assert [row.id for row in only(path).instances()] == ["a-3"]


def test_options_may_be_found_in_the_data(put: Any) -> None:
    put("a.yaml", "input: q\noutput: a\noptions: from data")
    assert only(put("a.csv", "q,a\n1,y\n2,x\n3,y\n")).options == ("y", "x")
    assert kinds(put("a.csv", "q,a\n" + "".join(f"{n},{n}\n" for n in range(300)))) == ["too-many-options"]


def test_the_name_is_the_cards_or_the_tables(put: Any) -> None:
    path = put("my.table.csv", "input,output\na,b\n")
    assert open_collection(path).names == ("my.table",)
    put("my.table.task.yaml", "name: support")
    assert open_collection(path).names == ("support",)
    put("my.table.task.yaml", "name: ../x")
    assert "unsafe-name" in kinds(path)


# ---- where tables and cards are


def test_a_folder_a_card_and_a_table_all_lead_to_the_task(put: Any, tmp_path: Path) -> None:
    card = put("task.yaml", "definition: Do.\ntable: rows.csv\ninput: a\noutput: b")
    table = put("rows.csv", "a,b\n1,2\n", "other.csv", "x\n1\n")
    assert [open_collection(path).names for path in (tmp_path, card, tmp_path / "rows.csv")] == [("rows",)] * 3
    assert only(tmp_path).definition == "Do."
    assert kinds(table) == ["unknown-columns"]  # the card is not that of the other table


def test_a_folder_may_hold_many_tasks(put: Any, tmp_path: Path) -> None:
    put("b.csv", "input,output\n1,2\n", "a.jsonl", '{"text": "x", "label": "y"}\n')
    assert open_collection(tmp_path).names == ("a", "b")
    put("b.task.yaml", "input: input\noutput: output", "c/task.yaml", "name: c", "c/x.csv", "text,label\n1,2\n")
    assert open_collection(tmp_path).names == ("b", "c")
    put("c/task.yaml", "name: b")
    assert "duplicate-name" in kinds(tmp_path)


def test_a_card_goes_before_what_other_formats_would_make_of_the_rows(put: Any) -> None:
    path = put("x.jsonl", '{"prompt": "a", "completion": "b", "label": "c"}\n')
    assert find_reader(path).name == "prompted"
    put("x.task.yaml", "definition: Do.\ninput: prompt\noutput: label")
    assert find_reader(path).name == "table"
    assert rows(path) == [("a", ("c",))]
    assert find_reader(path, "prompted").name == "prompted"


def test_sets_may_be_files(put: Any, tmp_path: Path) -> None:
    put("task.yaml", "input: a\noutput: b\nsplit: {train: one.csv, test: [two.jsonl]}")
    put("one.csv", "a,b\n1,2\n", "two.jsonl", '{"a": "3", "b": "4"}\n')
    assert [(row.id, row.split) for row in only(tmp_path).instances()] == [
        (f"{tmp_path.name}-1", "train"),
        (f"{tmp_path.name}-2", "test"),
    ]
    cut = split_task(only(tmp_path), test=1, validation=0)
    assert [row.input for row in cut.test] == ["3"]


def test_files_with_the_names_of_sets_are_one_task(put: Any, tmp_path: Path) -> None:
    put("train.csv", "input,output\n1,2\n", "test.csv", "input,output\n3,4\n")
    assert [row.split for row in only(tmp_path).instances()] == ["test", "train"]


def test_a_folder_of_parquet_is_one_table(put: Any, tmp_path: Path) -> None:
    put("b.parquet", pa.table({"text": ["3"], "label": ["x"]}), "a.parquet", pa.table({"text": ["1"], "label": ["y"]}))
    assert [row.input for row in only(tmp_path).instances()] == ["1", "3"]


def save(folder: Path, texts: list[str]) -> None:
    folder.mkdir(parents=True)
    (folder / "state.json").write_text('{"_data_files": [{"filename": "data.arrow"}]}')
    meta = {"info": {"features": {"label": {"_type": "ClassLabel", "names": ["no", "yes"]}}}}
    table = pa.table({"text": texts, "label": [n % 2 for n in range(len(texts))]})
    table = table.replace_schema_metadata({b"huggingface": json.dumps(meta).encode()})
    with pa.OSFile(str(folder / "data.arrow"), "wb") as sink, ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)


def test_a_saved_dataset_is_a_task_with_its_splits_and_class_names(tmp_path: Path) -> None:
    data = tmp_path / "imdb"
    for name in ("train", "unsupervised"):
        save(data / name, [f"{name} {n}" for n in range(2)])
    (data / "dataset_dict.json").write_text('{"splits": ["train", "unsupervised"]}')
    assert kinds(data) == ["unknown-split"]
    (data / "task.yaml").write_text("split: {test: unsupervised}")
    assert [(row.input, row.outputs, row.split) for row in only(data).instances()] == [
        ("unsupervised 0", ("no",), "test"),
        ("unsupervised 1", ("yes",), "test"),
    ]
    (data / "task.yaml").write_text("split: train")
    assert [(row.id, row.split) for row in only(data).instances()] == [("imdb-1", ""), ("imdb-2", "")]
    (data / "task.yaml").write_text("split: dev")
    assert kinds(data) == ["unknown-split"]


@pytest.mark.parametrize("where", ["/etc/passwd", "../x.csv", "gone.csv", "x.xlsx"])
def test_a_card_leads_to_tables_beside_it_only(where: str, put: Any, tmp_path: Path) -> None:
    put("x.csv", "a,b\n1,2\n", "in/x.xlsx", "")
    assert len(kinds(put("in/task.yaml", f"table: {where}\ninput: a\noutput: b"))) >= 1


# ---- without a card


@pytest.mark.parametrize(
    ("header", "told", "answer"),
    [
        ("output,input,note", "input", "output"),
        ("prompt,completion", "prompt", "completion"),
        ("id,Text,Label", "Text", "Label"),
        ("sentence,label", "sentence", "label"),
        ("question,answer", "question", "answer"),
    ],
)
def test_well_known_columns_are_taken_and_said(header: str, told: str, answer: str, put: Any) -> None:
    path = put("x.csv", f"{header}\n" + ",".join(f"<{name}>" for name in header.split(",")) + "\n")
    assert rows(path) == [(f"<{told}>", (f"<{answer}>",))]
    assert only(path).definition == ""
    (warning,) = check_collection(path).warnings
    assert warning.kind == "guessed-columns"
    assert f"'{told}' is used as the input, '{answer}' as the output" in warning.found


def test_alpaca_rows_tell_their_instruction_with_the_input(put: Any) -> None:
    path = put("x.csv", "instruction,input,output\nSay hi.,,hi\nRepeat.,x,x\n")
    assert rows(path) == [("Say hi.", ("hi",)), ("Repeat.\n\nx", ("x",))]


def test_a_card_of_one_sentence_takes_well_known_columns_too(put: Any) -> None:
    put("x.yaml", "definition: Say what it is.")
    path = put("x.csv", "text,label\na,b\n")
    assert (only(path).definition, rows(path)) == ("Say what it is.", [("a", ("b",))])


def test_unknown_columns_are_listed_with_the_card_to_write(put: Any) -> None:
    (problem,) = check_collection(put("x.csv", "ref,message,department\n1,a long text,x\n2,and another,x\n")).errors
    assert problem.kind == "unknown-columns"
    assert "'ref', 'message', 'department'" in problem.found
    assert "{definition: what to do, input: 'message', output: 'department'}" in problem.expected


# ---- what is refused

NO_TEXT = "template-without-text"


@pytest.mark.parametrize(
    ("card", "table", "expected"),
    [
        ("input: q\noutput: a", "q,a\n1,\n2,x\n3, \n", ["no-output", "no-output"]),
        ("input: qq\noutput: b", "q,a\n1,2\n", ["missing-column", "missing-column"]),
        ("template: '{% if q == \"1\" %}{{ q }}{% endif %}'\noutput: a", "q,a\n1,2\n2,3\n3,4\n", [NO_TEXT] * 2),
        ("input: q\noutput: '{{ a if a != \"x\" }}'", "q,a\n1,x\n2,y\n", [NO_TEXT]),
        ("template: '{{ q / 2 }}'\noutput: a", "q,a\n1,2\n", ["template-fault"]),
        ("template: '{{ z }}'\noutput: a", "q,a\n1,2\n", ["missing-column"]),
        ("input: q\noutput: a\nid: k", "k,q,a\nx,1,2\nx,3,4\n,5,6\n", ["duplicate-id", "empty-id"]),
        ("input: q\noutput: a\nsplit: f", "f,q,a\nhalf,1,2\n", ["unknown-split"]),
        ("input: q\noutput: a\noptions: [x]", "q,a\n1,x\n2,y\n3,Y\n", ["unknown-option", "unknown-option"]),
        ("input: q\noutput: a\nexample_rows: [1, 9]", "q,a\n1,x\n2,y\n", ["card-value"]),
        ("input: q\noutput: a", "q,a\n", ["no-instances"]),
        ("input: q\noutput: a\nexample_rows: [1]", "q,a\n1,2\n", ["no-instances"]),
        ("input: q\noutput: a\nsplit: {train: t}", "q,a\n1,2\n", ["card-value"]),
        ("table: other.csv", "q,a\n1,2\n", ["other-table"]),
        ("inputs: q\noutputs: a", "q,a\n1,2\n", ["unknown-key", "card-value"]),
        ("input: q\noutput: a", "q,a\n1\n2,x\n3\n", ["ragged-row", "ragged-row"]),
    ],
)  # fmt: skip
def test_faults_of_a_kind_are_listed_together(card: str, table: str, expected: list[str], put: Any) -> None:
    put("x.task.yaml", card)
    assert kinds(put("x.csv", table)) == expected


def test_a_missing_column_is_answered_with_the_nearest(put: Any) -> None:
    put("x.yaml", "input: mesage\noutput: Label")
    messages = [problem.expected for problem in check_collection(put("x.csv", "message,label\n1,2\n")).errors]
    assert [message.split("?")[0] for message in messages] == ["did you mean 'message'", "did you mean 'label'"]


def test_values_that_are_no_text_are_listed_by_their_rows(put: Any) -> None:
    put("x.yaml", "input: q\noutput: a")
    lines = [
        '{"q": null, "a": "x"}',
        '{"q": "1", "a": null}',
        '{"q": ["1"], "a": "x"}',
        '{"q": "2", "a": {"b": 1}}',
        '{"q": "3"}',
    ]
    path = put("x.jsonl", "\n".join([*lines, '{"q": "4", "a": "x"}']))
    told = [(problem.kind, problem.line) for problem in check_collection(path).errors]
    assert told == [
        ("missing-value", 1),
        ("missing-value", 2),
        ("wrong-type", 3),
        ("wrong-type", 4),
        ("missing-column", 5),
    ]
    assert kinds(path) == [kind for kind, _ in told]
    table = pa.table({"q": ["1", None, "3"], "a": [1.5, 2.0, None]})
    (path.parent / "x.jsonl").unlink()
    told = [(problem.kind, problem.instance) for problem in check_collection(put("x.parquet", table)).errors]
    assert told == [("missing-value", "[2]"), ("missing-value", "[3]")]


def test_an_empty_input_is_a_warning(put: Any) -> None:
    path = put("x.csv", "input,output\n,b\n")
    assert (kinds(path), kinds(path, "warning")) == ([], ["guessed-columns", "empty-input"])


def test_nulls_in_columns_that_only_a_template_reads_are_told_as_nothing(put: Any) -> None:
    put("x.yaml", "template: '{{ q }}{% if hint %} ({{ hint }}){% endif %}'\noutput: a")
    path = put("x.jsonl", '{"q": "1", "hint": null, "a": "x"}\n{"q": "2", "hint": "h", "a": "x"}\n')
    assert [told for told, _ in rows(path)] == ["1", "2 (h)"]


# ---- the hub


def test_a_dataset_of_the_hub_is_read_through_the_library(
    tmp_path: Path, put: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path / "cache", ["a", "b"])
    asked: list[Any] = []

    def load(name: str, subset: str | None, *, revision: str | None) -> dict[str, Any]:
        asked.append((name, subset, revision))
        return {"test": types.SimpleNamespace(cache_files=[{"filename": str(tmp_path / "cache" / "data.arrow")}])}

    monkeypatch.setitem(sys.modules, "datasets", types.SimpleNamespace(load_dataset=load))
    monkeypatch.setattr(table_hub, "is_reachable", lambda: True)
    table_hub.hub_files.cache_clear()
    card = put("hub/task.yaml", "dataset: me/my-data\nsubset: small\nrevision: abc\ndefinition: Do.")
    opened = open_collection(card.parent)
    assert not asked  # opening reads the card only
    assert [(row.input, row.outputs, row.split) for row in opened["hub"].instances()] == [
        ("a", ("no",), "test"),
        ("b", ("yes",), "test"),
    ]
    assert opened.fingerprint() == open_collection(card).fingerprint()
    assert asked == [("me/my-data", "small", "abc")]


@pytest.mark.parametrize("name", ["../x", "/etc", "a/b/c", "hf://x", ".."])
def test_what_is_no_id_is_refused(name: str, put: Any) -> None:
    (problem,) = check_collection(put("task.yaml", f"dataset: {name}")).errors
    assert "is not an id" in problem.found


def test_without_the_library_or_a_network_the_hub_is_refused_in_plain_words(
    put: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = put("task.yaml", "dataset: me/my-data")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.delenv("HF_DATASETS_OFFLINE", raising=False)
    monkeypatch.setitem(sys.modules, "datasets", types.SimpleNamespace())
    monkeypatch.setattr(table_hub, "is_reachable", lambda: False)
    table_hub.hub_files.cache_clear()
    (problem,) = check_collection(card).errors
    assert "the hub cannot be reached from here" in problem.found
    assert "save_to_disk" in problem.found
    monkeypatch.setitem(sys.modules, "datasets", None)
    (problem,) = check_collection(card).errors
    assert "not installed" in problem.found
    assert kinds(card) == ["hub"]


# ---- lazy, same, and agreeing


def test_rows_are_read_as_they_are_asked_for(put: Any) -> None:
    path = put("x.csv", "input,output\n" + "".join(f"{n},y\n" for n in range(200_000)))
    walk = only(path).instances()
    assert next(walk).input == "0"
    path.write_text("input,output\n")  # what was not read is not missed
    assert next(walk).input == "1"


def test_the_fingerprint_is_that_of_table_and_card(put: Any) -> None:
    table = put("x.csv", "text,label\n1,2\n")
    seen = {open_collection(table).fingerprint()}
    card = put("x.yaml", "definition: Do.")
    seen.add(open_collection(table).fingerprint())
    put("x.csv", "text,label\n1,3\n")
    seen.add(open_collection(table).fingerprint())
    assert len(seen) == 3
    assert open_collection(card).fingerprint() in seen


def test_a_task_can_be_sent_to_another_process(put: Any) -> None:
    put("x.yaml", "template: '{{ text }}'\noutput: label")
    task = only(put("x.csv", "text,label\n1,2\n"))
    assert [row.input for row in pickle.loads(pickle.dumps(task)).instances()] == ["1"]


PIECES = [
    b"",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b'"',
    b'""',
    b",",
    b";",
    b"\t",
    b"\n",
    b"\r",
    b"\r\n",
    b"\n\n",
]
PIECES += [
    b"{{",
    b"}}",
    b"{%",
    b": ",
    b"- ",
    b"~",
    b"input",
    b"output",
    b"[",
    b"{",
    b"null",
    b"1.0",
    b"&a",
    b"*a",
    b"!!x ",
]
CSV = b'text,label,k,fold\n"a ""b""",x,1,train\n"c\nd",y,2,test\ne,x,3,\n'
JSONL = b'{"text": "a", "label": 1.0, "k": 1}\n{"text": "b", "label": ["x"], "k": null}\n'
CARD = b"definition: Do.\ntemplate: '{{ text }}'\noutput: [label]\noptions: from data\nexample_rows: [2]\nid: k\n"


@st.composite
def mutated(draw: st.DrawFn, sound: bytes) -> bytes:
    data = sound
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 20)))
        data = data[:start] + draw(st.one_of(st.sampled_from(PIECES), st.binary(max_size=6))) + data[end:]
    return data


def read_all(path: Path) -> tuple[int, tuple[Problem, ...]]:
    count = 0
    try:
        opened = READERS["table"].open(path)
        opened.fingerprint()
        for task in opened:
            told = list(task.instances())
            assert all(isinstance(row.input, str) and row.outputs for row in told)
            task_fingerprint(task)
            count += len(told)
    except ProblemsError as refusal:
        return 0, refusal.problems
    return count, ()


def check_agreement(path: Path) -> None:
    """Reading refuses if and only if checking finds an error, and by no other problems; nothing else is raised."""
    audits = list(READERS["table"].audit(path))
    findings = [finding for audit in audits for finding in audit.findings]
    assert all(str(finding).isprintable() and len(str(finding)) < 2000 for finding in findings)
    errors = [finding for finding in findings if finding.severity == "error"]
    count, problems = read_all(path)
    assert bool(problems) == bool(errors)
    assert {(error.kind, error.found) for error in errors} >= {(p.kind, p.found) for p in problems}
    assert problems or count == sum(audit.instances for audit in audits)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    csv_=st.one_of(mutated(CSV), st.binary(max_size=60)),
    jsonl=st.one_of(mutated(JSONL), st.binary(max_size=60)),
    card=st.one_of(st.none(), mutated(CARD), st.binary(max_size=60)),
)
def test_any_bytes_as_tables_and_cards_are_read_or_refused(
    csv_: bytes, jsonl: bytes, card: bytes | None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("t")
    (folder / "x.csv").write_bytes(csv_)
    (folder / "y.jsonl").write_bytes(jsonl)
    check_agreement(folder)
    if card is not None:
        for name in ("x.task.yaml", "y.yaml"):
            (folder / name).write_bytes(card)
        (folder / "task.yaml").write_bytes(b"table: x.csv\n" + card)
        for name in ("x.csv", "y.jsonl", "x.task.yaml", "task.yaml", "."):
            check_agreement(folder / name)
            find_reader(folder / name)


CELL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=10)


@settings(max_examples=100, deadline=None)
@given(table=st.lists(st.tuples(CELL, CELL.filter(str.strip)), min_size=1, max_size=5))
def test_any_table_of_texts_comes_back_exactly(
    table: list[tuple[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("t")
    written = io.StringIO()
    csv.writer(written, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows([("input", "output"), *table])
    (folder / "x.csv").write_bytes(written.getvalue().encode())
    (folder / "x.jsonl").write_text("".join(json.dumps({"input": a, "output": b}) + "\n" for a, b in table))
    parquet.write_table(
        pa.table({"input": [a for a, _ in table], "output": [b for _, b in table]}), folder / "x.parquet"
    )
    for ending in ("csv", "jsonl", "parquet"):
        assert rows(folder / f"x.{ending}") == [(a, (b,)) for a, b in table]
